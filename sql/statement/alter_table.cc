#include "sql/statement/alter_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/row_writer.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"
#include "sql/statement/constraint.h"
#include "sql/statement/dependencies.h"
#include "sql/statement/index_definition.h"
#include "sql/statement/sequence.h"
#include "sql/statement/table_definition.h"
#include "sql/statement/table_rewrite.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// One ALTER TABLE at work: each action sees what the one before it has made.
class TableAlteration {
 public:
  TableAlteration(engine::ObjectId table, const DefinitionContext& context)
      : id_(table), context_(context) {}

  absl::Status Apply(const AlterTableAction& action);

 private:
  engine::Transaction& transaction() const { return *context_.transaction; }
  std::shared_ptr<const engine::TableSchema> table() const {
    return transaction().catalog()->FindTable(id_);
  }
  absl::Status Store(engine::TableSchema next) const {
    return transaction().AlterTable(std::move(next));
  }
  BindContext Bind() const {
    BindContext bind = *context_.bind;
    bind.catalog = transaction().catalog();
    return bind;
  }
  absl::StatusOr<uint32_t> Column(const Identifier& name) const;
  // Views that stood before the change and do not stand after it: dropped with CASCADE, else 2BP01.
  absl::Status CheckViews(const std::string& what, DropBehavior behavior) const;
  absl::Status ContainsNulls(const engine::TableSchema& table, uint32_t column) const;
  absl::Status CheckNoNulls(uint32_t column) const;

  absl::Status AddColumn(const AlterTableAction& action) const;
  absl::Status DropColumn(const AlterTableAction& action) const;
  absl::Status RenameColumn(const AlterTableAction& action) const;
  absl::Status SetType(const AlterTableAction& action) const;
  absl::Status SetDefault(const AlterTableAction& action) const;
  absl::Status AddConstraint(const Constraint& constraint,
                             const std::vector<Identifier>& columns) const;
  absl::Status AddPrimaryKey(const Constraint& constraint,
                             const std::vector<Identifier>& columns) const;
  absl::Status DropConstraint(const AlterTableAction& action) const;
  absl::Status RenameConstraint(const AlterTableAction& action) const;
  absl::Status Rename(const Identifier& to) const;

  const engine::ObjectId id_;
  const DefinitionContext& context_;
};

absl::StatusOr<uint32_t> TableAlteration::Column(const Identifier& name) const {
  const std::shared_ptr<const engine::TableSchema> schema = table();
  const std::optional<uint32_t> column = schema->FindColumn(name.name);
  if (column.has_value()) return *column;
  return Error(
      sqlstate::kUndefinedColumn, name.position,
      absl::StrCat("column \"", name.name, "\" of relation \"", schema->name, "\" does not exist"));
}

absl::Status TableAlteration::CheckViews(const std::string& what, DropBehavior behavior) const {
  std::vector<std::shared_ptr<const engine::ObjectSchema>> broken;
  for (const auto& object : transaction().catalog()->objects()) {
    if (object->kind != engine::ObjectKind::kView) continue;
    const absl::StatusOr<ParsedStatement> parsed = ParseStatement(object->sql);
    if (!parsed.ok()) continue;
    const BindContext bind = Bind();
    Binder binder(bind);
    if (!binder.BindQuery(parsed->statement->As<Query>()).ok()) broken.push_back(object);
  }
  if (broken.empty()) return absl::OkStatus();
  if (behavior != DropBehavior::kCascade) {
    std::string detail;
    for (const auto& view : broken) {
      absl::StrAppend(&detail, detail.empty() ? "" : "\n", "view ", QuoteIdentifier(view->name),
                      " depends on ", what);
    }
    return WithHint(
        WithDetail(Error(sqlstate::kDependentObjectsStillExist, 0,
                         absl::StrCat("cannot drop ", what, " because other objects depend on it")),
                   detail),
        "Use DROP ... CASCADE to drop the dependent objects too.");
  }
  for (const auto& view : broken) {
    context_.notice("00000", absl::StrCat("drop cascades to view ", view->name));
    KYRO_RETURN_IF_ERROR(transaction().DropObject(view->id));
  }
  return absl::OkStatus();
}

absl::Status TableAlteration::ContainsNulls(const engine::TableSchema& schema,
                                            uint32_t column) const {
  return Error(sqlstate::kNotNullViolation, 0,
               absl::StrCat("column \"", schema.columns[column].name, "\" of relation \"",
                            schema.name, "\" contains null values"));
}

