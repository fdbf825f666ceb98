// Groups by hash, or makes one group of everything.
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Aggregate : public Operator {
 public:
  Aggregate(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}

  absl::Status Open() override {
    KYRO_RETURN_IF_ERROR(child_->Open());
    if (plan_.expressions.empty()) KYRO_RETURN_IF_ERROR(AddGroup({}).status());
    Batch batch;
    std::string identity;
    while (true) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      batch.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(&batch));
      if (!more) return absl::OkStatus();
      for (size_t i = 0; i < batch.size; ++i) {
        const Value* row = batch.rows[i].data();
        size_t group = 0;
        if (!plan_.expressions.empty()) {
          Row keys(plan_.expressions.size());
          identity.clear();
          for (size_t k = 0; k < keys.size(); ++k) {
            KYRO_ASSIGN_OR_RETURN(keys[k],
                                  EvaluateToValue(*plan_.expressions[k], row, context_.evaluation));
            AppendIdentity(plan_.types[k].id, keys[k], &identity);
          }
          const auto found = index_.find(identity);
          if (found != index_.end()) {
            group = found->second;
          } else {
            KYRO_RETURN_IF_ERROR(context_.Charge(identity.size() + 48));
            KYRO_ASSIGN_OR_RETURN(group, AddGroup(std::move(keys)));
            index_.emplace(identity, group);
          }
        }
        KYRO_RETURN_IF_ERROR(Accumulate(&groups_[group], row));
      }
    }
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < groups_.size()) {
      Group& group = groups_[next_++];
      Row& row = batch->Append(plan_.width);
      size_t slot = 0;
      for (size_t a = 0; a < group.states.size(); ++a) {
        State& state = group.states[a];
        if (!state.rows.empty()) KYRO_RETURN_IF_ERROR(FeedInOrder(plan_.aggregates[a], &state));
        if (!state.accumulator->Finish(context_.evaluation.functions, &row[slot++])) {
          return context_.evaluation.functions.error;
        }
      }
      for (Value& key : group.keys) row[slot++] = std::move(key);
    }
    return batch->size > 0;
  }

 private:
  struct State {
    std::unique_ptr<Accumulator> accumulator;
    absl::flat_hash_set<std::string> seen;  // for DISTINCT
    uint64_t bytes = 0;
    std::vector<Row> rows;  // of an aggregate with ORDER BY: its keys, then its arguments
  };
  struct Group {
    Row keys;
    std::vector<State> states;
  };

  absl::StatusOr<size_t> AddGroup(Row keys) {
    KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(keys) + sizeof(Group) +
                                         plan_.aggregates.size() * (sizeof(State) + 64)));
    Group group;
    group.keys = std::move(keys);
    for (const BoundAggregate& aggregate : plan_.aggregates) {
      group.states.emplace_back();
      std::vector<Type> types;
      for (const BoundPtr& argument : aggregate.arguments) types.push_back(argument->type);
      group.states.back().accumulator = aggregate.function->Create(types);
    }
    groups_.push_back(std::move(group));
    return groups_.size() - 1;
  }

  absl::Status Accumulate(Group* group, const Value* row) {
    for (size_t a = 0; a < plan_.aggregates.size(); ++a) {
      const BoundAggregate& aggregate = plan_.aggregates[a];
      State& state = group->states[a];
      if (aggregate.filter != nullptr) {
        Value scratch;
        const Value* keep = Evaluate(*aggregate.filter, row, context_.evaluation, &scratch);
        if (keep == nullptr) return context_.evaluation.functions.error;
        if (IsNull(*keep) || !AsBool(keep)) continue;
      }
      const size_t count = aggregate.arguments.size();
      Value inline_scratches[2];
      const Value* inline_arguments[2];
      std::vector<Value> more_scratches(count > 2 ? count : 0);
      std::vector<const Value*> more_arguments(count > 2 ? count : 0);
      Value* scratches = count > 2 ? more_scratches.data() : inline_scratches;
      const Value** arguments = count > 2 ? more_arguments.data() : inline_arguments;
      bool null = false;
      for (size_t i = 0; i < aggregate.arguments.size(); ++i) {
        arguments[i] = Evaluate(*aggregate.arguments[i], row, context_.evaluation, &scratches[i]);
        if (arguments[i] == nullptr) return context_.evaluation.functions.error;
        // Only the first argument's nulls leave a row out; a null separator is empty.
        if (IsNull(*arguments[i]) && !aggregate.function->takes_nulls) {
          if (i == 0) {
            null = true;
            break;
          }
          if (!aggregate.function->null_is_empty) continue;
          scratches[i] = std::string();
          arguments[i] = &scratches[i];
        }
      }
      if (null) continue;
      if (aggregate.distinct && !aggregate.arguments.empty()) {
        std::string identity;
        AppendIdentity(aggregate.arguments[0]->type.id, *arguments[0], &identity);
        const uint64_t bytes = identity.size() + 48;
        if (!state.seen.insert(std::move(identity)).second) continue;
        KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
      }
      if (!aggregate.order_keys.empty()) {
        Row kept;
        for (const BoundPtr& key : aggregate.order_keys) {
          KYRO_ASSIGN_OR_RETURN(Value value, EvaluateToValue(*key, row, context_.evaluation));
          kept.push_back(std::move(value));
        }
        for (size_t i = 0; i < count; ++i) kept.push_back(*arguments[i]);
        KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(kept)));
        state.rows.push_back(std::move(kept));
        continue;
      }
      if (!state.accumulator->Add(context_.evaluation.functions,
                                  Arguments(arguments, aggregate.arguments.size()))) {
        return context_.evaluation.functions.error;
      }
      const uint64_t bytes = state.accumulator->bytes();
      if (bytes > state.bytes) {
        KYRO_RETURN_IF_ERROR(context_.Charge(bytes - state.bytes));
        state.bytes = bytes;
      }
    }
    return absl::OkStatus();
  }

  absl::Status FeedInOrder(const BoundAggregate& aggregate, State* state) {
    std::stable_sort(state->rows.begin(), state->rows.end(), [&](const Row& x, const Row& y) {
      for (const SortKey& key : aggregate.order_by) {
        const Value& a = x[key.slot];
        const Value& b = y[key.slot];
        if (IsNull(a) || IsNull(b)) {
          if (IsNull(a) == IsNull(b)) continue;
          return IsNull(a) == key.nulls_first;
        }
        const int order = CompareValues(key.type.id, a, b);
        if (order != 0) return key.descending ? order > 0 : order < 0;
      }
      return false;
    });
    const size_t first = aggregate.order_keys.size();
    std::vector<const Value*> arguments(aggregate.arguments.size());
    for (const Row& row : state->rows) {
      for (size_t i = 0; i < arguments.size(); ++i) arguments[i] = &row[first + i];
      if (!state->accumulator->Add(context_.evaluation.functions, arguments)) {
        return context_.evaluation.functions.error;
      }
    }
    state->rows.clear();
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Group> groups_;
  size_t next_ = 0;
};

}  // namespace

OperatorPtr MakeAggregate(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Aggregate>(plan, context);
}

}  // namespace kyrodb::sql
