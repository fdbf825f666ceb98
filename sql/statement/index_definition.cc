#include "sql/statement/index_definition.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/index_key.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/statement/vector_options.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
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

// `name` within so many bytes, cut between characters.
std::string Cut(absl::string_view name, size_t bytes_max) {
  size_t size = std::min(name.size(), bytes_max);
  while (size > 0 && size < name.size() &&
         (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) {
    --size;
  }
  return std::string(name.substr(0, size));
}

// The default operator classes, which are all that there are here.
absl::Status CheckOperatorClass(const IndexElement& element, const Type& type) {
  if (!element.operator_class_options.empty()) {
    return NotSupported(element.operator_class_options[0].name.position,
                        "options of an operator class");
  }
  if (element.operator_class.empty()) return absl::OkStatus();
  const std::string& name = element.operator_class.last();
  // Text is ordered by its bytes anyway, as these have it.
  const bool is_text =
      engine::TypeName(type) == "text" || absl::StartsWith(engine::TypeName(type), "character");
  const bool is_known = (is_text && (name == "text_ops" || name == "text_pattern_ops" ||
                                     name == "varchar_ops" || name == "varchar_pattern_ops" ||
                                     name == "bpchar_ops" || name == "bpchar_pattern_ops")) ||
                        (type.id == TypeId::kInteger && name == "int4_ops") ||
                        (type.id == TypeId::kBigint && name == "int8_ops") ||
                        (type.id == TypeId::kDouble && name == "float8_ops") ||
                        (type.id == TypeId::kBoolean && name == "bool_ops") ||
                        (type.id == TypeId::kBytea && name == "bytea_ops") ||
                        (type.id == TypeId::kTimestamptz && name == "timestamptz_ops");
  if (is_known) return absl::OkStatus();
  return Error(
      sqlstate::kUndefinedObject, element.operator_class.position(),
      absl::StrCat("operator class \"", name, "\" does not exist for access method \"btree\""));
}

absl::StatusOr<engine::IndexSchema> MakeBtreeIndex(const CreateIndexStatement& statement,
                                                   const engine::TableSchema& table,
                                                   Binder* binder) {
  if (!statement.include.empty()) {
    return NotSupported(statement.include[0].position, "INCLUDE");
  }
  for (const Option& option : statement.options) {
    if (option.name.name != "fillfactor" && option.name.name != "deduplicate_items") {
      return Error(sqlstate::kInvalidParameterValue, option.name.position,
                   absl::StrCat("unrecognized parameter \"", option.name.name, "\""));
    }
    return NotSupported(option.name.position, absl::StrCat("storage parameter ", option.name.name));
  }
  if (statement.elements.size() > engine::kIndexPartsMax) {
    return Error(
        sqlstate::kTooManyColumns, statement.elements[engine::kIndexPartsMax].position,
        absl::StrCat("cannot use more than ", engine::kIndexPartsMax, " columns in an index"));
  }
  engine::IndexSchema index{.method = "btree"};
  index.unique = statement.unique;
  index.nulls_not_distinct = statement.nulls_not_distinct;
  for (const IndexElement& element : statement.elements) {
    engine::IndexPart part;
    Type type;
    const auto* column = element.expression->If<ColumnExpression>();
    if (column != nullptr && column->name.parts.size() == 1) {
      const std::optional<uint32_t> found = table.FindColumn(column->name.last());
      if (!found.has_value()) {
        return Error(sqlstate::kUndefinedColumn, column->position,
                     absl::StrCat("column \"", column->name.last(), "\" does not exist"));
      }
      part.column = *found;
      type = table.columns[*found].type;
    } else {
      KYRO_ASSIGN_OR_RETURN(const BoundPtr bound,
                            binder->BindRowExpression(table, *element.expression,
                                                      "index expressions", /*immutable=*/true));
      absl::Status status;
      VisitExpression(*bound, [&](const BoundExpression& e) {
        if (e.function != nullptr && e.function->name == "embed") {
          status = NotSupported(e.position, "embed() in an index");
        }
      });
      KYRO_RETURN_IF_ERROR(status);
      part.expression_sql = ToString(*element.expression);
      part.expression_type = type = bound->type;
    }
    if (!element.collation.empty()) {
      const std::string& collation = element.collation.last();
      if (collation != "C" && collation != "POSIX" && collation != "default" &&
          collation != "ucs_basic") {
        return NotSupported(element.collation.position(),
                            absl::StrCat("collation \"", collation, "\""));
      }
    }
    if (!IsKeyColumnType(type)) {
      return WithHint(Error(sqlstate::kUndefinedObject, element.position,
                            absl::StrCat("data type ", BaseTypeName(type.id),
                                         " has no default operator class for access method "
                                         "\"btree\"")),
                      "You must specify an operator class for the index or define a default "
                      "operator class for the data type.");
    }
    KYRO_RETURN_IF_ERROR(CheckOperatorClass(element, type));
    part.descending = element.descending;
    part.nulls_first = element.nulls == NullsOrder::kDefault ? element.descending
                                                             : element.nulls == NullsOrder::kFirst;
    index.parts.push_back(std::move(part));
  }
  if (statement.where != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const BoundPtr bound,
                          binder->BindRowExpression(table, *statement.where, "index predicates",
                                                    /*immutable=*/true));
    if (bound->type.id != TypeId::kBoolean) {
      return Error(sqlstate::kDatatypeMismatch, statement.where->position,
                   absl::StrCat("argument of WHERE must be type boolean, not type ",
                                BaseTypeName(bound->type.id)));
    }
    index.where_sql = ToString(*statement.where);
  }
  return index;
}

}  // namespace

