#include "sql/execute/key_value.h"

#include <cmath>
#include <utility>

namespace kyrodb::sql {

bool IsKeyComparable(TypeId column, TypeId from) {
  const auto is_number = [](TypeId id) {
    return id == TypeId::kInteger || id == TypeId::kBigint || id == TypeId::kDouble;
  };
  return column == from || (is_number(column) && is_number(from));
}

KeyValue ToKeyValue(const Type& column, const Type& from, Value value) {
  if (IsNull(value)) return {};
  if (column.id == from.id) return {KeyValue::Kind::kValue, std::move(value)};
  if (from.id == TypeId::kBigint || from.id == TypeId::kInteger) {
    const int64_t number = std::get<int64_t>(value);
    if (column.id == TypeId::kInteger && number < INT32_MIN) return {KeyValue::Kind::kBelow, {}};
    if (column.id == TypeId::kInteger && number > INT32_MAX) return {KeyValue::Kind::kAbove, {}};
    if (column.id == TypeId::kDouble) {
      return {KeyValue::Kind::kValue, Value(static_cast<double>(number))};
    }
    return {KeyValue::Kind::kValue, std::move(value)};
  }
  // An integer column under a cast to double. Doubles of 2^53 and more stand for several integers.
  const double number = std::get<double>(value);
  if (std::isnan(number) || std::floor(number) != number ||
      std::fabs(number) >= 9007199254740992.0) {
    return {};
  }
  const auto whole = static_cast<int64_t>(number);
  if (column.id == TypeId::kInteger && (whole < INT32_MIN || whole > INT32_MAX)) return {};
  return {KeyValue::Kind::kValue, Value(whole)};
}

}  // namespace kyrodb::sql
