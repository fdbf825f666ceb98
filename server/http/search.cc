#include "server/http/search.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "server/http/collections.h"
#include "server/http/problem.h"
#include "server/http/statements.h"
#include "server/json/json.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

constexpr int64_t kLimitMax = 1000;
constexpr int64_t kEfDefault = 100;  // SQL's default, pgvector's 40, finds less
constexpr int kFilterDepthMax = 16;

using Table = std::shared_ptr<const engine::TableSchema>;

absl::Status NotYet(absl::string_view what) {
  return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                    absl::StrCat(what, " is not supported yet"));
}

// The statement while it grows.
struct Query {
  const engine::TableSchema& table;
  std::vector<sql::Parameter> parameters;

  std::string Place(sql::Parameter parameter) {
    parameters.push_back(std::move(parameter));
    return absl::StrCat("$", parameters.size());
  }
  absl::StatusOr<std::string> Column(const Json& name, absl::string_view where) const {
    const auto* text = name.get<std::string>();
    if (text == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, " must name a field, got ", name.kind()));
    }
    if (!table.FindColumn(*text).has_value()) {
      return sql::Error(
          sql::sqlstate::kUndefinedColumn, 0,
          absl::StrCat(where, ": collection \"", table.name, "\" has no field \"", *text, "\""));
    }
    return sql::QuoteIdentifier(*text);
  }
};

absl::StatusOr<std::string> Condition(Query& query, const Json& filter, int depth);

absl::StatusOr<std::string> Junction(Query& query, const Json& list, absl::string_view name,
                                     absl::string_view word, int depth) {
  const auto* array = list.get<Json::Array>();
  if (array == nullptr || array->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" of a filter must be an array that is not empty"));
  }
  std::vector<std::string> parts;
  for (const Json& part : *array) {
    KYRO_ASSIGN_OR_RETURN(std::string condition, Condition(query, part, depth + 1));
    parts.push_back(std::move(condition));
  }
  return absl::StrCat("(", absl::StrJoin(parts, word), ")");
}

absl::StatusOr<std::string> KeyCondition(Query& query, const Json& filter) {
  KYRO_RETURN_IF_ERROR(
      CheckMembers(filter, "a filter", {"key", "match", "any", "range", "is_null"}));
  KYRO_ASSIGN_OR_RETURN(const std::string column, query.Column(*filter.Find("key"), "\"key\""));
  std::vector<std::string> parts;
  if (const Json* match = filter.Find("match"); match != nullptr) {
    KYRO_ASSIGN_OR_RETURN(sql::Parameter value, ToParameter(*match, "\"match\""));
    parts.push_back(absl::StrCat(column, " = ", query.Place(std::move(value))));
  }
  if (const Json* any = filter.Find("any"); any != nullptr) {
    const auto* values = any->get<Json::Array>();
    if (values == nullptr || values->empty()) {
      return absl::InvalidArgumentError("\"any\" of a filter must be an array that is not empty");
    }
    std::vector<std::string> places;
    for (const Json& one : *values) {
      KYRO_ASSIGN_OR_RETURN(sql::Parameter value, ToParameter(one, "\"any\""));
      places.push_back(query.Place(std::move(value)));
    }
    parts.push_back(absl::StrCat(column, " IN (", absl::StrJoin(places, ", "), ")"));
  }
  if (const Json* range = filter.Find("range"); range != nullptr) {
    if (!range->is<Json::Object>() || range->get<Json::Object>()->empty()) {
      return absl::InvalidArgumentError("\"range\" of a filter must have gte, gt, lte or lt");
    }
    KYRO_RETURN_IF_ERROR(CheckMembers(*range, "\"range\"", {"gte", "gt", "lte", "lt"}));
    for (const auto& [name, bound] : *range->get<Json::Object>()) {
      KYRO_ASSIGN_OR_RETURN(sql::Parameter value, ToParameter(bound, "\"range\""));
      const absl::string_view sign = name == "gte"  ? " >= "
                                     : name == "gt" ? " > "
                                     : name == "lt" ? " < "
                                                    : " <= ";
      parts.push_back(absl::StrCat(column, sign, query.Place(std::move(value))));
    }
  }
  if (const Json* is_null = filter.Find("is_null"); is_null != nullptr) {
    if (!is_null->is<bool>()) {
      return absl::InvalidArgumentError("\"is_null\" of a filter must be true or false");
    }
    parts.push_back(absl::StrCat(column, *is_null->get<bool>() ? " IS NULL" : " IS NOT NULL"));
  }
  if (parts.empty()) {
    return absl::InvalidArgumentError(
        "a filter with \"key\" must have match, any, range or is_null");
  }
  return absl::StrCat("(", absl::StrJoin(parts, " AND "), ")");
}

