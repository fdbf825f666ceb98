#include "sql/statement/definition.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/execute/row_writer.h"
#include "sql/parse/deparse.h"
#include "sql/statement/index_definition.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

}  // namespace

std::string ObjectWord(ObjectType type) {
  switch (type) {
    case ObjectType::kTable:
      return "TABLE";
    case ObjectType::kIndex:
      return "INDEX";
    case ObjectType::kView:
      return "VIEW";
    case ObjectType::kMaterializedView:
      return "MATERIALIZED VIEW";
    case ObjectType::kSequence:
      return "SEQUENCE";
    case ObjectType::kSchema:
      return "SCHEMA";
    case ObjectType::kExtension:
      return "EXTENSION";
    case ObjectType::kType:
      return "TYPE";
  }
  return "";
}

std::vector<std::string> SchemasOf(absl::string_view search_path, absl::string_view user) {
  std::vector<std::string> schemas;
  for (const absl::string_view piece : absl::StrSplit(search_path, ',')) {
    absl::string_view name = absl::StripAsciiWhitespace(piece);
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
      schemas.push_back(absl::StrReplaceAll(name.substr(1, name.size() - 2), {{"\"\"", "\""}}));
    } else if (!name.empty()) {
      schemas.push_back(absl::AsciiStrToLower(name));
    }
    if (!schemas.empty() && schemas.back() == "$user") schemas.back() = std::string(user);
  }
  return schemas;
}

absl::StatusOr<std::string> SchemaForNew(const QualifiedName& name,
                                         const DefinitionContext& context) {
  if (name.parts.size() > 2) return NotSupported(name.position(), "a name of three parts");
  if (name.parts.size() == 1) {
    for (const std::string& schema : context.bind->search_path) {
      if (context.transaction->catalog()->HasSchema(schema)) return schema;
    }
    return Error("3F000", name.position(), "no schema has been selected to create in");
  }
  const std::string& schema = name.parts[0].name;
  if (context.transaction->catalog()->HasSchema(schema)) return schema;
  if (schema == "pg_catalog" || schema == "information_schema") {
    return Error(sqlstate::kInsufficientPrivilege, name.position(),
                 absl::StrCat("permission denied for schema ", schema));
  }
  return Error("3F000", name.position(), absl::StrCat("schema \"", schema, "\" does not exist"));
}

absl::StatusOr<CreatedIndex> CreateIndex(const CreateIndexStatement& statement,
                                         engine::IndexBuild build,
                                         const DefinitionContext& context) {
  if (statement.only) return NotSupported(statement.position, "ONLY");
  Binder binder(*context.bind);
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> table,
                        binder.FindTable(statement.table));
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  if (!statement.name.empty()) {
    const std::string& name = statement.name.last();
    if (catalog->IsTaken(table->schema_name, name)) {
      if (statement.if_not_exists) {
        context.notice(sqlstate::kDuplicateTable,
                       absl::StrCat("relation \"", name, "\" already exists, skipping"));
        return CreatedIndex{};
      }
      return Error(sqlstate::kDuplicateTable, statement.name.position(),
                   absl::StrCat("relation \"", name, "\" already exists"));
    }
  }
  KYRO_ASSIGN_OR_RETURN(engine::IndexSchema index, MakeIndex(statement, *table, &binder));
  index.name = statement.name.empty() ? FreeRelationName(*catalog, table->schema_name, table->name,
                                                         IndexPartNames(*table, index), "idx")
                                      : statement.name.last();
  absl::StatusOr<engine::ObjectId> id =
      context.transaction->CreateIndex(table->id, std::move(index), build);
  if (!id.ok()) {
    return TranslateUnique(*context.transaction->catalog()->FindTable(table->id), id.status());
  }
  return CreatedIndex{table->id, *id};
}

