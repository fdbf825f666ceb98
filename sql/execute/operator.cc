#include "sql/execute/operator.h"

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

// Counts rows and time of the operator it wraps, for EXPLAIN ANALYZE.
class Measured : public Operator {
 public:
  Measured(const PlanNode& plan, ExecutionContext& context, OperatorPtr inner)
      : plan_(plan), context_(context), inner_(std::move(inner)) {}

  absl::Status Open() override {
    const int64_t begin = Clock::System().SteadyNanos();
    absl::Status status = inner_->Open();
    NodeStatistics& node = (*context_.nodes)[&plan_];
    ++node.loops;
    node.nanos += Clock::System().SteadyNanos() - begin;
    return status;
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    const int64_t begin = Clock::System().SteadyNanos();
    absl::StatusOr<bool> more = inner_->Next(batch);
    NodeStatistics& node = (*context_.nodes)[&plan_];
    if (more.ok() && *more) node.rows += batch->size;
    node.nanos += Clock::System().SteadyNanos() - begin;
    return more;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr inner_;
};

OperatorPtr Make(const PlanNode& plan, ExecutionContext& context) {
  switch (plan.kind) {
    case PlanKind::kScan:
      return MakeScan(plan, context);
    case PlanKind::kNearest:
      return MakeNearest(plan, context);
    case PlanKind::kOneRow:
    case PlanKind::kValues:
    case PlanKind::kVirtualScan:
    case PlanKind::kSeries:
    case PlanKind::kFunctionScan:
    case PlanKind::kSubqueryScan:
      return MakeSource(plan, context);
    case PlanKind::kFilter:
    case PlanKind::kProject:
    case PlanKind::kDistinct:
    case PlanKind::kLimit:
      return MakePipe(plan, context);
    case PlanKind::kJoin:
      return MakeJoin(plan, context);
    case PlanKind::kAggregate:
      return MakeAggregate(plan, context);
    case PlanKind::kRecursive:
    case PlanKind::kWorkTable:
      return MakeRecursive(plan, context);
    case PlanKind::kWindow:
      return MakeWindow(plan, context);
    case PlanKind::kSort:
      return MakeSort(plan, context);
    case PlanKind::kSetOperation:
      return MakeSetOperation(plan, context);
  }
  return nullptr;
}

}  // namespace

OperatorPtr MakeOperator(const PlanNode& plan, ExecutionContext& context) {
  OperatorPtr made = Make(plan, context);
  if (context.nodes == nullptr) return made;
  return std::make_unique<Measured>(plan, context, std::move(made));
}

absl::Status RunPlan(const PlanNode& plan, ExecutionContext& context,
                     const std::function<absl::Status(std::span<Row>)>& receive) {
  OperatorPtr root = MakeOperator(plan, context);
  KYRO_RETURN_IF_ERROR(root->Open());
  Batch batch;
  while (true) {
    KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    batch.Clear();
    KYRO_ASSIGN_OR_RETURN(const bool more, root->Next(&batch));
    if (!more) return absl::OkStatus();
    KYRO_RETURN_IF_ERROR(receive(std::span<Row>(batch.rows.data(), batch.size)));
  }
}

absl::StatusOr<uint64_t> EvaluateCount(const BoundPtr& expression, bool is_limit, uint64_t none,
                                       ExecutionContext& context) {
  if (expression == nullptr) return none;
  KYRO_ASSIGN_OR_RETURN(const Value value,
                        EvaluateToValue(*expression, nullptr, context.evaluation));
  if (IsNull(value)) return none;
  if (std::get<int64_t>(value) < 0) {
    return Error(is_limit ? absl::string_view(sqlstate::kInvalidRowCountInLimitClause)
                          : sqlstate::kInvalidRowCountInOffsetClause,
                 0, is_limit ? "LIMIT must not be negative" : "OFFSET must not be negative");
  }
  return static_cast<uint64_t>(std::get<int64_t>(value));
}

absl::Status ExecutionContext::Charge(uint64_t bytes) {
  memory_bytes_ += bytes;
  if (memory_bytes_ <= memory_bytes_max) return absl::OkStatus();
  return WithHint(Error(sqlstate::kOutOfMemory, 0,
                        absl::StrCat("the statement needs more than ", memory_bytes_max >> 10,
                                     " kB of memory")),
                  "Sorts, groups and joins are kept in memory: narrow the statement or raise "
                  "work_mem.");
}

