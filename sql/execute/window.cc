// Window functions: all rows are kept, sorted by partition and order, and each function's values
// computed partition by partition.
#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

// Rows [begin, end) of a partition, without [hole_begin, hole_end) but with `kept` if it is in the
// hole.
struct Frame {
  size_t begin = 0;
  size_t end = 0;
  size_t hole_begin = 0;
  size_t hole_end = 0;
  bool keeps_current = false;
};

class Window : public Operator {
 public:
  Window(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan), context_(context), child_(MakeOperator(*plan.children[0], context)) {}

  absl::Status Open() override {
    KYRO_RETURN_IF_ERROR(child_->Open());
    Batch batch;
    while (true) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      batch.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, child_->Next(&batch));
      if (!more) break;
      for (size_t i = 0; i < batch.size; ++i) {
        Row row = std::move(batch.rows[i]);
        row.resize(plan_.width);
        KYRO_RETURN_IF_ERROR(context_.Charge(RowBytes(row) + sizeof(size_t)));
        rows_.push_back(std::move(row));
      }
    }
    order_.resize(rows_.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    const auto base = static_cast<uint32_t>(plan_.width - plan_.windows.size());
    for (size_t w = 0; w < plan_.windows.size(); ++w) {
      KYRO_RETURN_IF_ERROR(Compute(plan_.windows[w], base + static_cast<uint32_t>(w)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    while (!batch->full() && next_ < order_.size()) {
      batch->Append(plan_.width) = std::move(rows_[order_[next_++]]);
    }
    return batch->size > 0;
  }

 private:
  absl::StatusOr<Value> ValueOf(const BoundExpression& e, size_t row) {
    return EvaluateToValue(e, rows_[row].data(), context_.evaluation);
  }

  absl::Status Compute(const BoundWindow& window, uint32_t slot) {
    window_ = &window;
    slot_ = slot;
    // The keys of each row, partition's first.
    keys_.assign(rows_.size(), {});
    for (size_t r = 0; r < rows_.size(); ++r) {
      for (const BoundPtr& e : window.partition_by) {
        KYRO_ASSIGN_OR_RETURN(Value value, ValueOf(*e, r));
        keys_[r].push_back(std::move(value));
      }
      for (const BoundPtr& e : window.order_by) {
        KYRO_ASSIGN_OR_RETURN(Value value, ValueOf(*e, r));
        keys_[r].push_back(std::move(value));
      }
    }
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
      const int partition = ComparePartition(a, b);
      return partition != 0 ? partition < 0 : CompareOrder(a, b) < 0;
    });
    for (size_t begin = 0; begin < order_.size();) {
      size_t end = begin + 1;
      while (end < order_.size() && ComparePartition(order_[begin], order_[end]) == 0) ++end;
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      KYRO_RETURN_IF_ERROR(ComputePartition(begin, end));
      begin = end;
    }
    return absl::OkStatus();
  }

  int ComparePartition(size_t a, size_t b) const {
    for (size_t i = 0; i < window_->partition_by.size(); ++i) {
      const Value& x = keys_[a][i];
      const Value& y = keys_[b][i];
      if (IsNull(x) || IsNull(y)) {
        if (IsNull(x) && IsNull(y)) continue;
        return IsNull(x) ? 1 : -1;
      }
      const int order = CompareValues(window_->partition_by[i]->type.id, x, y);
      if (order != 0) return order;
    }
    return 0;
  }
  int CompareOrder(size_t a, size_t b) const {
    const size_t first = window_->partition_by.size();
    for (size_t i = 0; i < window_->order_keys.size(); ++i) {
      const SortKey& key = window_->order_keys[i];
      const Value& x = keys_[a][first + i];
      const Value& y = keys_[b][first + i];
      if (IsNull(x) || IsNull(y)) {
        if (IsNull(x) && IsNull(y)) continue;
        return IsNull(x) == key.nulls_first ? -1 : 1;
      }
      const int order = CompareValues(key.type.id, x, y);
      if (order != 0) return key.descending ? -order : order;
    }
    return 0;
  }

  absl::Status ComputePartition(size_t begin, size_t end) {
    partition_ = &order_[begin];
    count_ = end - begin;
    // Rows that sort alike are peers: where each group of them begins.
    group_of_.assign(count_, 0);
    group_begins_ = {0};
    for (size_t i = 1; i < count_; ++i) {
      if (CompareOrder(partition_[i - 1], partition_[i]) != 0) group_begins_.push_back(i);
      group_of_[i] = group_begins_.size() - 1;
    }
    switch (window_->function) {
      case WindowFunction::kAggregate:
        return Aggregate();
      case WindowFunction::kLag:
      case WindowFunction::kLead:
        return Shift();
      case WindowFunction::kFirstValue:
      case WindowFunction::kLastValue:
      case WindowFunction::kNthValue:
        return Pick();
      case WindowFunction::kNtile:
        return Ntile();
      default:
        Rank();
        return absl::OkStatus();
    }
  }

  size_t GroupBegin(size_t group) const { return group_begins_[group]; }
  size_t GroupEnd(size_t group) const {
    return group + 1 < group_begins_.size() ? group_begins_[group + 1] : count_;
  }
  Value& Result(size_t i) { return rows_[partition_[i]][slot_]; }

  void Rank() {
    for (size_t i = 0; i < count_; ++i) {
      const size_t group = group_of_[i];
      const auto begin = static_cast<int64_t>(GroupBegin(group));
      switch (window_->function) {
        case WindowFunction::kRowNumber:
          Result(i) = static_cast<int64_t>(i) + 1;
          break;
        case WindowFunction::kRank:
          Result(i) = begin + 1;
          break;
        case WindowFunction::kDenseRank:
          Result(i) = static_cast<int64_t>(group) + 1;
          break;
        case WindowFunction::kPercentRank:
          Result(i) =
              count_ < 2 ? 0.0 : static_cast<double>(begin) / static_cast<double>(count_ - 1);
          break;
        default:  // cume_dist
          Result(i) = static_cast<double>(GroupEnd(group)) / static_cast<double>(count_);
      }
    }
  }

  absl::Status Ntile() {
    KYRO_ASSIGN_OR_RETURN(const Value buckets, ValueOf(*window_->arguments[0], partition_[0]));
    if (IsNull(buckets)) {
      for (size_t i = 0; i < count_; ++i) Result(i) = Null{};
      return absl::OkStatus();
    }
    const int64_t bucket_count = std::get<int64_t>(buckets);
    if (bucket_count <= 0) {
      return Error("22014", 0, "argument of ntile must be greater than zero");
    }
    const auto rows = static_cast<int64_t>(count_);
    const int64_t small = rows / bucket_count;
    const int64_t large_count = rows % bucket_count;
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t in_large = large_count * (small + 1);
      Result(static_cast<size_t>(i)) =
          i < in_large ? i / (small + 1) + 1
                       : large_count + (i - in_large) / std::max<int64_t>(small, 1) + 1;
    }
    return absl::OkStatus();
  }

  absl::Status Shift() {
    const bool is_lag = window_->function == WindowFunction::kLag;
    for (size_t i = 0; i < count_; ++i) {
      int64_t offset = 1;
      if (window_->arguments.size() > 1) {
        KYRO_ASSIGN_OR_RETURN(const Value value, ValueOf(*window_->arguments[1], partition_[i]));
        if (IsNull(value)) {
          Result(i) = Null{};
          continue;
        }
        offset = std::get<int64_t>(value);
      }
      const int64_t at = static_cast<int64_t>(i) + (is_lag ? -offset : offset);
      if (at >= 0 && at < static_cast<int64_t>(count_)) {
        KYRO_ASSIGN_OR_RETURN(Result(i),
                              ValueOf(*window_->arguments[0], partition_[static_cast<size_t>(at)]));
      } else if (window_->arguments.size() > 2) {
        KYRO_ASSIGN_OR_RETURN(Result(i), ValueOf(*window_->arguments[2], partition_[i]));
      } else {
        Result(i) = Null{};
      }
    }
    return absl::OkStatus();
  }

  absl::Status Pick() {
    for (size_t i = 0; i < count_; ++i) {
      KYRO_ASSIGN_OR_RETURN(const Frame frame, FrameOf(i));
      std::vector<size_t> members;
      std::optional<size_t> picked;
      if (window_->function == WindowFunction::kLastValue) {
        for (size_t r = frame.end; r > frame.begin && !picked.has_value(); --r) {
          if (IsIn(frame, r - 1, i)) picked = r - 1;
        }
      } else {
        int64_t wanted = 1;
        if (window_->function == WindowFunction::kNthValue) {
          KYRO_ASSIGN_OR_RETURN(const Value value, ValueOf(*window_->arguments[1], partition_[i]));
          if (IsNull(value)) {
            Result(i) = Null{};
            continue;
          }
          wanted = std::get<int64_t>(value);
          if (wanted <= 0) {
            return Error("22016", 0, "argument of nth_value must be greater than zero");
          }
        }
        for (size_t r = frame.begin; r < frame.end && !picked.has_value(); ++r) {
          if (IsIn(frame, r, i) && --wanted == 0) picked = r;
        }
      }
      if (picked.has_value()) {
        KYRO_ASSIGN_OR_RETURN(Result(i), ValueOf(*window_->arguments[0], partition_[*picked]));
      } else {
        Result(i) = Null{};
      }
    }
    return absl::OkStatus();
  }

  static bool IsIn(const Frame& frame, size_t row, size_t current) {
    if (row < frame.hole_begin || row >= frame.hole_end) return true;
    return frame.keeps_current && row == current;
  }

  absl::Status Aggregate() {
    // Frames that begin where the last one began and only grow need each row once.
    std::unique_ptr<Accumulator> running;
    size_t running_end = 0;
    bool has_last = false;
    Frame last;
    std::vector<Type> types;
    for (const BoundPtr& argument : window_->arguments) types.push_back(argument->type);
    const TypeId result = window_->aggregate->result.id;
    const bool keeps_state = result == TypeId::kBigint || result == TypeId::kDouble ||
                             result == TypeId::kNumeric || result == TypeId::kBoolean ||
                             result == TypeId::kInteger;
    for (size_t i = 0; i < count_; ++i) {
      if (i % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(const Frame frame, FrameOf(i));
      const bool is_whole = frame.hole_begin == frame.hole_end;
      if (has_last && is_whole && last.begin == frame.begin && last.end == frame.end) {
        Result(i) = Result(i - 1);
        continue;
      }
      const bool grows =
          is_whole && running != nullptr && frame.begin == last.begin && frame.end >= running_end;
      if (!grows) {
        running = window_->aggregate->Create(types);
        running_end = frame.begin;
      }
      for (size_t r = running_end; r < frame.end; ++r) {
        if (IsIn(frame, r, i)) KYRO_RETURN_IF_ERROR(Add(running.get(), partition_[r]));
      }
      running_end = std::max(frame.end, frame.begin);
      if (!running->Finish(context_.evaluation.functions, &Result(i))) {
        return context_.evaluation.functions.error;
      }
      has_last = is_whole;
      last = frame;
      // What collects its values may give them away when it is asked.
      if (!is_whole || !keeps_state) running.reset();
    }
    return absl::OkStatus();
  }

  absl::Status Add(Accumulator* accumulator, size_t row) {
    const Value* values = rows_[row].data();
    if (window_->filter != nullptr) {
      Value scratch;
      const Value* keep = Evaluate(*window_->filter, values, context_.evaluation, &scratch);
      if (keep == nullptr) return context_.evaluation.functions.error;
      if (IsNull(*keep) || !AsBool(keep)) return absl::OkStatus();
    }
    std::vector<Value> scratches(window_->arguments.size());
    std::vector<const Value*> arguments(window_->arguments.size());
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = Evaluate(*window_->arguments[i], values, context_.evaluation, &scratches[i]);
      if (arguments[i] == nullptr) return context_.evaluation.functions.error;
      if (!IsNull(*arguments[i]) || window_->aggregate->takes_nulls) continue;
      if (i == 0) return absl::OkStatus();
      if (!window_->aggregate->null_is_empty) continue;
      scratches[i] = std::string();
      arguments[i] = &scratches[i];
    }
    if (!accumulator->Add(context_.evaluation.functions,
                          Arguments(arguments.data(), arguments.size()))) {
      return context_.evaluation.functions.error;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Offset(const BoundWindow::Bound& bound, bool is_begin) {
    KYRO_ASSIGN_OR_RETURN(const Value value,
                          EvaluateToValue(*bound.offset, nullptr, context_.evaluation));
    if (IsNull(value)) {
      return Error(sqlstate::kNullValueNotAllowed, 0,
                   is_begin ? "frame starting offset must not be null"
                            : "frame ending offset must not be null");
    }
    const int64_t offset = std::get<int64_t>(value);
    if (offset < 0) return Negative(is_begin);
    return std::min<int64_t>(offset, static_cast<int64_t>(count_));
  }
  static absl::Status Negative(bool is_begin) {
    return Error("22013", 0,
                 is_begin ? "frame starting offset must not be negative"
                          : "frame ending offset must not be negative");
  }

  // Where the frame of row `i` begins or ends.
  absl::StatusOr<size_t> Edge(const BoundWindow::Bound& bound, bool is_begin, size_t i) {
    const size_t group = group_of_[i];
    const auto clamp = [&](int64_t at) {
      return static_cast<size_t>(std::clamp<int64_t>(at, 0, static_cast<int64_t>(count_)));
    };
    switch (bound.type) {
      case FrameBoundType::kUnboundedPreceding:
        return size_t{0};
      case FrameBoundType::kUnboundedFollowing:
        return count_;
      case FrameBoundType::kCurrentRow:
        if (window_->frame == FrameUnit::kRows) return is_begin ? i : i + 1;
        return is_begin ? GroupBegin(group) : GroupEnd(group);
      case FrameBoundType::kPreceding:
      case FrameBoundType::kFollowing:
        break;
    }
    const bool is_preceding = bound.type == FrameBoundType::kPreceding;
    if (window_->frame == FrameUnit::kRange) return RangeEdge(bound, is_begin, i);
    KYRO_ASSIGN_OR_RETURN(const int64_t offset, Offset(bound, is_begin));
    const int64_t moved = is_preceding ? -offset : offset;
    if (window_->frame == FrameUnit::kRows) {
      return clamp(static_cast<int64_t>(i) + moved + (is_begin ? 0 : 1));
    }
    const int64_t to = static_cast<int64_t>(group) + moved;
    if (to < 0) return size_t{0};
    if (to >= static_cast<int64_t>(group_begins_.size())) return count_;
    return is_begin ? GroupBegin(static_cast<size_t>(to)) : GroupEnd(static_cast<size_t>(to));
  }

  absl::StatusOr<size_t> RangeEdge(const BoundWindow::Bound& bound, bool is_begin, size_t i) {
    KYRO_ASSIGN_OR_RETURN(const Value offset,
                          EvaluateToValue(*bound.offset, nullptr, context_.evaluation));
    if (IsNull(offset)) {
      return Error(sqlstate::kNullValueNotAllowed, 0,
                   is_begin ? "frame starting offset must not be null"
                            : "frame ending offset must not be null");
    }
    const bool is_preceding = bound.type == FrameBoundType::kPreceding;
    const SortKey& key = window_->order_keys[0];
    const TypeId id = bound.key->type.id;
    // An edge beyond all numbers of its type lies behind every row.
    absl::StatusOr<Value> edge_or = ValueOf(*bound.edge, partition_[i]);
    const bool is_beyond = SqlStateOf(edge_or.status()) == sqlstate::kNumericValueOutOfRange;
    if (!edge_or.ok() && !is_beyond) return edge_or.status();
    KYRO_ASSIGN_OR_RETURN(const Value own, ValueOf(*bound.key, partition_[i]));
    const Value edge = is_beyond ? own : *std::move(edge_or);
    const auto order_to_edge = [&](const Value& value) {
      return CompareValues(id, value, edge) * (key.descending ? -1 : 1);
    };
    if (!IsNull(edge) && (is_preceding ? order_to_edge(own) < 0 : order_to_edge(own) > 0)) {
      return Error("22013", 0, "invalid preceding or following size in window function");
    }
    // A null is near nothing but nulls.
    if (IsNull(edge)) {
      const size_t group = group_of_[i];
      return is_begin ? GroupBegin(group) : GroupEnd(group);
    }
    // Groups are in order, nulls at one end.
    size_t low = 0;
    size_t high = group_begins_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      KYRO_ASSIGN_OR_RETURN(const Value value, ValueOf(*bound.key, partition_[GroupBegin(middle)]));
      bool before;  // the group lies before the edge
      if (IsNull(value)) {
        before = key.nulls_first;
      } else if (is_beyond) {
        before = !is_preceding;
      } else {
        before = is_begin ? order_to_edge(value) < 0 : order_to_edge(value) <= 0;
      }
      if (before) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < group_begins_.size() ? GroupBegin(low) : count_;
  }

  absl::StatusOr<Frame> FrameOf(size_t i) {
    Frame frame;
    KYRO_ASSIGN_OR_RETURN(frame.begin, Edge(window_->begin, true, i));
    KYRO_ASSIGN_OR_RETURN(frame.end, Edge(window_->end, false, i));
    if (frame.end < frame.begin) frame.end = frame.begin;
    switch (window_->exclusion) {
      case FrameExclusion::kNoOthers:
        break;
      case FrameExclusion::kCurrentRow:
        frame.hole_begin = i;
        frame.hole_end = i + 1;
        break;
      case FrameExclusion::kGroup:
      case FrameExclusion::kTies:
        frame.hole_begin = GroupBegin(group_of_[i]);
        frame.hole_end = GroupEnd(group_of_[i]);
        frame.keeps_current = window_->exclusion == FrameExclusion::kTies;
        break;
    }
    return frame;
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr child_;
  std::vector<Row> rows_;
  std::vector<size_t> order_;
  std::vector<Row> keys_;
  // Of the window and the partition at work.
  const BoundWindow* window_ = nullptr;
  uint32_t slot_ = 0;
  const size_t* partition_ = nullptr;
  size_t count_ = 0;
  std::vector<size_t> group_of_;
  std::vector<size_t> group_begins_;
  size_t next_ = 0;
};

}  // namespace

OperatorPtr MakeWindow(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Window>(plan, context);
}

}  // namespace kyrodb::sql
