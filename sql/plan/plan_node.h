// Small things that the files of this room share: making nodes, naming them, and finding the slots
// that expressions read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/plan/plan.h"

namespace kyrodb::sql {

std::shared_ptr<PlanNode> MakeNode(PlanKind kind, std::string title, uint32_t width);
// "a AND b".
std::string ConditionText(const std::vector<BoundPtr>& conditions);
// The child, under a filter when there are conditions.
std::shared_ptr<PlanNode> AddFilter(std::shared_ptr<PlanNode> child,
                                    std::vector<BoundPtr> conditions);
// "docs", or "docs d" under an alias.
std::string ScanName(const PlanNode& scan, const std::string& alias);
// Marks the slots that the expression reads: its own row's for level 0, else those of the query
// `level` around. Subqueries must have been planned.
void CollectSlots(const BoundExpression& e, uint32_t level, std::vector<bool>* slots);

}  // namespace kyrodb::sql
