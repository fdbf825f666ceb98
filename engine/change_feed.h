// What was committed, in commit order, read from the durable log: the log is the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Changes of definitions are in the feed as changes of the catalog's own space, entries of zorder
// indexes as changes of their spaces.
struct Change {
  ObjectId space = kCatalogSpace;
  std::string key;
  std::optional<std::string> value;  // nullopt: the key was deleted
  // When the value expires, if it does. Expiry itself is no change: nothing is written then.
  std::optional<int64_t> expires_at_micros = std::nullopt;
};

// Rows that came in bulk: they stand in no commit record, so they are not listed one by one. A
// follower reads them from the table, from `first_key` to `last_key`; at a snapshot of `lsn` or
// later they are there.
struct BulkLoad {
  ObjectId space = kCatalogSpace;
  uint64_t row_count = 0;
  std::string first_key;
  std::string last_key;
};

struct CommittedChanges {
  Lsn lsn = 0;
  std::vector<Change> changes;   // by space, then by key; the catalog's first
  std::optional<BulkLoad> load;  // then there are no `changes`
};

// Thread-safety:  one thread at a time.
// Lifetime:       must not outlive its database.
class ChangeFeed {
 public:
  virtual ~ChangeFeed() = default;
  // The next durable commit; nullopt when none came within `timeout`. `NotFound` when its log
  // segment is gone: the message names the oldest LSN still to be had.
  virtual absl::StatusOr<std::optional<CommittedChanges>> Next(absl::Duration timeout) = 0;
};

}  // namespace kyrodb::engine
