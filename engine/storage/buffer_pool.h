// The one budget for run pages of all key spaces of a database: which pages of which regions are in
// memory.
//
// Source: CLOCK with second chance, F. J. Corbato, "A paging experiment with the Multics system"
// (1968); V. Leis et al., "Virtual-Memory Assisted Buffer Management" (SIGMOD 2023).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/epochs.h"
#include "engine/base/metrics.h"
#include "engine/storage/miss_curve.h"
#include "engine/storage/page_region.h"

namespace kyrodb::engine {

// Order:          pages leave by second chance: one that was used again since the hand last passed
//                 stays for another round. A page that leaves stays readable until every reader
//                 that may have seen it is gone, and comes back for free when it is used meanwhile.
// Units:          memory is at most 1/32 above the capacity, except for pages that are pinned and
//                 those that are being loaded.
// Thread-safety:  all methods may be called from any thread. No lock is held while a page loads.
// Lifetime:       must outlive its regions.
class BufferPool {
 public:
  // Registers kyro_buffer_pool_{hits,misses,evictions}_total,
  // kyro_buffer_pool_{bytes,capacity_bytes} and what `MissCurve` registers. `metrics` must outlive
  // the pool.
  BufferPool(uint64_t capacity_bytes, MetricsRegistry& metrics);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Shrinks at once, down to the pages that are pinned.
  void SetCapacity(uint64_t capacity_bytes);

  uint64_t capacity_bytes() const { return capacity_bytes_.load(std::memory_order_relaxed); }
  // Memory of all pages.
  uint64_t used_bytes() const { return used_pages_.load(std::memory_order_relaxed) * kPageBytes; }

  // Readers of pages without a pin are inside of these; so are readers of what leads to regions.
  Epochs& epochs() { return epochs_; }

 private:
  friend class PageRegion;

  struct Resident {
    PageRegion* region;
    uint64_t page;
  };
  struct Leaving {
    Resident page;
    uint64_t mark;  // of the epochs, when it was taken off the clock
  };

  // Pages leave in groups of this many, so that the wait for readers is shared.
  static constexpr uint64_t kGroupPages = 64;

  void Add(PageRegion* region) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(PageRegion* region) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many pages may be loaded ahead without pushing another out.
  uint64_t RoomPages() const;
  // Numbers the refusals of `PageRegion::Admit`: from 1 in 28 bits, past 0.
  uint32_t CountRefusal() {
    const uint32_t count = refused_.fetch_add(1, std::memory_order_relaxed) % (1u << 28);
    return count == 0 ? 1 : count;
  }
  // Counts `count` pages that are about to be loaded, and makes room for them.
  void Reserve(uint64_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  // Of the reserved pages [begin, end), at most 32, those whose bit is set in `loaded` are there
  // now and the others are not. Does not throw when none is.
  void Settle(PageRegion* region, uint64_t begin, uint64_t end, uint32_t loaded)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void RecordUse(const PageRegion& region, uint64_t page);

  // Puts up to `count` pages on the way out.
  void PassHand(uint64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives up pages on the way out whose readers are gone, and takes back those that were used.
  void GiveUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the pages fit the capacity, waiting for readers when they are more than `slack_pages`
  // above it.
  void Shrink(uint64_t slack_pages) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // While all regions fit, nothing has to leave: readers of regions that are all there need not
  // look page by page, and large pages, which come and go as a whole, save address translation.
  void ChooseMode() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteComplete(PageRegion* region) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  uint64_t capacity_pages() const { return capacity_bytes() / kPageBytes; }

  Epochs epochs_;
  std::atomic<uint64_t> capacity_bytes_;
  std::atomic<uint64_t> used_pages_{0};  // also those that are loading or leaving
  std::atomic<uint64_t> next_region_id_{1};
  std::atomic<uint32_t> refused_{1};

  absl::Mutex mutex_;
  std::set<PageRegion*> regions_ ABSL_GUARDED_BY(mutex_);
  uint64_t region_pages_ ABSL_GUARDED_BY(mutex_) = 0;
  bool all_fit_ ABSL_GUARDED_BY(mutex_) = true;
  // The clock: every page that is resident, and the hand.
  std::vector<Resident> clock_ ABSL_GUARDED_BY(mutex_);
  size_t hand_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Leaving> leaving_ ABSL_GUARDED_BY(mutex_);

  MissCurve miss_curve_;
  Counter& hits_;
  Counter& misses_;
  Counter& evictions_;
  Gauge& bytes_;
  Gauge& capacity_;
};

}  // namespace kyrodb::engine
