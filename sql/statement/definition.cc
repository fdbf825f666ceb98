#include "sql/statement/definition.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/statement/vector_options.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kColumnsMax = 1600;  // as PostgreSQL

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

absl::Status CheckSchema(const QualifiedName& name) {
  if (name.parts.size() == 1 || (name.parts.size() == 2 && name.parts[0].name == "public")) {
    return absl::OkStatus();
  }
  if (name.parts.size() > 2) return NotSupported(name.position(), "a name of three parts");
  return Error("3F000", name.position(),
               absl::StrCat("schema \"", name.parts[0].name, "\" does not exist"));
}

absl::Status SetPrimaryKey(const std::vector<Identifier>& columns, Position position,
                           engine::TableSchema* schema) {
  if (!schema->primary_key.empty()) {
    return Error(
        sqlstate::kInvalidTableDefinition, position,
        absl::StrCat("multiple primary keys for table \"", schema->name, "\" are not allowed"));
  }
  for (const Identifier& name : columns) {
    const std::optional<uint32_t> column = schema->FindColumn(name.name);
    if (!column.has_value()) {
      return Error(sqlstate::kUndefinedColumn, name.position,
                   absl::StrCat("column \"", name.name, "\" named in key does not exist"));
    }
    if (std::find(schema->primary_key.begin(), schema->primary_key.end(), *column) !=
        schema->primary_key.end()) {
      return Error(
          sqlstate::kDuplicateColumn, name.position,
          absl::StrCat("column \"", name.name, "\" appears twice in primary key constraint"));
    }
    engine::ColumnSchema& definition = schema->columns[*column];
    if (!engine::IsKeyType(definition.type.id)) {
      return NotSupported(name.position,
                          absl::StrCat("a primary key of type ", BaseTypeName(definition.type.id)));
    }
    definition.not_null = true;
    schema->primary_key.push_back(*column);
  }
  return absl::OkStatus();
}

absl::Status CheckPlainConstraint(const Constraint& constraint) {
  if (constraint.deferrable_position != 0) {
    return NotSupported(constraint.deferrable_position, "a deferrable constraint");
  }
  if (!constraint.options.empty()) {
    return NotSupported(constraint.options[0].name.position, "WITH on a constraint");
  }
  if (!constraint.include.empty()) {
    return NotSupported(constraint.include[0].position, "INCLUDE");
  }
  return absl::OkStatus();
}

absl::Status UnsupportedConstraint(const Constraint& constraint) {
  switch (constraint.type) {
    case ConstraintType::kUnique:
      return NotSupported(constraint.position, "a UNIQUE constraint other than the primary key");
    case ConstraintType::kCheck:
      return NotSupported(constraint.position, "a CHECK constraint");
    case ConstraintType::kForeignKey:
      return NotSupported(constraint.position, "a FOREIGN KEY constraint");
    case ConstraintType::kIdentity:
      return NotSupported(constraint.position, "an identity column");
    default:
      return NotSupported(constraint.position, "this constraint");
  }
}

// A name that neither a table nor an index has yet: docs_embedding_idx, docs_embedding_idx1, …
std::string FreeIndexName(const engine::Catalog& catalog, const std::string& base) {
  std::string name = base;
  for (int i = 1; catalog.FindTable(name) != nullptr || catalog.FindIndexOwner(name) != nullptr;
       ++i) {
    name = absl::StrCat(base, i);
  }
  return name;
}

absl::StatusOr<uint32_t> IntegerOption(const Option& option, int64_t min, int64_t max) {
  int64_t value = 0;
  if (!option.value.has_value() || !absl::SimpleAtoi(*option.value, &value)) {
    return Error(sqlstate::kInvalidParameterValue,
                 option.value.has_value() ? option.value_position : option.name.position,
                 absl::StrCat("invalid value for integer option \"", option.name.name,
                              "\": ", option.value.value_or("")));
  }
  if (value < min || value > max) {
    return WithDetail(Error(sqlstate::kInvalidParameterValue, option.value_position,
                            absl::StrCat("value ", value, " out of bounds for option \"",
                                         option.name.name, "\"")),
                      absl::StrCat("Valid values are between \"", min, "\" and \"", max, "\"."));
  }
  return static_cast<uint32_t>(value);
}

