#include "engine/core/zorder_key.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "engine/base/status.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

using learned_index::ZBox;
using learned_index::ZPoint;

// A number's place among those of `bits` bits: its sign, then `exponent_bits` of exponent, then the
// leading bits of its fraction. `exponent` counts from 1, the least that is told from zero.
uint32_t FloatCoordinate(bool negative, int exponent, uint64_t fraction, uint32_t exponent_bits,
                         uint32_t bits) {
  const uint32_t fraction_bits = bits - 1 - exponent_bits;
  const uint32_t half = uint32_t{1} << (bits - 1);
  uint32_t magnitude = 0;
  if (exponent >= 1 << exponent_bits) {
    magnitude = half - 1;
  } else if (exponent >= 1) {
    magnitude = (static_cast<uint32_t>(exponent) << fraction_bits) |
                static_cast<uint32_t>(fraction >> (64 - fraction_bits));
  }
  return negative ? half - 1 - magnitude : half + magnitude;
}

uint32_t IntegerCoordinate(int64_t value, uint32_t exponent_bits, uint32_t bits) {
  const uint64_t size =
      value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  if (size == 0) return FloatCoordinate(false, 0, 0, exponent_bits, bits);
  const int leading = std::countl_zero(size);
  // The bits after the first one.
  const uint64_t fraction = leading == 63 ? 0 : size << (leading + 1);
  return FloatCoordinate(value < 0, 64 - leading, fraction, exponent_bits, bits);
}

uint32_t DoubleCoordinate(double value, uint32_t bits) {
  if (std::isnan(value)) return static_cast<uint32_t>((uint64_t{1} << bits) - 1);
  if (value == 0) value = 0;  // of the zeros the positive one
  constexpr int kBias = 1023;
  const uint32_t exponent_bits = bits >= 32 ? 8 : 6;
  const auto pattern = std::bit_cast<uint64_t>(value);
  const int exponent = static_cast<int>((pattern >> 52) & 0x7FF) - kBias;
  return FloatCoordinate((pattern >> 63) != 0, exponent + (1 << (exponent_bits - 1)), pattern << 12,
                         exponent_bits, bits);
}

uint32_t TimeCoordinate(int64_t micros, uint32_t bits) {
  constexpr int kTimeBits = 54;
  constexpr int64_t kLimit = int64_t{1} << (kTimeBits - 1);
  const int64_t clamped = std::clamp(micros, -kLimit, kLimit - 1);
  return static_cast<uint32_t>(static_cast<uint64_t>(clamped + kLimit) >> (kTimeBits - bits));
}

}  // namespace

uint32_t ZCoordinate(TypeId type, const Value& value, uint32_t bits) {
  if (type == TypeId::kDouble) return DoubleCoordinate(std::get<double>(value), bits);
  const int64_t number = std::get<int64_t>(value);
  if (type == TypeId::kTimestamptz) return TimeCoordinate(number, bits);
  if (type == TypeId::kBigint) return IntegerCoordinate(number, 6, bits);
  if (bits < 32) return IntegerCoordinate(number, 5, bits);
  return static_cast<uint32_t>(number) ^ (uint32_t{1} << 31);
}

int CompareZValues(const Value& a, const Value& b) {
  if (const int64_t* number = std::get_if<int64_t>(&a)) {
    const int64_t other = std::get<int64_t>(b);
    return *number < other ? -1 : *number > other;
  }
  const double number = std::get<double>(a);
  const double other = std::get<double>(b);
  if (std::isnan(number) || std::isnan(other)) {
    return static_cast<int>(std::isnan(number)) - static_cast<int>(std::isnan(other));
  }
  return number < other ? -1 : number > other;
}

std::string ZOrderBuildKey() { return std::string(1, '\0'); }

std::string ZOrderEntry(uint64_t code, absl::string_view row_key) {
  std::string entry;
  entry.reserve(kZCodeBytes + row_key.size());
  for (int shift = 56; shift >= 0; shift -= 8) {
    entry.push_back(static_cast<char>((code >> shift) & 0xFF));
  }
  entry.append(row_key.data(), row_key.size());
  return entry;
}

uint64_t ZCodeOf(absl::string_view entry) {
  uint64_t code = 0;
  for (size_t i = 0; i < kZCodeBytes; ++i) code = code << 8 | static_cast<uint8_t>(entry[i]);
  return code;
}

ZOrderKeys::ZOrderKeys(const TableSchema& table, const IndexSchema& index)
    : table_(&table),
      columns_(&index.columns),
      curve_(static_cast<uint32_t>(index.columns.size())) {}

absl::StatusOr<bool> ZOrderKeys::Decode(absl::string_view row, Value* values) const {
  for (size_t i = 0; i < columns_->size(); ++i) {
    KYRO_ASSIGN_OR_RETURN(values[i], DecodeColumn(*table_, row, (*columns_)[i]));
    if (IsNull(values[i])) return false;
  }
  return true;
}

uint64_t ZOrderKeys::Code(const Value* values) const {
  ZPoint point = {};
  for (size_t i = 0; i < columns_->size(); ++i) {
    point[i] = ZCoordinate(table_->columns[(*columns_)[i]].type.id, values[i], curve_.bits());
  }
  return curve_.Interleave(point);
}

absl::StatusOr<std::optional<uint64_t>> ZOrderKeys::CodeOf(absl::string_view row) const {
  return CodeWithin({}, row);
}

std::optional<ZBox> ZOrderKeys::BoxOf(std::span<const BoxSide> sides) const {
  ZPoint low = {};
  ZPoint high = {};
  for (size_t i = 0; i < columns_->size(); ++i) {
    const TypeId type = table_->columns[(*columns_)[i]].type.id;
    const BoxSide& side = sides[i];
    low[i] = side.low.has_value() ? ZCoordinate(type, *side.low, curve_.bits()) : 0;
    high[i] = side.high.has_value() ? ZCoordinate(type, *side.high, curve_.bits())
                                    : curve_.coordinate_max();
  }
  return curve_.BoxOf(low, high);
}

absl::StatusOr<std::optional<uint64_t>> ZOrderKeys::CodeWithin(std::span<const BoxSide> sides,
                                                               absl::string_view row) const {
  std::array<Value, kZOrderColumnsMax> values;
  KYRO_ASSIGN_OR_RETURN(const bool has_all, Decode(row, values.data()));
  if (!has_all) return std::nullopt;
  for (size_t i = 0; i < sides.size(); ++i) {
    if (sides[i].low.has_value() && CompareZValues(values[i], *sides[i].low) < 0) {
      return std::nullopt;
    }
    if (sides[i].high.has_value() && CompareZValues(values[i], *sides[i].high) > 0) {
      return std::nullopt;
    }
  }
  return Code(values.data());
}

}  // namespace kyrodb::engine
