// Rows found by btree indexes: conditions on the first parts of one, or its order.
#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include "sql/plan/key_condition.h"
#include "sql/plan/plan.h"
#include "sql/plan/planner.h"

namespace kyrodb::sql {

// How much of a key, of rows or of an index, conditions fix.
struct KeyFit {
  bool is_point = false;  // at most one row for each combination of values
  size_t fixed_count = 0;
  size_t bound_count = 0;  // of the part after those: 0, 1 or 2

  // More is better.
  auto rank() const { return std::tuple(is_point, fixed_count, bound_count); }
};

// The share of a table's rows for which a condition holds, by what ANALYZE has found out; nullopt
// when it says nothing.
std::optional<double> ConditionShare(const PlanNode& scan, const KeyCondition& condition);

// Makes the scan one of the btree index that its conditions fit best, when it fits better than
// `other`. Equalities that the index guarantees are no conditions any more.
bool ChooseIndex(PlanNode* scan, const KeyFit& other, const PlanContext& context);

// Whether the rows of the scan come in the wanted order, forwards (false) or in reverse (true).
// `keys` sort by `outputs`.
std::optional<bool> ScanOrder(const PlanNode& scan, const std::vector<SortKey>& keys,
                              const std::vector<BoundPtr>& outputs, const PlanContext& context);

// Makes a sequential scan one of an index that gives the wanted order, if there is one.
bool ChooseIndexForOrder(PlanNode* scan, const std::vector<SortKey>& keys,
                         const std::vector<BoundPtr>& outputs, const PlanContext& context);

}  // namespace kyrodb::sql