// The column that an index is on, after everything about it that `method` has no use for was
// refused.
absl::StatusOr<uint32_t> IndexColumn(const IndexElement& element, const std::string& method,
                                     const engine::TableSchema& table) {
  const auto* column_name = element.expression->If<ColumnExpression>();
  if (column_name == nullptr || column_name->name.parts.size() != 1) {
    return NotSupported(element.position, "an index on an expression");
  }
  if (element.descending || element.ascending) {
    return Error(sqlstate::kFeatureNotSupported, element.position,
                 absl::StrCat("access method \"", method, "\" does not support ASC/DESC options"));
  }
  if (element.nulls != NullsOrder::kDefault) {
    return Error(
        sqlstate::kFeatureNotSupported, element.position,
        absl::StrCat("access method \"", method, "\" does not support NULLS FIRST/LAST options"));
  }
  if (!element.collation.empty()) return NotSupported(element.collation.position(), "COLLATE here");
  if (!element.operator_class_options.empty()) {
    return NotSupported(element.operator_class_options[0].name.position,
                        "options of an operator class");
  }
  const std::optional<uint32_t> column = table.FindColumn(column_name->name.last());
  if (!column.has_value()) {
    return Error(sqlstate::kUndefinedColumn, column_name->position,
                 absl::StrCat("column \"", column_name->name.last(), "\" does not exist"));
  }
  return *column;
}

absl::StatusOr<engine::IndexSchema> MakeVectorIndex(const CreateIndexStatement& statement,
                                                    const engine::TableSchema& table) {
  if (statement.elements.size() != 1) {
    return Error(sqlstate::kFeatureNotSupported, statement.elements[1].position,
                 "access method \"hnsw\" does not support multicolumn indexes");
  }
  const IndexElement& element = statement.elements[0];
  KYRO_ASSIGN_OR_RETURN(const uint32_t column, IndexColumn(element, "hnsw", table));
  const Type type = table.columns[column].type;
  if (element.operator_class.empty()) {
    return WithHint(
        Error(sqlstate::kUndefinedObject, element.position,
              absl::StrCat("data type ", BaseTypeName(type.id),
                           " has no default operator class for access method \"hnsw\"")),
        "You must specify an operator class for the index: vector_l2_ops, "
        "vector_ip_ops or vector_cosine_ops.");
  }
  engine::IndexSchema index;
  const std::string& operator_class = element.operator_class.last();
  if (operator_class == "vector_l2_ops") {
    index.metric = engine::Metric::kL2;
  } else if (operator_class == "vector_ip_ops") {
    index.metric = engine::Metric::kInnerProduct;
  } else if (operator_class == "vector_cosine_ops") {
    index.metric = engine::Metric::kCosine;
  } else if (operator_class == "vector_l1_ops") {
    return NotSupported(element.operator_class.position(), "operator class vector_l1_ops");
  } else {
    return Error(sqlstate::kUndefinedObject, element.operator_class.position(),
                 absl::StrCat("operator class \"", operator_class,
                              "\" does not exist for access method \"hnsw\""));
  }
  if (type.id != TypeId::kVector) {
    return Error(sqlstate::kDatatypeMismatch, element.position,
                 absl::StrCat("operator class \"", operator_class, "\" does not accept data type ",
                              BaseTypeName(type.id)));
  }
  if (type.dimensions == 0) {
    return Error(sqlstate::kDataException, element.position, "column does not have dimensions");
  }
  index.quantization = kDefaultQuantization;
  for (const Option& option : statement.options) {
    KYRO_ASSIGN_OR_RETURN(const bool taken, TakeVectorOption(option, index));
    if (taken) continue;
    if (option.name.name == "m") {
      KYRO_ASSIGN_OR_RETURN(index.m, IntegerOption(option, 2, 100));
    } else if (option.name.name == "ef_construction") {
      KYRO_ASSIGN_OR_RETURN(index.ef_construction, IntegerOption(option, 4, 1000));
    } else {
      return Error(sqlstate::kInvalidParameterValue, option.name.position,
                   absl::StrCat("unrecognized parameter \"", option.name.name, "\""));
    }
  }
  if (index.ef_construction < 2 * index.m) {
    return Error(sqlstate::kInvalidParameterValue, 0,
                 "ef_construction must be greater than or equal to 2 * m");
  }
  index.method = "hnsw";
  index.column = column;
  return index;
}

