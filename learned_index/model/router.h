// The upper layers of the model: from a key to the segment that covers it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "learned_index/model/segment.h"

namespace kyrodb::learned_index::model {

// A tree of affine models. A model spreads the keys of its range evenly over as many cells as it
// has segments; a cell that few segments start in names the first candidate, and up to
// kCellSegmentsMax comparisons finish the job; a crowded cell leads to a model of its own. Below
// kModelDepthMax models, a crowded cell is searched by halving instead: no set of keys makes
// routing worse than that.
//
// Cells are found in integers, by a 128-bit multiplication. All that correctness needs is that a
// model's cell number never decreases with the key; the precision of its slope only decides
// how evenly cells are filled.
//
// Thread-safety:  immutable after construction.
// Cost:           one model for even keys; worst case kModelDepthMax models and log2(segments).
class Router {
 public:
  static constexpr uint32_t kCellSegmentsMax = SegmentTable::kPadding;
  static constexpr uint32_t kModelDepthMax = 4;
  // A quarter of what a cell can name: models and segments share its bits, and every layer may
  // have as many cells as there are segments.
  static constexpr uint32_t kSegmentCountMax = 1u << 29;

  // Routes to the one segment of an empty table.
  Router() { Build(SegmentTable()); }
  explicit Router(const SegmentTable& segments) { Build(segments); }

  // Returns the last segment whose first key is <= `key`, or 0. `segments` is the table that the
  // router was built for.
  uint32_t Route(const SegmentTable& segments, uint64_t key) const {
    return RouteFrom(segments, key, RootCell(key));
  }

  // The two halves of `Route`, so that a batch can fetch the root's cells in between.
  uint64_t RootCell(uint64_t key) const { return CellOf(models_.front(), key); }
  void PrefetchRootCell(uint64_t cell) const { __builtin_prefetch(&cells_[cell]); }
  uint32_t RouteFrom(const SegmentTable& segments, uint64_t key, uint64_t cell) const {
    uint32_t target = cells_[cell];
    while ((target & kModelBit) != 0) {
      const Model& model = models_[target & ~kModelBit];
      if (model.cell_last == kHalving) return Halve(segments, model, key);
      target = cells_[CellOf(model, key)];
    }
    const uint64_t* const candidates = segments.first_keys() + target + 1;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < kCellSegmentsMax; ++i) passed += candidates[i] <= key ? 1 : 0;
    // Only the largest key of all can pass the padding.
    return std::min(target + passed, segments.last());
  }

  // The most models, or one halving search, between a key and its segment.
  uint32_t depth() const { return depth_; }
  uint64_t size_bytes() const {
    return models_.capacity() * sizeof(Model) + cells_.capacity() * sizeof(uint32_t);
  }

 private:
  __extension__ using uint128 = unsigned __int128;
  // A cell that is not a segment number is a model number with this bit set.
  static constexpr uint32_t kModelBit = 1u << 31;
  static constexpr uint32_t kHalving = ~0u;

  struct Model {
    // cell = min(cell_last, (key - base) * multiplier >> (64 + shift)); 0 for keys below base.
    uint64_t base = 0;
    uint64_t multiplier = 0;
    uint32_t shift = 0;
    uint32_t cell_last = 0;
    // Where the model's cells begin; for a halving search, the segments [begin, end).
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  static uint64_t CellOf(const Model& model, uint64_t key) {
    const uint64_t distance = std::max(key, model.base) - model.base;
    const auto product = static_cast<uint128>(distance) * model.multiplier;
    const uint64_t cell = static_cast<uint64_t>(product >> 64) >> model.shift;
    return model.begin + std::min<uint64_t>(cell, model.cell_last);
  }
  static uint32_t Halve(const SegmentTable& segments, const Model& model, uint64_t key);

  void Build(const SegmentTable& segments);
  uint32_t BuildModel(const SegmentTable& segments, uint32_t begin, uint32_t end, uint32_t depth);

  std::vector<Model> models_;
  std::vector<uint32_t> cells_;
  uint32_t depth_ = 0;
};

}  // namespace kyrodb::learned_index::model
