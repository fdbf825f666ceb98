// Operators: each pulls batches of rows from its children and gives batches to its parent.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sql/execute/context.h"
#include "sql/plan/plan.h"

namespace kyrodb::sql {

inline constexpr size_t kBatchRows = 1024;

// Rows are kept when a batch is cleared, so that their memory is used again. A slot that no scan
// was asked to fill holds anything.
struct Batch {
  std::vector<Row> rows;
  size_t size = 0;

  void Clear() { size = 0; }
  bool full() const { return size >= kBatchRows; }
  Row& Append(size_t width) {
    if (size == rows.size()) rows.emplace_back();
    Row& row = rows[size++];
    row.resize(width);
    return row;
  }
  void DropLast() { --size; }
};

// Order:     `Open` once, then `Next` until it returns false.
// Lifetime:  borrows the plan and the context.
class Operator {
 public:
  virtual ~Operator() = default;
  virtual absl::Status Open() = 0;
  // Fills `batch` with at least one row and returns true, or returns false at the end.
  virtual absl::StatusOr<bool> Next(Batch* batch) = 0;
};

using OperatorPtr = std::unique_ptr<Operator>;
OperatorPtr MakeOperator(const PlanNode& plan, ExecutionContext& context);

// One factory for each file of operators.
OperatorPtr MakeScan(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeNearest(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeSource(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakePipe(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeJoin(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeAggregate(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeRecursive(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeWindow(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeSort(const PlanNode& plan, ExecutionContext& context);
OperatorPtr MakeSetOperation(const PlanNode& plan, ExecutionContext& context);

// Runs a plan to its end. `receive` is given each batch.
absl::Status RunPlan(const PlanNode& plan, ExecutionContext& context,
                     const std::function<absl::Status(std::span<Row>)>& receive);

// The value of a LIMIT or OFFSET expression: `none` for null.
absl::StatusOr<uint64_t> EvaluateCount(const BoundPtr& expression, bool is_limit, uint64_t none,
                                       ExecutionContext& context);

}  // namespace kyrodb::sql
