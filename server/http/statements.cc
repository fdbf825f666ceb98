#include "server/http/statements.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "server/http/problem.h"
#include "sql/error.h"

namespace kyrodb::server {
namespace {

constexpr int64_t kRowsMaxDefault = 10000;
constexpr int64_t kRowsMax = 1000000;
constexpr size_t kResultBytesMax = size_t{64} << 20;

// Writes rows as JSON while they come; of a script, the last statement with rows stays.
class JsonSink : public sql::ResultSink {
 public:
  explicit JsonSink(uint64_t rows_max) : rows_max_(rows_max) {}

  absl::Status Columns(std::span<const sql::ResultColumn> columns) override {
    types_.clear();
    columns_.clear();
    rows_.clear();
    row_count_ = 0;
    for (const sql::ResultColumn& column : columns) {
      if (!columns_.empty()) columns_.push_back(',');
      columns_.append("{\"name\":");
      AppendJsonString(&columns_, column.name);
      columns_.append(",\"type\":");
      AppendJsonString(&columns_, engine::TypeName(column.type));
      columns_.push_back('}');
      types_.push_back(column.type);
    }
    return absl::OkStatus();
  }
  absl::Status Batch(std::span<const engine::Row> rows) override {
    for (const engine::Row& row : rows) {
      if (row_count_ >= rows_max_) {
        // The statement runs on: ending it here would take back what it writes.
        truncated_ = true;
        return absl::OkStatus();
      }
      if (rows_.size() > kResultBytesMax) {
        return sql::WithHint(
            sql::Error(sql::sqlstate::kProgramLimitExceeded, 0,
                       absl::StrCat("the result is larger than ", kResultBytesMax, " bytes")),
            "add LIMIT to the query or lower max_rows");
      }
      rows_.append(row_count_ == 0 ? "[" : ",[");
      for (size_t i = 0; i < row.size(); ++i) {
        if (i > 0) rows_.push_back(',');
        AppendJsonValue(&rows_, types_[i], row[i]);
      }
      rows_.push_back(']');
      ++row_count_;
    }
    return absl::OkStatus();
  }
  absl::Status Complete(absl::string_view command_tag) override {
    tag_ = std::string(command_tag);
    return absl::OkStatus();
  }
  void Notice(absl::string_view severity, absl::string_view sqlstate,
              absl::string_view message) override {
    notices_.append(notices_.empty() ? "{\"severity\":" : ",{\"severity\":");
    AppendJsonString(&notices_, severity);
    notices_.append(",\"sqlstate\":");
    AppendJsonString(&notices_, sqlstate);
    notices_.append(",\"message\":");
    AppendJsonString(&notices_, message);
    notices_.push_back('}');
  }

  std::string Finish(const sql::StatementStatistics& statistics) const {
    std::string out = absl::StrCat("{\"columns\":[", columns_, "],\"rows\":[", rows_,
                                   "],\"row_count\":", row_count_,
                                   ",\"truncated\":", truncated_ ? "true" : "false", ",\"tag\":");
    AppendJsonString(&out, tag_);
    absl::StrAppend(&out, ",\"notices\":[", notices_, "],\"stats\":{\"access_path\":");
    AppendJsonString(&out, statistics.access_path);
    absl::StrAppend(&out, ",\"candidates\":", statistics.candidates,
                    ",\"filtered_out\":", statistics.filtered_out,
                    ",\"affected\":", statistics.affected, ",\"took_ms\":");
    AppendJsonNumber(&out, static_cast<double>(statistics.parse_micros + statistics.bind_micros +
                                               statistics.execute_micros) /
                               1000.0);
    absl::StrAppend(&out, ",\"commit_lsn\":", statistics.commit_lsn,
                    ",\"durable_lsn\":", statistics.durable_lsn, "}}\n");
    return out;
  }

 private:
  const uint64_t rows_max_;
  std::vector<engine::Type> types_;
  std::string columns_;
  std::string rows_;
  std::string notices_;
  std::string tag_;
  uint64_t row_count_ = 0;
  bool truncated_ = false;
};

absl::StatusOr<Response> Run(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Json body,
                        ParseObject(request.body, {"sql", "params", "max_rows", "timeout_ms"}));
  const Json* sql_member = body.Find("sql");
  const auto* text = sql_member == nullptr ? nullptr : sql_member->get<std::string>();
  if (text == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("member \"sql\" must be a string, got ",
                     sql_member == nullptr ? "none" : sql_member->kind()));
  }
  std::vector<sql::Parameter> parameters;
  if (const Json* params = body.Find("params");
      params != nullptr && !params->is<std::nullptr_t>()) {
    const auto* array = params->get<Json::Array>();
    if (array == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("member \"params\" must be an array, got ", params->kind()));
    }
    for (const Json& param : *array) {
      KYRO_ASSIGN_OR_RETURN(sql::Parameter parameter,
                            ToParameter(param, absl::StrCat("params[", parameters.size(), "]")));
      parameters.push_back(std::move(parameter));
    }
  }
  KYRO_ASSIGN_OR_RETURN(const int64_t rows_max,
                        IntegerMember(body, "max_rows", kRowsMaxDefault, 0, kRowsMax));
  KYRO_ASSIGN_OR_RETURN(const int64_t timeout_ms,
                        IntegerMember(body, "timeout_ms", 0, 0, 24 * 3600 * 1000));
  RequestSession session(host, request, timeout_ms);
  JsonSink sink(static_cast<uint64_t>(rows_max));
  KYRO_RETURN_IF_ERROR(session->Execute(*text, parameters, &sink));
  Response response;
  response.body = sink.Finish(session->last_statistics());
  return response;
}

}  // namespace

