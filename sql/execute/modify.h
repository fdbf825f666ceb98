// INSERT, UPDATE and DELETE: the rows are found or computed first, then written. Nothing is written
// twice by one statement, and every value is computed here, before the engine sees it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "sql/bind/bound.h"
#include "sql/execute/context.h"
#include "sql/plan/planner.h"

namespace kyrodb::sql {

struct WriteResult {
  uint64_t affected = 0;
  std::vector<Row> returned;  // of RETURNING
};

// Adds what RETURNING makes of a row.
absl::Status ReturnRow(const std::vector<BoundPtr>& returning, const Row& row,
                       ExecutionContext& context, WriteResult* result);
// Everything the source gives, so that the writes do not disturb the reading.
absl::StatusOr<std::vector<Row>> CollectRows(const PlanNode& source, ExecutionContext& context);

// Plan what has to be planned in a bound statement; the plan of its source is returned (null for
// INSERT … VALUES).
absl::StatusOr<PlanPtr> PlanInsert(BoundInsert* insert, Planner* planner);
absl::StatusOr<PlanPtr> PlanUpdate(BoundUpdate* update, Planner* planner);
absl::StatusOr<PlanPtr> PlanDelete(BoundDelete* statement, Planner* planner);

absl::StatusOr<WriteResult> RunInsert(const BoundInsert& insert, const PlanNode* source,
                                      ExecutionContext& context);
absl::StatusOr<WriteResult> RunUpdate(const BoundUpdate& update, const PlanNode& source,
                                      ExecutionContext& context);
absl::StatusOr<WriteResult> RunDelete(const BoundDelete& statement, const PlanNode& source,
                                      ExecutionContext& context);

}  // namespace kyrodb::sql