absl::StatusOr<engine::IndexSchema> MakeZOrderIndex(const CreateIndexStatement& statement,
                                                    const engine::TableSchema& table) {
  if (statement.elements.size() < engine::kZOrderColumnsMin) {
    return WithHint(Error(sqlstate::kInvalidTableDefinition, statement.elements[0].position,
                          "access method \"zorder\" needs at least two columns"),
                    "Rows are found by one column when it is the primary key.");
  }
  if (statement.elements.size() > engine::kZOrderColumnsMax) {
    return Error(sqlstate::kTooManyColumns, statement.elements[engine::kZOrderColumnsMax].position,
                 "access method \"zorder\" takes at most four columns");
  }
  if (!statement.options.empty()) {
    return Error(sqlstate::kInvalidParameterValue, statement.options[0].name.position,
                 absl::StrCat("unrecognized parameter \"", statement.options[0].name.name, "\""));
  }
  engine::IndexSchema index{.method = "zorder"};
  for (const IndexElement& element : statement.elements) {
    KYRO_ASSIGN_OR_RETURN(const uint32_t column, IndexColumn(element, "zorder", table));
    const engine::ColumnSchema& schema = table.columns[column];
    if (!element.operator_class.empty()) {
      return Error(sqlstate::kUndefinedObject, element.operator_class.position(),
                   absl::StrCat("operator class \"", element.operator_class.last(),
                                "\" does not exist for access method \"zorder\""));
    }
    if (!engine::IsZOrderType(schema.type.id)) {
      return WithHint(Error(sqlstate::kDatatypeMismatch, element.position,
                            absl::StrCat("access method \"zorder\" does not accept data type ",
                                         BaseTypeName(schema.type.id))),
                      "It accepts integer, bigint, double precision and timestamp with time zone.");
    }
    if (std::find(index.columns.begin(), index.columns.end(), column) != index.columns.end()) {
      return Error(sqlstate::kDuplicateColumn, element.position,
                   absl::StrCat("column \"", schema.name, "\" appears twice in the index"));
    }
    index.columns.push_back(column);
  }
  index.column = index.columns[0];
  return index;
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

absl::StatusOr<engine::TableSchema> MakeTableSchema(const CreateTableStatement& statement,
                                                    const BoundQuery* query, Binder* binder) {
  engine::TableSchema schema;
  schema.name = statement.table.last();
  if (query != nullptr) {
    if (statement.column_names.size() > query->columns.size()) {
      return Error(sqlstate::kSyntaxError, statement.column_names[query->columns.size()].position,
                   "too many column names were specified");
    }
    for (size_t i = 0; i < query->columns.size(); ++i) {
      engine::ColumnSchema column;
      column.name = i < statement.column_names.size() ? statement.column_names[i].name
                                                      : query->columns[i].name;
      column.type = query->columns[i].type;
      if (schema.FindColumn(column.name).has_value()) {
        return Error(sqlstate::kDuplicateColumn, statement.position,
                     absl::StrCat("column \"", column.name, "\" specified more than once"));
      }
      schema.columns.push_back(std::move(column));
    }
    return schema;
  }
  if (statement.columns.size() > kColumnsMax) {
    return Error(sqlstate::kTooManyColumns, statement.columns[kColumnsMax].position,
                 absl::StrCat("tables can have at most ", kColumnsMax, " columns"));
  }
  for (const ColumnDefinition& definition : statement.columns) {
    engine::ColumnSchema column;
    column.name = definition.name.name;
    if (schema.FindColumn(column.name).has_value()) {
      return Error(sqlstate::kDuplicateColumn, definition.name.position,
                   absl::StrCat("column \"", column.name, "\" specified more than once"));
    }
    KYRO_ASSIGN_OR_RETURN(column.type, ResolveType(definition.type));
    if (!definition.collation.empty()) {
      const std::string& collation = definition.collation.last();
      if (collation != "C" && collation != "POSIX" && collation != "default" &&
          collation != "ucs_basic") {
        return NotSupported(definition.collation.position(),
                            absl::StrCat("collation \"", collation, "\""));
      }
    }
    schema.columns.push_back(std::move(column));
  }
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    const ColumnDefinition& definition = statement.columns[i];
    bool null = false;
    bool not_null = false;
    bool has_default = false;
    for (const Constraint& constraint : definition.constraints) {
      KYRO_RETURN_IF_ERROR(CheckPlainConstraint(constraint));
      engine::ColumnSchema& column = schema.columns[i];
      const auto twice = [&](absl::string_view what) {
        return Error(sqlstate::kSyntaxError, constraint.position,
                     absl::StrCat("multiple ", what, " specified for column \"", column.name,
                                  "\" of table \"", schema.name, "\""));
      };
      switch (constraint.type) {
        case ConstraintType::kNotNull:
          not_null = true;
          column.not_null = true;
          break;
        case ConstraintType::kNull:
          null = true;
          break;
        case ConstraintType::kPrimaryKey:
          not_null = true;
          KYRO_RETURN_IF_ERROR(SetPrimaryKey({definition.name}, constraint.position, &schema));
          break;
        case ConstraintType::kDefault: {
          if (has_default) return twice("default values");
          has_default = true;
          KYRO_RETURN_IF_ERROR(binder->BindDefault(column, *constraint.expression).status());
          column.default_sql = ToString(*constraint.expression);
          break;
        }
        case ConstraintType::kGenerated:
          if (!column.generated_sql.empty()) return twice("generation clauses");
          column.generated_sql = ToString(*constraint.expression);
          break;
        default:
          return UnsupportedConstraint(constraint);
      }
    }
    if (null && not_null) {
      return Error(sqlstate::kSyntaxError, definition.position,
                   absl::StrCat("conflicting NULL/NOT NULL declarations for column \"",
                                definition.name.name, "\" of table \"", schema.name, "\""));
    }
    if (has_default && !schema.columns[i].generated_sql.empty()) {
      return Error(sqlstate::kSyntaxError, definition.position,
                   absl::StrCat("both default and generation expression specified for column \"",
                                definition.name.name, "\" of table \"", schema.name, "\""));
    }
  }
  for (const Constraint& constraint : statement.constraints) {
    if (constraint.type != ConstraintType::kPrimaryKey) return UnsupportedConstraint(constraint);
    KYRO_RETURN_IF_ERROR(CheckPlainConstraint(constraint));
    KYRO_RETURN_IF_ERROR(SetPrimaryKey(constraint.columns, constraint.position, &schema));
  }
  // Generated columns see every column, so they come last.
  for (uint32_t i = 0; i < statement.columns.size(); ++i) {
    for (const Constraint& constraint : statement.columns[i].constraints) {
      if (constraint.type != ConstraintType::kGenerated) continue;
      KYRO_RETURN_IF_ERROR(binder->BindGenerated(schema, i, *constraint.expression).status());
    }
  }
  return schema;
}

