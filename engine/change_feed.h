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

// Changes of definitions are in the feed as changes of the catalog's own space.
struct Change {
  ObjectId space = kCatalogSpace;
  std::string key;
  std::optional<std::string> value;  // nullopt: the key was deleted
};

struct CommittedChanges {
  Lsn lsn = 0;
  std::vector<Change> changes;  // by space, then by key; the catalog's first
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
