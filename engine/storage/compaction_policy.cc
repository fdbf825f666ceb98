#include "engine/storage/compaction_policy.h"

#include <algorithm>

namespace kyrodb::engine {
namespace {

// With at most four runs, 1,000 flushes of equal size rewrite each byte 16 times at ratio 1, 9
// times at ratio 4 and 13 times at ratio 8; 10,000 flushes 135, 17 and 20 times.
constexpr uint64_t kSizeRatio = 4;

}  // namespace

uint64_t DeadCount(std::span<const RunSize> runs) {
  uint64_t dead = 0;
  for (const RunSize& run : runs) dead += run.tombstone_count + run.replaced_count;
  return dead;
}

std::optional<CompactionPick> PickCompaction(std::span<const RunSize> runs, size_t run_count_max,
                                             uint64_t dead_percent_max) {
  if (runs.size() < 2) return std::nullopt;
  uint64_t entry_count = 0;
  for (const RunSize& run : runs) entry_count += run.entry_count;
  const uint64_t young_dead_count = DeadCount(runs.first(runs.size() - 1));
  if (young_dead_count > entry_count * dead_percent_max / 100) {
    return CompactionPick{0, runs.size()};
  }

  run_count_max = std::max<size_t>(run_count_max, 1);
  if (runs.size() <= run_count_max) return std::nullopt;
  size_t end = runs.size() - run_count_max + 1;
  uint64_t bytes = 0;
  for (size_t i = 0; i < end; ++i) bytes += runs[i].file_bytes;
  while (end < runs.size() && runs[end].file_bytes / kSizeRatio <= bytes) {
    bytes += runs[end++].file_bytes;
  }
  return CompactionPick{0, end};
}

}  // namespace kyrodb::engine
