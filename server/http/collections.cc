#include "server/http/collections.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "server/http/problem.h"
#include "server/http/statements.h"
#include "server/json/json.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

using Table = std::shared_ptr<const engine::TableSchema>;

bool IsCollection(const engine::TableSchema& table) {
  return table.primary_key.size() == 1 &&
         std::any_of(table.columns.begin(), table.columns.end(),
                     [](const engine::ColumnSchema& column) {
                       return column.type.id == engine::TypeId::kVector;
                     });
}

void AppendCollection(std::string* out, const Host& host, const engine::TableSchema& table) {
  out->append("{\"name\":");
  AppendJsonString(out, table.name);
  out->append(",\"primary_key\":");
  AppendJsonString(out, KeyColumn(table).name);
  out->append(",\"fields\":[");
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const engine::ColumnSchema& column = table.columns[i];
    out->append(i == 0 ? "{\"name\":" : ",{\"name\":");
    AppendJsonString(out, column.name);
    out->append(",\"type\":");
    AppendJsonString(out, engine::TypeName(column.type));
    absl::StrAppend(out, ",\"not_null\":", column.not_null ? "true" : "false");
    if (i == table.primary_key[0]) out->append(",\"primary_key\":true");
    if (!column.generated_sql.empty()) {
      out->append(",\"generated\":");
      AppendJsonString(out, column.generated_sql);
    }
    out->push_back('}');
  }
  out->append("],\"indexes\":[");
  for (size_t i = 0; i < table.indexes.size(); ++i) {
    const engine::IndexSchema& index = table.indexes[i];
    out->append(i == 0 ? "{\"name\":" : ",{\"name\":");
    AppendJsonString(out, index.name);
    out->append(",\"field\":");
    AppendJsonString(out, table.columns[index.column].name);
    absl::StrAppend(out, ",\"method\":\"", index.method, "\"");
    if (index.has_entries()) {
      out->append(",\"fields\":[");
      bool is_first = true;
      const auto field = [&](const std::string& name) {
        if (!is_first) out->push_back(',');
        is_first = false;
        AppendJsonString(out, name);
      };
      for (const uint32_t column : index.columns) field(table.columns[column].name);
      for (const engine::IndexPart& part : index.parts) {
        field(part.is_expression() ? part.expression_sql : table.columns[part.column].name);
      }
      out->push_back(']');
    } else {
      absl::StrAppend(out, ",\"metric\":\"", CollectionMetric(index.metric), "\",\"m\":", index.m,
                      ",\"ef_construction\":", index.ef_construction, ",\"quantization\":\"",
                      engine::QuantizationName(index.quantization), "\"");
    }
    const auto statistics = host.database().index_statistics(index.id);
    if (statistics.ok()) {
      absl::StrAppend(out, ",\"indexed_count\":", statistics->indexed_count,
                      ",\"tail_count\":", statistics->tail_count,
                      ",\"memory_bytes\":", statistics->memory_bytes);
    }
    out->push_back('}');
  }
  out->append("]}");
}

absl::StatusOr<std::string> StringMember(const Json& object, absl::string_view name,
                                         absl::string_view where) {
  const Json* member = object.Find(name);
  const auto* text = member == nullptr ? nullptr : member->get<std::string>();
  if (text == nullptr || text->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("member \"", name, "\" of ", where, " must be a string that is not empty"));
  }
  return *text;
}

absl::StatusOr<bool> BooleanMember(const Json& object, absl::string_view name) {
  const Json* member = object.Find(name);
  if (member == nullptr) return false;
  if (const auto* truth = member->get<bool>()) return *truth;
  return absl::InvalidArgumentError(
      absl::StrCat("member \"", name, "\" must be true or false, got ", member->kind()));
}

// A type's name goes into SQL as it is, so it must be one.
absl::Status CheckTypeName(absl::string_view type) {
  const absl::string_view known[] = {"boolean",          "integer", "bigint",
                                     "double precision", "text",    "bytea",
                                     "timestamptz",      "jsonb",   "vector"};
  if (std::find(std::begin(known), std::end(known), type) != std::end(known)) {
    return absl::OkStatus();
  }
  absl::string_view digits = type;
  if (absl::ConsumePrefix(&digits, "vector(") && absl::ConsumeSuffix(&digits, ")") &&
      !digits.empty() && digits.size() < 6 &&
      digits.find_first_not_of("0123456789") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("type \"", type, "\" is unknown; known are ",
                                                 absl::StrJoin(known, ", "), " and vector(n)"));
}

