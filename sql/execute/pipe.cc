// Operators that look at one row at a time: filter, projection, distinct, limit.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Filter : public Operator {
 public:
  Filter(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}

  absl::Status Open() override {
    // What no row decides is asked once, before any work.
    KYRO_ASSIGN_OR_RETURN(const bool possible,
                          RowIndependentHold(plan_.conditions, context_.evaluation));
    if (!possible) {
      done_ = true;
      return absl::OkStatus();
    }
    return child_->Open();
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!done_ && batch->size == 0) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(batch));
      if (!more) {
        done_ = true;
        break;
      }
      size_t kept = 0;
      for (size_t i = 0; i < batch->size; ++i) {
        KYRO_ASSIGN_OR_RETURN(const bool holds,
                              Holds(plan_.conditions, batch->rows[i].data(), context_.evaluation));
        if (!holds) continue;
        if (kept != i) std::swap(batch->rows[kept], batch->rows[i]);
        ++kept;
      }
      batch->size = kept;
    }
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  bool done_ = false;
};

class Project : public Operator {
 public:
  Project(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {
    // A column that is used only once, and not inside another output, may be moved.
    std::vector<int> uses;
    const auto count = [&uses](const BoundExpression& e) {
      if (e.kind == BoundKind::kSubquery && e.correlated) uses.assign(1 << 16, 2);
      if (e.kind != BoundKind::kColumn) return;
      if (e.slot >= uses.size()) uses.resize(e.slot + 1);
      ++uses[e.slot];
    };
    for (const BoundPtr& e : plan.expressions) VisitExpression(*e, count);
    for (const BoundPtr& e : plan.expressions) {
      movable_.push_back(e->kind == BoundKind::kColumn && uses[e->slot] == 1);
    }
  }

  absl::Status Open() override { return child_->Open(); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    taken_.Clear();
    KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(&taken_));
    if (!more) return false;
    for (size_t i = 0; i < taken_.size; ++i) {
      Row& from = taken_.rows[i];
      Row& to = batch->Append(plan_.width);
      for (size_t c = 0; c < plan_.expressions.size(); ++c) {
        const BoundExpression& e = *plan_.expressions[c];
        if (movable_[c]) {
          std::swap(to[c], from[e.slot]);
          continue;
        }
        Value scratch;
        const Value* value = Evaluate(e, from.data(), context_.evaluation, &scratch);
        if (value == nullptr) return context_.evaluation.functions.error;
        if (value == &scratch) {
          to[c] = std::move(scratch);
        } else {
          to[c] = *value;
        }
      }
    }
    return true;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  Batch taken_;
  std::vector<bool> movable_;
};

class Distinct : public Operator {
 public:
  Distinct(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}
  absl::Status Open() override { return child_->Open(); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (batch->size == 0) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(batch));
      if (!more) return false;
      size_t kept = 0;
      for (size_t i = 0; i < batch->size; ++i) {
        std::string identity;
        for (size_t c = 0; c < plan_.types.size(); ++c) {
          const size_t slot = plan_.distinct_slots.empty() ? c : plan_.distinct_slots[c];
          AppendIdentity(plan_.types[c].id, batch->rows[i][slot], &identity);
        }
        const uint64_t bytes = identity.size() + 48;
        if (!seen_.insert(std::move(identity)).second) continue;
        KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
        if (kept != i) std::swap(batch->rows[kept], batch->rows[i]);
        batch->rows[kept].resize(plan_.width);
        ++kept;
      }
      batch->size = kept;
    }
    return true;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  absl::flat_hash_set<std::string> seen_;
};

class Limit : public Operator {
 public:
  Limit(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}
  absl::Status Open() override {
    KYRO_ASSIGN_OR_RETURN(left_, EvaluateCount(plan_.limit, true, UINT64_MAX, context_));
    KYRO_ASSIGN_OR_RETURN(skip_, EvaluateCount(plan_.offset, false, 0, context_));
    return left_ == 0 ? absl::OkStatus() : child_->Open();
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (left_ > 0 && batch->size == 0) {
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(batch));
      if (!more) return false;
      if (skip_ > 0) {
        const auto skipped = static_cast<size_t>(std::min<uint64_t>(skip_, batch->size));
        std::rotate(batch->rows.begin(), batch->rows.begin() + static_cast<ptrdiff_t>(skipped),
                    batch->rows.begin() + static_cast<ptrdiff_t>(batch->size));
        batch->size -= skipped;
        skip_ -= skipped;
      }
      batch->size = static_cast<size_t>(std::min<uint64_t>(left_, batch->size));
      left_ -= batch->size;
    }
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  uint64_t left_ = 0;
  uint64_t skip_ = 0;
};

}  // namespace

OperatorPtr MakePipe(const PlanNode& plan, ExecutionContext& context) {
  switch (plan.kind) {
    case PlanKind::kProject:
      return std::make_unique<Project>(plan, context);
    case PlanKind::kDistinct:
      return std::make_unique<Distinct>(plan, context);
    case PlanKind::kLimit:
      return std::make_unique<Limit>(plan, context);
    default:
      return std::make_unique<Filter>(plan, context);
  }
}

}  // namespace kyrodb::sql
