// UNION, INTERSECT and EXCEPT, with and without ALL.
#include "absl/container/flat_hash_map.h"
#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class SetOperator : public Operator {
 public:
  SetOperator(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan),
        context_(context),
        left_(MakeOperator(*plan.children[0], context)),
        right_(MakeOperator(*plan.children[1], context)) {}

  absl::Status Open() override {
    KYRO_RETURN_IF_ERROR(left_->Open());
    KYRO_RETURN_IF_ERROR(right_->Open());
    if (plan_.set_operation == SetOperation::kUnion) return absl::OkStatus();
    // How often the right side has each row.
    Batch batch;
    while (true) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      batch.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, right_->Next(&batch));
      if (!more) return absl::OkStatus();
      for (size_t i = 0; i < batch.size; ++i) {
        KYRO_ASSIGN_OR_RETURN(uint64_t * count, CountOf(batch.rows[i]));
        ++*count;
      }
    }
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    while (batch->size == 0) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(const bool more, (left_done_ ? right_ : left_)->Next(batch));
      if (!more) {
        if (left_done_ || plan_.set_operation != SetOperation::kUnion) return false;
        left_done_ = true;
        continue;
      }
      if (plan_.set_operation == SetOperation::kUnion && plan_.set_all) return true;
      size_t kept = 0;
      for (size_t i = 0; i < batch->size; ++i) {
        KYRO_ASSIGN_OR_RETURN(const bool keep, Keep(batch->rows[i]));
        if (!keep) continue;
        if (kept != i) std::swap(batch->rows[kept], batch->rows[i]);
        ++kept;
      }
      batch->size = kept;
    }
    return true;
  }

 private:
  absl::StatusOr<uint64_t*> CountOf(const Row& row) {
    std::string identity;
    for (size_t c = 0; c < plan_.types.size(); ++c) {
      AppendIdentity(plan_.types[c].id, row[c], &identity);
    }
    const uint64_t bytes = identity.size() + 56;
    const auto [found, fresh] = counts_.try_emplace(std::move(identity), 0);
    if (fresh) KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
    return &found->second;
  }

  absl::StatusOr<bool> Keep(const Row& row) {
    // A row that was given already, for the forms without ALL.
    constexpr uint64_t kGiven = UINT64_MAX;
    KYRO_ASSIGN_OR_RETURN(uint64_t * count, CountOf(row));
    switch (plan_.set_operation) {
      case SetOperation::kUnion:
        if (*count == kGiven) return false;
        *count = kGiven;
        return true;
      case SetOperation::kIntersect:
        if (*count == 0) return false;
        *count = plan_.set_all ? *count - 1 : 0;
        return true;
      case SetOperation::kExcept:
        if (plan_.set_all) {
          if (*count == 0) return true;
          --*count;
          return false;
        }
        if (*count != 0) return false;
        *count = kGiven;
        return true;
    }
    return false;
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr left_;
  OperatorPtr right_;
  bool left_done_ = false;
  absl::flat_hash_map<std::string, uint64_t> counts_;
};

}  // namespace

OperatorPtr MakeSetOperation(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<SetOperator>(plan, context);
}

}  // namespace kyrodb::sql
