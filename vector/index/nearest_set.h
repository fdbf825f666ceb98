// The k nearest of a stream of neighbours.
#pragma once

#include <algorithm>
#include <vector>

#include "vector/vector_index.h"

namespace kyrodb::vector::index {

// A max-heap by `NeighborLess` with at most k entries.
class NearestSet {
 public:
  explicit NearestSet(size_t k) : k_(k) {}

  void Offer(const Neighbor& neighbor) {
    if (heap_.size() < k_) {
      heap_.push_back(neighbor);
      std::push_heap(heap_.begin(), heap_.end(), NeighborLess);
    } else if (NeighborLess(neighbor, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), NeighborLess);
      heap_.back() = neighbor;
      std::push_heap(heap_.begin(), heap_.end(), NeighborLess);
    }
  }

  // In the order of results; empties the set.
  std::vector<Neighbor> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end(), NeighborLess);
    return std::move(heap_);
  }

 private:
  size_t k_;
  std::vector<Neighbor> heap_;
};

}  // namespace kyrodb::vector::index