RequestSession::RequestSession(const Host& host, const Request& request, int64_t timeout_ms)
    : cancellation_(request.cancellation) {
  sql::SessionOptions options;
  options.statement_timeout_ms = timeout_ms;
  session_ = host.NewSession(std::move(options));
  if (cancellation_ != nullptr) {
    cancellation_->SetAction([session = session_.get()] { session->Cancel(); });
  }
}

RequestSession::~RequestSession() {
  if (cancellation_ != nullptr) cancellation_->SetAction(nullptr);
}

absl::Status CheckMembers(const Json& object, absl::string_view where,
                          const std::vector<absl::string_view>& known) {
  for (const auto& member : std::get<Json::Object>(object.value)) {
    if (std::find(known.begin(), known.end(), member.first) == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat("unknown member \"", member.first, "\" in ",
                                                     where, "; known are ",
                                                     absl::StrJoin(known, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> ParseObject(absl::string_view body, std::vector<absl::string_view> known) {
  KYRO_ASSIGN_OR_RETURN(Json json, ParseJson(body));
  if (!json.is<Json::Object>()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body must be a JSON object, got ", json.kind()));
  }
  KYRO_RETURN_IF_ERROR(CheckMembers(json, "the body", known));
  return json;
}

bool IsJson(const Request& request, Response* response) {
  if (request.content_type == "application/json") return true;
  *response = HttpProblem(
      415,
      absl::StrCat("the body must be application/json, got ",
                   request.content_type.empty() ? "no content type" : request.content_type),
      request.path);
  return false;
}

absl::StatusOr<int64_t> IntegerMember(const Json& object, absl::string_view name, int64_t absent,
                                      int64_t min, int64_t max) {
  const Json* member = object.Find(name);
  if (member == nullptr || member->is<std::nullptr_t>()) return absent;
  const auto* integer = member->get<int64_t>();
  if (integer == nullptr || *integer < min || *integer > max) {
    return absl::InvalidArgumentError(absl::StrCat("member \"", name, "\" must be an integer from ",
                                                   min, " to ", max, ", got ", JsonText(*member)));
  }
  return *integer;
}

absl::StatusOr<sql::Parameter> ToParameter(const Json& json, absl::string_view where) {
  if (json.is<std::nullptr_t>()) return sql::Parameter();
  if (const auto* truth = json.get<bool>()) return sql::Parameter(engine::Value(*truth));
  if (const auto* integer = json.get<int64_t>()) return sql::Parameter(engine::Value(*integer));
  if (const auto* real = json.get<double>()) return sql::Parameter(engine::Value(*real));
  if (const auto* text = json.get<std::string>()) return sql::Parameter(engine::Value(*text));
  if (const auto* array = json.get<Json::Array>()) {
    if (!array->empty() &&
        std::all_of(array->begin(), array->end(), [](const Json& e) { return e.is_number(); })) {
      if (array->size() > engine::kVectorDimensionsMax) {
        return absl::InvalidArgumentError(absl::StrCat(where, " has ", array->size(),
                                                       " elements, a vector has at most ",
                                                       engine::kVectorDimensionsMax));
      }
      std::vector<float> elements;
      elements.reserve(array->size());
      for (const Json& element : *array) {
        elements.push_back(static_cast<float>(element.number()));
        if (!(std::abs(elements.back()) <= std::numeric_limits<float>::max())) {
          return absl::InvalidArgumentError(
              absl::StrCat(where, "[", elements.size() - 1,
                           "] is out of the range of a float: ", JsonText(element)));
        }
      }
      return sql::Parameter(engine::Value(std::move(elements)));
    }
  }
  return sql::Parameter(engine::Value(JsonText(json)));
}

Response RunSql(Host& host, const Request& request) {
  Response response;
  if (!IsJson(request, &response)) return response;
  absl::StatusOr<Response> result = Run(host, request);
  return result.ok() ? *std::move(result) : ProblemFor(result.status(), request);
}

}  // namespace kyrodb::server