absl::StatusOr<std::string> EmbedColumn(const Host& host, const Json& embed) {
  KYRO_RETURN_IF_ERROR(CheckMembers(embed, "\"embed\"", {"field", "from", "dimensions"}));
  KYRO_ASSIGN_OR_RETURN(const std::string field, StringMember(embed, "field", "\"embed\""));
  const auto model = static_cast<int64_t>(host.database().embedder().dimensions());
  KYRO_ASSIGN_OR_RETURN(const int64_t dimensions,
                        IntegerMember(embed, "dimensions", model, 1, engine::kVectorDimensionsMax));
  if (dimensions != model) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"embed\" asks for ", dimensions, " dimensions, the model ",
                     host.database().embedder().name(), " has ", model));
  }
  std::vector<std::string> sources;
  const Json* from = embed.Find("from");
  if (from != nullptr && from->is<Json::Array>()) {
    for (const Json& source : *from->get<Json::Array>()) {
      if (!source.is<std::string>()) {
        return absl::InvalidArgumentError("member \"from\" of \"embed\" must name fields");
      }
      sources.push_back(*source.get<std::string>());
    }
  } else {
    KYRO_ASSIGN_OR_RETURN(std::string source, StringMember(embed, "from", "\"embed\""));
    sources.push_back(std::move(source));
  }
  if (sources.empty()) {
    return absl::InvalidArgumentError("member \"from\" of \"embed\" must name a field");
  }
  std::vector<std::string> parts;
  for (const std::string& source : sources) {
    parts.push_back(absl::StrCat("coalesce(", sql::QuoteIdentifier(source), ", '')"));
  }
  return absl::StrCat(sql::QuoteIdentifier(field), " vector(", dimensions,
                      ") GENERATED ALWAYS AS (embed(", absl::StrJoin(parts, " || ' ' || "),
                      ")) STORED");
}

absl::StatusOr<std::string> IndexStatement(const Json& index, const std::string& table,
                                           const std::string& only_vector) {
  KYRO_RETURN_IF_ERROR(
      CheckMembers(index, "\"index\"", {"field", "method", "metric", "m", "ef_construction"}));
  std::string field = only_vector;
  if (index.Find("field") != nullptr || field.empty()) {
    KYRO_ASSIGN_OR_RETURN(field, StringMember(index, "field", "\"index\""));
  }
  if (index.Find("method") != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const std::string method, StringMember(index, "method", "\"index\""));
    if (method != "hnsw") {
      return sql::Error(
          sql::sqlstate::kFeatureNotSupported, 0,
          absl::StrCat("index method \"", method, "\" is not supported; \"hnsw\" is"));
    }
  }
  std::string metric = "cosine";
  if (index.Find("metric") != nullptr) {
    KYRO_ASSIGN_OR_RETURN(metric, StringMember(index, "metric", "\"index\""));
  }
  const absl::string_view operators = metric == "cosine"          ? "vector_cosine_ops"
                                      : metric == "l2"            ? "vector_l2_ops"
                                      : metric == "inner_product" ? "vector_ip_ops"
                                                                  : "";
  if (operators.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metric \"", metric, "\" is unknown; known are cosine, l2 and inner_product"));
  }
  KYRO_ASSIGN_OR_RETURN(const int64_t m, IntegerMember(index, "m", 16, 2, 100));
  KYRO_ASSIGN_OR_RETURN(const int64_t ef, IntegerMember(index, "ef_construction", 64, 4, 1000));
  return absl::StrCat("CREATE INDEX ON ", sql::QuoteIdentifier(table), " USING hnsw (",
                      sql::QuoteIdentifier(field), " ", operators, ") WITH (m = ", m,
                      ", ef_construction = ", ef, ")");
}

