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
  uint32_t slot = 0;
  Comparison comparison = Comparison::kNone;
  std::vector<const BoundExpression*> values;  // several: one of them (kEqual)
  const BoundExpression* upper = nullptr;      // of BETWEEN; `values[0]` is the lower bound
  // An integer column under a cast to double: of the comparisons equality alone is safe to look up
  // by key.
  bool equality_only = false;
};

// Nothing when the expression is no such condition. The result points into it.
std::optional<KeyCondition> AsKeyCondition(const BoundExpression& e);

}  // namespace kyrodb::sql
