// Errors on the wire: RFC 9457, "Problem Details for HTTP APIs", with the SQLSTATE beside.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http/message.h"

namespace kyrodb::server {

// The HTTP status comes from sql/error.h, as do SQLSTATE, position, hint and detail.
Response ProblemFor(const absl::Status& status, const Request& request);

// A problem of HTTP itself, where the status code says it: 404, 405, 413, 415, …
Response HttpProblem(int http_status, absl::string_view detail, absl::string_view instance);

// "Not Found" for 404, and so on.
absl::string_view ReasonPhrase(int http_status);

}  // namespace kyrodb::server
