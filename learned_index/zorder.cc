#include "learned_index/zorder.h"

#include <algorithm>
#include <queue>

#include "engine/base/status.h"
#include "learned_index/model/z_codec.h"

namespace kyrodb::learned_index {
namespace {

__extension__ using uint128 = unsigned __int128;

struct Piece {
  ZBox box;
  // How many codes from the first to the last one are not in the box. They fit: of 2^64 codes at
  // least one is.
  uint64_t foreign;

  friend bool operator<(const Piece& a, const Piece& b) { return a.foreign < b.foreign; }
};

}  // namespace

ZCurve::ZCurve(uint32_t dimensions) : dimensions_(dimensions) {
  KYRO_CHECK(dimensions >= 2 && dimensions <= kZDimensionsMax);
  for (uint32_t bit = 0; bit < bits() * dimensions_; ++bit) {
    masks_[dimensions_ - 1 - bit % dimensions_] |= uint64_t{1} << bit;
  }
}

uint64_t ZCurve::Interleave(const ZPoint& point) const {
  const model::ZCodec& codec = model::BestZCodec();
  uint64_t code = 0;
  for (uint32_t d = 0; d < dimensions_; ++d) code |= codec.spread(point[d], masks_[d]);
  return code;
}

ZPoint ZCurve::Deinterleave(uint64_t code) const {
  const model::ZCodec& codec = model::BestZCodec();
  ZPoint point = {};
  for (uint32_t d = 0; d < dimensions_; ++d) {
    point[d] = static_cast<uint32_t>(codec.gather(code, masks_[d]));
  }
  return point;
}

std::optional<ZBox> ZCurve::BoxOf(const ZPoint& low, const ZPoint& high) const {
  for (uint32_t d = 0; d < dimensions_; ++d) {
    if (low[d] > high[d]) return std::nullopt;
  }
  return ZBox{.first = Interleave(low), .last = Interleave(high)};
}

// Walks down the bits in which `code` and the corners of the box differ. At a bit where the corners
// differ the box falls into halves; the answer is in the half of `code`, or it is the first code of
// the upper half, which is kept as `next`.
std::optional<uint64_t> ZCurve::NextInBox(const ZBox& box, uint64_t code) const {
  ZBox part = box;
  std::optional<uint64_t> next;
  while (true) {
    const uint64_t differing = (code ^ part.first) | (code ^ part.last);
    if (differing == 0) return code;
    const uint64_t bit = std::bit_floor(differing);
    if ((code & bit) == 0) {
      if ((part.first & bit) != 0) return part.first;  // All of it is behind the code.
      const ZHalves halves = Split(part);
      next = halves.upper.first;
      part = halves.lower;
    } else {
      if ((part.last & bit) == 0) return next;  // All of it is before the code.
      part = Split(part).upper;
    }
    // The bits above, in which all agreed, agree still; so does this one now.
  }
}

std::vector<ZRange> ZCurve::Decompose(const ZBox& box, uint32_t range_count_max) const {
  const auto piece_of = [this](const ZBox& part) {
    const ZPoint low = Deinterleave(part.first);
    const ZPoint high = Deinterleave(part.last);
    uint128 points = 1;
    for (uint32_t d = 0; d < dimensions_; ++d) points *= uint64_t{high[d]} - low[d] + 1;
    const uint128 codes = uint128{part.last - part.first} + 1;
    return Piece{.box = part, .foreign = static_cast<uint64_t>(codes - points)};
  };

  std::priority_queue<Piece> pieces;
  pieces.push(piece_of(box));
  while (pieces.size() < range_count_max && pieces.top().foreign > 0) {
    const ZHalves halves = Split(pieces.top().box);
    pieces.pop();
    pieces.push(piece_of(halves.lower));
    pieces.push(piece_of(halves.upper));
  }

  std::vector<ZRange> ranges;
  ranges.reserve(pieces.size());
  for (; !pieces.empty(); pieces.pop()) {
    const Piece& piece = pieces.top();
    ranges.push_back(
        {.first = piece.box.first, .last = piece.box.last, .is_inside = piece.foreign == 0});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const ZRange& a, const ZRange& b) { return a.first < b.first; });
  // Neighbours of the same kind become one.
  size_t kept = 0;
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[kept].last + 1 == ranges[i].first && ranges[kept].is_inside == ranges[i].is_inside) {
      ranges[kept].last = ranges[i].last;
    } else {
      ranges[++kept] = ranges[i];
    }
  }
  ranges.resize(kept + 1);
  return ranges;
}

}  // namespace kyrodb::learned_index
