// CREATE TABLE: columns, and the constraints that are written with them.
#include "sql/statement/table_definition.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/statement/constraint.h"
#include "sql/statement/definition.h"
#include "sql/statement/index_definition.h"
#include "sql/statement/sequence.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kColumnsMax = 1600;  // as PostgreSQL

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

absl::Status SetPrimaryKey(const std::vector<Identifier>& columns, const Constraint& constraint,
                           engine::TableSchema* schema) {
  if (!schema->primary_key.empty()) {
    return Error(
        sqlstate::kInvalidTableDefinition, constraint.position,
        absl::StrCat("multiple primary keys for table \"", schema->name, "\" are not allowed"));
  }
  KYRO_ASSIGN_OR_RETURN(schema->primary_key, KeyColumns(columns, *schema, "primary key"));
  for (size_t i = 0; i < columns.size(); ++i) {
    engine::ColumnSchema& definition = schema->columns[schema->primary_key[i]];
    if (!IsKeyColumnType(definition.type)) {
      return NotSupported(columns[i].position,
                          absl::StrCat("a primary key of type ", BaseTypeName(definition.type.id)));
    }
    definition.not_null = true;
  }
  if (constraint.name.name != schema->name + "_pkey") {
    schema->primary_key_name = constraint.name.name;
  }
  return absl::OkStatus();
}

// "int4" for serial; empty when the type is none of these.
std::string SerialType(const TypeName& type) {
  if (type.name.parts.size() != 1 || !type.modifiers.empty() || !type.array_bounds.empty()) {
    return "";
  }
  const std::string& name = type.name.last();
  if (name == "serial" || name == "serial4") return "int4";
  if (name == "bigserial" || name == "serial8") return "int8";
  if (name == "smallserial" || name == "serial2") return "int2";
  return "";
}

}  // namespace

absl::Status ColumnBuilder::SetType(const ColumnDefinition& definition) {
  const std::string serial = SerialType(definition.type);
  if (serial.empty()) {
    KYRO_ASSIGN_OR_RETURN(column.type, ResolveType(definition.type));
  } else {
    TypeName plain;
    plain.position = definition.type.position;
    plain.name.parts.push_back({serial, definition.type.position});
    KYRO_ASSIGN_OR_RETURN(column.type, ResolveType(plain));
    is_serial = true;
    column.not_null = true;
  }
  if (definition.collation.empty()) return absl::OkStatus();
  const std::string& collation = definition.collation.last();
  if (collation != "C" && collation != "POSIX" && collation != "default" &&
      collation != "ucs_basic") {
    return NotSupported(definition.collation.position(),
                        absl::StrCat("collation \"", collation, "\""));
  }
  return absl::OkStatus();
}

