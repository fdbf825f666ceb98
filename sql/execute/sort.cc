// Sorts in memory; with a limit a heap keeps only the rows that can come out.
#include <algorithm>

#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Sort : public Operator {
 public:
  Sort(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}

  absl::Status Open() override {
    KYRO_ASSIGN_OR_RETURN(const uint64_t limit,
                          EvaluateCount(plan_.limit, true, UINT64_MAX, context_));
    KYRO_ASSIGN_OR_RETURN(const uint64_t offset, EvaluateCount(plan_.offset, false, 0, context_));
    const uint64_t keep = limit > UINT64_MAX - offset ? UINT64_MAX : limit + offset;
    const auto before = [this](const Entry& a, const Entry& b) { return Before(a, b); };
    KYRO_RETURN_IF_ERROR(child_->Open());
    Batch batch;
    uint64_t number = 0;
    while (true) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      batch.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(&batch));
      if (!more) break;
      for (size_t i = 0; i < batch.size; ++i) {
        Entry entry{std::move(batch.rows[i]), number++};
        if (entries_.size() == keep) {
          if (keep == 0 || !Before(entry, entries_.front())) continue;
          std::pop_heap(entries_.begin(), entries_.end(), before);
          context_.Release(RowBytes(entries_.back().row));
          entries_.pop_back();
        }
        KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(entry.row)));
        entries_.push_back(std::move(entry));
        if (keep != UINT64_MAX) std::push_heap(entries_.begin(), entries_.end(), before);
      }
    }
    std::sort(entries_.begin(), entries_.end(), before);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < entries_.size()) {
      Row& row = batch->Append(plan_.visible_width);
      row = std::move(entries_[next_++].row);
      row.resize(plan_.visible_width);
    }
    return batch->size > 0;
  }

 private:
  struct Entry {
    Row row;
    uint64_t number;  // equal rows stay in the order in which they came
  };

  bool Before(const Entry& a, const Entry& b) const {
    for (const SortKey& key : plan_.sort_keys) {
      const Value& x = a.row[key.slot];
      const Value& y = b.row[key.slot];
      if (IsNull(x) || IsNull(y)) {
        if (IsNull(x) && IsNull(y)) continue;
        return IsNull(x) == key.nulls_first;
      }
      const int order = CompareValues(key.type.id, x, y);
      if (order != 0) return key.descending ? order > 0 : order < 0;
    }
    return a.number < b.number;
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  std::vector<Entry> entries_;
  size_t next_ = 0;
};

}  // namespace

OperatorPtr MakeSort(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Sort>(plan, context);
}

}  // namespace kyrodb::sql
