// Everything that a run file claims, held against what is in it.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/storage/run.h"

namespace kyrodb::engine {

// What was counted on the way.
struct RunCheckCounts {
  uint64_t page_count = 0;
  uint64_t key_count = 0;
  uint64_t finding_count = 0;
};

// Reads the whole run: the checksum of every page, every record, the order of the keys and the
// bounds of keys and LSNs, the counts among the properties; then looks every version up again the
// way that readers go, and holds filter, position hash and model against the keys. `found` is told
// of each contradiction, `DataLoss` with file and offset, each once. What cannot be read does not
// keep it from looking at the rest.
//
// Errors:         `Unavailable` when the disk fails.
// Cost:           reads the file about twice; 16 bytes of memory a key, and the pages that the pool
//                 takes.
absl::StatusOr<RunCheckCounts> CheckRun(const Run& run, BufferPool& pool,
                                        absl::FunctionRef<void(const absl::Status&)> found);

// Reads pages [begin, end) of the run again from disk, past the pool; `found` is told of each that
// fails its checksum. `end` is at most `run.checked_page_count()`.
absl::Status CheckPages(const Run& run, uint64_t begin, uint64_t end, std::string* buffer,
                        absl::FunctionRef<void(const absl::Status&)> found);

// The same for what stands behind the pages: checksums, properties, footer.
absl::Status CheckTail(const Run& run, absl::FunctionRef<void(const absl::Status&)> found);

}  // namespace kyrodb::engine
