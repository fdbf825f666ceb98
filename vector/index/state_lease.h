// A WalkState of an index, borrowed for a scope.
#pragma once

#include <memory>
#include <utility>

#include "vector/index/graph_index.h"

namespace kyrodb::vector::index {

class GraphIndex::StateLease {
 public:
  explicit StateLease(const GraphIndex& index) : index_(index) {
    {
      absl::MutexLock lock(&index.states_mutex_);
      if (!index.states_.empty()) {
        state_ = std::move(index.states_.back());
        index.states_.pop_back();
      }
    }
    if (state_ == nullptr) state_ = std::make_unique<WalkState>();
    state_->distance_count = 0;
  }
  ~StateLease() {
    constexpr size_t kKeptMax = 64;
    absl::MutexLock lock(&index_.states_mutex_);
    if (index_.states_.size() < kKeptMax) index_.states_.push_back(std::move(state_));
  }
  StateLease(const StateLease&) = delete;
  StateLease& operator=(const StateLease&) = delete;
  WalkState& operator*() { return *state_; }
  WalkState* operator->() { return state_.get(); }

 private:
  const GraphIndex& index_;
  std::unique_ptr<WalkState> state_;
};

}  // namespace kyrodb::vector::index
