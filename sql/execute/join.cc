// Joins: the right side is kept in memory, by hash where equalities allow; for a lateral join it
// runs again for every left row.
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "engine/base/status.h"
#include "sql/execute/operator.h"

namespace kyrodb::sql {
namespace {

class Join : public Operator {
 public:
  Join(const PlanNode& plan, ExecutionContext& context)
      : plan_(plan),
        context_(context),
        left_(MakeOperator(*plan.children[0], context)),
        hash_(!plan.left_keys.empty()),
        keeps_left_(plan.join_type == JoinType::kLeft || plan.join_type == JoinType::kFull),
        keeps_right_(plan.join_type == JoinType::kFull) {}

  absl::Status Open() override {
    KYRO_RETURN_IF_ERROR(left_->Open());
    return plan_.lateral ? absl::OkStatus() : ReadRight();
  }

  absl::StatusOr<bool> Next(Batch* batch) override {
    uint64_t looked_at = 0;
    while (!batch->full()) {
      if (left_done_) {
        if (!keeps_right_) break;
        EmitUnmatched(batch);
        if (next_unmatched_ == right_.size()) break;
        continue;
      }
      if (left_next_ == left_batch_.size) {
        KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
        left_batch_.Clear();
        left_next_ = 0;
        KYRO_ASSIGN_OR_RETURN(const bool more, left_->Next(&left_batch_));
        if (!more) {
          left_done_ = true;
          continue;
        }
        KYRO_RETURN_IF_ERROR(StartRow());
      }
      const Row& left = left_batch_.rows[left_next_];
      while (!batch->full() && match_next_ < MatchCount()) {
        if (++looked_at % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
        const size_t index = matches_ == nullptr ? match_next_ : (*matches_)[match_next_];
        ++match_next_;
        Row& row = batch->Append(plan_.width);
        CopyLeft(left, &row);
        CopyRight(right_[index], &row);
        KYRO_ASSIGN_OR_RETURN(const bool holds,
                              Holds(plan_.conditions, row.data(), context_.evaluation));
        if (!holds) {
          batch->DropLast();
          continue;
        }
        matched_ = true;
        if (keeps_right_) right_matched_[index] = true;
      }
      if (match_next_ < MatchCount() || batch->full()) continue;
      if (!matched_ && keeps_left_) {
        Row& row = batch->Append(plan_.width);
        CopyLeft(left, &row);
        SetNull(plan_.right_slots, &row);
      }
      ++left_next_;
      if (left_next_ < left_batch_.size) KYRO_RETURN_IF_ERROR(StartRow());
    }
    return batch->size > 0;
  }

 private:
  size_t MatchCount() const {
    if (!hash_) return right_.size();
    return matches_ == nullptr ? 0 : matches_->size();
  }

  void CopyLeft(const Row& left, Row* row) const {
    for (const auto& [begin, end] : plan_.left_slots) {
      for (uint32_t slot = begin; slot < end; ++slot) (*row)[slot] = left[slot];
    }
  }
  void CopyRight(const Row& right, Row* row) const {
    size_t at = 0;
    for (const auto& [begin, end] : plan_.right_slots) {
      for (uint32_t slot = begin; slot < end; ++slot) (*row)[slot] = right[at++];
    }
  }
  static void SetNull(const std::vector<std::pair<uint32_t, uint32_t>>& ranges, Row* row) {
    for (const auto& [begin, end] : ranges) {
      for (uint32_t slot = begin; slot < end; ++slot) (*row)[slot] = Null{};
    }
  }

  void EmitUnmatched(Batch* batch) {
    while (!batch->full() && next_unmatched_ < right_.size()) {
      const size_t index = next_unmatched_++;
      if (right_matched_[index]) continue;
      Row& row = batch->Append(plan_.width);
      SetNull(plan_.left_slots, &row);
      CopyRight(right_[index], &row);
    }
  }

  // Empty when a key is null: null equals nothing.
  absl::StatusOr<std::string> KeyOf(const std::vector<BoundPtr>& keys, const Row& row) {
    std::string identity;
    for (const BoundPtr& key : keys) {
      Value scratch;
      const Value* value = Evaluate(*key, row.data(), context_.evaluation, &scratch);
      if (value == nullptr) return context_.evaluation.functions.error;
      if (IsNull(*value)) return std::string();
      AppendIdentity(key->type.id, *value, &identity);
    }
    return identity;
  }

  absl::Status ReadRight() {
    const uint64_t memory_before = context_.memory_bytes();
    OperatorPtr right = MakeOperator(*plan_.children[1], context_);
    KYRO_RETURN_IF_ERROR(right->Open());
    Batch batch;
    while (true) {
      KYRO_RETURN_IF_ERROR(context_.CheckInterrupts());
      batch.Clear();
      KYRO_ASSIGN_OR_RETURN(const bool more, right->Next(&batch));
      if (!more) break;
      for (size_t i = 0; i < batch.size; ++i) {
        std::string identity;
        if (hash_) {
          KYRO_ASSIGN_OR_RETURN(identity, KeyOf(plan_.right_keys, batch.rows[i]));
          if (identity.empty() && !keeps_right_) continue;
        }
        Row kept;
        for (const auto& [begin, end] : plan_.right_slots) {
          for (uint32_t slot = begin; slot < end; ++slot) {
            kept.push_back(std::move(batch.rows[i][slot]));
          }
        }
        const uint64_t bytes = RowBytes(kept) + identity.size() + 32;
        KYRO_RETURN_IF_ERROR(context_.Charge(bytes));
        charged_ += bytes;
        if (hash_ && !identity.empty()) index_[std::move(identity)].push_back(right_.size());
        right_.push_back(std::move(kept));
      }
    }
    if (keeps_right_) right_matched_.assign(right_.size(), false);
    // What the right side's own sorts and groups held goes with them.
    right.reset();
    context_.Release(context_.memory_bytes() - memory_before - charged_);
    return absl::OkStatus();
  }

  // Finds what the next left row may match.
  absl::Status StartRow() {
    const Row& left = left_batch_.rows[left_next_];
    match_next_ = 0;
    matched_ = false;
    matches_ = nullptr;
    if (plan_.lateral) {
      right_.clear();
      context_.Release(charged_);
      charged_ = 0;
      context_.evaluation.outer_rows.push_back(left.data());
      absl::Status status = ReadRight();
      context_.evaluation.outer_rows.pop_back();
      return status;
    }
    if (hash_) {
      KYRO_ASSIGN_OR_RETURN(const std::string identity, KeyOf(plan_.left_keys, left));
      if (const auto found = index_.find(identity); !identity.empty() && found != index_.end()) {
        matches_ = &found->second;
      }
    }
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  ExecutionContext& context_;
  OperatorPtr left_;
  const bool hash_;
  const bool keeps_left_;
  const bool keeps_right_;
  std::vector<Row> right_;  // only the slots that the right side fills
  absl::flat_hash_map<std::string, std::vector<size_t>> index_;
  std::vector<bool> right_matched_;
  uint64_t charged_ = 0;
  Batch left_batch_;
  size_t left_next_ = 0;
  bool left_done_ = false;
  const std::vector<size_t>* matches_ = nullptr;
  size_t match_next_ = 0;
  bool matched_ = false;
  size_t next_unmatched_ = 0;
};

}  // namespace

OperatorPtr MakeJoin(const PlanNode& plan, ExecutionContext& context) {
  return std::make_unique<Join>(plan, context);
}

}  // namespace kyrodb::sql