absl::StatusOr<engine::ObjectId> CreateTable(const CreateTableStatement& statement,
                                             const BoundQuery* query, const BindContext& context,
                                             Binder* binder, engine::Transaction* transaction,
                                             const NoticeReceiver& notice) {
  if (statement.temporary) return NotSupported(statement.modifier_position, "a temporary table");
  if (statement.unlogged) return NotSupported(statement.modifier_position, "an unlogged table");
  if (!statement.options.empty()) {
    return NotSupported(statement.options[0].name.position, "WITH (…) on a table");
  }
  KYRO_RETURN_IF_ERROR(CheckSchema(statement.table));
  const std::string& name = statement.table.last();
  bool taken = context.catalog->FindTable(name) != nullptr ||
               context.catalog->FindIndexOwner(name) != nullptr;
  for (const VirtualTableRegistry* registry :
       {context.own_virtual_tables, context.virtual_tables}) {
    taken = taken || (registry != nullptr && registry->Find(name) != nullptr);
  }
  if (taken) {
    if (statement.if_not_exists) {
      notice(sqlstate::kDuplicateTable,
             absl::StrCat("relation \"", name, "\" already exists, skipping"));
      return engine::ObjectId{0};
    }
    return Error(sqlstate::kDuplicateTable, statement.table.position(),
                 absl::StrCat("relation \"", name, "\" already exists"));
  }
  KYRO_ASSIGN_OR_RETURN(engine::TableSchema schema, MakeTableSchema(statement, query, binder));
  return transaction->CreateTable(std::move(schema));
}