bool IsKeyColumnType(const Type& type) { return engine::IsIndexType(type.id); }

absl::StatusOr<engine::IndexSchema> MakeIndex(const CreateIndexStatement& statement,
                                              const engine::TableSchema& table, Binder* binder) {
  const std::string method = statement.method.name.empty() ? "btree" : statement.method.name;
  const Position at =
      statement.method.name.empty() ? statement.position : statement.method.position;
  if (method == "btree") return MakeBtreeIndex(statement, table, binder);
  if (method != "hnsw" && method != "zorder") {
    for (const char* known : {"hash", "gin", "gist", "brin", "spgist", "ivfflat"}) {
      if (method == known) {
        return WithHint(NotSupported(at, absl::StrCat("an index of method ", method)),
                        "Rows are found by btree indexes, boxes of numbers and times by USING "
                        "zorder, vectors by USING hnsw.");
      }
    }
    return Error(sqlstate::kUndefinedObject, at,
                 absl::StrCat("access method \"", method, "\" does not exist"));
  }
  if (statement.unique) {
    return Error(sqlstate::kFeatureNotSupported, at,
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
  return method == "hnsw" ? MakeVectorIndex(statement, table) : MakeZOrderIndex(statement, table);
}

std::string FreeRelationName(const engine::Catalog& catalog, absl::string_view schema,
                             absl::string_view table, absl::string_view part,
                             absl::string_view suffix) {
  constexpr size_t kNameBytesMax = 63;
  for (int number = 0;; ++number) {
    const std::string end = absl::StrCat("_", suffix, number > 0 ? absl::StrCat(number) : "");
    // The longer of the two gives way.
    size_t first = table.size();
    size_t second = part.empty() ? 0 : part.size() + 1;
    while (first + second + end.size() > kNameBytesMax) --(first > second ? first : second);
    std::string name = Cut(table, first);
    if (second > 1) absl::StrAppend(&name, "_", Cut(part, second - 1));
    name += end;
    if (!catalog.IsTaken(schema, name)) return name;
  }
}

std::string IndexPartNames(const engine::TableSchema& table, const engine::IndexSchema& index) {
  std::vector<std::string> names;
  if (index.is_btree()) {
    for (const engine::IndexPart& part : index.parts) {
      if (!part.is_expression()) {
        names.push_back(table.columns[part.column].name);
        continue;
      }
      // A call is named by its function.
      const size_t open = part.expression_sql.find('(');
      const std::string call = part.expression_sql.substr(0, open);
      const bool is_call = open != std::string::npos && open > 0 &&
                           std::all_of(call.begin(), call.end(), [](char c) {
                             return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
                           });
      names.push_back(is_call ? call : "expr");
    }
  } else if (index.is_zorder()) {
    for (const uint32_t column : index.columns) names.push_back(table.columns[column].name);
  } else {
    names.push_back(table.columns[index.column].name);
  }
  return absl::StrJoin(names, "_");
}

absl::StatusOr<std::vector<uint32_t>> KeyColumns(const std::vector<Identifier>& names,
                                                 const engine::TableSchema& table,
                                                 absl::string_view what) {
  std::vector<uint32_t> columns;
  for (const Identifier& name : names) {
    const std::optional<uint32_t> column = table.FindColumn(name.name);
    if (!column.has_value()) {
      return Error(sqlstate::kUndefinedColumn, name.position,
                   what == "foreign key"
                       ? absl::StrCat("column \"", name.name,
                                      "\" referenced in foreign key constraint does not exist")
                       : absl::StrCat("column \"", name.name, "\" named in key does not exist"));
    }
    if (what != "foreign key" &&
        std::find(columns.begin(), columns.end(), *column) != columns.end()) {
      return Error(
          sqlstate::kDuplicateColumn, name.position,
          absl::StrCat("column \"", name.name, "\" appears twice in ", what, " constraint"));
    }
    columns.push_back(*column);
  }
  return columns;
}

}  // namespace kyrodb::sql