absl::Status ColumnBuilder::AddConstraints(const ColumnDefinition& definition,
                                           const std::string& table, Binder* binder) {
  bool null = false;
  bool not_null = false;
  bool has_default = is_serial;
  for (const Constraint& constraint : definition.constraints) {
    KYRO_RETURN_IF_ERROR(CheckPlainConstraint(constraint));
    const auto twice = [&](absl::string_view what) {
      return Error(sqlstate::kSyntaxError, constraint.position,
                   absl::StrCat("multiple ", what, " specified for column \"", column.name,
                                "\" of table \"", table, "\""));
    };
    switch (constraint.type) {
      case ConstraintType::kNotNull:
        not_null = true;
        column.not_null = true;
        break;
      case ConstraintType::kNull:
        null = true;
        break;
      case ConstraintType::kDefault:
        if (has_default) return twice("default values");
        has_default = true;
        KYRO_RETURN_IF_ERROR(binder->BindDefault(column, *constraint.expression).status());
        column.default_sql = ToString(*constraint.expression);
        break;
      case ConstraintType::kGenerated:
        if (!column.generated_sql.empty()) return twice("generation clauses");
        column.generated_sql = ToString(*constraint.expression);
        break;
      case ConstraintType::kIdentity:
        if (column.identity != engine::Identity::kNone) return twice("identity specifications");
        if (column.type.id != TypeId::kInteger && column.type.id != TypeId::kBigint &&
            engine::TypeName(column.type) != "smallint") {
          return Error(sqlstate::kInvalidParameterValue, constraint.position,
                       "identity column type must be smallint, integer, or bigint");
        }
        column.identity =
            constraint.identity_always ? engine::Identity::kAlways : engine::Identity::kByDefault;
        column.not_null = true;
        identity_options = constraint.identity_options;
        break;
      case ConstraintType::kPrimaryKey:
        not_null = true;
        break;
      default:
        break;
    }
  }
  const auto both = [&](absl::string_view what) {
    return Error(sqlstate::kSyntaxError, definition.position,
                 absl::StrCat("both ", what, " specified for column \"", column.name,
                              "\" of table \"", table, "\""));
  };
  if (null && (not_null || column.identity != engine::Identity::kNone)) {
    return Error(sqlstate::kSyntaxError, definition.position,
                 absl::StrCat("conflicting NULL/NOT NULL declarations for column \"", column.name,
                              "\" of table \"", table, "\""));
  }
  if (has_default && !column.generated_sql.empty()) {
    return both("default and generation expression");
  }
  if (has_default && column.identity != engine::Identity::kNone)
    return both("default and identity");
  if (column.identity != engine::Identity::kNone && !column.generated_sql.empty()) {
    return both("identity and generation expression");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ColumnBuilder::CreateSequence(engine::ObjectId table,
                                                          const DefinitionContext& context) const {
  return CreateOwnedSequence(table, column.name, column.type, identity_options.get(), context);
}

namespace {

absl::StatusOr<engine::TableSchema> FromQuery(const CreateTableStatement& statement,
                                              const BoundQuery& query) {
  engine::TableSchema schema;
  if (statement.column_names.size() > query.columns.size()) {
    return Error(sqlstate::kSyntaxError, statement.column_names[query.columns.size()].position,
                 "too many column names were specified");
  }
  for (size_t i = 0; i < query.columns.size(); ++i) {
    engine::ColumnSchema column;
    column.name =
        i < statement.column_names.size() ? statement.column_names[i].name : query.columns[i].name;
    column.type = query.columns[i].type;
    if (schema.FindColumn(column.name).has_value()) {
      return Error(sqlstate::kDuplicateColumn, statement.position,
                   absl::StrCat("column \"", column.name, "\" specified more than once"));
    }
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

}  // namespace

absl::Status CheckTableOption(const Option& option) {
  if (option.name.name != "fillfactor") {
    return NotSupported(option.name.position, absl::StrCat("storage parameter ", option.name.name));
  }
  if (!option.value.has_value()) return absl::OkStatus();
  int64_t value = 0;
  if (!absl::SimpleAtoi(*option.value, &value)) {
    return Error(sqlstate::kInvalidParameterValue, option.value_position,
                 absl::StrCat("invalid value for integer option \"fillfactor\": ", *option.value));
  }
  if (value >= 10 && value <= 100) return absl::OkStatus();
  return WithDetail(
      Error(sqlstate::kInvalidParameterValue, option.value_position,
            absl::StrCat("value ", value, " out of bounds for option \"fillfactor\"")),
      "Valid values are between \"10\" and \"100\".");
}

absl::StatusOr<engine::ObjectId> CreateTable(const CreateTableStatement& statement,
                                             const BoundQuery* query,
                                             const DefinitionContext& context) {
  if (statement.temporary) return NotSupported(statement.modifier_position, "a temporary table");
  if (statement.unlogged) return NotSupported(statement.modifier_position, "an unlogged table");
  for (const Option& option : statement.options) {
    KYRO_RETURN_IF_ERROR(CheckTableOption(option));
  }
  KYRO_ASSIGN_OR_RETURN(const std::string schema_name, SchemaForNew(statement.table, context));
  const std::string& name = statement.table.last();
  bool taken = context.transaction->catalog()->IsTaken(schema_name, name);
  if (schema_name == engine::kPublicSchema) {
    for (const VirtualTableRegistry* registry :
         {context.bind->own_virtual_tables, context.bind->virtual_tables}) {
      taken = taken || (registry != nullptr && registry->Find(name) != nullptr);
    }
  }
  if (taken) {
    if (statement.if_not_exists) {
      context.notice(sqlstate::kDuplicateTable,
                     absl::StrCat("relation \"", name, "\" already exists, skipping"));
      return engine::ObjectId{0};
    }
    return Error(sqlstate::kDuplicateTable, statement.table.position(),
                 absl::StrCat("relation \"", name, "\" already exists"));
  }
  if (query != nullptr) {
    KYRO_ASSIGN_OR_RETURN(engine::TableSchema schema, FromQuery(statement, *query));
    schema.name = name;
    schema.schema_name = schema_name;
    return context.transaction->CreateTable(std::move(schema));
  }
  if (statement.columns.size() > kColumnsMax) {
    return Error(sqlstate::kTooManyColumns, statement.columns[kColumnsMax].position,
                 absl::StrCat("tables can have at most ", kColumnsMax, " columns"));
  }
  Binder binder(*context.bind);
  engine::TableSchema schema;
  schema.name = name;
  schema.schema_name = schema_name;
  std::vector<ColumnBuilder> builders(statement.columns.size());
  for (size_t i = 0; i < builders.size(); ++i) {
    const ColumnDefinition& definition = statement.columns[i];
    builders[i].column.name = definition.name.name;
    if (schema.FindColumn(definition.name.name).has_value()) {
      return Error(sqlstate::kDuplicateColumn, definition.name.position,
                   absl::StrCat("column \"", definition.name.name, "\" specified more than once"));
    }
    KYRO_RETURN_IF_ERROR(builders[i].SetType(definition));
    KYRO_RETURN_IF_ERROR(builders[i].AddConstraints(definition, name, &binder));
    schema.columns.push_back(builders[i].column);
  }
  for (const ColumnDefinition& definition : statement.columns) {
    for (const Constraint& constraint : definition.constraints) {
      if (constraint.type != ConstraintType::kPrimaryKey) continue;
      KYRO_RETURN_IF_ERROR(SetPrimaryKey({definition.name}, constraint, &schema));
    }
  }
  for (const Constraint& constraint : statement.constraints) {
    KYRO_RETURN_IF_ERROR(CheckPlainConstraint(constraint));
    if (constraint.type != ConstraintType::kPrimaryKey) continue;
    KYRO_RETURN_IF_ERROR(SetPrimaryKey(constraint.columns, constraint, &schema));
  }
  // Generated columns and checks see every column, so they come after them.
  for (uint32_t i = 0; i < statement.columns.size(); ++i) {
    for (const Constraint& constraint : statement.columns[i].constraints) {
      if (constraint.type == ConstraintType::kGenerated) {
        KYRO_RETURN_IF_ERROR(binder.BindGenerated(schema, i, *constraint.expression).status());
      } else if (constraint.type == ConstraintType::kCheck) {
        KYRO_RETURN_IF_ERROR(
            AddCheck(constraint, statement.columns[i].name.name, context, &schema));
      }
    }
  }
  for (const Constraint& constraint : statement.constraints) {
    if (constraint.type != ConstraintType::kCheck) continue;
    KYRO_RETURN_IF_ERROR(AddCheck(constraint, "", context, &schema));
  }
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId id, context.transaction->CreateTable(schema));
  bool any_serial = false;
  for (uint32_t i = 0; i < builders.size(); ++i) {
    if (!builders[i].needs_sequence()) continue;
    KYRO_ASSIGN_OR_RETURN(const std::string default_sql, builders[i].CreateSequence(id, context));
    if (!builders[i].is_serial) continue;
    schema.columns[i].default_sql = default_sql;
    any_serial = true;
  }
  if (any_serial) {
    schema.id = id;
    KYRO_RETURN_IF_ERROR(context.transaction->AlterTable(schema));
  }
  const auto each = [&](ConstraintType type, const auto& add) -> absl::Status {
    for (const ColumnDefinition& definition : statement.columns) {
      for (const Constraint& constraint : definition.constraints) {
        if (constraint.type != type) continue;
        KYRO_RETURN_IF_ERROR(add(constraint, std::vector<Identifier>{definition.name}));
      }
    }
    for (const Constraint& constraint : statement.constraints) {
      if (constraint.type != type) continue;
      KYRO_RETURN_IF_ERROR(add(constraint, constraint.columns));
    }
    return absl::OkStatus();
  };
  KYRO_RETURN_IF_ERROR(each(ConstraintType::kUnique, [&](const Constraint& constraint,
                                                         const std::vector<Identifier>& names) {
    return AddUnique(constraint, names, id, context);
  }));
  KYRO_RETURN_IF_ERROR(each(ConstraintType::kForeignKey, [&](const Constraint& constraint,
                                                             const std::vector<Identifier>& names) {
    return AddForeignKey(constraint, names, id, /*check_rows=*/false, context);
  }));
  return id;
}

}  // namespace kyrodb::sql
