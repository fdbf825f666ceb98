// Loads many rows, in the order of their keys, past log and memtables: straight into one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/transaction.h"

namespace kyrodb::engine {

struct BulkLoadOptions {
  // The first and the last key, when both are known: what they begin with in common is stored
  // once. Bounds that are too wide cost space and speed only; a key outside is refused.
  std::optional<std::string> smallest_key;
  std::optional<std::string> largest_key;
};

// A load is one commit: all of its rows become visible at one LSN, or none. A row replaces the one
// of the same key. The log gets one small record, which names the run; the change feed tells of it
// as `BulkLoad`.
//
// Order:          keys strictly ascending by memcmp.
// Errors:         `InvalidArgument` for a key out of order or out of bounds; `Aborted` from
//                 `Finish` when one of the keys, or the table's definition, was changed by somebody
//                 else after the load began; errors of the disk. The first error sticks.
// Thread-safety:  one thread at a time; other transactions freely in parallel.
// Cost:           some 30 bytes of memory a row until `Finish`. `Finish` flushes memtables.
// Lifetime:       must not outlive its database. Without a successful `Finish` nothing was loaded.
class BulkLoader {
 public:
  virtual ~BulkLoader() = default;
  virtual absl::Status Add(absl::string_view key, absl::string_view value) = 0;
  // Ends the load. `Unavailable` "outcome unknown" when the log failed. A load without rows commits
  // nothing: its LSN is 0.
  virtual absl::StatusOr<CommitInfo> Finish() = 0;
  virtual uint64_t row_count() const = 0;
};

}  // namespace kyrodb::engine