absl::StatusOr<std::string> Condition(Query& query, const Json& filter, int depth) {
  if (depth > kFilterDepthMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("filters may be nested ", kFilterDepthMax, " deep"));
  }
  if (!filter.is<Json::Object>()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a filter must be an object, got ", filter.kind()));
  }
  if (filter.Find("key") != nullptr) return KeyCondition(query, filter);
  KYRO_RETURN_IF_ERROR(CheckMembers(filter, "a filter", {"must", "should", "must_not", "key"}));
  std::vector<std::string> parts;
  if (const Json* must = filter.Find("must"); must != nullptr) {
    KYRO_ASSIGN_OR_RETURN(std::string part, Junction(query, *must, "must", " AND ", depth));
    parts.push_back(std::move(part));
  }
  if (const Json* should = filter.Find("should"); should != nullptr) {
    KYRO_ASSIGN_OR_RETURN(std::string part, Junction(query, *should, "should", " OR ", depth));
    parts.push_back(std::move(part));
  }
  if (const Json* must_not = filter.Find("must_not"); must_not != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const std::string part,
                          Junction(query, *must_not, "must_not", " OR ", depth));
    // A row in which the field is NULL does not match, so it stays.
    parts.push_back(absl::StrCat("coalesce(NOT ", part, ", true)"));
  }
  if (parts.empty()) {
    return absl::InvalidArgumentError("a filter must have must, should, must_not or key");
  }
  return absl::StrCat("(", absl::StrJoin(parts, " AND "), ")");
}

struct Retrieval {
  std::string field;
  int64_t k = kLimitMax;
  int64_t ef = kEfDefault;
};

absl::StatusOr<Retrieval> RetrievalOf(const engine::TableSchema& table, const Json& body) {
  Retrieval retrieval;
  if (const Json* list = body.Find("retrieve"); list != nullptr) {
    const auto* array = list->get<Json::Array>();
    if (array == nullptr || array->empty() || !array->front().is<Json::Object>()) {
      return absl::InvalidArgumentError("member \"retrieve\" must be an array of objects");
    }
    const Json& first = array->front();
    for (const Json& each : *array) {
      const Json* kind = each.Find("kind");
      const auto* text = kind == nullptr ? nullptr : kind->get<std::string>();
      if (text == nullptr) {
        return absl::InvalidArgumentError("each entry of \"retrieve\" needs a \"kind\"");
      }
      if (*text == "bm25") return NotYet("\"retrieve\" of kind \"bm25\"");
      if (*text != "vector") {
        return absl::InvalidArgumentError(
            absl::StrCat("\"retrieve\" of kind \"", *text, "\" is unknown; known is vector"));
      }
    }
    if (array->size() > 1) return NotYet("more than one entry in \"retrieve\"");
    KYRO_RETURN_IF_ERROR(CheckMembers(first, "\"retrieve\"", {"kind", "field", "k", "ef"}));
    if (const Json* field = first.Find("field"); field != nullptr) {
      if (!field->is<std::string>()) {
        return absl::InvalidArgumentError("\"field\" of \"retrieve\" must be a string");
      }
      retrieval.field = *field->get<std::string>();
    }
    KYRO_ASSIGN_OR_RETURN(retrieval.k, IntegerMember(first, "k", kLimitMax, 1, kLimitMax));
    KYRO_ASSIGN_OR_RETURN(retrieval.ef, IntegerMember(first, "ef", kEfDefault, 1, 1000));
  }
  if (!retrieval.field.empty()) {
    const std::optional<uint32_t> column = table.FindColumn(retrieval.field);
    if (!column.has_value() || table.columns[*column].type.id != engine::TypeId::kVector) {
      return sql::Error(sql::sqlstate::kUndefinedColumn, 0,
                        absl::StrCat("collection \"", table.name, "\" has no vector field \"",
                                     retrieval.field, "\""));
    }
    return retrieval;
  }
  for (const engine::ColumnSchema& column : table.columns) {
    if (column.type.id != engine::TypeId::kVector) continue;
    if (!retrieval.field.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "collection \"", table.name, "\" has several vector fields: name one in \"retrieve\""));
    }
    retrieval.field = column.name;
  }
  return retrieval;
}

