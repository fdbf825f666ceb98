// An LRU cache that only counts: which accesses hit, and which would have hit or missed had the
// cache been a little larger or smaller.
// Source: ghost lists as in Megiddo and Modha, "ARC" (FAST 2003), and Storm et al. (VLDB 2006).
#pragma once

#include <cstdint>
#include <vector>

namespace kyrodb::tuner {

// Three lists in recency order: main, tail (the last `ghost_length` resident pages) and ghost
// (the last `ghost_length` pages evicted).
//
// Shape:          pages are the integers [0, page_count).
// Thread-safety:  one thread at a time.
// Cost:           O(1) an access, 12 bytes a page.
class GhostLru {
 public:
  // `capacity` pages are resident; the tail is part of them.
  GhostLru(uint32_t page_count, uint32_t capacity, uint32_t ghost_length);

  enum class Outcome {
    kMainHit,
    kTailHit,    // a hit that a cache smaller by `ghost_length` would have missed
    kGhostMiss,  // a miss that a cache larger by `ghost_length` would have hit
    kMiss
  };
  // Accesses `page` < `page_count` and makes it the most recent.
  Outcome Access(uint32_t page);

  // Shrinking evicts the oldest pages into the ghost list; growing leaves room.
  void SetCapacity(uint32_t capacity);
  uint32_t capacity() const { return capacity_; }
  uint32_t resident_count() const { return lists_[kMain].length + lists_[kTail].length; }

 private:
  enum ListName : uint8_t { kMain, kTail, kGhost, kNowhere };
  struct List {
    uint32_t front, back, length, length_max;
  };
  void PushFront(ListName list, uint32_t page);
  void PushBack(ListName list, uint32_t page);
  void Remove(uint32_t page);
  void SetLengths();
  void Rebalance();

  uint32_t capacity_;
  uint32_t ghost_length_;
  List lists_[3];
  std::vector<uint32_t> next_;
  std::vector<uint32_t> previous_;
  std::vector<uint8_t> where_;
};

}  // namespace kyrodb::tuner
