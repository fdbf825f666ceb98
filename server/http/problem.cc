#include "server/http/problem.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/json/json.h"
#include "sql/error.h"

namespace kyrodb::server {
namespace {

void Member(std::string* out, absl::string_view name, absl::string_view text) {
  if (text.empty()) return;
  absl::StrAppend(out, ",\"", name, "\":");
  AppendJsonString(out, text);
}

Response Problem(int http_status, absl::string_view type, absl::string_view detail,
                 absl::string_view instance, absl::string_view more, bool retryable) {
  Response response;
  response.status = http_status;
  response.content_type = "application/problem+json";
  response.body = "{\"type\":";
  AppendJsonString(&response.body, type);
  Member(&response.body, "title", ReasonPhrase(http_status));
  absl::StrAppend(&response.body, ",\"status\":", http_status);
  Member(&response.body, "detail", detail);
  Member(&response.body, "instance", instance);
  absl::StrAppend(&response.body, more, ",\"retryable\":", retryable ? "true" : "false", "}\n");
  if (http_status == 503 || http_status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

absl::string_view ReasonPhrase(int http_status) {
  switch (http_status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
  }
  return "Error";
}

Response ProblemFor(const absl::Status& status, const Request& request) {
  const std::string sqlstate = sql::SqlStateOf(status);
  std::string more;
  Member(&more, "sqlstate", sqlstate);
  if (const sql::Position position = sql::PositionOf(status); position > 0) {
    absl::StrAppend(&more, ",\"position\":", position);
  }
  Member(&more, "hint", sql::HintOf(status));
  Member(&more, "explanation", sql::DetailOf(status));
  return Problem(sql::HttpStatusOf(status), absl::StrCat("urn:kyrodb:problem:", sqlstate),
                 absl::string_view(status.message()), request.path, more,
                 sql::ExitCodeOf(status) == 2);
}

Response HttpProblem(int http_status, absl::string_view detail, absl::string_view instance) {
  return Problem(http_status, "about:blank", detail, instance, "",
                 http_status == 503 || http_status == 429 || http_status == 408);
}

}  // namespace kyrodb::server
