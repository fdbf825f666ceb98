// What the bounds of a box path are when a statement runs.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/box.h"
#include "sql/execute/evaluate.h"
#include "sql/plan/plan.h"

namespace kyrodb::sql {

// The sides of the box, in the columns' types, at least as wide as the conditions are; nullopt when
// no row can fulfil them.
absl::StatusOr<std::optional<std::vector<engine::BoxSide>>> EvaluateBox(const PlanNode& plan,
                                                                        EvaluationContext& context);

}  // namespace kyrodb::sql
