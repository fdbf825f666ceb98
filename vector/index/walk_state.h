// What one walk through a graph needs besides the graph; kept from walk to walk, so that a search
// allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vector/index/vector_codec.h"

namespace kyrodb::vector::index {

// A node and its rank for some query; smaller is nearer, never NaN.
struct Visit {
  float rank = 0;
  uint32_t node = 0;
};

// Which nodes a walk has met: a bit each, so that the set of a million fits the second-level cache;
// clearing undoes what was set.
class VisitedSet {
 public:
  void Fit(uint64_t node_count) {
    if (words_.size() < node_count / 64 + 1) words_.resize(node_count / 64 + 1, 0);
  }
  // Whether `node` was not there before.
  bool Insert(uint32_t node) {
    uint64_t& word = words_[node / 64];
    const uint64_t bit = uint64_t{1} << (node % 64);
    if ((word & bit) != 0) return false;
    if (word == 0) touched_.push_back(node / 64);
    word |= bit;
    return true;
  }
  void Clear() {
    for (const uint32_t word : touched_) words_[word] = 0;
    touched_.clear();
  }

 private:
  std::vector<uint64_t> words_;
  std::vector<uint32_t> touched_;
};

// The nearest nodes met so far, at most `capacity`, sorted, each gone through or not.
// Source: the candidate pool of Fu et al., "Fast Approximate Nearest Neighbor Search With The
// Navigating Spreading-out Graph" (2019): one sorted array instead of two heaps.
class Beam {
 public:
  void Reset(size_t capacity) {
    items_.resize(capacity + 1);
    capacity_ = capacity;
    size_ = next_ = 0;
  }
  bool Accepts(float rank) const { return size_ < capacity_ || rank < items_[size_ - 1].rank; }
  // `Accepts(rank)` must hold.
  void Insert(float rank, uint32_t node) {
    size_t begin = 0, length = size_;
    while (length > 0) {
      const size_t half = length / 2;
      const bool right = items_[begin + half].rank <= rank;
      begin = right ? begin + half + 1 : begin;
      length = right ? length - half - 1 : half;
    }
    const size_t last = size_ < capacity_ ? size_ : size_ - 1;
    std::memmove(&items_[begin + 1], &items_[begin], (last - begin) * sizeof(Visit));
    items_[begin] = {rank, node};
    size_ = last + 1;
    next_ = std::min(next_, begin);
  }
  // Moves to the nearest node that was not gone through yet; false when there is none.
  bool HasNext() {
    while (next_ < size_ && (items_[next_].node & kDone) != 0) ++next_;
    return next_ < size_;
  }
  // After `HasNext`.
  uint32_t PeekNext() const { return items_[next_].node; }
  Visit TakeNext() {
    const Visit visit = items_[next_];
    items_[next_++].node |= kDone;
    return visit;
  }
  size_t size() const { return size_; }
  Visit operator[](size_t i) const { return {items_[i].rank, items_[i].node & ~kDone}; }

 private:
  static constexpr uint32_t kDone = 0x80000000u;
  std::vector<Visit> items_;
  size_t capacity_ = 0, size_ = 0, next_ = 0;
};

struct WalkState {
  PreparedQuery query;
  // A stored vector against others, while neighbours are selected.
  PreparedQuery pair;
  VisitedSet visited;
  Beam beam;
  // What a walk found, nearest first.
  std::vector<Visit> found;
  std::vector<Visit> open;  // a heap, of filtered walks
  std::vector<Visit> candidates;
  uint64_t distance_count = 0;
};

}  // namespace kyrodb::vector::index