double ScoreOf(engine::Metric metric, double distance) {
  switch (metric) {
    case engine::Metric::kCosine:
      return 1 - distance;
    case engine::Metric::kInnerProduct:
      return -distance;
    case engine::Metric::kL2:
      break;
  }
  return 1 / (1 + distance);
}

absl::StatusOr<std::string> QueryVector(Query& query, const Json& body) {
  const Json* asked = body.Find("query");
  if (asked == nullptr || !asked->is<Json::Object>()) {
    return absl::InvalidArgumentError(
        "member \"query\" must be {\"text\": …} or {\"vector\": […]}");
  }
  KYRO_RETURN_IF_ERROR(CheckMembers(*asked, "\"query\"", {"text", "vector"}));
  const Json* text = asked->Find("text");
  const Json* elements = asked->Find("vector");
  if ((text == nullptr) == (elements == nullptr)) {
    return absl::InvalidArgumentError("\"query\" must have one of text and vector");
  }
  if (text != nullptr) {
    if (!text->is<std::string>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"text\" of \"query\" must be a string, got ", text->kind()));
    }
    return absl::StrCat(
        "embed(", query.Place({engine::Value(*text->get<std::string>()), {engine::TypeId::kText}}),
        ")");
  }
  KYRO_ASSIGN_OR_RETURN(sql::Parameter parameter, ToParameter(*elements, "\"vector\""));
  const auto* floats = std::get_if<std::vector<float>>(&parameter.value);
  if (floats == nullptr) {
    return absl::InvalidArgumentError("\"vector\" of \"query\" must be an array of numbers");
  }
  parameter.type = engine::Type{engine::TypeId::kVector, static_cast<uint32_t>(floats->size())};
  return query.Place(std::move(parameter));
}