absl::Status TableAlteration::CheckNoNulls(uint32_t column) const {
  const std::shared_ptr<const engine::TableSchema> schema = table();
  return VisitRows(*schema, context_, [&](const Row& row) {
    return IsNull(row[column]) ? ContainsNulls(*schema, column) : absl::OkStatus();
  });
}

absl::Status TableAlteration::AddColumn(const AlterTableAction& action) const {
  const std::shared_ptr<const engine::TableSchema> before = table();
  const ColumnDefinition& definition = action.column;
  if (before->FindColumn(definition.name.name).has_value()) {
    const std::string message = absl::StrCat("column \"", definition.name.name, "\" of relation \"",
                                             before->name, "\" already exists");
    if (!action.if_not_exists) {
      return Error(sqlstate::kDuplicateColumn, definition.name.position, message);
    }
    context_.notice(sqlstate::kDuplicateColumn, absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  BindContext bind = Bind();
  Binder binder(bind);
  ColumnBuilder builder;
  builder.column.name = definition.name.name;
  KYRO_RETURN_IF_ERROR(builder.SetType(definition));
  KYRO_RETURN_IF_ERROR(builder.AddConstraints(definition, before->name, &binder));
  engine::TableSchema next = *before;
  if (!next.storage.empty()) next.storage.push_back(next.storage_count++);
  next.columns.push_back(builder.column);
  const auto column = static_cast<uint32_t>(next.columns.size() - 1);
  for (const Constraint& constraint : definition.constraints) {
    if (constraint.type != ConstraintType::kGenerated) continue;
    KYRO_RETURN_IF_ERROR(binder.BindGenerated(next, column, *constraint.expression).status());
  }
  // The sequence of a serial or identity column names its table.
  std::string default_sql;
  if (builder.needs_sequence()) {
    KYRO_ASSIGN_OR_RETURN(default_sql, builder.CreateSequence(id_, context_));
    if (builder.is_serial) next.columns[column].default_sql = default_sql;
    bind = Bind();
  }
  // What rows get that are there: one value that is the same for all needs no writing of them.
  BoundPtr value;
  BoundGenerated generated;
  if (!builder.column.generated_sql.empty()) {
    KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression,
                          ParseExpression(builder.column.generated_sql));
    KYRO_ASSIGN_OR_RETURN(generated, binder.BindGenerated(next, column, *expression));
  } else {
    KYRO_ASSIGN_OR_RETURN(value, binder.DefaultFor(next, column));
  }
  ExecutionContext& execution = *context_.execution;
  if (value != nullptr && !IsVolatile(*value)) {
    KYRO_ASSIGN_OR_RETURN(const Value constant,
                          EvaluateToValue(*value, nullptr, execution.evaluation));
    if (!IsNull(constant)) {
      KYRO_ASSIGN_OR_RETURN(next.columns[column].missing,
                            engine::EncodeColumn(next.columns[column], constant));
    } else if (next.columns[column].not_null) {
      KYRO_RETURN_IF_ERROR(
          VisitRows(*before, context_, [&](const Row&) { return ContainsNulls(next, column); }));
    }
    KYRO_RETURN_IF_ERROR(Store(std::move(next)));
  } else {
    const bool not_null = std::exchange(next.columns[column].not_null, false);
    KYRO_RETURN_IF_ERROR(Store(next));
    next.columns[column].not_null = not_null;
    KYRO_RETURN_IF_ERROR(RewriteTable(
        *table(), next,
        [&](Row row) -> absl::StatusOr<Row> {
          const BoundExpression& e = value != nullptr ? *value : *generated.expression;
          KYRO_ASSIGN_OR_RETURN(row[column], EvaluateToValue(e, row.data(), execution.evaluation));
          return row;
        },
        context_));
  }
  for (const Constraint& constraint : definition.constraints) {
    switch (constraint.type) {
      case ConstraintType::kUnique:
      case ConstraintType::kPrimaryKey:
      case ConstraintType::kForeignKey:
      case ConstraintType::kCheck:
        KYRO_RETURN_IF_ERROR(AddConstraint(constraint, {definition.name}));
        break;
      default:
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status TableAlteration::DropColumn(const AlterTableAction& action) const {
  const std::shared_ptr<const engine::TableSchema> before = table();
  const std::optional<uint32_t> found = before->FindColumn(action.name.name);
  if (!found.has_value()) {
    const std::string message = absl::StrCat("column \"", action.name.name, "\" of relation \"",
                                             before->name, "\" does not exist");
    if (!action.if_exists) return Error(sqlstate::kUndefinedColumn, action.name.position, message);
    context_.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  const uint32_t column = *found;
  const std::string what = absl::StrCat("column ", action.name.name, " of table ", before->name);
  const auto blocked = [&](const std::string& dependent) {
    return WithHint(
        WithDetail(Error(sqlstate::kDependentObjectsStillExist, 0,
                         absl::StrCat("cannot drop ", what, " because other objects depend on it")),
                   absl::StrCat(dependent, " depends on ", what)),
        "Use DROP ... CASCADE to drop the dependent objects too.");
  };
  const bool cascades = action.behavior == DropBehavior::kCascade;
  // Generated columns are made of it.
  for (const engine::ColumnSchema& other : before->columns) {
    if (!NamesColumn(other.generated_sql, action.name.name)) continue;
    if (!cascades) {
      return blocked(absl::StrCat("column ", other.name, " of table ", before->name));
    }
    AlterTableAction drop;
    drop.action = AlterAction::kDropColumn;
    drop.name.name = other.name;
    drop.behavior = action.behavior;
    KYRO_RETURN_IF_ERROR(DropColumn(drop));
    return DropColumn(action);
  }
  // Foreign keys of other tables refer to it, or to a column behind it.
  for (const auto& other : transaction().catalog()->tables()) {
    if (other->id == id_ || !transaction().catalog()->IsReferenced(id_)) continue;
    engine::TableSchema changed = *other;
    bool any = false;
    std::vector<engine::ForeignKey> kept;
    for (engine::ForeignKey& key : changed.foreign_keys) {
      if (key.referenced_table == id_) {
        any = true;
        if (std::find(key.referenced_columns.begin(), key.referenced_columns.end(), column) !=
            key.referenced_columns.end()) {
          const std::string text = absl::StrCat("constraint ", key.name, " on table ", other->name);
          if (!cascades) return blocked(text);
          context_.notice("00000", absl::StrCat("drop cascades to ", text));
          continue;
        }
        for (uint32_t& ordinal : key.referenced_columns) {
          if (ordinal > column) --ordinal;
        }
      }
      kept.push_back(std::move(key));
    }
    if (!any) continue;
    changed.foreign_keys = std::move(kept);
    KYRO_RETURN_IF_ERROR(Store(std::move(changed)));
  }
  const bool in_key = std::find(before->primary_key.begin(), before->primary_key.end(), column) !=
                      before->primary_key.end();
  if (in_key) {
    // Without its key the table's rows are stored by numbers.
    engine::TableSchema keyless = *before;
    keyless.primary_key.clear();
    keyless.primary_key_name.clear();
    KYRO_RETURN_IF_ERROR(RewriteTable(
        *before, std::move(keyless), [](Row row) -> absl::StatusOr<Row> { return row; }, context_));
  }
  engine::TableSchema next = *table();
  const std::vector<engine::IndexSchema> indexes = next.indexes;
  RemoveColumn(column, &next);
  for (const engine::IndexSchema& index : indexes) {
    if (next.FindIndex(index.id) == nullptr) {
      KYRO_RETURN_IF_ERROR(transaction().DropIndex(id_, index.id));
    }
  }
  KYRO_RETURN_IF_ERROR(Store(std::move(next)));
  if (const auto sequence = FindOwnedSequence(*transaction().catalog(), id_, action.name.name);
      sequence != nullptr) {
    KYRO_RETURN_IF_ERROR(transaction().DropObject(sequence->id));
  }
  return CheckViews(what, action.behavior);
}

absl::Status TableAlteration::RenameColumn(const AlterTableAction& action) const {
  const std::optional<uint32_t> found = table()->FindColumn(action.name.name);
  if (!found.has_value()) {
    return Error(sqlstate::kUndefinedColumn, action.name.position,
                 absl::StrCat("column \"", action.name.name, "\" does not exist"));
  }
  const uint32_t column = *found;
  const std::string& from = action.name.name;
  const std::string& to = action.new_name.name;
  engine::TableSchema next = *table();
  if (next.FindColumn(to).has_value()) {
    return Error(
        sqlstate::kDuplicateColumn, action.new_name.position,
        absl::StrCat("column \"", to, "\" of relation \"", next.name, "\" already exists"));
  }
  next.columns[column].name = to;
  const auto rename = [&](std::string* sql) -> absl::Status {
    if (sql->empty()) return absl::OkStatus();
    KYRO_ASSIGN_OR_RETURN(*sql, RenameInExpression(*sql, next.name, from, to));
    return absl::OkStatus();
  };
  for (engine::ColumnSchema& other : next.columns) {
    KYRO_RETURN_IF_ERROR(rename(&other.generated_sql));
  }
  for (engine::CheckConstraint& check : next.checks) KYRO_RETURN_IF_ERROR(rename(&check.sql));
  for (engine::IndexSchema& index : next.indexes) {
    KYRO_RETURN_IF_ERROR(rename(&index.where_sql));
    for (engine::IndexPart& part : index.parts) KYRO_RETURN_IF_ERROR(rename(&part.expression_sql));
  }
  KYRO_RETURN_IF_ERROR(Store(std::move(next)));
  if (const auto sequence = FindOwnedSequence(*transaction().catalog(), id_, from);
      sequence != nullptr) {
    engine::ObjectSchema changed = *sequence;
    changed.owner_column = to;
    KYRO_RETURN_IF_ERROR(transaction().AlterObject(std::move(changed)));
  }
  if (!CheckViews("", DropBehavior::kRestrict).ok()) {
    return NotSupported(action.position, "renaming a column that a view names");
  }
  return absl::OkStatus();
}

absl::Status TableAlteration::SetType(const AlterTableAction& action) const {
  KYRO_ASSIGN_OR_RETURN(const uint32_t column, Column(action.name));
  KYRO_ASSIGN_OR_RETURN(const Type type, ResolveType(action.type));
  const std::shared_ptr<const engine::TableSchema> before = table();
  const engine::ColumnSchema& old = before->columns[column];
  if (!old.generated_sql.empty() && action.expression != nullptr) {
    return Error(sqlstate::kInvalidTableDefinition, action.expression->position,
                 "cannot specify USING when altering type of generated column");
  }
  const BindContext bind = Bind();
  Binder binder(bind);
  engine::TableSchema next = *before;
  next.columns[column].type = type;
  next.columns[column].missing.reset();
  BoundPtr value;
  if (action.expression != nullptr) {
    KYRO_ASSIGN_OR_RETURN(value, binder.BindRowExpression(*before, *action.expression,
                                                          "transform expressions", false));
    if (!CanCast(value->type.id, type.id, CastContext::kAssignment)) {
      return WithHint(
          Error(sqlstate::kDatatypeMismatch, action.expression->position,
                absl::StrCat("result of USING clause for column \"", old.name,
                             "\" cannot be cast automatically to type ", engine::TypeName(type))),
          "You might need to add an explicit cast.");
    }
  } else {
    value = MakeColumn(old.type, column, old.name, 0);
    if (!CanCast(old.type.id, type.id, CastContext::kAssignment)) {
      absl::Status status =
          Error(sqlstate::kDatatypeMismatch, action.position,
                absl::StrCat("column \"", old.name, "\" cannot be cast automatically to type ",
                             engine::TypeName(type)));
      if (!CanCast(old.type.id, type.id, CastContext::kExplicit)) return status;
      return WithHint(std::move(status),
                      absl::StrCat("You might need to specify \"USING ", QuoteIdentifier(old.name),
                                   "::", engine::TypeName(type), "\"."));
    }
  }
  KYRO_ASSIGN_OR_RETURN(value, binder.CoerceToType(std::move(value), type));
  if (!old.default_sql.empty()) {
    KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression, ParseExpression(old.default_sql));
    if (!binder.BindDefault(next.columns[column], *expression).ok()) {
      return Error(
          sqlstate::kDatatypeMismatch, action.position,
          absl::StrCat("default for column \"", old.name,
                       "\" cannot be cast automatically to type ", engine::TypeName(type)));
    }
  }
  for (engine::IndexSchema& index : next.indexes) {
    for (engine::IndexPart& part : index.parts) {
      if (!part.is_expression() && part.column == column && !IsKeyColumnType(type)) {
        return NotSupported(action.position,
                            absl::StrCat("an index on type ", BaseTypeName(type.id)));
      }
    }
  }
  EvaluationContext& evaluation = context_.execution->evaluation;
  std::vector<BoundGenerated> generated;
  KYRO_RETURN_IF_ERROR(binder.BindGeneratedColumns(next, &generated));
  KYRO_RETURN_IF_ERROR(RewriteTable(
      *before, next,
      [&](Row row) -> absl::StatusOr<Row> {
        KYRO_ASSIGN_OR_RETURN(row[column], EvaluateToValue(*value, row.data(), evaluation));
        KYRO_RETURN_IF_ERROR(ComputeGenerated(generated, nullptr, *context_.execution, &row));
        return row;
      },
      context_));
  if (!CheckViews("", DropBehavior::kRestrict).ok()) {
    return Error(sqlstate::kFeatureNotSupported, action.position,
                 "cannot alter type of a column used by a view or rule");
  }
  return absl::OkStatus();
}

absl::Status TableAlteration::SetDefault(const AlterTableAction& action) const {
  KYRO_ASSIGN_OR_RETURN(const uint32_t column, Column(action.name));
  engine::TableSchema next = *table();
  if (!next.columns[column].generated_sql.empty()) {
    return Error(sqlstate::kSyntaxError, action.position,
                 absl::StrCat("column \"", action.name.name, "\" of relation \"", next.name,
                              "\" is a generated column"));
  }
  if (next.columns[column].identity != engine::Identity::kNone) {
    return Error(sqlstate::kSyntaxError, action.position,
                 absl::StrCat("column \"", action.name.name, "\" of relation \"", next.name,
                              "\" is an identity column"));
  }
  next.columns[column].default_sql.clear();
  if (action.action == AlterAction::kSetDefault) {
    const BindContext bind = Bind();
    Binder binder(bind);
    KYRO_RETURN_IF_ERROR(binder.BindDefault(next.columns[column], *action.expression).status());
    next.columns[column].default_sql = ToString(*action.expression);
  }
  return Store(std::move(next));
}

absl::Status TableAlteration::AddPrimaryKey(const Constraint& constraint,
                                            const std::vector<Identifier>& columns) const {
  const std::shared_ptr<const engine::TableSchema> before = table();
  if (!before->PrimaryKeyColumns().empty()) {
    return Error(
        sqlstate::kInvalidTableDefinition, constraint.position,
        absl::StrCat("multiple primary keys for table \"", before->name, "\" are not allowed"));
  }
  engine::TableSchema next = *before;
  KYRO_ASSIGN_OR_RETURN(next.primary_key, KeyColumns(columns, *before, "primary key"));
  for (size_t i = 0; i < columns.size(); ++i) {
    engine::ColumnSchema& column = next.columns[next.primary_key[i]];
    if (!IsKeyColumnType(column.type)) {
      return NotSupported(columns[i].position,
                          absl::StrCat("a primary key of type ", BaseTypeName(column.type.id)));
    }
    if (!column.not_null) KYRO_RETURN_IF_ERROR(CheckNoNulls(next.primary_key[i]));
    column.not_null = true;
  }
  if (constraint.name.name != absl::StrCat(before->name, "_pkey")) {
    next.primary_key_name = constraint.name.name;
  }
  const engine::Transaction::Mark mark = transaction().SetMark();
  const uint64_t memory = context_.execution->memory_bytes();
  absl::Status status = RewriteTable(
      *before, next, [](Row row) -> absl::StatusOr<Row> { return row; }, context_);
  if (status.code() != absl::StatusCode::kResourceExhausted) return status;
  // More rows than can be stored anew at once: an index finds them.
  transaction().RollbackTo(mark);
  context_.execution->Release(context_.execution->memory_bytes() - memory);
  next.primary_key.clear();
  next.primary_key_name.clear();
  KYRO_RETURN_IF_ERROR(Store(std::move(next)));
  return AddUnique(constraint, columns, id_, context_);
}

absl::Status TableAlteration::AddConstraint(const Constraint& constraint,
                                            const std::vector<Identifier>& columns) const {
  KYRO_RETURN_IF_ERROR(CheckPlainConstraint(constraint));
  switch (constraint.type) {
    case ConstraintType::kUnique:
      return AddUnique(constraint, columns, id_, context_);
    case ConstraintType::kPrimaryKey:
      return AddPrimaryKey(constraint, columns);
    case ConstraintType::kForeignKey:
      return AddForeignKey(constraint, columns, id_, /*check_rows=*/true, context_);
    case ConstraintType::kCheck: {
      engine::TableSchema next = *table();
      KYRO_RETURN_IF_ERROR(
          AddCheck(constraint, columns.empty() ? "" : columns[0].name, context_, &next));
      const std::string name = next.checks.back().name;
      const BindContext bind = Bind();
      Binder binder(bind);
      KYRO_ASSIGN_OR_RETURN(
          const BoundPtr check,
          binder.BindRowExpression(next, *constraint.expression, "check constraints", false));
      KYRO_RETURN_IF_ERROR(VisitRows(*table(), context_, [&](const Row& row) -> absl::Status {
        KYRO_ASSIGN_OR_RETURN(const Value holds,
                              EvaluateToValue(*check, row.data(), context_.execution->evaluation));
        if (IsNull(holds) || std::get<bool>(holds)) return absl::OkStatus();
        return Error(sqlstate::kCheckViolation, 0,
                     absl::StrCat("check constraint \"", name, "\" of relation \"", next.name,
                                  "\" is violated by some row"));
      }));
      return Store(std::move(next));
    }
    default:
      return NotSupported(constraint.position, "this constraint");
  }
}

absl::Status TableAlteration::DropConstraint(const AlterTableAction& action) const {
  const std::shared_ptr<const engine::TableSchema> before = table();
  const std::string& name = action.name.name;
  engine::TableSchema next = *before;
  const auto named = [&](const auto& constraint) { return constraint.name == name; };
  if (std::erase_if(next.checks, named) + std::erase_if(next.foreign_keys, named) > 0) {
    return Store(std::move(next));
  }
  const engine::IndexSchema* const index = before->FindIndex(name);
  const bool is_key = !before->primary_key.empty() && before->PrimaryKeyName() == name;
  if (!is_key && (index == nullptr || !index->is_constraint)) {
    const std::string message =
        absl::StrCat("constraint \"", name, "\" of relation \"", before->name, "\" does not exist");
    if (!action.if_exists) return Error(sqlstate::kUndefinedObject, action.name.position, message);
    context_.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  // Foreign keys that refer to these columns need it.
  std::vector<uint32_t> columns = before->primary_key;
  if (!is_key) {
    columns.clear();
    for (const engine::IndexPart& part : index->parts) columns.push_back(part.column);
  }
  std::sort(columns.begin(), columns.end());
  for (const auto& other : transaction().catalog()->tables()) {
    engine::TableSchema changed = *other;
    for (const engine::ForeignKey& key : other->foreign_keys) {
      std::vector<uint32_t> referenced = key.referenced_columns;
      std::sort(referenced.begin(), referenced.end());
      if (key.referenced_table != id_ || referenced != columns) continue;
      const std::string text = absl::StrCat("constraint ", key.name, " on table ", other->name);
      if (action.behavior != DropBehavior::kCascade) {
        return WithHint(
            WithDetail(Error(sqlstate::kDependentObjectsStillExist, 0,
                             absl::StrCat("cannot drop constraint ", name, " on table ",
                                          before->name, " because other objects depend on it")),
                       absl::StrCat(text, " depends on index ", name)),
            "Use DROP ... CASCADE to drop the dependent objects too.");
      }
      context_.notice("00000", absl::StrCat("drop cascades to ", text));
      std::erase_if(changed.foreign_keys,
                    [&](const engine::ForeignKey& k) { return k.name == key.name; });
    }
    if (changed.foreign_keys.size() != other->foreign_keys.size()) {
      KYRO_RETURN_IF_ERROR(Store(std::move(changed)));
    }
  }
  if (!is_key) return transaction().DropIndex(id_, index->id);
  next = *table();
  next.primary_key.clear();
  next.primary_key_name.clear();
  return RewriteTable(
      *table(), std::move(next), [](Row row) -> absl::StatusOr<Row> { return row; }, context_);
}

absl::Status TableAlteration::RenameConstraint(const AlterTableAction& action) const {
  engine::TableSchema next = *table();
  const std::string& name = action.name.name;
  const std::string& to = action.new_name.name;
  if (!HasConstraint(next, name)) {
    return Error(
        sqlstate::kUndefinedObject, action.name.position,
        absl::StrCat("constraint \"", name, "\" for table \"", next.name, "\" does not exist"));
  }
  if (HasConstraint(next, to)) {
    return Error(
        sqlstate::kDuplicateObject, action.new_name.position,
        absl::StrCat("constraint \"", to, "\" for relation \"", next.name, "\" already exists"));
  }
  for (engine::CheckConstraint& check : next.checks) {
    if (check.name == name) check.name = to;
  }
  for (engine::ForeignKey& key : next.foreign_keys) {
    if (key.name == name) key.name = to;
  }
  for (engine::IndexSchema& index : next.indexes) {
    if (index.is_constraint && index.name == name) index.name = to;
  }
  if (!next.primary_key.empty() && next.PrimaryKeyName() == name) next.primary_key_name = to;
  return Store(std::move(next));
}

absl::Status TableAlteration::Rename(const Identifier& to) const {
  engine::TableSchema next = *table();
  if (transaction().catalog()->IsTaken(next.schema_name, to.name)) {
    return Error(sqlstate::kDuplicateTable, to.position,
                 absl::StrCat("relation \"", to.name, "\" already exists"));
  }
  // Its key keeps the name that it has.
  if (!next.primary_key.empty()) next.primary_key_name = next.PrimaryKeyName();
  next.name = to.name;
  KYRO_RETURN_IF_ERROR(Store(std::move(next)));
  if (!CheckViews("", DropBehavior::kRestrict).ok()) {
    return NotSupported(to.position, "renaming a table that a view names");
  }
  return absl::OkStatus();
}

absl::Status TableAlteration::Apply(const AlterTableAction& action) {
  switch (action.action) {
    case AlterAction::kAddColumn:
      return AddColumn(action);
    case AlterAction::kDropColumn:
      return DropColumn(action);
    case AlterAction::kSetDefault:
    case AlterAction::kDropDefault:
      return SetDefault(action);
    case AlterAction::kSetNotNull:
    case AlterAction::kDropNotNull: {
      KYRO_ASSIGN_OR_RETURN(const uint32_t column, Column(action.name));
      engine::TableSchema next = *table();
      const bool set = action.action == AlterAction::kSetNotNull;
      if (set) {
        KYRO_RETURN_IF_ERROR(CheckNoNulls(column));
      } else {
        const std::vector<uint32_t> key = next.PrimaryKeyColumns();
        if (std::find(key.begin(), key.end(), column) != key.end()) {
          return Error(sqlstate::kInvalidTableDefinition, action.position,
                       absl::StrCat("column \"", action.name.name, "\" is in a primary key"));
        }
        if (next.columns[column].identity != engine::Identity::kNone) {
          return Error(sqlstate::kSyntaxError, action.position,
                       absl::StrCat("column \"", action.name.name, "\" of relation \"", next.name,
                                    "\" is an identity column"));
        }
      }
      next.columns[column].not_null = set;
      return Store(std::move(next));
    }
    case AlterAction::kSetType:
      return SetType(action);
    case AlterAction::kAddConstraint:
      return AddConstraint(action.constraint, action.constraint.columns);
    case AlterAction::kDropConstraint:
      return DropConstraint(action);
    case AlterAction::kRenameColumn:
      return RenameColumn(action);
    case AlterAction::kRenameConstraint:
      return RenameConstraint(action);
    case AlterAction::kRenameTable:
      return Rename(action.new_name);
    case AlterAction::kSetSchema: {
      engine::TableSchema next = *table();
      if (!transaction().catalog()->HasSchema(action.new_name.name)) {
        return Error("3F000", action.new_name.position,
                     absl::StrCat("schema \"", action.new_name.name, "\" does not exist"));
      }
      if (next.schema_name == action.new_name.name) return absl::OkStatus();
      if (transaction().catalog()->IsTaken(action.new_name.name, next.name)) {
        return Error(sqlstate::kDuplicateTable, action.new_name.position,
                     absl::StrCat("relation \"", next.name, "\" already exists in schema \"",
                                  action.new_name.name, "\""));
      }
      next.schema_name = action.new_name.name;
      KYRO_RETURN_IF_ERROR(Store(std::move(next)));
      for (const auto& object : transaction().catalog()->objects()) {
        if (object->owner_table != id_) continue;
        engine::ObjectSchema moved = *object;
        moved.schema_name = action.new_name.name;
        KYRO_RETURN_IF_ERROR(transaction().AlterObject(std::move(moved)));
      }
      if (!CheckViews("", DropBehavior::kRestrict).ok()) {
        return NotSupported(action.position, "moving a table that a view names");
      }
      return absl::OkStatus();
    }
    case AlterAction::kDropExpression: {
      KYRO_ASSIGN_OR_RETURN(const uint32_t column, Column(action.name));
      engine::TableSchema next = *table();
      if (next.columns[column].generated_sql.empty()) {
        const std::string message = absl::StrCat("column \"", action.name.name, "\" of relation \"",
                                                 next.name, "\" is not a stored generated column");
        if (!action.if_exists) {
          return Error(sqlstate::kObjectNotInPrerequisiteState, action.position, message);
        }
        context_.notice("00000", absl::StrCat(message, ", skipping"));
        return absl::OkStatus();
      }
      next.columns[column].generated_sql.clear();
      return Store(std::move(next));
    }
    case AlterAction::kSetOptions:
    case AlterAction::kResetOptions:
      for (const Option& option : action.options) {
        KYRO_RETURN_IF_ERROR(CheckTableOption(option));
      }
      return absl::OkStatus();
  }
  return NotSupported(action.position, "this action");
}

absl::Status AlterIndex(const AlterTableStatement& statement, const DefinitionContext& context) {
  Binder binder(*context.bind);
  const auto owner = binder.FindIndexOwner(statement.table);
  if (owner == nullptr) {
    const std::string message =
        absl::StrCat("relation \"", ToString(statement.table), "\" does not exist");
    if (!statement.if_exists) {
      return Error(sqlstate::kUndefinedTable, statement.table.position(), message);
    }
    context.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  engine::TableSchema next = *owner;
  for (const AlterTableAction& action : statement.actions) {
    if (action.action != AlterAction::kRenameTable) {
      return NotSupported(action.position, "this form of ALTER INDEX");
    }
    if (context.transaction->catalog()->IsTaken(next.schema_name, action.new_name.name)) {
      return Error(sqlstate::kDuplicateTable, action.new_name.position,
                   absl::StrCat("relation \"", action.new_name.name, "\" already exists"));
    }
    for (engine::IndexSchema& index : next.indexes) {
      if (index.name == statement.table.last()) index.name = action.new_name.name;
    }
  }
  return context.transaction->AlterTable(std::move(next));
}

absl::Status AlterView(const AlterTableStatement& statement, const DefinitionContext& context) {
  Binder binder(*context.bind);
  const auto view = binder.FindObject(statement.table);
  if (view == nullptr || view->kind != engine::ObjectKind::kView) {
    const std::string message =
        absl::StrCat("relation \"", ToString(statement.table), "\" does not exist");
    if (!statement.if_exists) {
      return Error(sqlstate::kUndefinedTable, statement.table.position(), message);
    }
    context.notice("00000", absl::StrCat(message, ", skipping"));
    return absl::OkStatus();
  }
  engine::ObjectSchema next = *view;
  const bool is_used = !ViewsOn(view->id, context).empty();
  for (const AlterTableAction& action : statement.actions) {
    if (is_used) return NotSupported(action.position, "changing a view that another one names");
    if (action.action == AlterAction::kRenameTable) {
      next.name = action.new_name.name;
    } else if (action.action == AlterAction::kSetSchema) {
      next.schema_name = action.new_name.name;
    } else if (action.action == AlterAction::kRenameColumn) {
      const auto column =
          std::find_if(next.columns.begin(), next.columns.end(),
                       [&](const engine::ColumnSchema& c) { return c.name == action.name.name; });
      if (column == next.columns.end()) {
        return Error(sqlstate::kUndefinedColumn, action.name.position,
                     absl::StrCat("column \"", action.name.name, "\" does not exist"));
      }
      column->name = action.new_name.name;
    } else {
      return NotSupported(action.position, "this form of ALTER VIEW");
    }
  }
  if ((next.name != view->name || next.schema_name != view->schema_name) &&
      context.transaction->catalog()->IsTaken(next.schema_name, next.name)) {
    return Error(sqlstate::kDuplicateTable, statement.actions[0].new_name.position,
                 absl::StrCat("relation \"", next.name, "\" already exists"));
  }
  return context.transaction->AlterObject(std::move(next));
}

}  // namespace

absl::Status AlterTable(const AlterTableStatement& statement, const DefinitionContext& context) {
  if (statement.object == ObjectType::kIndex) return AlterIndex(statement, context);
  if (statement.object == ObjectType::kView) return AlterView(statement, context);
  Binder binder(*context.bind);
  if (statement.if_exists && binder.FindTableOrNull(statement.table) == nullptr &&
      binder.FindObject(statement.table) == nullptr) {
    context.notice("00000", absl::StrCat("relation \"", ToString(statement.table),
                                         "\" does not exist, skipping"));
    return absl::OkStatus();
  }
  // ALTER TABLE … RENAME works on views and indexes, too.
  const bool is_rename =
      statement.actions.size() == 1 && statement.actions[0].action == AlterAction::kRenameTable;
  if (is_rename && binder.FindTableOrNull(statement.table) == nullptr) {
    if (binder.FindObject(statement.table) != nullptr) return AlterView(statement, context);
    if (binder.FindIndexOwner(statement.table) != nullptr) return AlterIndex(statement, context);
  }
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> table,
                        binder.FindTable(statement.table));
  TableAlteration alteration(table->id, context);
  for (const AlterTableAction& action : statement.actions) {
    KYRO_RETURN_IF_ERROR(alteration.Apply(action));
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
