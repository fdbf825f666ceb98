// Chooses how a bound query is executed: the access path of every table, the order of joins, and
// where work can be saved. Rules, not costs, decide paths; the sizes of tables order joins.
#pragma once

#include <bitset>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sql/bind/bound.h"
#include "sql/execute/evaluate.h"
#include "sql/plan/plan.h"
#include "sql/plan/statistics.h"

namespace kyrodb::sql {

struct PlanContext {
  // How many rows a table has, roughly.
  std::function<double(const engine::TableSchema&)> row_count;
  // What ANALYZE has found out about a table; null, or gives null, when it has not.
  std::function<std::shared_ptr<const TableStatistics>(const engine::TableSchema&)> statistics;
  // Whether all rows have their entries in a btree index; null: all have.
  std::function<bool(const engine::IndexSchema&)> index_is_complete;
  // SET enable_indexscan = off: only sequential scans.
  bool use_indexes = true;
  // To fold constants with.
  EvaluationContext* evaluation = nullptr;
};

class Planner {
 public:
  explicit Planner(const PlanContext& context) : context_(context) {}

  // Consumes the query (its plan is kept in `query->plan` for those that share it).
  absl::StatusOr<PlanPtr> Plan(BoundQuery* query);
  // Folds constants and plans the subqueries of an expression that stands outside a query.
  absl::Status Prepare(BoundPtr* expression);

 private:
  using RelationSet = std::bitset<256>;
  struct Unit {
    std::shared_ptr<PlanNode> plan;
    RelationSet relations;
    bool lateral = false;
  };

  struct JoinCondition;

  absl::StatusOr<std::shared_ptr<PlanNode>> PlanSelect(BoundQuery* query);
  absl::StatusOr<std::shared_ptr<PlanNode>> PlanValues(BoundQuery* query);
  absl::StatusOr<std::shared_ptr<PlanNode>> PlanSetOperation(BoundQuery* query);
  absl::StatusOr<std::shared_ptr<PlanNode>> PlanRecursive(BoundQuery* query);
  absl::StatusOr<Unit> PlanFrom(BoundSelect* select, std::vector<std::unique_ptr<BoundFrom>> from,
                                std::vector<BoundPtr> conditions);
  absl::Status Flatten(BoundSelect* select, std::unique_ptr<BoundFrom> from,
                       std::vector<std::unique_ptr<BoundFrom>>* units,
                       std::vector<BoundPtr>* conditions);
  absl::StatusOr<Unit> PlanUnit(BoundSelect* select, std::unique_ptr<BoundFrom> from,
                                std::vector<BoundPtr>* conditions);
  absl::StatusOr<std::shared_ptr<PlanNode>> PlanRelation(BoundSelect* select, uint32_t index,
                                                         std::vector<BoundPtr> conditions);
  absl::StatusOr<std::shared_ptr<PlanNode>> Join(BoundSelect* select, Unit left, Unit right,
                                                 JoinType type, std::vector<BoundPtr> conditions);
  void ChoosePath(PlanNode* scan);
  // The share of a scan's rows that a condition keeps.
  double ShareOf(const PlanNode& scan, const BoundExpression& condition) const;
  std::shared_ptr<PlanNode> TryNearest(BoundQuery* query, PlanNode* scan);
  RelationSet RelationsOf(const BoundSelect& select, const BoundExpression& expression) const;
  static RelationSet RelationsOf(const BoundFrom& from);

  const PlanContext& context_;
};

// Splits AND into its operands.
void SplitConjuncts(BoundPtr expression, std::vector<BoundPtr>* out);

// The plan as EXPLAIN prints it, a line for each entry.
// `annotate` gives what follows the title of a node (its rows and time); null: nothing.
std::vector<std::string> ExplainLines(
    const PlanNode& plan, const std::function<std::string(const PlanNode&)>& annotate = nullptr);

}  // namespace kyrodb::sql
