// Records of a collection: stored in bulk, read and deleted by key.
#pragma once

#include "server/host.h"
#include "server/http/message.h"

namespace kyrodb::server {

// A JSON array (or one object) is stored as one: all or nothing. NDJSON is stored line by line,
// with a verdict for every line that is refused. `?mode=insert` refuses keys that are there;
// `?mode=upsert`, the default, replaces the columns that the record has.
Response StoreRecords(Host& host, const Request& request);
Response ReadRecord(Host& host, const Request& request);
Response DeleteRecord(Host& host, const Request& request);

}  // namespace kyrodb::server
