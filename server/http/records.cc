#include "server/http/records.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "server/http/collections.h"
#include "server/http/problem.h"
#include "server/http/statements.h"
#include "server/ingest/record_writer.h"
#include "server/json/json.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server {
namespace {

using Table = std::shared_ptr<const engine::TableSchema>;

absl::StatusOr<OnConflict> ModeOf(const Request& request) {
  for (const auto& [name, value] : request.query) {
    if (name != "mode") {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown query parameter \"", name, "\"; known is mode"));
    }
    if (value == "insert") return OnConflict::kReject;
    if (value != "upsert") {
      return absl::InvalidArgumentError(
          absl::StrCat("mode is \"", value, "\", expected upsert or insert"));
    }
  }
  return OnConflict::kUpdate;
}

absl::StatusOr<Response> StoreArray(Host& host, const Request& request, const Table& table,
                                    OnConflict on_conflict) {
  KYRO_ASSIGN_OR_RETURN(Json body, ParseJson(request.body));
  if (body.is<Json::Object>()) {
    Json::Array one;
    one.push_back(std::move(body));
    body = Json{.value = std::move(one)};
  }
  const auto* records = body.get<Json::Array>();
  if (records == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body must be an array of records or one record, got ", body.kind()));
  }
  RequestSession session(host, request);
  KYRO_RETURN_IF_ERROR(session->Query("BEGIN").status());
  // One transaction: the first refusal ends it, and the session's end rolls it back.
  RecordWriter writer(&*session, table, {.on_conflict = on_conflict});
  for (size_t i = 0; i < records->size(); ++i) {
    absl::StatusOr<std::vector<Field>> fields = FieldsOf(*table, (*records)[i]);
    if (!fields.ok()) return Annotate(fields.status(), absl::StrCat("record ", i));
    KYRO_RETURN_IF_ERROR(writer.Add(i, *std::move(fields)));
    if (writer.rejected_count() > 0) break;
  }
  KYRO_RETURN_IF_ERROR(writer.Flush());
  // A batch that fails fails the transaction, and each record tried after that too: what the
  // first of them says would be "the transaction is aborted". So ask again, alone, without it.
  if (writer.rejected_count() > 0) {
    KYRO_RETURN_IF_ERROR(session->Query("ROLLBACK").status());
    for (size_t i = 0; i < records->size(); ++i) {
      KYRO_RETURN_IF_ERROR(session->Query("BEGIN").status());
      RecordWriter probe(&*session, table, {.on_conflict = on_conflict});
      KYRO_ASSIGN_OR_RETURN(std::vector<Field> fields, FieldsOf(*table, (*records)[i]));
      KYRO_RETURN_IF_ERROR(probe.Add(i, std::move(fields)));
      KYRO_RETURN_IF_ERROR(probe.Flush());
      KYRO_RETURN_IF_ERROR(session->Query("ROLLBACK").status());
      if (!probe.rejections().empty()) {
        return Annotate(probe.rejections().front().status, absl::StrCat("record ", i));
      }
    }
    return sql::Error("21000", 0, "two records of the array have the same key");
  }
  KYRO_RETURN_IF_ERROR(session->Query("COMMIT").status());
  Response response;
  response.body = absl::StrCat("{\"accepted\":", writer.accepted_count(),
                               ",\"rejected\":0,\"errors\":[],\"commit_lsn\":",
                               session->last_statistics().commit_lsn, "}\n");
  return response;
}

