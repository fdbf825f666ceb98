// WITH RECURSIVE: the second operand runs over the rows that it gave the time before, until it
// gives none; and the scan of such rows, which rows of statements in WITH use, too.
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class WorkTableScan : public Operator {
 public:
  WorkTableScan(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}
  absl::Status Open() override {
    rows_ = context_.work_tables[plan_.work_table.get()];
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (rows_ != nullptr && !batch->full() && next_ < rows_->size()) {
      const Row& from = (*rows_)[next_++];
      Row& row = batch->Append(plan_.width);
      std::copy(from.begin(), from.end(), row.begin() + plan_.slot_begin);
      KYRO_ASSIGN_OR_RETURN(const bool holds,
                            Holds(plan_.conditions, row.data(), context_.evaluation));
      if (!holds) batch->DropLast();
    }
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  std::shared_ptr<const std::vector<Row>> rows_;
  size_t next_ = 0;
};

class Recursive : public Operator {
 public:
  Recursive(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}

  absl::Status Open() override { return Step(*plan_.children[0]); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full()) {
      if (next_ < step_->size()) {
        batch->Append(plan_.width) = (*step_)[next_++];
        continue;
      }
      if (batch->size > 0 || step_->empty()) break;
      KYRO_RETURN_IF_ERROR(Step(*plan_.children[1]));
    }
    return batch->size > 0;
  }

 private:
  // Runs an operand over the rows of the last step; what is new of its rows is the next.
  absl::Status Step(const PlanNode& operand) {
    KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
    const auto outer = std::exchange(context_.work_tables[plan_.work_table.get()], step_);
    const uint64_t before = context_.memory_bytes();
    context_.ForgetSubqueries();
    auto rows = std::make_shared<std::vector<Row>>();
    uint64_t kept_bytes = 0;
    absl::Status status = RunPlan(operand, context_, [&](std::span<Row> batch) -> absl::Status {
      for (Row& row : batch) {
        uint64_t bytes = RowBytes(row);
        if (!plan_.set_all) {
          std::string identity;
          for (size_t c = 0; c < plan_.types.size(); ++c) {
            AppendIdentity(plan_.types[c].id, row[c], &identity);
          }
          const uint64_t seen_bytes = identity.size() + 48;
          if (!seen_.insert(std::move(identity)).second) continue;
          bytes += seen_bytes;
        }
        KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
        kept_bytes += bytes;
        rows->push_back(std::move(row));
      }
      return absl::OkStatus();
    });
    context_.work_tables[plan_.work_table.get()] = outer;
    KYRO_RETURN_IF_ERROR(status);
    // What the operand's own joins and sorts held goes with them.
    context_.Release(context_.memory_bytes() - before - kept_bytes);
    context_.Release(step_bytes_);
    step_bytes_ = plan_.set_all ? kept_bytes : 0;
    step_ = std::move(rows);
    next_ = 0;
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  std::shared_ptr<const std::vector<Row>> step_;
  uint64_t step_bytes_ = 0;
  size_t next_ = 0;
  absl::flat_hash_set<std::string> seen_;
};

}  // namespace

OperatorPtr MakeRecursive(const PlanNode& plan, ExecutionContext& context) {
  if (plan.kind == PlanKind::kWorkTable) return std::make_unique<WorkTableScan>(plan, context);
  return std::make_unique<Recursive>(plan, context);
}

}  // namespace kyrodb::sql
