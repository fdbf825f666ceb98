#include "server/http/api.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/http/collections.h"
#include "server/http/problem.h"
#include "server/http/records.h"
#include "server/http/search.h"
#include "server/http/statements.h"
#include "server/json/json.h"

namespace kyrodb::server {
namespace {

constexpr absl::string_view kVersion = "0.1.0";

std::vector<std::string> Segments(absl::string_view path) {
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  return absl::StrSplit(path, '/');
}

bool IsPlaceholder(absl::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

Response Text(std::string body) {
  return {.status = 200, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

}  // namespace

Api::Api(Host* host) : host_(host) {
  Add("GET", "/", "this list", [this](const Request& request) { return Index(request); });
  Add("GET", "/livez", "the process runs", [](const Request&) { return Text("ok\n"); });
  Add("GET", "/readyz", "the database takes reads and writes", [this](const Request& request) {
    const absl::Status writable = host_->database().writable();
    if (writable.ok()) return Text("ok\n");
    return HttpProblem(503, absl::StrCat("not writable: ", writable.message()), request.path);
  });
  Add("GET", "/metrics", "counters in Prometheus' text format", [this](const Request&) {
    return Response{.status = 200,
                    .content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = host_->database().metrics().PrometheusText()};
  });
  const auto with_host = [host](Response (*endpoint)(Host&, const Request&)) {
    return [host, endpoint](const Request& request) { return endpoint(*host, request); };
  };
  Add("POST", "/v1/sql", "run SQL", with_host(RunSql));
  Add("GET", "/v1/collections", "list collections", with_host(ListCollections));
  Add("POST", "/v1/collections", "create a collection", with_host(CreateCollection));
  Add("GET", "/v1/collections/{collection}", "describe a collection",
      with_host(DescribeCollection));
  Add("DELETE", "/v1/collections/{collection}", "drop a collection", with_host(DropCollection));
  Add("POST", "/v1/collections/{collection}/records", "store records: JSON or NDJSON",
      with_host(StoreRecords));
  Add("GET", "/v1/collections/{collection}/records/{id}", "read a record", with_host(ReadRecord));
  Add("DELETE", "/v1/collections/{collection}/records/{id}", "delete a record",
      with_host(DeleteRecord));
  Add("POST", "/v1/collections/{collection}/search", "find records by meaning",
      with_host(SearchCollection));
}

void Api::Add(std::string method, std::string pattern, std::string summary, Endpoint endpoint) {
  routes_.push_back({.method = std::move(method),
                     .segments = Segments(pattern),
                     .summary = std::move(summary),
                     .endpoint = std::move(endpoint)});
}

bool Api::IsProbe(absl::string_view path) {
  return path == "/" || path == "/livez" || path == "/readyz" || path == "/metrics";
}

Response Api::Index(const Request&) const {
  Response response;
  response.body = absl::StrCat("{\"name\":\"KyroDB\",\"version\":\"", kVersion, "\",\"routes\":[");
  bool first = true;
  for (const Route& route : routes_) {
    absl::StrAppend(&response.body, first ? "\n" : ",\n", "  {\"method\":\"", route.method,
                    "\",\"path\":\"/", absl::StrJoin(route.segments, "/"), "\",\"summary\":");
    AppendJsonString(&response.body, route.summary);
    response.body.push_back('}');
    first = false;
  }
  response.body.append("\n]}\n");
  return response;
}

Response Api::Handle(Request& request) const {
  const std::vector<std::string>& segments = request.segments;
  std::vector<std::string> allowed;
  for (const Route& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    bool matches = true;
    for (size_t i = 0; i < segments.size() && matches; ++i) {
      matches = IsPlaceholder(route.segments[i]) ? !segments[i].empty()
                                                 : route.segments[i] == segments[i];
    }
    if (!matches) continue;
    if (route.method != request.method && !(route.method == "GET" && request.method == "HEAD")) {
      allowed.push_back(route.method);
      if (route.method == "GET") allowed.push_back("HEAD");
      continue;
    }
    for (size_t i = 0; i < segments.size(); ++i) {
      if (IsPlaceholder(route.segments[i])) {
        request.parameters[route.segments[i].substr(1, route.segments[i].size() - 2)] = segments[i];
      }
    }
    return route.endpoint(request);
  }
  if (allowed.empty()) {
    return HttpProblem(404, absl::StrCat("there is no path ", request.path, "; see /"),
                       request.path);
  }
  const std::string methods = absl::StrJoin(allowed, ", ");
  Response response = HttpProblem(
      405, absl::StrCat(request.path, " takes ", methods, ", not ", request.method), request.path);
  response.headers.emplace_back("Allow", methods);
  return response;
}

}  // namespace kyrodb::server
