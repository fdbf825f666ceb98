// `POST /v1/sql`, and what the other endpoints share to run SQL for one request.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/host.h"
#include "server/http/message.h"
#include "server/json/json.h"
#include "sql/session.h"

namespace kyrodb::server {

// {sql, params?, max_rows?, timeout_ms?} -> {columns, rows, row_count, tag, notices, stats}.
Response RunSql(Host& host, const Request& request);

// A session for one request that ends when the client goes away.
class RequestSession {
 public:
  RequestSession(const Host& host, const Request& request, int64_t timeout_ms = 0);
  ~RequestSession();
  sql::Session& operator*() { return *session_; }
  sql::Session* operator->() { return session_.get(); }

 private:
  std::unique_ptr<sql::Session> session_;
  Cancellation* cancellation_;
};

// The body as a JSON object with no members but `known`; `InvalidArgument` names others.
absl::StatusOr<Json> ParseObject(absl::string_view body, std::vector<absl::string_view> known);
absl::Status CheckMembers(const Json& object, absl::string_view where,
                          const std::vector<absl::string_view>& known);
// Whether the body is JSON by its content type; the problem (415) goes to `response`.
bool IsJson(const Request& request, Response* response);

// A member that must be an integer of a range; `absent` when it is missing or null.
absl::StatusOr<int64_t> IntegerMember(const Json& object, absl::string_view name, int64_t absent,
                                      int64_t min, int64_t max);

// A parameter without a type, as a JSON value naturally gives it: arrays of numbers are vectors,
// other arrays and objects are JSON text. Errors name `where`.
absl::StatusOr<sql::Parameter> ToParameter(const Json& json, absl::string_view where);

}  // namespace kyrodb::server
