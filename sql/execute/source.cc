// Where rows come from other than tables: nothing, VALUES, virtual tables, functions, subqueries in
// FROM.
#include <algorithm>

#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class OneRow : public Operator {
 public:
  absl::Status Open() override { return absl::OkStatus(); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    if (done_) return false;
    done_ = true;
    batch->Append(0);
    return true;
  }

 private:
  bool done_ = false;
};

class Values : public Operator {
 public:
  Values(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}
  absl::Status Open() override { return absl::OkStatus(); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < plan_.rows.size()) {
      Row& row = batch->Append(plan_.width);
      const std::vector<BoundPtr>& expressions = plan_.rows[next_++];
      for (size_t i = 0; i < expressions.size(); ++i) {
        KYRO_ASSIGN_OR_RETURN(row[i],
                              EvaluateToValue(*expressions[i], nullptr, context_.evaluation));
      }
    }
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  size_t next_ = 0;
};

// Takes all rows of the moment at once: such tables are small.
class VirtualScan : public Operator {
 public:
  VirtualScan(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}
  absl::Status Open() override {
    if (context_.statistics->access_path.empty()) {
      context_.statistics->access_path = "Virtual Scan";
    }
    const size_t columns = plan_.virtual_table->columns().size();
    ScanContext scan;
    std::shared_ptr<const engine::Catalog> catalog;
    if (context_.transaction != nullptr) catalog = context_.transaction->catalog();
    scan.catalog = catalog.get();
    scan.database = context_.database;
    scan.database_name = context_.evaluation.functions.database_name;
    scan.user_name = context_.evaluation.functions.user_name;
    scan.settings = context_.settings;
    return plan_.virtual_table->Scan(scan, [&](Row taken) -> absl::Status {
      if (taken.size() != columns) {
        return Error(sqlstate::kInternalError, 0, "a virtual table gave a row of the wrong width");
      }
      Row row(plan_.width);
      std::move(taken.begin(), taken.end(), row.begin() + plan_.slot_begin);
      ++context_.statistics->candidates;
      KYRO_ASSIGN_OR_RETURN(const bool holds,
                            Holds(plan_.conditions, row.data(), context_.evaluation));
      if (!holds) {
        ++context_.statistics->filtered_out;
        return absl::OkStatus();
      }
      KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(row)));
      rows_.push_back(std::move(row));
      return absl::OkStatus();
    });
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < rows_.size()) {
      batch->Append(plan_.width) = std::move(rows_[next_++]);
    }
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  std::vector<Row> rows_;
  size_t next_ = 0;
};

