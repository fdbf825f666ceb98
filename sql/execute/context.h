// What the operators of one statement share: the transaction, limits, interruption, statistics, and
// the running of subqueries.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "engine/base/clock.h"
#include "engine/database.h"
#include "engine/transaction.h"
#include "sql/execute/evaluate.h"
#include "sql/plan/plan.h"
#include "sql/session.h"

namespace kyrodb::sql {

// Of one plan node under EXPLAIN ANALYZE.
struct NodeStatistics {
  uint64_t rows = 0;
  uint64_t loops = 0;
  int64_t nanos = 0;
  std::vector<std::string> notes;
};

// A row that refers to another by a foreign key, which is looked at when the statement ends, or
// when the transaction does.
struct PendingReference {
  engine::ObjectId table = 0;
  std::string foreign_key;
  std::string row_key;
};

class ExecutionContext : public SubqueryRunner {
 public:
  EvaluationContext evaluation;
  engine::Transaction* transaction = nullptr;
  engine::Database* database = nullptr;
  size_t ef_search = 100;
  uint64_t memory_bytes_max = uint64_t{256} << 20;
  const std::atomic<bool>* cancelled = nullptr;
  int64_t deadline_nanos = 0;  // of the steady clock; 0: none
  StatementStatistics* statistics = nullptr;
  std::function<std::vector<ScanContext::Setting>()> settings;  // for pg_settings
  absl::flat_hash_map<const PlanNode*, NodeStatistics>* nodes = nullptr;
  // Rows of work tables, by their address.
  absl::flat_hash_map<const void*, std::shared_ptr<const std::vector<Row>>> work_tables;
  // References to check at the end of the transaction; null: there is no later.
  std::vector<PendingReference>* deferred = nullptr;
  // How many referential actions this one follows from.
  int32_t action_depth = 0;

  // Accounts for memory that the statement keeps; 53200 beyond the limit.
  absl::Status Charge(uint64_t bytes);
  void Release(uint64_t bytes) { memory_bytes_ -= bytes; }
  uint64_t memory_bytes() const { return memory_bytes_; }

  // What subqueries gave may be another thing from now on.
  void ForgetSubqueries() { cache_.clear(); }

  // 57014 when the statement was cancelled or is late. Called between batches.
  absl::Status CheckInterrupts();

  const Value* Run(const BoundExpression& subquery, const Value* row, EvaluationContext& context,
                   Value* scratch) override;

 private:
  struct Cached {
    std::vector<Value> column;  // of the first column
    absl::flat_hash_set<std::string> identities;
    bool has_null = false;
  };
  // Runs the plan and keeps its first column; at most `rows_max` rows.
  absl::StatusOr<Cached> Collect(const BoundExpression& subquery, size_t rows_max);

  uint64_t memory_bytes_ = 0;
  absl::flat_hash_map<const PlanNode*, std::unique_ptr<Cached>> cache_;
};

}  // namespace kyrodb::sql