absl::StatusOr<Response> Create(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Json body,
                        ParseObject(request.body, {"name", "fields", "embed", "index"}));
  KYRO_ASSIGN_OR_RETURN(const std::string name, StringMember(body, "name", "the body"));
  const Json* fields = body.Find("fields");
  if (fields == nullptr || !fields->is<Json::Array>() || fields->get<Json::Array>()->empty()) {
    return absl::InvalidArgumentError("member \"fields\" must be an array that is not empty");
  }
  std::vector<std::string> columns;
  std::vector<std::string> vectors;
  int key_count = 0;
  for (const Json& field : *fields->get<Json::Array>()) {
    if (!field.is<Json::Object>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a field must be an object, got ", field.kind()));
    }
    KYRO_RETURN_IF_ERROR(
        CheckMembers(field, "a field", {"name", "type", "primary_key", "not_null"}));
    KYRO_ASSIGN_OR_RETURN(const std::string field_name, StringMember(field, "name", "a field"));
    KYRO_ASSIGN_OR_RETURN(const std::string type, StringMember(field, "type", "a field"));
    KYRO_RETURN_IF_ERROR(CheckTypeName(type));
    KYRO_ASSIGN_OR_RETURN(const bool is_key, BooleanMember(field, "primary_key"));
    KYRO_ASSIGN_OR_RETURN(const bool not_null, BooleanMember(field, "not_null"));
    if (is_key) ++key_count;
    if (absl::StartsWith(type, "vector")) vectors.push_back(field_name);
    columns.push_back(absl::StrCat(sql::QuoteIdentifier(field_name), " ", type,
                                   is_key ? " PRIMARY KEY" : "", not_null ? " NOT NULL" : ""));
  }
  if (key_count != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("exactly one field must have \"primary_key\": true, ", key_count, " have"));
  }
  if (const Json* embed = body.Find("embed"); embed != nullptr) {
    if (!embed->is<Json::Object>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("member \"embed\" must be an object, got ", embed->kind()));
    }
    KYRO_ASSIGN_OR_RETURN(std::string column, EmbedColumn(host, *embed));
    columns.push_back(std::move(column));
    vectors.push_back(*embed->Find("field")->get<std::string>());
  }
  if (vectors.empty()) {
    return sql::WithHint(absl::InvalidArgumentError("a collection needs a vector field"),
                         "add a field of type vector(n), or \"embed\": {\"field\": \"embedding\", "
                         "\"from\": \"…\"}");
  }
  std::string script = absl::StrCat("CREATE TABLE ", sql::QuoteIdentifier(name), " (",
                                    absl::StrJoin(columns, ", "), ")");
  if (const Json* index = body.Find("index"); index != nullptr) {
    if (!index->is<Json::Object>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("member \"index\" must be an object, got ", index->kind()));
    }
    KYRO_ASSIGN_OR_RETURN(const std::string statement,
                          IndexStatement(*index, name, vectors.size() == 1 ? vectors.front() : ""));
    absl::StrAppend(&script, "; ", statement);
  }
  RequestSession session(host, request);
  KYRO_RETURN_IF_ERROR(session->Query(script).status());
  const Table table = host.database().Begin()->catalog()->FindTable(name);
  Response response{.status = 201};
  response.headers.emplace_back("Location", absl::StrCat("/v1/collections/", name));
  if (table != nullptr && IsCollection(*table)) AppendCollection(&response.body, host, *table);
  response.body.push_back('\n');
  return response;
}

}  // namespace

absl::string_view CollectionMetric(engine::Metric metric) {
  switch (metric) {
    case engine::Metric::kL2:
      return "l2";
    case engine::Metric::kInnerProduct:
      return "inner_product";
    case engine::Metric::kCosine:
      return "cosine";
  }
  return "unknown";
}

const engine::ColumnSchema& KeyColumn(const engine::TableSchema& table) {
  return table.columns[table.primary_key.front()];
}

absl::StatusOr<Table> FindCollection(const Host& host, const Request& request) {
  const std::string& name = request.parameters.at("collection");
  Table table = host.database().Begin()->catalog()->FindTable(name);
  if (table == nullptr) {
    return sql::Error(sql::sqlstate::kUndefinedTable, 0,
                      absl::StrCat("collection \"", name, "\" does not exist"));
  }
  if (!IsCollection(*table)) {
    return sql::WithHint(
        sql::Error(sql::sqlstate::kUndefinedTable, 0,
                   absl::StrCat("table \"", name, "\" is no collection")),
        "a collection has one primary key column and a vector column; use /v1/sql for this table");
  }
  return table;
}

Response ListCollections(Host& host, const Request&) {
  Response response;
  response.body = "{\"collections\":[";
  bool first = true;
  for (const Table& table : host.database().Begin()->catalog()->tables()) {
    if (!IsCollection(*table)) continue;
    if (!first) response.body.push_back(',');
    first = false;
    AppendCollection(&response.body, host, *table);
  }
  response.body.append("]}\n");
  return response;
}

Response CreateCollection(Host& host, const Request& request) {
  Response response;
  if (!IsJson(request, &response)) return response;
  absl::StatusOr<Response> result = Create(host, request);
  return result.ok() ? *std::move(result) : ProblemFor(result.status(), request);
}

Response DescribeCollection(Host& host, const Request& request) {
  const absl::StatusOr<Table> table = FindCollection(host, request);
  if (!table.ok()) return ProblemFor(table.status(), request);
  Response response;
  AppendCollection(&response.body, host, **table);
  response.body.push_back('\n');
  return response;
}

Response DropCollection(Host& host, const Request& request) {
  const absl::StatusOr<Table> table = FindCollection(host, request);
  if (!table.ok()) return ProblemFor(table.status(), request);
  RequestSession session(host, request);
  const absl::Status status =
      session->Query(absl::StrCat("DROP TABLE ", sql::QuoteIdentifier((*table)->name))).status();
  if (!status.ok()) return ProblemFor(status, request);
  return {.status = 204, .content_type = ""};
}

}  // namespace kyrodb::server
