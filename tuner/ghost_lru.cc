#include "tuner/ghost_lru.h"

#include <algorithm>

#include "engine/base/status.h"

namespace kyrodb::tuner {
namespace {
constexpr uint32_t kNoPage = ~uint32_t{0};
}  // namespace

GhostLru::GhostLru(uint32_t page_count, uint32_t capacity, uint32_t ghost_length)
    : capacity_(capacity),
      ghost_length_(ghost_length),
      next_(page_count, kNoPage),
      previous_(page_count, kNoPage),
      where_(page_count, kNowhere) {
  for (List& list : lists_) list = {kNoPage, kNoPage, 0, 0};
  SetLengths();
}

void GhostLru::SetLengths() {
  lists_[kTail].length_max = std::min(ghost_length_, capacity_);
  lists_[kMain].length_max = capacity_ - lists_[kTail].length_max;
  lists_[kGhost].length_max = ghost_length_;
}

GhostLru::Outcome GhostLru::Access(uint32_t page) {
  KYRO_DCHECK(page < where_.size());
  const auto was = static_cast<ListName>(where_[page]);
  if (was != kNowhere) Remove(page);
  PushFront(kMain, page);
  Rebalance();
  switch (was) {
    case kMain:
      return Outcome::kMainHit;
    case kTail:
      return Outcome::kTailHit;
    case kGhost:
      return Outcome::kGhostMiss;
    case kNowhere:
      break;
  }
  return Outcome::kMiss;
}

void GhostLru::SetCapacity(uint32_t capacity) {
  capacity_ = capacity;
  SetLengths();
  Rebalance();
}

// Keeps the three lists one recency order cut at two places: what overflows one list becomes the
// newest of the next, and main is filled from the tail as long as it has room.
void GhostLru::Rebalance() {
  for (const ListName list : {kMain, kTail, kGhost}) {
    while (lists_[list].length > lists_[list].length_max) {
      const uint32_t page = lists_[list].back;
      Remove(page);
      if (list != kGhost) PushFront(list == kMain ? kTail : kGhost, page);
    }
  }
  while (lists_[kMain].length < lists_[kMain].length_max && lists_[kTail].length > 0) {
    const uint32_t page = lists_[kTail].front;
    Remove(page);
    PushBack(kMain, page);
  }
}

void GhostLru::PushFront(ListName list, uint32_t page) {
  List& l = lists_[list];
  previous_[page] = kNoPage;
  next_[page] = l.front;
  (l.front == kNoPage ? l.back : previous_[l.front]) = page;
  l.front = page;
  ++l.length;
  where_[page] = list;
}

void GhostLru::PushBack(ListName list, uint32_t page) {
  List& l = lists_[list];
  next_[page] = kNoPage;
  previous_[page] = l.back;
  (l.back == kNoPage ? l.front : next_[l.back]) = page;
  l.back = page;
  ++l.length;
  where_[page] = list;
}

void GhostLru::Remove(uint32_t page) {
  List& l = lists_[where_[page]];
  (previous_[page] == kNoPage ? l.front : next_[previous_[page]]) = next_[page];
  (next_[page] == kNoPage ? l.back : previous_[next_[page]]) = previous_[page];
  --l.length;
  where_[page] = kNowhere;
}

}  // namespace kyrodb::tuner
