// An ordered, read-only map of 64-bit keys to 64-bit words in memory, at the speed of a learned
// index where the keys have a shape and never slower than a good tree where they have none.
//
// Source: Ding et al., "ALEX" (SIGMOD 2020) for placing keys by the model into gapped arrays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "learned_index/cells.h"
#include "learned_index/model/kernels.h"
#include "learned_index/model/map_cells.h"
#include "learned_index/model/router.h"
#include "learned_index/model/segment.h"
#include "learned_index/model/tree_levels.h"

namespace kyrodb::learned_index {

// How a map finds the cell of a key; all keep eight keys beside their eight words (cells.h).
enum class InMemoryMapForm {
  kDense,   // full cells; the model predicts a position and the search walks outward
  kGapped,  // three quarters full; the model has placed the keys, searches walk rightward at most
  kTree,    // full cells; a static tree over the first keys of all cells
};

// "dense", "gapped" or "tree".
absl::string_view NameOf(InMemoryMapForm form);

struct InMemoryMapOptions {
  // The largest error of a prediction, in positions; see TrainOptions.
  uint32_t epsilon = 16;
  // What look-ups are timed with when the form is chosen. Without a clock, and for fewer than
  // 65,536 keys, a rule of thumb chooses: gapped, or the tree where a segment of the model covers
  // fewer than fifty keys.
  const Clock* clock = nullptr;
  // Takes this form without choosing.
  std::optional<InMemoryMapForm> form;
};

// Shape:          keys are strictly increasing, any length from zero to kKeyCountMax.
// Units:          sizes in bytes.
// Order:          `LowerBound` and `Scan` go up by key.
// Errors:         only `Build` fails; look-ups are total.
// Thread-safety:  immutable after `Build`; share freely across threads.
// Cost:           16 bytes a key dense or under a tree, 21.4 gapped, and `index_bytes` for the
//                 model or the tree. Independent look-ups overlap in the CPU: a loop of them runs
//                 several times faster than a chain.
// Lifetime:       what look-ups return points into the map and lives as long as it does.
class InMemoryMap {
 public:
  struct Entry {
    uint64_t key;
    uint64_t value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Copies `keys` and `values`, which are equally long; trains a model and, unless the form is
  // given, times the forms against each other over a sample of look-ups. InvalidArgument and
  // ResourceExhausted as from `RecursiveModelIndex::Train`. While it chooses, two copies of the
  // data are in memory.
  static absl::StatusOr<InMemoryMap> Build(std::span<const uint64_t> keys,
                                           std::span<const uint64_t> values,
                                           const InMemoryMapOptions& options = {});
  InMemoryMap(InMemoryMap&&) = default;
  InMemoryMap& operator=(InMemoryMap&&) = default;

  // Returns the value of `key`, or null when it is not there.
  const uint64_t* Find(uint64_t key) const {
    if (key == kTopKey) [[unlikely]]
      return TopValue();
    return kernels_->find(view_, key);
  }

  // Writes `Find(keys[i])` to `values[i]` for every i; several times faster than one by one when
  // the data do not fit the CPU's caches. `values` is at least as long as `keys`.
  void FindBatch(std::span<const uint64_t> keys, std::span<const uint64_t*> values) const;

  // Returns the first entry whose key is not less than `key`.
  std::optional<Entry> LowerBound(uint64_t key) const;

  // Writes the first entries whose keys are not less than `key` to `entries`, as many as there are
  // and fit, and returns how many.
  uint64_t Scan(uint64_t key, std::span<Entry> entries) const;

  InMemoryMapForm form() const { return form_; }
  uint64_t key_count() const { return key_count_; }
  // The memory of the model or the tree.
  uint64_t index_bytes() const;
  // All the memory that the map holds.
  uint64_t size_bytes() const;
  // How many linear segments the model has; 0 for a tree.
  uint64_t segment_count() const { return segments_.size(); }

 private:
  using Cells = model::Cells;

  // Free slices hold this key; where it is a real one, its value is the first word of the last
  // cell, which has no other.
  static constexpr uint64_t kTopKey = model::kFreeSlice;

  InMemoryMap(InMemoryMapForm form, uint64_t key_count, bool has_top, Cells cells,
              model::SegmentTable segments, model::TreeLevels tree);

  // One form over keys that are in order; `segments` are those of the keys without kTopKey.
  static InMemoryMap BuildForm(InMemoryMapForm form, std::span<const uint64_t> keys,
                               std::span<const uint64_t> values,
                               const model::SegmentTable& segments);
  const uint64_t* TopValue() const {
    return has_top_ ? &cells_[cells_.size() - kCellSlices] : nullptr;
  }

  InMemoryMapForm form_;
  uint64_t key_count_;
  bool has_top_;
  // At least one, and the last one is free.
  Cells cells_;
  // Empty under a tree.
  model::SegmentTable segments_;
  model::Router router_;
  // Empty under a model.
  model::TreeLevels tree_;
  // What look-ups read; points into the above, whose arrays keep their place in a move.
  model::MapView view_;
  const model::MapKernels* kernels_;
};

}  // namespace kyrodb::learned_index
