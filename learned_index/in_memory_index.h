// A model and the keys that it was trained on, side by side in memory: ask for a key, get its
// position.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {

// An ordered, read-only index over keys that lie in memory.
//
// Shape:          `keys` is strictly increasing, any length from zero to kKeyCountMax.
// Units:          positions count keys, from 0; `key_count()` stands for "after all of them".
// Errors:         only `Build` fails; look-ups are total.
// Thread-safety:  immutable after `Build`; share freely across threads.
// Lifetime:       borrows `keys`: they must outlive the index and not change.
class InMemoryIndex {
 public:
  // Trains a model on `keys`. Errors are those of `RecursiveModelIndex::Train`.
  static absl::StatusOr<InMemoryIndex> Build(std::span<const uint64_t> keys,
                                             const TrainOptions& options = {});

  // Returns the position of the first key that is not less than `key`, or `key_count()`.
  uint64_t LowerBound(uint64_t key) const {
    return model_.kernels_->locate(model_.view_, keys_.data(), key);
  }

  // Returns the position of `key`, or nothing when it is not there.
  std::optional<uint64_t> Position(uint64_t key) const;

  // Writes `LowerBound(probes[i])` to `positions[i]` for every i; several times faster than one
  // by one when the keys do not fit the CPU's caches. `positions` is at least as long as `probes`.
  void LowerBoundBatch(std::span<const uint64_t> probes, std::span<uint64_t> positions) const;

  uint64_t key_count() const { return keys_.size(); }
  std::span<const uint64_t> keys() const { return keys_; }
  const RecursiveModelIndex& model() const { return model_; }

 private:
  InMemoryIndex(std::span<const uint64_t> keys, RecursiveModelIndex model);

  std::span<const uint64_t> keys_;
  RecursiveModelIndex model_;
};

}  // namespace kyrodb::learned_index