class Series : public Operator {
 public:
  Series(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}
  absl::Status Open() override {
    int64_t* const targets[] = {&next_, &last_, &step_};
    for (size_t i = 0; i < plan_.expressions.size(); ++i) {
      KYRO_ASSIGN_OR_RETURN(const Value value,
                            EvaluateToValue(*plan_.expressions[i], nullptr, context_.evaluation));
      if (IsNull(value)) {
        done_ = true;
        return absl::OkStatus();
      }
      *targets[i] = std::get<int64_t>(value);
    }
    if (step_ == 0) {
      return Error(sqlstate::kInvalidParameterValue, 0, "step size cannot equal zero");
    }
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    const int64_t limit = plan_.series_type.id == TypeId::kInteger ? INT32_MAX : INT64_MAX;
    const int64_t floor = plan_.series_type.id == TypeId::kInteger ? INT32_MIN : INT64_MIN;
    while (!done_ && batch->size < goal_) {
      if (step_ > 0 ? next_ > last_ : next_ < last_) {
        done_ = true;
        break;
      }
      Row& row = batch->Append(plan_.width);
      row[plan_.slot_begin] = next_;
      KYRO_ASSIGN_OR_RETURN(const bool holds,
                            Holds(plan_.conditions, row.data(), context_.evaluation));
      if (!holds) {
        batch->DropLast();
        if (++dropped_ % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      }
      int64_t following;
      if (__builtin_add_overflow(next_, step_, &following) || following > limit ||
          following < floor) {
        done_ = true;
        break;
      }
      next_ = following;
    }
    goal_ = std::min(goal_ * 4, kBatchRows);
    return batch->size > 0;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  int64_t next_ = 0;
  int64_t last_ = 0;
  int64_t step_ = 1;
  uint64_t dropped_ = 0;
  size_t goal_ = 16;
  bool done_ = false;
};

class FunctionScan : public Operator {
 public:
  FunctionScan(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}
  ~FunctionScan() override { context_.Release(charged_); }
  absl::Status Open() override {
    for (const SetCall& call : plan_.set_calls) {
      results_.emplace_back();
      KYRO_RETURN_IF_ERROR(Run(call, &results_.back()));
      count_ = std::max(count_, results_.back().size());
      uint64_t bytes = 0;
      for (const Row& row : results_.back()) bytes += RowBytes(row);
      KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
      charged_ += bytes;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < count_) {
      Row& row = batch->Append(plan_.width);
      uint32_t slot = plan_.slot_begin;
      for (size_t c = 0; c < results_.size(); ++c) {
        if (next_ < results_[c].size()) {
          Row& from = results_[c][next_];
          std::move(from.begin(), from.end(), row.begin() + slot);
        }
        slot += static_cast<uint32_t>(plan_.set_calls[c].column_count);
      }
      ++next_;
      if (plan_.with_ordinality) row[slot] = static_cast<int64_t>(next_);
      KYRO_ASSIGN_OR_RETURN(const bool holds,
                            Holds(plan_.conditions, row.data(), context_.evaluation));
      if (!holds) batch->DropLast();
      if (next_ % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
    }
    return batch->size > 0;
  }

 private:
  absl::Status Run(const SetCall& call, std::vector<Row>* rows) {
    std::vector<Value> values(call.argument_count);
    std::vector<const Value*> pointers;
    std::vector<Type> types;
    bool any_null = false;
    for (size_t i = 0; i < values.size(); ++i) {
      const BoundExpression& argument = *plan_.expressions[call.argument_begin + i];
      KYRO_ASSIGN_OR_RETURN(values[i], EvaluateToValue(argument, nullptr, context_.evaluation));
      any_null = any_null || IsNull(values[i]);
      pointers.push_back(&values[i]);
      types.push_back(argument.type);
    }
    if (call.function == nullptr) {
      rows->push_back({std::move(values[0])});
      return absl::OkStatus();
    }
    if (any_null && call.function->strict) return absl::OkStatus();
    FunctionContext& functions = context_.evaluation.functions;
    functions.argument_types = types.data();
    if (!call.function->implementation(functions, pointers, rows)) return functions.error;
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  std::vector<std::vector<Row>> results_;
  size_t count_ = 0;
  size_t next_ = 0;
  uint64_t charged_ = 0;
};

class SubqueryScan : public Operator {
 public:
  SubqueryScan(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}
  absl::Status Open() override { return child_->Open(); }
  absl::StatusOr<bool> Next(Batch* batch) override {
    while (batch->size == 0) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      taken_.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(&taken_));
      if (!more) return false;
      for (size_t i = 0; i < taken_.size; ++i) {
        Row& row = batch->Append(plan_.width);
        std::move(taken_.rows[i].begin(), taken_.rows[i].end(), row.begin() + plan_.slot_begin);
        KYRO_ASSIGN_OR_RETURN(const bool holds,
                              Holds(plan_.conditions, row.data(), context_.evaluation));
        if (!holds) batch->DropLast();
      }
    }
    return true;
  }

 private:
  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  Batch taken_;
};

}  // namespace

OperatorPtr MakeSource(const PlanNode& plan, ExecutionContext& context) {
  switch (plan.kind) {
    case PlanKind::kValues:
      return std::make_unique<Values>(plan, context);
    case PlanKind::kVirtualScan:
      return std::make_unique<VirtualScan>(plan, context);
    case PlanKind::kSeries:
      return std::make_unique<Series>(plan, context);
    case PlanKind::kFunctionScan:
      return std::make_unique<FunctionScan>(plan, context);
    case PlanKind::kSubqueryScan:
      return std::make_unique<SubqueryScan>(plan, context);
    default:
      return std::make_unique<OneRow>();
  }
}

}  // namespace kyrodb::sql
