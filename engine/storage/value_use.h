// What the runs of a key space need of its value files, and which of them deserve a merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/storage/compaction_policy.h"
#include "engine/storage/run.h"

namespace kyrodb::engine {

inline constexpr uint64_t kValueDeadPercent = 50;
inline constexpr uint64_t kValueFileBytesMin = uint64_t{4} << 20;

struct ValueFileUse {
  std::shared_ptr<const ValueFile> file;
  uint64_t live_count = 0;
  uint64_t live_bytes = 0;

  uint64_t value_bytes() const { return file->footer().value_bytes; }
  uint64_t dead_bytes() const { return value_bytes() - live_bytes; }
  bool IsDead(uint64_t dead_percent_max) const {
    return dead_bytes() >= value_bytes() * dead_percent_max / 100 && dead_bytes() > 0;
  }
};

// Every file that a run refers to, ascending by number.
std::vector<ValueFileUse> ValueFileUses(std::span<const std::shared_ptr<const Run>> runs);

// The numbers, ascending, of the files whose values a merge should write anew when it meets them:
// those of which at least `dead_percent_max` percent is dead, and those smaller than
// `file_bytes_min`.
std::vector<uint64_t> ValueFilesToMove(std::span<const ValueFileUse> uses,
                                       uint64_t dead_percent_max, uint64_t file_bytes_min);

// The runs that refer to files with many dead values, when more than `dead_percent_max` percent of
// all value bytes are dead: to merge these gives the space back.
std::optional<CompactionPick> PickValueCollection(std::span<const std::shared_ptr<const Run>> runs,
                                                  uint64_t dead_percent_max);

}  // namespace kyrodb::engine
