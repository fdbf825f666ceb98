// The entries of a zorder index: how rows become points of a grid, and points keys.
//
// Key:  8 bytes, the code of the row's point on the Z-curve, big-endian; then the row's key. Values
//       are empty. A row that is null in one of the columns has no entry.
//       One more key, a zero byte, is there while the index is being built: its value is where in
//       the table the building goes on. It sorts before every entry.
//
// A column has 32, 21 or 16 bits of a code of two, three or four columns, so that its value is
// rounded, in order: what is nearer to negative infinity never has the greater coordinate. An
// entry therefore only says where a row may be, and whoever finds it looks at the row itself. How
// values are rounded is part of the file format:
//   integer      of 32 bits as it is. With fewer as a float: sign, 5 bits of exponent, and the
//                leading 15 or 10 bits after the first.
//   bigint       as a float: sign, 6 bits of exponent, and the leading 25, 14 or 9 bits after the
//                first. Numbers of a size are told apart, whether they count people or atoms.
//   double       likewise, with 8, 6 or 6 bits of exponent around 2^0: 32 bits hold what a
//                `float` does. What is too small counts as zero, what is too large as the largest,
//                both zeros are one, and NaN is the largest, as it sorts.
//   timestamptz  in equal steps from 1684 to 2255: 4 seconds, 2.4 hours, 3.2 days; what is before
//                or after counts as the first or the last.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/box.h"
#include "engine/schema.h"
#include "engine/value.h"
#include "learned_index/zorder.h"

namespace kyrodb::engine {

inline constexpr size_t kZCodeBytes = 8;

// Where a value of the column is on its axis of 2^`bits` coordinates; `value` is not null.
uint32_t ZCoordinate(TypeId type, const Value& value, uint32_t bits);

// -1, 0 or 1 as `a` sorts before, with or after `b`, both of the same type and not null.
int CompareZValues(const Value& a, const Value& b);

// The key that is there while the index is being built.
std::string ZOrderBuildKey();

std::string ZOrderEntry(uint64_t code, absl::string_view row_key);
// Of a key that has at least `kZCodeBytes`.
uint64_t ZCodeOf(absl::string_view entry);

// One index of one table.
//
// Thread-safety:  immutable.
// Lifetime:       table and index must outlive it.
class ZOrderKeys {
 public:
  ZOrderKeys(const TableSchema& table, const IndexSchema& index);

  const learned_index::ZCurve& curve() const { return curve_; }

  // The code of a row; nullopt when it is null in one of the columns. `DataLoss` when the bytes are
  // no row of the table.
  absl::StatusOr<std::optional<uint64_t>> CodeOf(absl::string_view row) const;

  // Where rows between the bounds may be; nullopt when there cannot be any.
  std::optional<learned_index::ZBox> BoxOf(std::span<const BoxSide> sides) const;
  // The code of a row that is between the bounds; nullopt when it is not, or null somewhere.
  absl::StatusOr<std::optional<uint64_t>> CodeWithin(std::span<const BoxSide> sides,
                                                     absl::string_view row) const;

 private:
  // False when a column is null.
  absl::StatusOr<bool> Decode(absl::string_view row, Value* values) const;
  uint64_t Code(const Value* values) const;

  const TableSchema* const table_;
  const std::vector<uint32_t>* const columns_;
  const learned_index::ZCurve curve_;
};

}  // namespace kyrodb::engine
