// Points of two to four dimensions as single numbers whose order keeps neighbours together, so that
// one sorted run answers boxes: the Z-order, or Morton, curve.
//
// Source: Tropf and Herzog, "Multidimensional Range Search in Dynamically Balanced Trees"
// (Angewandte Informatik 2/1981) for the halves of a box and the next point inside it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

namespace kyrodb::learned_index {

inline constexpr uint32_t kZDimensionsMax = 4;

// Coordinates; those of dimensions that a curve does not have are 0.
using ZPoint = std::array<uint32_t, kZDimensionsMax>;

// The codes of the corners of a box: of the point with the least coordinates in all dimensions and
// of the one with the greatest. They are the first and the last code in the box, but between them
// stand codes of other points too.
struct ZBox {
  uint64_t first = 0;
  uint64_t last = 0;
  friend bool operator==(const ZBox&, const ZBox&) = default;
};

// The two parts of a box where the highest bit in which its corners differ is 0 and is 1.
struct ZHalves {
  ZBox lower;
  ZBox upper;
};

// Codes from `first` to `last`, both included.
struct ZRange {
  uint64_t first = 0;
  uint64_t last = 0;
  // Whether all of them lie in the box, so that nobody has to look at the points.
  bool is_inside = false;
  friend bool operator==(const ZRange&, const ZRange&) = default;
};

// A curve through the grid of all points of so many dimensions. The code of a point has the bits of
// its coordinates in turn, highest bits first and dimension 0 first. How a column of integers or
// doubles becomes a coordinate, in order and perhaps rounded, is the caller's business.
//
// Shape:          2, 3 or 4 dimensions of 32, 21 or 16 bits; coordinates fit these bits.
// Order:          a code grows when a coordinate grows and no other falls.
// Errors:         none.
// Thread-safety:  immutable.
class ZCurve {
 public:
  // Ends the process when `dimensions` is not 2, 3 or 4.
  explicit ZCurve(uint32_t dimensions);

  uint32_t dimensions() const { return dimensions_; }
  // Bits of a coordinate.
  uint32_t bits() const { return 64 / dimensions_; }
  // The largest coordinate.
  uint32_t coordinate_max() const { return static_cast<uint32_t>((uint64_t{1} << bits()) - 1); }

  uint64_t Interleave(const ZPoint& point) const;
  ZPoint Deinterleave(uint64_t code) const;

  // The box of all points p with low[d] <= p[d] <= high[d], or nothing when it has none.
  std::optional<ZBox> BoxOf(const ZPoint& low, const ZPoint& high) const;

  // Whether the point of `code` lies in `box`. Bits of one dimension compare like its coordinate,
  // so that nothing has to be gathered.
  bool Contains(const ZBox& box, uint64_t code) const {
    bool is_inside = true;
    for (uint32_t d = 0; d < dimensions_; ++d) {
      const uint64_t bits_of_code = code & masks_[d];
      is_inside = is_inside && bits_of_code >= (box.first & masks_[d]) &&
                  bits_of_code <= (box.last & masks_[d]);
    }
    return is_inside;
  }

  // Whether every code from the first to the last one is in `box`.
  static bool IsWhole(const ZBox& box) {
    const uint64_t differing = box.first ^ box.last;
    return (differing & (differing + 1)) == 0 && (box.first & differing) == 0;
  }

  // Halves a box of more than one point. Between the last code of the lower half and the first of
  // the upper one is no code of the box.
  ZHalves Split(const ZBox& box) const {
    const uint64_t bit = std::bit_floor(box.first ^ box.last);
    const uint64_t below = MaskOf(bit) & (bit - 1);
    return {.lower = {.first = box.first, .last = (box.last & ~bit) | below},
            .upper = {.first = (box.first | bit) & ~below, .last = box.last}};
  }

  // Returns the smallest code in `box` that is not less than `code`, or nothing when there is none:
  // where a scan goes on that has met a point outside. O(bits of a code), most of them skipped.
  std::optional<uint64_t> NextInBox(const ZBox& box, uint64_t code) const;

  // Cuts `box` into at most `range_count_max` ranges, one at least, in order and apart, which
  // together hold every code in the box. The range that holds most foreign codes is split first.
  // For those who do not know the data; who does calls VisitBox. O(r log r) for r ranges.
  std::vector<ZRange> Decompose(const ZBox& box, uint32_t range_count_max) const;

 private:
  // The bits of the dimension that `bit` belongs to.
  uint64_t MaskOf(uint64_t bit) const {
    uint64_t mask = 0;
    for (uint32_t d = 0; d < dimensions_; ++d) mask |= (masks_[d] & bit) != 0 ? masks_[d] : 0;
    return mask;
  }

  uint32_t dimensions_;
  // The bits of each dimension in a code.
  std::array<uint64_t, kZDimensionsMax> masks_ = {};
};

// Visits what a sorted run of codes has in `box`, in order, as ranges of positions [begin, end):
// `visit(begin, end, true)` where every code is in the box, `visit(begin, end, false)` where at
// most `scan_max` codes are, some of which may be foreign. Splits where the run has points, not
// where the box has corners.
//
// `lower_bound(code)` returns the position of the first code of the run that is not less; with a
// learned index under it, a split costs two look-ups. `end` of the run is its number of codes.
template <typename LowerBound, typename Visit>
void VisitBox(const ZCurve& curve, const ZBox& box, uint64_t scan_max, uint64_t run_end,
              const LowerBound& lower_bound, const Visit& visit) {
  const auto behind = [&](uint64_t code) {
    return code == ~uint64_t{0} ? run_end : lower_bound(code + 1);
  };
  struct Part {
    ZBox box;
    uint64_t begin;
    uint64_t end;
  };
  // Halves wait here for their turn: one for each bit of a code at most.
  std::array<Part, 66> waiting;
  uint32_t waiting_count = 1;
  waiting[0] = {box, lower_bound(box.first), behind(box.last)};
  while (waiting_count > 0) {
    const Part part = waiting[--waiting_count];
    if (part.begin >= part.end) continue;
    if (ZCurve::IsWhole(part.box)) {
      visit(part.begin, part.end, true);
    } else if (part.end - part.begin <= scan_max) {
      visit(part.begin, part.end, false);
    } else {
      const ZHalves halves = curve.Split(part.box);
      waiting[waiting_count++] = {halves.upper, lower_bound(halves.upper.first), part.end};
      waiting[waiting_count++] = {halves.lower, part.begin, behind(halves.lower.last)};
    }
  }
}

}  // namespace kyrodb::learned_index
