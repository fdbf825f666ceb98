#include "learned_index/in_memory_index.h"

#include <utility>

#include "engine/base/status.h"

namespace kyrodb::learned_index {

InMemoryIndex::InMemoryIndex(std::span<const uint64_t> keys, RecursiveModelIndex model)
    : keys_(keys), model_(std::move(model)) {}

absl::StatusOr<InMemoryIndex> InMemoryIndex::Build(std::span<const uint64_t> keys,
                                                   const TrainOptions& options) {
  KYRO_ASSIGN_OR_RETURN(RecursiveModelIndex model, RecursiveModelIndex::Train(keys, options));
  return InMemoryIndex(keys, std::move(model));
}

std::optional<uint64_t> InMemoryIndex::Position(uint64_t key) const {
  const uint64_t position = LowerBound(key);
  if (position == keys_.size() || keys_[position] != key) return std::nullopt;
  return position;
}

void InMemoryIndex::LowerBoundBatch(std::span<const uint64_t> probes,
                                    std::span<uint64_t> positions) const {
  KYRO_CHECK(positions.size() >= probes.size());
  model_.kernels_->locate_batch(model_.view_, keys_.data(), probes, positions);
}

}  // namespace kyrodb::learned_index
