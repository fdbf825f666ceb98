#include "learned_index/model/router.h"

#include <limits>

namespace kyrodb::learned_index::model {

Router::Router(const SegmentTable& segments) {
  BuildModel(segments, 0, std::max(segments.size(), 1u), 1);
  models_.shrink_to_fit();
  cells_.shrink_to_fit();
}

// Builds the model that routes keys known to belong to the segments [begin, end) and returns its
// number.
//
// Why it is right: let cell(k) be the cell number of a key, never decreasing in k, and take a key
// k in cell c. A segment whose first key f has cell(f) < c has f < k; one with cell(f) > c has
// f > k. So the segment of k is one of those that start in c or the last one that starts before c.
uint32_t Router::BuildModel(const SegmentTable& segments, uint32_t begin, uint32_t end,
                            uint32_t depth) {
  const uint64_t* const first_keys = segments.first_keys();
  const auto number = static_cast<uint32_t>(models_.size());
  models_.emplace_back();
  depth_ = std::max(depth_, depth);
  if (depth > kModelDepthMax) {
    models_[number] = {.cell_last = AffineModel::kHalving, .begin = begin, .end = end};
    return number;
  }

  AffineModel model;
  const uint32_t starts = end - begin - 1;  // Segments whose first key tells cells apart.
  model.begin = static_cast<uint32_t>(cells_.size());
  if (starts > kCellSegmentsMax) {
    model.base = first_keys[begin + 1];
    model.cell_last = starts - 1;
    // multiplier = starts * 2^(64 + shift) / range, with the largest shift for which it fits.
    const uint128 range = static_cast<uint128>(first_keys[end - 1] - model.base) + 1;
    while (model.shift < 31 && static_cast<uint128>(starts) << (model.shift + 1) < range) {
      ++model.shift;
    }
    const uint128 multiplier = (static_cast<uint128>(starts) << (64 + model.shift)) / range;
    model.multiplier =
        static_cast<uint64_t>(std::min<uint128>(multiplier, std::numeric_limits<uint64_t>::max()));
  }
  models_[number] = model;
  cells_.resize(cells_.size() + model.cell_last + 1);

  uint32_t next = begin + 1;  // The first segment that starts in this cell or later.
  for (uint32_t cell = 0; cell <= model.cell_last; ++cell) {
    const uint32_t before = next - 1;
    while (next < end && CellOf(model, first_keys[next]) == model.begin + cell) ++next;
    // Children are built here, depth first; `cells_` may move, so it is indexed afresh.
    const uint32_t target = next - before - 1 <= kCellSegmentsMax
                                ? before
                                : BuildModel(segments, before, next, depth + 1) | kModelBit;
    cells_[model.begin + cell] = target;
  }
  return number;
}

uint32_t Halve(const uint64_t* first_keys, const AffineModel& model, uint64_t key) {
  // `begin` is not asked: the key is known to be behind it, or there is nothing before it.
  const uint64_t* const after =
      std::upper_bound(first_keys + model.begin + 1, first_keys + model.end, key);
  return static_cast<uint32_t>(after - first_keys) - 1;
}

}  // namespace kyrodb::learned_index::model
