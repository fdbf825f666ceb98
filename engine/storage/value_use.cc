#include "engine/storage/value_use.h"

#include <algorithm>
#include <map>
#include <utility>

namespace kyrodb::engine {

std::vector<ValueFileUse> ValueFileUses(std::span<const std::shared_ptr<const Run>> runs) {
  std::map<uint64_t, ValueFileUse> uses;
  for (const auto& run : runs) {
    for (size_t i = 0; i < run->value_files().size(); ++i) {
      const ValueFileShare& share = run->properties().value_files[i];
      ValueFileUse& use = uses[share.file_number];
      use.file = run->value_files()[i];
      use.live_count += share.value_count;
      use.live_bytes += share.value_bytes;
    }
  }
  std::vector<ValueFileUse> list;
  list.reserve(uses.size());
  for (auto& [number, use] : uses) {
    // Only runs that are damaged beyond their checksums need more than there is.
    use.live_bytes = std::min(use.live_bytes, use.value_bytes());
    list.push_back(std::move(use));
  }
  return list;
}

std::vector<uint64_t> ValueFilesToMove(std::span<const ValueFileUse> uses,
                                       uint64_t dead_percent_max, uint64_t file_bytes_min) {
  std::vector<uint64_t> numbers;
  for (const ValueFileUse& use : uses) {
    if (use.IsDead(dead_percent_max) || use.value_bytes() < file_bytes_min) {
      numbers.push_back(use.file->file_number());
    }
  }
  return numbers;
}

std::optional<CompactionPick> PickValueCollection(std::span<const std::shared_ptr<const Run>> runs,
                                                  uint64_t dead_percent_max) {
  const std::vector<ValueFileUse> uses = ValueFileUses(runs);
  uint64_t value_bytes = 0, dead_bytes = 0;
  for (const ValueFileUse& use : uses) {
    value_bytes += use.value_bytes();
    dead_bytes += use.dead_bytes();
  }
  if (dead_bytes == 0 || dead_bytes <= value_bytes * dead_percent_max / 100) return std::nullopt;
  const std::vector<uint64_t> dead = ValueFilesToMove(uses, dead_percent_max, /*file_bytes_min=*/0);
  std::optional<CompactionPick> pick;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<ValueFileShare>& shares = runs[i]->properties().value_files;
    const bool refers = std::any_of(shares.begin(), shares.end(), [&](const auto& share) {
      return std::binary_search(dead.begin(), dead.end(), share.file_number);
    });
    if (!refers) continue;
    if (!pick) pick = CompactionPick{i, i + 1};
    pick->end = i + 1;
  }
  return pick;
}

}  // namespace kyrodb::engine
