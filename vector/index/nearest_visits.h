// The nearest of a stream of visits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "vector/index/walk_state.h"

namespace kyrodb::vector::index {

inline bool NearerVisit(const Visit& a, const Visit& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.node < b.node;
}

// The `count` nearest visits offered.
class NearestVisits {
 public:
  NearestVisits(size_t count, std::vector<Visit>& heap) : count_(count), heap_(heap) {
    heap_.clear();
  }
  void Offer(Visit visit) {
    if (!(visit.rank < std::numeric_limits<float>::max())) {
      visit.rank = std::numeric_limits<float>::max();
    }
    if (heap_.size() < count_) {
      heap_.push_back(visit);
      std::push_heap(heap_.begin(), heap_.end(), NearerVisit);
    } else if (NearerVisit(visit, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), NearerVisit);
      heap_.back() = visit;
      std::push_heap(heap_.begin(), heap_.end(), NearerVisit);
    }
  }
  void Sort() { std::sort_heap(heap_.begin(), heap_.end(), NearerVisit); }

 private:
  const size_t count_;
  std::vector<Visit>& heap_;
};

}  // namespace kyrodb::vector::index
