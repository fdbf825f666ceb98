#include "sql/statement/constraint.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/foreign_keys.h"
#include "sql/execute/row_writer.h"
#include "sql/parse/deparse.h"
#include "sql/statement/index_definition.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

absl::StatusOr<engine::ForeignKeyAction> ActionOf(const std::string& word) {
  if (word.empty() || word == "no action") return engine::ForeignKeyAction::kNoAction;
  if (word == "restrict") return engine::ForeignKeyAction::kRestrict;
  if (word == "cascade") return engine::ForeignKeyAction::kCascade;
  if (word == "set null") return engine::ForeignKeyAction::kSetNull;
  if (word == "set default") return engine::ForeignKeyAction::kSetDefault;
  return Error(sqlstate::kInternalError, 0, absl::StrCat("unknown referential action ", word));
}

absl::Status DuplicateConstraint(const Constraint& constraint, const engine::TableSchema& table) {
  return Error(sqlstate::kDuplicateObject, constraint.name.position,
               absl::StrCat("constraint \"", constraint.name.name, "\" for relation \"", table.name,
                            "\" already exists"));
}

std::string Names(const engine::TableSchema& table, const std::vector<uint32_t>& columns) {
  return absl::StrJoin(columns, "_", [&](std::string* out, uint32_t column) {
    out->append(table.columns[column].name);
  });
}

}  // namespace

absl::Status CheckPlainConstraint(const Constraint& constraint) {
  const bool is_foreign_key = constraint.type == ConstraintType::kForeignKey;
  if (constraint.deferrable_position != 0 && !is_foreign_key) {
    return NotSupported(constraint.deferrable_position, "a deferrable constraint");
  }
  if (!constraint.options.empty()) {
    return NotSupported(constraint.options[0].name.position, "WITH on a constraint");
  }
  if (!constraint.include.empty()) {
    return NotSupported(constraint.include[0].position, "INCLUDE");
  }
  if (constraint.not_valid) return NotSupported(constraint.position, "NOT VALID");
  return absl::OkStatus();
}

bool HasConstraint(const engine::TableSchema& table, absl::string_view name) {
  for (const engine::CheckConstraint& check : table.checks) {
    if (check.name == name) return true;
  }
  for (const engine::ForeignKey& key : table.foreign_keys) {
    if (key.name == name) return true;
  }
  for (const engine::IndexSchema& index : table.indexes) {
    if (index.is_constraint && index.name == name) return true;
  }
  return !table.primary_key.empty() && table.PrimaryKeyName() == name;
}

std::string FreeConstraintName(const engine::TableSchema& table, absl::string_view part,
                               absl::string_view suffix) {
  const engine::Catalog none;
  std::string wanted(suffix);
  for (int number = 1;; ++number) {
    std::string name = FreeRelationName(none, table.schema_name, table.name, part, wanted);
    if (!HasConstraint(table, name)) return name;
    wanted = absl::StrCat(suffix, number);
  }
}

absl::Status AddCheck(const Constraint& constraint, absl::string_view column,
                      const DefinitionContext& context, engine::TableSchema* schema) {
  Binder binder(*context.bind);
  KYRO_ASSIGN_OR_RETURN(const BoundPtr bound,
                        binder.BindRowExpression(*schema, *constraint.expression,
                                                 "check constraints", /*immutable=*/false));
  if (bound->type.id != TypeId::kBoolean) {
    return Error(sqlstate::kDatatypeMismatch, constraint.expression->position,
                 absl::StrCat("argument of CHECK must be type boolean, not type ",
                              BaseTypeName(bound->type.id)));
  }
  std::string name = constraint.name.name;
  if (name.empty()) {
    // Named by its column when it is about one.
    std::set<uint32_t> columns;
    VisitExpression(*bound, [&](const BoundExpression& e) {
      if (e.kind == BoundKind::kColumn) columns.insert(e.slot);
    });
    std::string part(column);
    if (columns.size() == 1) part = schema->columns[*columns.begin()].name;
    if (columns.size() > 1) part.clear();
    name = FreeConstraintName(*schema, part, "check");
  } else if (HasConstraint(*schema, name)) {
    return DuplicateConstraint(constraint, *schema);
  }
  schema->checks.push_back({std::move(name), ToString(*constraint.expression)});
  return absl::OkStatus();
}

