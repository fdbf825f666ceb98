#include "learned_index/zorder.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <utility>

#include "engine/base/status.h"
#include "learned_index/model/z_codec.h"

namespace kyrodb::learned_index {
namespace {

__extension__ using uint128 = unsigned __int128;

// A box with the codes of its two corners, the least and the greatest code in it.
struct Piece {
  ZBox box;
  uint64_t first;
  uint64_t last;
  // How many codes from `first` to `last` are not in the box. They fit: 2^64 codes at least one of
  // which is.
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

bool ZCurve::Contains(const ZBox& box, uint64_t code) const {
  const ZPoint point = Deinterleave(code);
  for (uint32_t d = 0; d < dimensions_; ++d) {
    if (point[d] < box.low[d] || point[d] > box.high[d]) return false;
  }
  return true;
}

bool ZCurve::IsEmpty(const ZBox& box) const {
  for (uint32_t d = 0; d < dimensions_; ++d) {
    if (box.low[d] > box.high[d]) return true;
  }
  return false;
}

// Walks down the bits in which `code` and the corners of the box differ. At a bit where the corners
// differ the box falls into a lower and a higher half; the answer is in the half of `code`, or it
// is the least code of the higher half, which is kept as `next`.
std::optional<uint64_t> ZCurve::NextInBox(const ZBox& box, uint64_t code) const {
  if (IsEmpty(box)) return std::nullopt;
  uint64_t first = Interleave(box.low);
  uint64_t last = Interleave(box.high);
  if (code <= first) return first;
  std::optional<uint64_t> next;
  while (true) {
    const uint64_t differing = (code ^ first) | (code ^ last);
    if (differing == 0) return code;
    const uint64_t bit = std::bit_floor(differing);
    // The lower bits of the same dimension.
    uint64_t lower = 0;
    for (uint32_t d = 0; d < dimensions_; ++d) {
      if ((masks_[d] & bit) != 0) lower = masks_[d] & (bit - 1);
    }
    if ((code & bit) == 0) {
      if ((first & bit) != 0) return first;  // All of the box is behind the code.
      next = (first | bit) & ~lower;
      last = (last & ~bit) | lower;
    } else {
      if ((last & bit) == 0) return next;  // All of the box is before the code.
      first = (first | bit) & ~lower;
    }
    // The bits above, in which all agreed, agree still; so does this one now.
  }
}

std::vector<ZRange> ZCurve::Decompose(const ZBox& box, uint32_t range_count_max) const {
  std::vector<ZRange> ranges;
  if (IsEmpty(box)) return ranges;
  const auto piece_of = [this](const ZBox& part) {
    Piece piece = {.box = part, .first = Interleave(part.low), .last = Interleave(part.high)};
    uint128 points = 1;
    for (uint32_t d = 0; d < dimensions_; ++d) points *= uint64_t{part.high[d]} - part.low[d] + 1;
    piece.foreign = static_cast<uint64_t>(uint128{piece.last - piece.first} + 1 - points);
    return piece;
  };

  std::priority_queue<Piece> pieces;
  pieces.push(piece_of(box));
  while (pieces.size() < range_count_max && pieces.top().foreign > 0) {
    const Piece piece = pieces.top();
    pieces.pop();
    // The highest bit in which the corners differ halves the codes, and the box across one of its
    // dimensions.
    const uint64_t bit = std::bit_floor(piece.first ^ piece.last);
    Piece halves[2] = {piece, piece};
    for (uint32_t d = 0; d < dimensions_; ++d) {
      if ((masks_[d] & bit) == 0) continue;
      const auto lower_bits = static_cast<uint32_t>(std::popcount(masks_[d] & (bit - 1)));
      const uint32_t middle = piece.box.high[d] >> lower_bits << lower_bits;
      halves[0].box.high[d] = middle - 1;
      halves[1].box.low[d] = middle;
    }
    for (const Piece& half : halves) pieces.push(piece_of(half.box));
  }

  for (; !pieces.empty(); pieces.pop()) {
    const Piece& piece = pieces.top();
    ranges.push_back({.first = piece.first, .last = piece.last, .is_inside = piece.foreign == 0});
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