absl::Status CreateIndex(const CreateIndexStatement& statement, Binder* binder,
                         engine::Transaction* transaction, const NoticeReceiver& notice) {
  const Position at = statement.position;
  if (statement.concurrently) return NotSupported(at, "CREATE INDEX CONCURRENTLY");
  if (statement.only) return NotSupported(at, "ONLY");
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const engine::TableSchema> table,
                        binder->FindTable(statement.table));
  const std::shared_ptr<const engine::Catalog> catalog = transaction->catalog();
  const std::string method = statement.method.name.empty() ? "btree" : statement.method.name;
  const Position method_position = statement.method.name.empty() ? at : statement.method.position;
  if (!statement.name.empty()) {
    KYRO_RETURN_IF_ERROR(CheckSchema(statement.name));
    const std::string& name = statement.name.last();
    if (catalog->FindTable(name) != nullptr || catalog->FindIndexOwner(name) != nullptr) {
      if (statement.if_not_exists) {
        notice(sqlstate::kDuplicateTable,
               absl::StrCat("relation \"", name, "\" already exists, skipping"));
        return absl::OkStatus();
      }
      return Error(sqlstate::kDuplicateTable, statement.name.position(),
                   absl::StrCat("relation \"", name, "\" already exists"));
    }
  }
  if (method != "hnsw" && method != "zorder") {
    for (const char* known : {"btree", "hash", "gin", "gist", "brin", "spgist", "ivfflat"}) {
      if (method == known) {
        return WithHint(
            NotSupported(method_position, absl::StrCat("an index of method ", method)),
            "Rows are found by primary key, boxes of numbers and times by USING zorder, vectors by "
            "USING hnsw.");
      }
    }
    return Error(sqlstate::kUndefinedObject, method_position,
                 absl::StrCat("access method \"", method, "\" does not exist"));
  }
  if (statement.unique) {
    return Error(sqlstate::kFeatureNotSupported, method_position,
                 absl::StrCat("access method \"", method, "\" does not support unique indexes"));
  }
  if (!statement.include.empty()) {
    return Error(sqlstate::kFeatureNotSupported, statement.include[0].position,
                 absl::StrCat("access method \"", method, "\" does not support included columns"));
  }
  if (statement.where != nullptr) {
    return NotSupported(statement.where->position, "a partial index");
  }
  if (statement.nulls_not_distinct) return NotSupported(at, "NULLS NOT DISTINCT");
  KYRO_ASSIGN_OR_RETURN(engine::IndexSchema index, method == "hnsw"
                                                       ? MakeVectorIndex(statement, *table)
                                                       : MakeZOrderIndex(statement, *table));
  if (statement.name.empty()) {
    std::string base = table->name;
    const std::vector<uint32_t> one = {index.column};
    for (const uint32_t column : index.is_zorder() ? index.columns : one) {
      absl::StrAppend(&base, "_", table->columns[column].name);
    }
    index.name = FreeIndexName(*catalog, absl::StrCat(base, "_idx"));
  } else {
    index.name = statement.name.last();
  }
  return transaction->CreateIndex(table->id, std::move(index)).status();
}