absl::Status AddUnique(const Constraint& constraint, const std::vector<Identifier>& columns,
                       engine::ObjectId table_id, const DefinitionContext& context) {
  const bool is_primary = constraint.type == ConstraintType::kPrimaryKey;
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  const std::shared_ptr<const engine::TableSchema> table = catalog->FindTable(table_id);
  KYRO_ASSIGN_OR_RETURN(const std::vector<uint32_t> ordinals,
                        KeyColumns(columns, *table, is_primary ? "primary key" : "unique"));
  engine::IndexSchema index{.method = "btree"};
  index.unique = true;
  index.is_constraint = true;
  index.is_primary = is_primary;
  index.nulls_not_distinct = constraint.nulls_not_distinct;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    const Type& type = table->columns[ordinals[i]].type;
    if (!IsKeyColumnType(type)) {
      return WithHint(Error(sqlstate::kUndefinedObject, columns[i].position,
                            absl::StrCat("data type ", BaseTypeName(type.id),
                                         " has no default operator class for access method "
                                         "\"btree\"")),
                      "You must specify an operator class for the index or define a default "
                      "operator class for the data type.");
    }
    index.parts.push_back({.column = ordinals[i]});
  }
  index.name = constraint.name.name;
  if (index.name.empty()) {
    index.name = is_primary
                     ? FreeRelationName(*catalog, table->schema_name, table->name, "", "pkey")
                     : FreeRelationName(*catalog, table->schema_name, table->name,
                                        Names(*table, ordinals), "key");
  } else if (HasConstraint(*table, index.name)) {
    return DuplicateConstraint(constraint, *table);
  } else if (catalog->IsTaken(table->schema_name, index.name)) {
    return Error(sqlstate::kDuplicateTable, constraint.name.position,
                 absl::StrCat("relation \"", index.name, "\" already exists"));
  }
  absl::Status status = context.transaction->CreateIndex(table_id, std::move(index)).status();
  return TranslateUnique(*context.transaction->catalog()->FindTable(table_id), std::move(status));
}

absl::Status AddForeignKey(const Constraint& constraint, const std::vector<Identifier>& columns,
                           engine::ObjectId table_id, bool check_rows,
                           const DefinitionContext& context) {
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  const std::shared_ptr<const engine::TableSchema> table = catalog->FindTable(table_id);
  engine::ForeignKey key;
  KYRO_ASSIGN_OR_RETURN(key.columns, KeyColumns(columns, *table, "foreign key"));
  // The table itself may be what it refers to.
  BindContext bind = *context.bind;
  bind.catalog = catalog;
  Binder binder(bind);
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> referenced,
                        binder.FindTable(constraint.references));
  key.referenced_table = referenced->id;
  if (constraint.reference_columns.empty()) {
    key.referenced_columns = referenced->PrimaryKeyColumns();
    if (key.referenced_columns.empty()) {
      return Error(
          sqlstate::kUndefinedObject, 0,
          absl::StrCat("there is no primary key for referenced table \"", referenced->name, "\""));
    }
  } else {
    KYRO_ASSIGN_OR_RETURN(key.referenced_columns,
                          KeyColumns(constraint.reference_columns, *referenced, "foreign key"));
  }
  if (key.columns.size() != key.referenced_columns.size()) {
    return Error("42830", 0,
                 "number of referencing and referenced columns for foreign key disagree");
  }
  bool on_key = false;
  if (FindReferencedIndex(*referenced, key.referenced_columns, &on_key) == nullptr && !on_key) {
    return Error("42830", 0,
                 absl::StrCat("there is no unique constraint matching given keys for referenced "
                              "table \"",
                              referenced->name, "\""));
  }
  key.name = constraint.name.name.empty()
                 ? FreeConstraintName(*table, Names(*table, key.columns), "fkey")
                 : constraint.name.name;
  if (!constraint.name.name.empty() && HasConstraint(*table, key.name)) {
    return DuplicateConstraint(constraint, *table);
  }
  for (size_t i = 0; i < key.columns.size(); ++i) {
    const engine::ColumnSchema& from = table->columns[key.columns[i]];
    const engine::ColumnSchema& to = referenced->columns[key.referenced_columns[i]];
    if (from.type.id != to.type.id && !CanCast(from.type.id, to.type.id, CastContext::kImplicit) &&
        !CanCast(to.type.id, from.type.id, CastContext::kImplicit)) {
      return WithDetail(
          Error(sqlstate::kDatatypeMismatch, 0,
                absl::StrCat("foreign key constraint \"", key.name, "\" cannot be implemented")),
          absl::StrCat("Key columns \"", from.name, "\" and \"", to.name,
                       "\" are of incompatible types: ", engine::TypeName(from.type), " and ",
                       engine::TypeName(to.type), "."));
    }
  }
  KYRO_ASSIGN_OR_RETURN(key.on_delete, ActionOf(constraint.on_delete));
  KYRO_ASSIGN_OR_RETURN(key.on_update, ActionOf(constraint.on_update));
  key.match_full = constraint.match == "full";
  key.deferrable = constraint.deferrable_position != 0;
  key.initially_deferred = constraint.initially_deferred;
  engine::TableSchema next = *table;
  next.foreign_keys.push_back(key);
  KYRO_RETURN_IF_ERROR(context.transaction->AlterTable(std::move(next)));
  if (!check_rows) return absl::OkStatus();
  KYRO_RETURN_IF_ERROR(context.transaction->Guard(table_id, {}));
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> rows,
                        context.transaction->Scan(table_id, {}));
  for (uint64_t count = 0; rows->Valid(); rows->Next()) {
    if (++count % 1024 == 0) KYRO_RETURN_IF_ERROR(context.execution->CheckInterrupts());
    Row values;
    for (const uint32_t column : key.columns) {
      KYRO_ASSIGN_OR_RETURN(Value value, engine::DecodeColumn(*table, rows->value(), column));
      values.push_back(std::move(value));
    }
    KYRO_RETURN_IF_ERROR(CheckReference(*table, key, values, *context.execution));
  }
  return rows->status();
}

}  // namespace kyrodb::sql