absl::StatusOr<Response> StoreLines(Host& host, const Request& request, const Table& table,
                                    OnConflict on_conflict) {
  RequestSession session(host, request);
  RecordWriter writer(&*session, table, {.on_conflict = on_conflict});
  absl::string_view rest = request.body;
  absl::Status ended;
  for (uint64_t line = 1; !rest.empty() && ended.ok(); ++line) {
    const size_t end = rest.find('\n');
    const absl::string_view text = absl::StripAsciiWhitespace(rest.substr(0, end));
    rest = end == absl::string_view::npos ? absl::string_view() : rest.substr(end + 1);
    if (text.empty()) continue;
    const absl::StatusOr<Json> json = ParseJson(text);
    if (!json.ok()) {
      writer.Reject(line, json.status());
      continue;
    }
    absl::StatusOr<std::vector<Field>> fields = FieldsOf(*table, *json);
    if (!fields.ok()) {
      writer.Reject(line, fields.status());
      continue;
    }
    ended = writer.Add(line, *std::move(fields));
  }
  if (ended.ok()) ended = writer.Flush();
  if (!ended.ok()) {
    return Annotate(ended, absl::StrCat("after ", writer.accepted_count(), " accepted and ",
                                        writer.rejected_count(), " rejected records"));
  }
  Response response;
  response.body = absl::StrCat("{\"accepted\":", writer.accepted_count(),
                               ",\"rejected\":", writer.rejected_count(), ",\"errors\":[");
  bool first = true;
  for (const RejectedRecord& rejection : writer.rejections()) {
    absl::StrAppend(&response.body, first ? "" : ",", "{\"line\":", rejection.line,
                    ",\"sqlstate\":\"", sql::SqlStateOf(rejection.status), "\",\"detail\":");
    first = false;
    AppendJsonString(&response.body, absl::string_view(rejection.status.message()));
    response.body.push_back('}');
  }
  response.body.append("]}\n");
  return response;
}

absl::StatusOr<Response> Store(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Table table, FindCollection(host, request));
  KYRO_ASSIGN_OR_RETURN(const OnConflict on_conflict, ModeOf(request));
  return request.content_type == "application/x-ndjson"
             ? StoreLines(host, request, table, on_conflict)
             : StoreArray(host, request, table, on_conflict);
}

// `statement` has the key as $1.
absl::StatusOr<sql::ResultSet> RunByKey(Host& host, const Request& request,
                                        absl::string_view statement) {
  RequestSession session(host, request);
  const std::vector<sql::Parameter> parameters = {engine::Value(request.parameters.at("id"))};
  return session->Query(statement, parameters);
}

absl::Status NoSuchRecord(const Request& request) {
  return sql::Error("02000", 0,
                    absl::StrCat("collection \"", request.parameters.at("collection"),
                                 "\" has no record \"", request.parameters.at("id"), "\""));
}

absl::StatusOr<Response> Read(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Table table, FindCollection(host, request));
  KYRO_ASSIGN_OR_RETURN(
      const sql::ResultSet result,
      RunByKey(host, request,
               absl::StrCat("SELECT * FROM ", sql::QuoteIdentifier(table->name), " WHERE ",
                            sql::QuoteIdentifier(KeyColumn(*table).name), " = $1")));
  if (result.rows.empty()) return NoSuchRecord(request);
  Response response;
  response.body = "{";
  for (size_t i = 0; i < result.columns.size(); ++i) {
    if (i > 0) response.body.push_back(',');
    AppendJsonString(&response.body, result.columns[i].name);
    response.body.push_back(':');
    AppendJsonValue(&response.body, result.columns[i].type, result.rows[0][i]);
  }
  response.body.append("}\n");
  return response;
}

absl::StatusOr<Response> Delete(Host& host, const Request& request) {
  KYRO_ASSIGN_OR_RETURN(const Table table, FindCollection(host, request));
  KYRO_ASSIGN_OR_RETURN(
      const sql::ResultSet result,
      RunByKey(host, request,
               absl::StrCat("DELETE FROM ", sql::QuoteIdentifier(table->name), " WHERE ",
                            sql::QuoteIdentifier(KeyColumn(*table).name), " = $1")));
  if (result.command_tag == "DELETE 0") return NoSuchRecord(request);
  return Response{.status = 204, .content_type = ""};
}

Response Answer(absl::StatusOr<Response> result, const Request& request) {
  return result.ok() ? *std::move(result) : ProblemFor(result.status(), request);
}

}  // namespace

Response StoreRecords(Host& host, const Request& request) {
  Response response;
  if (request.content_type != "application/x-ndjson" && !IsJson(request, &response)) {
    return HttpProblem(
        415,
        absl::StrCat("the body must be application/json or application/x-ndjson, "
                     "got ",
                     request.content_type.empty() ? "no content type" : request.content_type),
        request.path);
  }
  return Answer(Store(host, request), request);
}

Response ReadRecord(Host& host, const Request& request) {
  return Answer(Read(host, request), request);
}

Response DeleteRecord(Host& host, const Request& request) {
  return Answer(Delete(host, request), request);
}

}  // namespace kyrodb::server
