// How many reads a cache of another size would answer.
//
// Source: R. L. Mattson et al., "Evaluation techniques for storage hierarchies" (IBM Systems
// Journal 1970) for stack distances; C. Waldspurger et al., "Efficient MRC Construction with
// SHARDS" (FAST 2015) for looking at a fixed sample of pages only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/metrics.h"

namespace kyrodb::engine {

// Simulates LRU caches of several sizes at once over one page in `kSampling`.
//
// Units:          sizes are percent of the real cache's capacity; counts stand for all pages.
// Thread-safety:  all methods may be called from any thread; a use that would have to wait for
//                 another one is not recorded.
// Cost:           O(sizes) a recorded use; memory for four times the sampled pages that fit.
class MissCurve {
 public:
  static constexpr uint64_t kSampling = 64;
  static constexpr std::array<uint32_t, 8> kPercents = {25, 50, 75, 100, 125, 150, 200, 400};
  using Page = std::pair<uint64_t, uint64_t>;  // region, number

  // Registers kyro_buffer_pool_accesses_total and, for each size,
  // kyro_buffer_pool_hits_at_<percent>_percent_total.
  MissCurve(uint64_t capacity_pages, MetricsRegistry& metrics);

  static bool IsSampled(const Page& page) {
    // Not the hash of a table: the choice must not follow the process.
    const uint64_t mixed = (page.first * 0x9E3779B97F4A7C15u) ^ (page.second * 0xC2B2AE3D27D4EB4Fu);
    return ((mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9u >> 32) % kSampling == 0;
  }

  // A sampled page was used, or dropped for good.
  void Use(const Page& page);
  void Forget(uint64_t region);
  void SetCapacity(uint64_t capacity_pages);

 private:
  struct Node {
    Page page;
    size_t zone;  // the smallest size that holds it
  };
  using Stack = std::list<Node>;  // the newest in front

  void Rebuild() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t Limit(size_t zone) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  uint64_t capacity_pages_ ABSL_GUARDED_BY(mutex_);
  Stack stack_ ABSL_GUARDED_BY(mutex_);
  // The last node of each zone, `stack_.end()` when it is empty, and how many nodes zones 0..i
  // have.
  std::array<Stack::iterator, kPercents.size()> last_ ABSL_GUARDED_BY(mutex_);
  std::array<uint64_t, kPercents.size()> count_ ABSL_GUARDED_BY(mutex_) = {};
  // The standard's table stays whole when memory runs out, which Abseil's do not.
  std::unordered_map<Page, Stack::iterator, absl::Hash<Page>> nodes_ ABSL_GUARDED_BY(mutex_);
  Counter& accesses_;
  std::array<Counter*, kPercents.size()> hits_;
};

}  // namespace kyrodb::engine
