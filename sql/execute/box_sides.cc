#include "sql/execute/box_sides.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::sql {
namespace {

// What a bound says about a column.
struct Bound {
  enum class Kind { kValue, kNothing, kEverything };
  Kind kind = Kind::kNothing;  // no row fulfils it, or every row does
  Value value;
};

constexpr Bound Everything() { return {Bound::Kind::kEverything, {}}; }

// A bound of an integer column by a number of any size, which `is_lower` says the side of.
Bound IntegerBound(TypeId column, int64_t number, bool is_lower) {
  const int64_t min = column == TypeId::kInteger ? INT32_MIN : INT64_MIN;
  const int64_t max = column == TypeId::kInteger ? INT32_MAX : INT64_MAX;
  if (number < min) return is_lower ? Everything() : Bound{};
  if (number > max) return is_lower ? Bound{} : Everything();
  return {Bound::Kind::kValue, Value(number)};
}

// The column is compared as a double. From 2^53 on several integers are the same double: the bound
// is moved to the next one, so that it excludes none of them.
Bound IntegerBound(TypeId column, double number, bool is_lower) {
  // NaN is above every number.
  if (std::isnan(number)) return is_lower ? Bound{} : Everything();
  constexpr double kExact = 9007199254740992.0;  // 2^53
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (std::fabs(number) >= kExact)
    number = std::nextafter(number, is_lower ? -kInfinity : kInfinity);
  number = is_lower ? std::ceil(number) : std::floor(number);
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (number >= kLimit) return is_lower ? Bound{} : Everything();
  if (number < -kLimit) return is_lower ? Everything() : Bound{};
  return IntegerBound(column, static_cast<int64_t>(number), is_lower);
}

Bound ToBound(TypeId column, TypeId from, Value value, bool is_lower) {
  if (IsNull(value)) return {};
  const bool from_integer = from == TypeId::kInteger || from == TypeId::kBigint;
  if (column == TypeId::kDouble && from_integer) {
    return {Bound::Kind::kValue, Value(static_cast<double>(std::get<int64_t>(value)))};
  }
  if (column == TypeId::kDouble || column == TypeId::kTimestamptz) {
    return {Bound::Kind::kValue, std::move(value)};
  }
  return from_integer ? IntegerBound(column, std::get<int64_t>(value), is_lower)
                      : IntegerBound(column, std::get<double>(value), is_lower);
}

// Narrows `side` by all `bounds`; false when nothing is left.
absl::StatusOr<bool> Narrow(TypeId column, const std::vector<BoundPtr>& bounds, bool is_lower,
                            EvaluationContext& context, std::optional<Value>* side) {
  for (const BoundPtr& e : bounds) {
    KYRO_ASSIGN_OR_RETURN(Value value, EvaluateToValue(*e, nullptr, context));
    Bound bound = ToBound(column, e->type.id, std::move(value), is_lower);
    if (bound.kind == Bound::Kind::kNothing) return false;
    if (bound.kind == Bound::Kind::kEverything) continue;
    if (side->has_value()) {
      const int order = CompareValues(column, bound.value, **side);
      if (is_lower ? order <= 0 : order >= 0) continue;
    }
    *side = std::move(bound.value);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::optional<std::vector<engine::BoxSide>>> EvaluateBox(
    const PlanNode& plan, EvaluationContext& context) {
  std::vector<engine::BoxSide> sides(plan.path.box.size());
  for (size_t i = 0; i < sides.size(); ++i) {
    const TypeId column = plan.table->columns[plan.path.index->columns[i]].type.id;
    const BoxBounds& bounds = plan.path.box[i];
    KYRO_ASSIGN_OR_RETURN(const bool any_above,
                          Narrow(column, bounds.lower, true, context, &sides[i].low));
    KYRO_ASSIGN_OR_RETURN(const bool any_below,
                          Narrow(column, bounds.upper, false, context, &sides[i].high));
    if (!any_above || !any_below) return std::nullopt;
  }
  return sides;
}

}  // namespace kyrodb::sql
