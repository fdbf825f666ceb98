// Conditions by which rows are found: a column against what does not depend on the row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sql/bind/expression.h"

namespace kyrodb::sql {

// A point path looks up at most this many keys.
inline constexpr size_t kPointsMax = 10000;

// `column <comparison> value`, where the value does not depend on the row.
struct KeyCondition {
  static constexpr uint32_t kNoSlot = ~uint32_t{0};
  uint32_t slot = 0;
  const BoundExpression* operand = nullptr;  // when it is no column, and `slot` is `kNoSlot`
  bool is_null = false;                      // IS NULL: `values` is empty
  Comparison comparison = Comparison::kNone;
  std::vector<const BoundExpression*> values;  // several: one of them (kEqual)
  const BoundExpression* upper = nullptr;      // of BETWEEN; `values[0]` is the lower bound
  // An integer column under a cast to double: of the comparisons equality alone is safe to look up
  // by key.
  bool equality_only = false;
};

// Nothing when the expression is no such condition. The result points into it. With `any_operand`
// also conditions on expressions, and IS NULL.
std::optional<KeyCondition> AsKeyCondition(const BoundExpression& e, bool any_operand = false);

}  // namespace kyrodb::sql
