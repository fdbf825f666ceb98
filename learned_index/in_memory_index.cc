#include "learned_index/in_memory_index.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/status.h"
#include "learned_index/lower_bound.h"

namespace kyrodb::learned_index {

InMemoryIndex::InMemoryIndex(std::span<const uint64_t> keys, RecursiveModelIndex model)
    : keys_(keys), model_(std::move(model)) {}

absl::StatusOr<InMemoryIndex> InMemoryIndex::Build(std::span<const uint64_t> keys,
                                                   const TrainOptions& options) {
  KYRO_ASSIGN_OR_RETURN(RecursiveModelIndex model, RecursiveModelIndex::Train(keys, options));
  return InMemoryIndex(keys, std::move(model));
}

uint64_t InMemoryIndex::LowerBound(uint64_t key) const {
  return learned_index::LowerBound(keys_.data(), model_.Find(key), key);
}

std::optional<uint64_t> InMemoryIndex::Position(uint64_t key) const {
  const uint64_t position = LowerBound(key);
  if (position == keys_.size() || keys_[position] != key) return std::nullopt;
  return position;
}

void InMemoryIndex::LowerBoundBatch(std::span<const uint64_t> probes,
                                    std::span<uint64_t> positions) const {
  KYRO_CHECK(positions.size() >= probes.size());
  constexpr size_t kGroup = 64;
  std::array<SearchBound, kGroup> bounds;
  for (size_t begin = 0; begin < probes.size(); begin += kGroup) {
    const auto group = probes.subspan(begin, std::min(kGroup, probes.size() - begin));
    const auto group_bounds = std::span(bounds).first(group.size());
    model_.FindBatch(group, group_bounds);
    learned_index::LowerBoundBatch(keys_.data(), group_bounds, group,
                                   positions.subspan(begin, group.size()));
  }
}

}  // namespace kyrodb::learned_index