absl::Status ExecutionContext::CheckInterrupts() {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    return Error(sqlstate::kQueryCanceled, 0, "canceling statement due to user request");
  }
  if (deadline_nanos != 0 && evaluation.functions.clock->SteadyNanos() > deadline_nanos) {
    return Error(sqlstate::kQueryCanceled, 0, "canceling statement due to statement timeout");
  }
  return absl::OkStatus();
}

absl::StatusOr<ExecutionContext::Cached> ExecutionContext::Collect(const BoundExpression& subquery,
                                                                   size_t rows_max) {
  Cached cached;
  OperatorPtr root = MakeOperator(*subquery.plan, *this);
  KYRO_RETURN_IF_ERROR(root->Open());
  Batch batch;
  const bool hashed = subquery.subquery_type == SubqueryType::kIn;
  while (cached.column.size() < rows_max) {
    KYRO_RETURN_IF_ERROR(CheckInterrupts());
    batch.Clear();
    KYRO_ASSIGN_OR_RETURN(const bool more, root->Next(&batch));
    if (!more) break;
    for (size_t i = 0; i < batch.size; ++i) {
      Value value = batch.rows[i].empty() ? Value(Null{}) : std::move(batch.rows[i][0]);
      KYRO_RETURN_IF_ERROR(Charge(ValueBytes(value)));
      if (hashed) {
        if (IsNull(value)) {
          cached.has_null = true;
        } else {
          std::string identity;
          AppendIdentity(subquery.function->parameters[1], value, &identity);
          KYRO_RETURN_IF_ERROR(Charge(identity.size() + 32));
          cached.identities.insert(std::move(identity));
        }
      }
      cached.column.push_back(std::move(value));
    }
  }
  return cached;
}

const Value* ExecutionContext::Run(const BoundExpression& subquery, const Value* row,
                                   EvaluationContext& context, Value* scratch) {
  const auto fail = [&](absl::Status status) -> const Value* {
    context.functions.error = std::move(status);
    return nullptr;
  };
  // How many rows decide.
  size_t rows_max = SIZE_MAX;
  if (subquery.subquery_type == SubqueryType::kExists) rows_max = 1;
  if (subquery.subquery_type == SubqueryType::kScalar) rows_max = 2;
  const Cached* result = nullptr;
  Cached own;
  const auto found = cache_.find(subquery.plan.get());
  if (found != cache_.end()) {
    result = found->second.get();
  } else {
    const uint64_t before = memory_bytes_;
    context.outer_rows.push_back(row);
    absl::StatusOr<Cached> collected = Collect(subquery, rows_max);
    context.outer_rows.pop_back();
    if (!collected.ok()) return fail(collected.status());
    if (subquery.correlated) {
      own = *std::move(collected);
      memory_bytes_ = before;
      result = &own;
    } else {
      auto kept = std::make_unique<Cached>(*std::move(collected));
      result = kept.get();
      cache_[subquery.plan.get()] = std::move(kept);
    }
  }
  const auto truth = [&](bool value) {
    *scratch = value != subquery.negated;
    return scratch;
  };
  switch (subquery.subquery_type) {
    case SubqueryType::kExists:
      return truth(!result->column.empty());
    case SubqueryType::kScalar:
      if (result->column.size() > 1) {
        return fail(
            Error("21000", 0, "more than one row returned by a subquery used as an expression"));
      }
      *scratch = result->column.empty() ? Value(Null{}) : result->column[0];
      return scratch;
    default:
      break;
  }
  Value operand_scratch;
  const Value* operand = Evaluate(*subquery.arguments[0], row, context, &operand_scratch);
  if (operand == nullptr) return nullptr;
  const bool is_all = subquery.subquery_type == SubqueryType::kAll;
  if (result->column.empty()) return truth(is_all);
  if (IsNull(*operand)) {
    *scratch = Null{};
    return scratch;
  }
  if (subquery.subquery_type == SubqueryType::kIn) {
    std::string identity;
    AppendIdentity(subquery.function->parameters[0], *operand, &identity);
    if (result->identities.contains(identity)) return truth(true);
    if (!result->has_null) return truth(false);
    *scratch = Null{};
    return scratch;
  }
  bool unknown = false;
  for (const Value& value : result->column) {
    if (IsNull(value)) {
      unknown = true;
      continue;
    }
    const Value* arguments[] = {operand, &value};
    Value holds;
    if (!subquery.function->implementation(context.functions, Arguments(arguments, 2), &holds))
      return nullptr;
    if (std::get<bool>(holds) != is_all) return truth(!is_all);
  }
  if (unknown) {
    *scratch = Null{};
    return scratch;
  }
  return truth(is_all);
}

}  // namespace kyrodb::sql