absl::Status Drop(const DropStatement& statement, engine::Transaction* transaction,
                  const NoticeReceiver& notice) {
  if (statement.concurrently) return NotSupported(statement.position, "DROP INDEX CONCURRENTLY");
  const std::string word = absl::AsciiStrToLower(ObjectWord(statement.object));
  for (const QualifiedName& qualified : statement.names) {
    const std::string& name = qualified.last();
    const bool known_schema = CheckSchema(qualified).ok();
    const std::shared_ptr<const engine::Catalog> catalog = transaction->catalog();
    const auto table = known_schema ? catalog->FindTable(name) : nullptr;
    const auto owner = known_schema ? catalog->FindIndexOwner(name) : nullptr;
    if (statement.object == ObjectType::kTable && table != nullptr) {
      KYRO_RETURN_IF_ERROR(transaction->DropTable(table->id));
      continue;
    }
    if (statement.object == ObjectType::kIndex && owner != nullptr) {
      for (const engine::IndexSchema& index : owner->indexes) {
        if (index.name == name) {
          KYRO_RETURN_IF_ERROR(transaction->DropIndex(owner->id, index.id));
          break;
        }
      }
      continue;
    }
    if (statement.object == ObjectType::kExtension && name == "vector") {
      return NotSupported(qualified.position(), "dropping the extension vector");
    }
    if (statement.object == ObjectType::kSchema && name == "public") {
      return NotSupported(qualified.position(), "dropping the schema public");
    }
    const bool relation_kind = statement.object == ObjectType::kTable ||
                               statement.object == ObjectType::kIndex ||
                               statement.object == ObjectType::kView ||
                               statement.object == ObjectType::kMaterializedView ||
                               statement.object == ObjectType::kSequence;
    if (relation_kind && (table != nullptr || owner != nullptr)) {
      return WithHint(
          Error(sqlstate::kWrongObjectType, qualified.position(),
                absl::StrCat(
                    "\"", name, "\" is not a",
                    statement.object == ObjectType::kIndex ? "n index" : absl::StrCat(" ", word))),
          absl::StrCat("Use DROP ", table != nullptr ? "TABLE to remove a table."
                                                     : "INDEX to remove an index."));
    }
    const std::string message = absl::StrCat(word, " \"", name, "\" does not exist");
    if (statement.if_exists) {
      notice("00000", absl::StrCat(message, ", skipping"));
      continue;
    }
    const bool like_table = statement.object == ObjectType::kTable ||
                            statement.object == ObjectType::kView ||
                            statement.object == ObjectType::kMaterializedView ||
                            statement.object == ObjectType::kSequence;
    const absl::string_view sqlstate = like_table ? sqlstate::kUndefinedTable
                                       : statement.object == ObjectType::kSchema
                                           ? absl::string_view("3F000")
                                           : sqlstate::kUndefinedObject;
    absl::Status status = Error(sqlstate, qualified.position(), message);
    if (statement.object == ObjectType::kTable) {
      std::vector<std::string> names;
      for (const auto& known : catalog->tables()) names.push_back(known->name);
      const std::string near = Nearest(name, names);
      if (!near.empty()) {
        status = WithHint(status, absl::StrCat("Perhaps you meant the table \"", near, "\"."));
      }
    }
    return status;
  }
  return absl::OkStatus();
}

absl::Status CreateExtension(const CreateExtensionStatement& statement,
                             const NoticeReceiver& notice) {
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
  notice(sqlstate::kDuplicateObject, "extension \"vector\" already exists, skipping");
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
