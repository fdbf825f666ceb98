// Computes bound expressions over a row.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sql/bind/expression.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {

struct EvaluationContext;

// Runs subqueries for expressions.
class SubqueryRunner {
 public:
  virtual ~SubqueryRunner() = default;
  // As `Evaluate`, for an expression of kind kSubquery.
  virtual const Value* Run(const BoundExpression& subquery, const Value* row,
                           EvaluationContext& context, Value* scratch) = 0;
};

struct EvaluationContext {
  FunctionContext functions;
  std::span<const Value> parameters;
  // The rows of the queries around, the innermost last.
  std::vector<const Value*> outer_rows;
  SubqueryRunner* subqueries = nullptr;
};

// Returns the value, which lies in `row`, in the expression or in `*scratch`; null after an error,
// which is in `context.functions.error`.
const Value* Evaluate(const BoundExpression& expression, const Value* row,
                      EvaluationContext& context, Value* scratch);

// The same with a status.
absl::StatusOr<Value> EvaluateToValue(const BoundExpression& expression, const Value* row,
                                      EvaluationContext& context);

// Whether all `conditions` are true of the row (null counts as false).
absl::StatusOr<bool> Holds(const std::vector<BoundPtr>& conditions, const Value* row,
                           EvaluationContext& context);

// The same for those of `conditions` that no row decides, so that they are asked once.
absl::StatusOr<bool> RowIndependentHold(const std::vector<BoundPtr>& conditions,
                                        EvaluationContext& context);

// Replaces every part that depends on nothing by its value; what fails stays and fails when it
// runs.
void FoldConstants(BoundPtr* expression, EvaluationContext& context);

}  // namespace kyrodb::sql
