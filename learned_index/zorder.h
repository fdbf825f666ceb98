// Points of two to four dimensions as single numbers whose order keeps neighbours together, so that
// one sorted run answers boxes: the Z-order, or Morton, curve.
//
// Source: Tropf and Herzog, "Multidimensional Range Search in Dynamically Balanced Trees"
// (Angewandte Informatik 2/1981) for the next point inside a box (BIGMIN).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace kyrodb::learned_index {

inline constexpr uint32_t kZDimensionsMax = 4;

// Coordinates; those of dimensions that a curve does not have are 0.
using ZPoint = std::array<uint32_t, kZDimensionsMax>;

// All points p with low[d] <= p[d] <= high[d] in every dimension d. No point where a `low` is above
// its `high`.
struct ZBox {
  ZPoint low = {};
  ZPoint high = {};
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
// Order:          a code never decreases when a coordinate grows and the others stay.
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

  // Whether the point of `code` lies in `box`.
  bool Contains(const ZBox& box, uint64_t code) const;

  // Returns the smallest code in `box` that is not less than `code`, or nothing when there is none:
  // where a scan goes on that has met a point outside. O(bits of a code), most of them skipped.
  std::optional<uint64_t> NextInBox(const ZBox& box, uint64_t code) const;

  // Cuts `box` into at most `range_count_max` ranges, one at least, in order and apart, which
  // together hold every code in the box, and no code that is not `is_inside` needlessly: the range
  // that holds most foreign codes is split first. Empty for a box of no points. O(r log r) for r
  // ranges.
  std::vector<ZRange> Decompose(const ZBox& box, uint32_t range_count_max) const;

 private:
  bool IsEmpty(const ZBox& box) const;

  uint32_t dimensions_;
  // The bits of each dimension in a code.
  std::array<uint64_t, kZDimensionsMax> masks_ = {};
};

}  // namespace kyrodb::learned_index