absl::Status Reindex(const ReindexStatement& statement, const DefinitionContext& context) {
  if (statement.concurrently) return NotSupported(statement.position, "REINDEX CONCURRENTLY");
  for (const Option& option : statement.options) {
    return NotSupported(option.name.position,
                        absl::StrCat("REINDEX (", absl::AsciiStrToUpper(option.name.name), ")"));
  }
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  Binder binder(*context.bind);
  const auto rebuild = [&](const engine::TableSchema& table,
                           const engine::IndexSchema& index) -> absl::Status {
    if (!index.is_btree()) return absl::OkStatus();  // derived data that keeps itself
    KYRO_RETURN_IF_ERROR(context.transaction->DropIndex(table.id, index.id));
    absl::Status status = context.transaction->CreateIndex(table.id, index).status();
    return TranslateUnique(*context.transaction->catalog()->FindTable(table.id), std::move(status));
  };
  switch (statement.target) {
    case ReindexTarget::kIndex: {
      const auto owner = binder.FindIndexOwner(statement.name);
      if (owner == nullptr) {
        return Error(sqlstate::kUndefinedTable, statement.name.position(),
                     absl::StrCat("relation \"", ToString(statement.name), "\" does not exist"));
      }
      const engine::IndexSchema* const index = owner->FindIndex(statement.name.last());
      return index == nullptr ? absl::OkStatus() : rebuild(*owner, *index);
    }
    case ReindexTarget::kTable: {
      KYRO_ASSIGN_OR_RETURN(const auto table, binder.FindTable(statement.name));
      for (const engine::IndexSchema& index : table->indexes) {
        KYRO_RETURN_IF_ERROR(rebuild(*table, index));
      }
      return absl::OkStatus();
    }
    case ReindexTarget::kSchema:
    case ReindexTarget::kDatabase:
      for (const auto& table : catalog->tables()) {
        if (statement.target == ReindexTarget::kSchema &&
            table->schema_name != statement.name.last()) {
          continue;
        }
        for (const engine::IndexSchema& index : table->indexes) {
          KYRO_RETURN_IF_ERROR(rebuild(*table, index));
        }
      }
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status CreateView(const CreateViewStatement& statement, const DefinitionContext& context) {
  if (statement.materialized) return NotSupported(statement.position, "a materialized view");
  if (statement.temporary) return NotSupported(statement.position, "a temporary view");
  if (statement.recursive) return NotSupported(statement.position, "a recursive view");
  if (!statement.check_option.empty()) return NotSupported(statement.position, "WITH CHECK OPTION");
  if (!statement.options.empty()) {
    return NotSupported(statement.options[0].name.position, "WITH (…) on a view");
  }
  KYRO_ASSIGN_OR_RETURN(const std::string schema, SchemaForNew(statement.name, context));
  const std::string& name = statement.name.last();
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  const std::shared_ptr<const engine::ObjectSchema> before = catalog->FindRelation(schema, name);
  const bool replaces =
      statement.or_replace && before != nullptr && before->kind == engine::ObjectKind::kView;
  if (!replaces && catalog->IsTaken(schema, name)) {
    if (statement.or_replace) {
      return Error(sqlstate::kWrongObjectType, statement.name.position(),
                   absl::StrCat("\"", name, "\" is not a view"));
    }
    return Error(sqlstate::kDuplicateTable, statement.name.position(),
                 absl::StrCat("relation \"", name, "\" already exists"));
  }
  Binder binder(*context.bind);
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<BoundQuery> query,
                        binder.BindQuery(*statement.query));
  if (statement.columns.size() > query->columns.size()) {
    return Error(sqlstate::kSyntaxError, statement.columns[query->columns.size()].position,
                 "CREATE VIEW specifies more column names than columns");
  }
  engine::ObjectSchema view;
  view.kind = engine::ObjectKind::kView;
  view.schema_name = schema;
  view.name = name;
  view.sql = ToString(*statement.query);
  for (size_t i = 0; i < query->columns.size(); ++i) {
    engine::ColumnSchema column;
    column.name = i < statement.columns.size() ? statement.columns[i].name : query->columns[i].name;
    column.type = query->columns[i].type;
    for (const engine::ColumnSchema& other : view.columns) {
      if (other.name == column.name) {
        return Error(sqlstate::kDuplicateColumn, statement.position,
                     absl::StrCat("column \"", column.name, "\" specified more than once"));
      }
    }
    view.columns.push_back(std::move(column));
  }
  if (!replaces) return context.transaction->CreateObject(std::move(view)).status();
  if (view.columns.size() < before->columns.size()) {
    return Error(sqlstate::kInvalidTableDefinition, 0, "cannot drop columns from view");
  }
  for (size_t i = 0; i < before->columns.size(); ++i) {
    if (view.columns[i].name != before->columns[i].name) {
      return WithHint(
          Error(sqlstate::kInvalidTableDefinition, 0,
                absl::StrCat("cannot change name of view column \"", before->columns[i].name,
                             "\" to \"", view.columns[i].name, "\"")),
          "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.");
    }
    if (view.columns[i].type.id != before->columns[i].type.id) {
      return Error(
          sqlstate::kInvalidTableDefinition, 0,
          absl::StrCat("cannot change data type of view column \"", before->columns[i].name,
                       "\" from ", engine::TypeName(before->columns[i].type), " to ",
                       engine::TypeName(view.columns[i].type)));
    }
  }
  view.id = before->id;
  return context.transaction->AlterObject(std::move(view));
}

absl::Status Truncate(const TruncateStatement& statement, const DefinitionContext& context) {
  Binder binder(*context.bind);
  const std::shared_ptr<const engine::Catalog> catalog = context.transaction->catalog();
  std::vector<std::shared_ptr<const engine::TableSchema>> tables;
  const auto is_named = [&](engine::ObjectId id) {
    return std::any_of(tables.begin(), tables.end(), [id](const auto& t) { return t->id == id; });
  };
  for (const QualifiedName& name : statement.tables) {
    KYRO_ASSIGN_OR_RETURN(std::shared_ptr<const engine::TableSchema> table, binder.FindTable(name));
    if (!is_named(table->id)) tables.push_back(std::move(table));
  }
  for (size_t i = 0; i < tables.size(); ++i) {
    if (!catalog->IsReferenced(tables[i]->id)) continue;
    for (const auto& other : catalog->tables()) {
      const bool refers = std::any_of(
          other->foreign_keys.begin(), other->foreign_keys.end(),
          [&](const engine::ForeignKey& key) { return key.referenced_table == tables[i]->id; });
      if (!refers || is_named(other->id)) continue;
      if (statement.behavior == DropBehavior::kCascade) {
        context.notice("00000", absl::StrCat("truncate cascades to table \"", other->name, "\""));
        tables.push_back(other);
        continue;
      }
      const std::string named =
          std::any_of(statement.tables.begin(), statement.tables.end(),
                      [&](const QualifiedName& n) { return n.last() == other->name; })
              ? ""
              : other->name;
      if (named.empty()) continue;
      return WithHint(
          WithDetail(
              Error(sqlstate::kFeatureNotSupported, 0,
                    "cannot truncate a table referenced in a foreign key constraint"),
              absl::StrCat("Table \"", other->name, "\" references \"", tables[i]->name, "\".")),
          absl::StrCat("Truncate table \"", other->name,
                       "\" at the same time, or use TRUNCATE ... CASCADE."));
    }
  }
  for (const auto& table : tables) {
    KYRO_RETURN_IF_ERROR(context.execution->CheckInterrupts());
    KYRO_RETURN_IF_ERROR(context.transaction->DeleteRange(table->id, {}).status());
    if (!statement.restart_identity) continue;
    for (const auto& object : catalog->objects()) {
      if (object->kind != engine::ObjectKind::kSequence || object->owner_table != table->id) {
        continue;
      }
      KYRO_RETURN_IF_ERROR(context.transaction->SetSequence(
          object->id, {.last = object->sequence.start, .is_called = false}));
    }
  }
  return absl::OkStatus();
}

absl::Status CreateSchema(const CreateSchemaStatement& statement,
                          const DefinitionContext& context) {
  const std::string& name = statement.name.name;
  if (absl::StartsWith(name, "pg_")) {
    return WithDetail(Error("42939", statement.name.position,
                            absl::StrCat("unacceptable schema name \"", name, "\"")),
                      "The prefix \"pg_\" is reserved for system schemas.");
  }
  if (context.transaction->catalog()->HasSchema(name) || name == "information_schema") {
    if (statement.if_not_exists) {
      context.notice("42P06", absl::StrCat("schema \"", name, "\" already exists, skipping"));
      return absl::OkStatus();
    }
    return Error("42P06", statement.name.position,
                 absl::StrCat("schema \"", name, "\" already exists"));
  }
  engine::ObjectSchema schema;
  schema.kind = engine::ObjectKind::kSchema;
  schema.name = name;
  return context.transaction->CreateObject(std::move(schema)).status();
}

absl::Status CreateExtension(const CreateExtensionStatement& statement,
                             const DefinitionContext& context) {
  if (statement.name.name != "vector") {
    return Error(sqlstate::kFeatureNotSupported, statement.name.position,
                 absl::StrCat("extension \"", statement.name.name, "\" is not available"));
  }
  if (!statement.version.empty()) {
    return NotSupported(statement.name.position, "a version of the extension vector");
  }
  if (!statement.if_not_exists) {
    return WithHint(Error(sqlstate::kDuplicateObject, statement.name.position,
                          "extension \"vector\" already exists"),
                    "The type vector is built in; IF NOT EXISTS accepts that.");
  }
  context.notice(sqlstate::kDuplicateObject, "extension \"vector\" already exists, skipping");
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
