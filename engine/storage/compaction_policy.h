// When to merge which runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kyrodb::engine {

struct RunSize {
  uint64_t file_bytes = 0;
  uint64_t entry_count = 0;
  uint64_t tombstone_count = 0;
  // Keys that stand in older runs too.
  uint64_t replaced_count = 0;
};

// Runs [begin, end) of the list.
struct CompactionPick {
  size_t begin = 0;
  size_t end = 0;
};

inline constexpr size_t kRunCountMax = 4;
inline constexpr uint64_t kDeadPercentMax = 20;

// Of all keys, run by run, those that nobody needs: deletes, and what newer runs replace.
uint64_t DeadCount(std::span<const RunSize> runs);

// Size-tiered: nothing while there are at most `run_count_max` runs. Beyond, the newest runs: as
// many as bring the count down to the limit, and then each next older one that is not larger
// than four times all of those before it together. So sizes stay far apart, and a byte is
// rewritten few times (the test prints how often) while the count stays bounded.
//
// All runs when more than `dead_percent_max` of all keys are dead: deletes in the runs above the
// oldest, and what the runs above replace below. That is when a merge gives space back. (Deletes in
// the oldest run are those that had to be kept; merging again would not help.)
//
// `runs` stand from new to old, as in `SpaceVersion`. Pure.
std::optional<CompactionPick> PickCompaction(std::span<const RunSize> runs,
                                             size_t run_count_max = kRunCountMax,
                                             uint64_t dead_percent_max = kDeadPercentMax);

}  // namespace kyrodb::engine
