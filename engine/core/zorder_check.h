// Whether a zorder index holds what its table's rows say, entry by entry.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "engine/storage/key_space.h"

namespace kyrodb::engine {

struct ZOrderFindings {
  bool is_being_built = false;
  uint64_t expired_count = 0;  // of rows or entries of which the other side is gone already
};

// Compares `rows` and `entries` as of `visible`; every row must have its entry, except for those
// that the building of the index has yet to reach, and every entry its row. `tell` is given the
// row's key and what is wrong. What expired at or before `now` may be gone from one side only: a
// merge takes it away, of each key space in its own time.
//
// Errors:         those of reading the two.
absl::Status CheckZOrderEntries(
    const TableSchema& table, const IndexSchema& index, const KeySpace& rows,
    const KeySpace& entries, Lsn visible, WallMicros now,
    absl::FunctionRef<void(absl::string_view row_key, absl::string_view what)> tell,
    ZOrderFindings* findings);

}  // namespace kyrodb::engine
