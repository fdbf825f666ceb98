// Tables by primary key or index: all rows, a range, points, or a box.
#include <algorithm>

#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/box_sides.h"
#include "sql/execute/index_scan.h"
#include "sql/execute/key_value.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Scan : public Operator {
 public:
  Scan(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}

  absl::Status Open() override {
    if (context_.statistics->access_path.empty()) {
      context_.statistics->access_path = plan_.path.kind == PathKind::kPoint   ? "Point Lookup"
                                         : plan_.path.kind == PathKind::kIndex ? "Index Scan"
                                         : plan_.path.kind == PathKind::kRange ? "Range Scan"
                                         : plan_.path.kind == PathKind::kBox   ? "Z-Order Scan"
                                                                               : "Sequential Scan";
      context_.statistics->access_reason = plan_.path.reason;
    }
    // A condition that no row decides may spare the whole scan.
    KYRO_ASSIGN_OR_RETURN(const bool possible,
                          RowIndependentHold(plan_.conditions, context_.evaluation));
    if (!possible) {
      done_ = true;
      return absl::OkStatus();
    }
    if (plan_.path.kind == PathKind::kPoint) return MakePoints();
    if (plan_.path.kind == PathKind::kBox) return OpenBox();
    if (plan_.path.kind == PathKind::kIndex) {
      index_ = std::make_unique<IndexReader>(plan_, context_);
      return index_->Open();
    }
    engine::KeyRange range;
    if (plan_.path.kind == PathKind::kRange) {
      KYRO_ASSIGN_OR_RETURN(const bool any, MakeRange(&range));
      if (!any) {
        done_ = true;
        return absl::OkStatus();
      }
    }
    KYRO_ASSIGN_OR_RETURN(
        iterator_, context_.transaction->Scan(plan_.table->id, range, {.reverse = plan_.reverse}));
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    if (done_) return false;
    // Small batches first: a LIMIT above may want only a few rows.
    const size_t goal = goal_;
    goal_ = std::min(goal_ * 4, kBatchRows);
    size_t looked_at = 0;
    while (batch->size < goal) {
      if (++looked_at % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      if (iterator_ != nullptr) {
        if (!iterator_->Valid()) {
          KYRO_RETURN_IF_ERROR(iterator_->status());
          done_ = true;
          break;
        }
        KYRO_RETURN_IF_ERROR(Take(iterator_->key(), iterator_->value(), batch));
        iterator_->Next();
      } else {
        if (next_fetched_ == fetched_.size()) {
          KYRO_RETURN_IF_ERROR(FetchMore(goal - batch->size));
          if (fetched_.empty()) {
            done_ = true;
            break;
          }
        }
        const std::optional<std::string>& row = fetched_[next_fetched_];
        const std::string& key = fetched_keys_[next_fetched_++];
        if (row.has_value()) KYRO_RETURN_IF_ERROR(Take(key, *row, batch));
      }
    }
    return batch->size > 0;
  }

 private:
  // The next rows of points or of an index; none at the end.
  absl::Status FetchMore(size_t count) {
    next_fetched_ = 0;
    if (index_ != nullptr) return index_->Fetch(count, &fetched_keys_, &fetched_);
    fetched_keys_.clear();
    fetched_.clear();
    if (next_point_ == points_.size()) return absl::OkStatus();
    if (points_.size() == 1) {
      fetched_keys_.push_back(std::move(points_[next_point_++]));
      fetched_.emplace_back();
      KYRO_ASSIGN_OR_RETURN(fetched_[0],
                            context_.transaction->Get(plan_.table->id, fetched_keys_[0]));
      return absl::OkStatus();
    }
    std::vector<absl::string_view> keys;
    for (; next_point_ < points_.size() && fetched_keys_.size() < count; ++next_point_) {
      fetched_keys_.push_back(std::move(points_[next_point_]));
    }
    keys.assign(fetched_keys_.begin(), fetched_keys_.end());
    return context_.transaction->MultiGet(plan_.table->id, keys, &fetched_);
  }

  absl::Status Take(absl::string_view key, absl::string_view bytes, Batch* batch) {
    Row& row = batch->Append(plan_.width);
    ++context_.statistics->candidates;
    for (const uint32_t column : plan_.condition_columns) {
      KYRO_ASSIGN_OR_RETURN(row[plan_.slot_begin + column],
                            engine::DecodeColumn(*plan_.table, bytes, column));
    }
    KYRO_ASSIGN_OR_RETURN(const bool holds,
                          Holds(plan_.conditions, row.data(), context_.evaluation));
    if (!holds) {
      ++context_.statistics->filtered_out;
      batch->DropLast();
      return absl::OkStatus();
    }
    for (const uint32_t column : plan_.other_columns) {
      KYRO_ASSIGN_OR_RETURN(row[plan_.slot_begin + column],
                            engine::DecodeColumn(*plan_.table, bytes, column));
    }
    if (plan_.key_slot.has_value()) row[*plan_.key_slot] = std::string(key);
    return absl::OkStatus();
  }

  absl::Status OpenBox() {
    KYRO_ASSIGN_OR_RETURN(std::optional<std::vector<engine::BoxSide>> sides,
                          EvaluateBox(plan_, context_.evaluation));
    if (!sides.has_value()) {
      done_ = true;
      return absl::OkStatus();
    }
    KYRO_ASSIGN_OR_RETURN(
        std::unique_ptr<engine::BoxIterator> box,
        context_.transaction->ScanBox(
            {.table = plan_.table->id, .index = plan_.path.index->id, .sides = *std::move(sides)}));
    iterator_ = std::move(box);
    return absl::OkStatus();
  }

  absl::StatusOr<KeyValue> Evaluate(const BoundExpression& e, uint32_t part) {
    KYRO_ASSIGN_OR_RETURN(Value value, EvaluateToValue(e, nullptr, context_.evaluation));
    const Type& column = plan_.table->columns[plan_.table->primary_key[part]].type;
    return ToKeyValue(column, e.type, std::move(value));
  }

  absl::Status Append(std::string* key, uint32_t part, const Value& value) {
    const std::vector<uint32_t>& parts = plan_.table->primary_key;
    return engine::AppendKeyComponent(key, plan_.table->columns[parts[part]].type, value,
                                      part + 1 == parts.size());
  }

  absl::Status MakePoints() {
    points_.emplace_back();
    for (uint32_t part = 0; part < plan_.path.equal.size(); ++part) {
      std::vector<std::string> longer;
      for (const BoundPtr& e : plan_.path.equal[part]) {
        KYRO_ASSIGN_OR_RETURN(const KeyValue value, Evaluate(*e, part));
        if (value.kind != KeyValue::Kind::kValue) continue;
        for (const std::string& prefix : points_) {
          std::string key = prefix;
          KYRO_RETURN_IF_ERROR(Append(&key, part, value.value));
          longer.push_back(std::move(key));
        }
      }
      points_ = std::move(longer);
    }
    std::sort(points_.begin(), points_.end());
    points_.erase(std::unique(points_.begin(), points_.end()), points_.end());
    // No stored key is longer than this.
    std::erase_if(points_,
                  [](const std::string& key) { return key.size() > engine::kKeyBytesMax; });
    return absl::OkStatus();
  }

  // False when no key can be in the range.
  absl::StatusOr<bool> MakeRange(engine::KeyRange* range) {
    std::string prefix;
    const auto part = static_cast<uint32_t>(plan_.path.equal.size());
    for (uint32_t i = 0; i < part; ++i) {
      KYRO_ASSIGN_OR_RETURN(const KeyValue value, Evaluate(*plan_.path.equal[i][0], i));
      if (value.kind != KeyValue::Kind::kValue) return false;
      KYRO_RETURN_IF_ERROR(Append(&prefix, i, value.value));
    }
    range->begin = prefix;
    range->end = prefix.empty() ? "" : engine::PrefixSuccessor(prefix);
    const bool last = part + 1 == plan_.table->primary_key.size();
    // The smallest key above every key with this value.
    const auto after = [last](std::string key) {
      if (last) return key + '\0';
      return engine::PrefixSuccessor(key);
    };
    if (plan_.path.lower != nullptr) {
      KYRO_ASSIGN_OR_RETURN(const KeyValue value, Evaluate(*plan_.path.lower, part));
      if (value.kind == KeyValue::Kind::kNone || value.kind == KeyValue::Kind::kAbove) return false;
      if (value.kind == KeyValue::Kind::kValue) {
        std::string key = prefix;
        KYRO_RETURN_IF_ERROR(Append(&key, part, value.value));
        range->begin = plan_.path.lower_inclusive ? key : after(key);
        if (range->begin.empty()) return false;
      }
    }
    if (plan_.path.upper != nullptr) {
      KYRO_ASSIGN_OR_RETURN(const KeyValue value, Evaluate(*plan_.path.upper, part));
      if (value.kind == KeyValue::Kind::kNone || value.kind == KeyValue::Kind::kBelow) return false;
      if (value.kind == KeyValue::Kind::kValue) {
        std::string key = prefix;
        KYRO_RETURN_IF_ERROR(Append(&key, part, value.value));
        std::string end = plan_.path.upper_inclusive ? after(key) : key;
        // The empty end means no end; an exclusive end at the very first key means nothing.
        if (end.empty() && !plan_.path.upper_inclusive) return false;
        if (!end.empty()) range->end = std::move(end);
      }
    }
    return range->end.empty() || range->begin < range->end;
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  std::unique_ptr<engine::Iterator> iterator_;
  std::vector<std::string> points_;
  size_t next_point_ = 0;
  std::unique_ptr<IndexReader> index_;
  std::vector<std::string> fetched_keys_;
  std::vector<std::optional<std::string>> fetched_;
  size_t next_fetched_ = 0;
  size_t goal_ = 16;
  bool done_ = false;
};

}  // namespace

OperatorPtr MakeScan(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Scan>(plan, context);
}

}  // namespace kyrodb::sql
