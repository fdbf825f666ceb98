// The upper layers of the model: from a key to the segment that covers it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "learned_index/model/huge_page_allocator.h"
#include "learned_index/model/segment.h"

namespace kyrodb::learned_index::model {

// One affine model: cell = min(cell_last, (key - base) * multiplier >> (64 + shift)), and 0 for
// keys below `base`. Integers all the way; all that correctness needs is that the cell number
// never decreases with the key, the precision of the slope only decides how evenly cells fill.
struct AffineModel {
  // Stands in `cell_last` where a search by halving takes the place of a model.
  static constexpr uint32_t kHalving = ~0u;

  uint64_t base = 0;
  uint64_t multiplier = 0;
  uint32_t shift = 0;
  uint32_t cell_last = 0;
  // Where the model's cells begin; for a halving search, the segments [begin, end).
  uint32_t begin = 0;
  uint32_t end = 0;
};

__extension__ using uint128 = unsigned __int128;

inline uint64_t CellOf(const AffineModel& model, uint64_t key) {
  const uint64_t distance = std::max(key, model.base) - model.base;
  const auto product = static_cast<uint128>(distance) * model.multiplier;
  const uint64_t cell = static_cast<uint64_t>(product >> 64) >> model.shift;
  return model.begin + std::min<uint64_t>(cell, model.cell_last);
}

// Searches the segments of a halving model for the last whose first key is <= `key`.
uint32_t Halve(const uint64_t* first_keys, const AffineModel& model, uint64_t key);

// A tree of affine models. A model spreads the keys of its range evenly over as many cells as it
// has segments; a cell that few segments start in names the first candidate, and
// kCellSegmentsMax comparisons at once finish the job; a crowded cell leads to a model of its
// own. Below kModelDepthMax models, a crowded cell is searched by halving instead: no set of keys
// makes routing worse than that. The walk itself is in kernels.inc.
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
  // A cell holds a segment number, or a model number with this bit set.
  static constexpr uint32_t kModelBit = 1u << 31;

  explicit Router(const SegmentTable& segments);

  // The root is the first.
  const AffineModel* models() const { return models_.data(); }
  const uint32_t* cells() const { return cells_.data(); }
  // The most models, the halving search counted as one, between a key and its segment.
  uint32_t depth() const { return depth_; }
  uint64_t size_bytes() const {
    return models_.capacity() * sizeof(AffineModel) + cells_.capacity() * sizeof(uint32_t);
  }

 private:
  uint32_t BuildModel(const SegmentTable& segments, uint32_t begin, uint32_t end, uint32_t depth);

  HugePageVector<AffineModel> models_;
  HugePageVector<uint32_t> cells_;
  uint32_t depth_ = 0;
};

}  // namespace kyrodb::learned_index::model
