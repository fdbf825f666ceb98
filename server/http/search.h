// `POST /v1/collections/{c}/search`: sugar for the SQL statement that it builds; there is one
// planner.
#pragma once

#include "server/host.h"
#include "server/http/message.h"

namespace kyrodb::server {

// {query: {text | vector}, retrieve?: [{kind: "vector", field?, k?, ef?}], filter?, limit?,
// select?,
//  with_vector?, exact?, min_score?} -> {results, stats}.
Response SearchCollection(Host& host, const Request& request);

}  // namespace kyrodb::server
