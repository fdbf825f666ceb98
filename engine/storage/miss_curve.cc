#include "engine/storage/miss_curve.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "absl/cleanup/cleanup.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace kyrodb::engine {

MissCurve::MissCurve(uint64_t capacity_pages, MetricsRegistry& metrics)
    : capacity_pages_(capacity_pages),
      accesses_(metrics.counter("kyro_buffer_pool_accesses_total",
                                "uses of pages, estimated from one page in 64")) {
  last_.fill(stack_.end());
  for (size_t i = 0; i < kPercents.size(); ++i) {
    hits_[i] = &metrics.counter(
        absl::StrCat("kyro_buffer_pool_hits_at_", kPercents[i], "_percent_total"),
        "uses of pages that a pool of this share of the capacity would have answered");
  }
}

uint64_t MissCurve::Limit(size_t zone) const {
  return std::max<uint64_t>(capacity_pages_ * kPercents[zone] / 100 / kSampling, 1);
}

// One list holds all sizes: zone i is what the i-th size holds and the one before does not. A use
// brings a page to the front; each zone that it passes hands its last page on to the next.
void MissCurve::Use(const Page& page) {
  if (!mutex_.TryLock()) return;
  const absl::Cleanup unlock = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Unlock(); };
  accesses_.Add(kSampling);
  size_t zone = kPercents.size();
  if (const auto found = nodes_.find(page); found != nodes_.end()) {
    const Stack::iterator node = found->second;
    zone = node->zone;
    for (size_t i = zone; i < kPercents.size(); ++i) hits_[i]->Add(kSampling);
    if (last_[zone] == node) {
      const bool first_of_zone = node == stack_.begin() || std::prev(node)->zone != zone;
      last_[zone] = first_of_zone ? stack_.end() : std::prev(node);
    }
    stack_.splice(stack_.begin(), stack_, node);
    node->zone = 0;
  } else {
    Stack node;
    try {
      node.push_front({.page = page, .zone = 0});
      nodes_.emplace(page, node.begin());
    } catch (const std::bad_alloc&) {
      return;  // it only counts
    }
    stack_.splice(stack_.begin(), node);
  }
  if (last_[0] == stack_.end()) last_[0] = stack_.begin();
  for (size_t i = 0; i < zone && i < kPercents.size(); ++i) {
    if (++count_[i] <= Limit(i)) continue;
    // The last of the zone is one too many. It opens the next zone from the front.
    const Stack::iterator moved = last_[i];
    const bool only = moved == stack_.begin() || std::prev(moved)->zone != i;
    last_[i] = only ? stack_.end() : std::prev(moved);
    --count_[i];
    moved->zone = i + 1;
    if (i + 1 == kPercents.size()) {
      nodes_.erase(moved->page);
      stack_.erase(moved);
    } else if (last_[i + 1] == stack_.end()) {
      last_[i + 1] = moved;
    }
  }
}

void MissCurve::Rebuild() {
  last_.fill(stack_.end());
  count_.fill(0);
  uint64_t position = 0;
  size_t zone = 0;
  for (auto node = stack_.begin(); node != stack_.end();) {
    while (zone < kPercents.size() && position >= Limit(zone)) ++zone;
    if (zone == kPercents.size()) {
      nodes_.erase(node->page);
      node = stack_.erase(node);
      continue;
    }
    node->zone = zone;
    last_[zone] = node;
    for (size_t i = zone; i < kPercents.size(); ++i) ++count_[i];
    ++position;
    ++node;
  }
}

void MissCurve::Forget(uint64_t region) {
  absl::MutexLock lock(&mutex_);
  for (auto node = stack_.begin(); node != stack_.end();) {
    if (node->page.first != region) {
      ++node;
      continue;
    }
    nodes_.erase(node->page);
    node = stack_.erase(node);
  }
  Rebuild();
}

void MissCurve::SetCapacity(uint64_t capacity_pages) {
  absl::MutexLock lock(&mutex_);
  capacity_pages_ = capacity_pages;
  Rebuild();
}

}  // namespace kyrodb::engine