absl::StatusOr<Response> Search(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Json body, ParseJson(request.body));
  if (!body.is<Json::Object>()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body must be a JSON object, got ", body.kind()));
  }
  for (const absl::string_view later : {"fuse", "rerank", "cursor", "as_of"}) {
    const Json* member = body.Find(later);
    if (member != nullptr && !member->is<std::nullptr_t>()) {
      return NotYet(absl::StrCat("member \"", later, "\""));
    }
  }
  KYRO_RETURN_IF_ERROR(
      CheckMembers(body, "the body",
                   {"query", "retrieve", "filter", "limit", "select", "with_vector", "exact",
                    "min_score", "fuse", "rerank", "cursor", "as_of"}));
  KYRO_ASSIGN_OR_RETURN(const Table table, FindCollection(host, request));
  KYRO_ASSIGN_OR_RETURN(const Retrieval retrieval, RetrievalOf(*table, body));
  KYRO_ASSIGN_OR_RETURN(const int64_t limit, IntegerMember(body, "limit", 10, 1, kLimitMax));

  bool flags[2] = {false, false};
  const absl::string_view flag_names[2] = {"exact", "with_vector"};
  for (int i = 0; i < 2; ++i) {
    const Json* member = body.Find(flag_names[i]);
    if (member == nullptr || member->is<std::nullptr_t>()) continue;
    if (!member->is<bool>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("member \"", flag_names[i], "\" must be true or false"));
    }
    flags[i] = *member->get<bool>();
  }
  const auto [exact, with_vector] = flags;
  const Json* min_score = body.Find("min_score");
  if (min_score != nullptr && min_score->is<std::nullptr_t>()) min_score = nullptr;
  if (min_score != nullptr && !min_score->is_number()) {
    return absl::InvalidArgumentError("member \"min_score\" must be a number");
  }

  engine::Metric metric = engine::Metric::kCosine;
  for (const engine::IndexSchema& index : table->indexes) {
    if (table->columns[index.column].name == retrieval.field) metric = index.metric;
  }
  Query query{.table = *table, .parameters = {}};
  std::vector<std::string> columns;
  if (const Json* select = body.Find("select"); select != nullptr) {
    const auto* array = select->get<Json::Array>();
    if (array == nullptr) {
      return absl::InvalidArgumentError("member \"select\" must be an array of field names");
    }
    for (const Json& name : *array) {
      KYRO_ASSIGN_OR_RETURN(std::string column, query.Column(name, "\"select\""));
      columns.push_back(std::move(column));
    }
  } else {
    for (const engine::ColumnSchema& column : table->columns) {
      if (column.type.id != engine::TypeId::kVector || with_vector) {
        columns.push_back(sql::QuoteIdentifier(column.name));
      }
    }
  }
  KYRO_ASSIGN_OR_RETURN(const std::string vector, QueryVector(query, body));
  const absl::string_view sign = metric == engine::Metric::kCosine ? "<=>"
                                 : metric == engine::Metric::kL2   ? "<->"
                                                                   : "<#>";
  const std::string distance =
      absl::StrCat(sql::QuoteIdentifier(retrieval.field), " ", sign, " ", vector);
  std::string where;
  if (const Json* filter = body.Find("filter");
      filter != nullptr && !filter->is<std::nullptr_t>()) {
    KYRO_ASSIGN_OR_RETURN(const std::string condition, Condition(query, *filter, 0));
    where = absl::StrCat(" WHERE ", condition);
  }
  const std::string statement =
      absl::StrCat("SELECT ", sql::QuoteIdentifier(KeyColumn(*table).name), ", ", distance,
                   columns.empty() ? "" : ", ", absl::StrJoin(columns, ", "), " FROM ",
                   sql::QuoteIdentifier(table->name), where, " ORDER BY ", distance, " LIMIT ",
                   std::min(limit, retrieval.k));

  RequestSession session(host, request);
  if (exact) KYRO_RETURN_IF_ERROR(session->Query("SET enable_indexscan = off").status());
  KYRO_RETURN_IF_ERROR(
      session->Query(absl::StrCat("SET hnsw.ef_search = ", retrieval.ef)).status());
  absl::StatusOr<sql::ResultSet> result = session->Query(statement, query.parameters);
  if (!result.ok()) {
    // A position would count in a text that the client has never seen.
    absl::Status status(result.status().code(), result.status().message());
    status = sql::WithSqlState(status, sql::SqlStateOf(result.status()));
    return sql::WithDetail(sql::WithHint(status, sql::HintOf(result.status())),
                           absl::StrCat("the search was run as: ", statement));
  }
  Response response;
  response.body = "{\"results\":[";
  int64_t rank = 0;
  for (const engine::Row& row : result->rows) {
    const auto* away = std::get_if<double>(&row[1]);
    if (away == nullptr) continue;  // the row has no vector
    const double score = ScoreOf(metric, *away);
    if (min_score != nullptr && score < min_score->number()) break;
    absl::StrAppend(&response.body, rank == 0 ? "" : ",", "{\"id\":");
    AppendJsonValue(&response.body, result->columns[0].type, row[0]);
    response.body.append(",\"score\":");
    AppendJsonNumber(&response.body, score);
    response.body.append(",\"distance\":");
    AppendJsonNumber(&response.body, *away);
    absl::StrAppend(&response.body, ",\"rank\":{\"vector\":", ++rank, "},\"fields\":{");
    for (size_t i = 2; i < row.size(); ++i) {
      if (i > 2) response.body.push_back(',');
      AppendJsonString(&response.body, result->columns[i].name);
      response.body.push_back(':');
      AppendJsonValue(&response.body, result->columns[i].type, row[i]);
    }
    response.body.append("}}");
  }
  const sql::StatementStatistics& statistics = session->last_statistics();
  response.body.append("],\"stats\":{\"plan\":");
  AppendJsonString(&response.body, statistics.nearest_plan.empty() ? statistics.access_path
                                                                   : statistics.nearest_plan);
  response.body.append(",\"reason\":");
  AppendJsonString(&response.body, statistics.access_reason);
  absl::StrAppend(&response.body, ",\"candidates\":", statistics.candidates,
                  ",\"filtered_out\":", statistics.filtered_out,
                  ",\"tail_scanned\":", statistics.tail_scanned,
                  ",\"widened\":", statistics.widened, ",\"took_ms\":");
  AppendJsonNumber(&response.body,
                   static_cast<double>(statistics.parse_micros + statistics.bind_micros +
                                       statistics.execute_micros) /
                       1000.0);
  response.body.append("}}\n");
  return response;
}

}  // namespace

Response SearchCollection(Host& host, const Request& request) {
  Response response;
  if (!IsJson(request, &response)) return response;
  absl::StatusOr<Response> result = Search(host, request);
  return result.ok() ? *std::move(result) : ProblemFor(result.status(), request);
}

}  // namespace kyrodb::server
