// The one cache of run pages: a fixed budget of 16 KiB pages for all key spaces of a database.
//
// Source: CLOCK with second chance, F. J. Corbato, "A paging experiment with the Multics system"
// (1968); ghost lists as in N. Megiddo and D. Modha, "ARC" (FAST 2003): the keys of pages that
// were just evicted tell what a larger pool would have hit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/metrics.h"

namespace kyrodb::engine {

inline constexpr uint64_t kPageBytes = 16384;

// Keeps one page in memory for as long as it lives.
//
// Thread-safety:  the page is immutable; share freely.
class PinnedPage {
 public:
  PinnedPage() = default;
  explicit operator bool() const { return frame_ != nullptr; }
  // `kPageBytes` bytes, aligned for 64-bit words.
  const char* data() const;
  const uint64_t* words() const;

 private:
  friend class BufferPool;
  struct Frame;
  explicit PinnedPage(std::shared_ptr<const Frame> frame) : frame_(std::move(frame)) {}

  std::shared_ptr<const Frame> frame_;
};

// Order:          pages leave by second chance: one that was used again since the hand last passed
//                 stays for another round.
// Errors:         `Pin` passes on the loader's error; a page that failed to load is never kept.
// Thread-safety:  all methods may be called from any thread. No lock is held while a page loads.
// Cost:           a hit takes one short lock of one of 16 shards.
// Lifetime:       must outlive every `PinnedPage`.
class BufferPool {
 public:
  // Fills a page of `kPageBytes` bytes from disk and checks it.
  using Loader = absl::FunctionRef<absl::Status(char* page)>;

  // Registers kyro_buffer_pool_{hits,misses,evictions,ghost_hits}_total and
  // kyro_buffer_pool_{bytes,capacity_bytes}. `metrics` must outlive the pool.
  BufferPool(uint64_t capacity_bytes, MetricsRegistry& metrics);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // The page, from memory or from `load`. Threads that miss the same page at once share one load,
  // and its error when it fails.
  absl::StatusOr<PinnedPage> Pin(uint64_t file_number, uint64_t page_number, Loader load);

  // Shrinks at once, down to the pages that are pinned; those leave when they are let go and the
  // next page comes in.
  void SetCapacity(uint64_t capacity_bytes);
  // Forgets the pages of a file that is gone.
  void EraseFile(uint64_t file_number);

  uint64_t capacity_bytes() const { return capacity_bytes_.load(std::memory_order_relaxed); }
  // Memory of all pages in the pool or pinned.
  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  using Frame = PinnedPage::Frame;
  using Key = std::pair<uint64_t, uint64_t>;  // file number, page number
  static constexpr size_t kShardCount = 16;

  struct alignas(64) Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<Key, std::shared_ptr<Frame>> frames ABSL_GUARDED_BY(mutex);
    // The clock: loaded frames in a ring, and the hand. New frames stand just behind the hand.
    std::list<std::shared_ptr<Frame>> ring ABSL_GUARDED_BY(mutex);
    std::list<std::shared_ptr<Frame>>::iterator hand ABSL_GUARDED_BY(mutex) = ring.end();
    // Keys of evicted pages, the newest at the back.
    std::list<Key> ghost_order ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<Key, std::list<Key>::iterator> ghosts ABSL_GUARDED_BY(mutex);
  };

  static size_t ShardOf(const Key& key);
  // Evicts pages until the pool fits, beginning in shard `first`; false when only pins are left.
  bool Shrink(size_t first);
  bool EvictOne(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  void Remember(Shard& shard, const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  std::atomic<uint64_t> capacity_bytes_;
  std::atomic<uint64_t> used_bytes_{0};
  Counter& hits_;
  Counter& misses_;
  Counter& evictions_;
  Counter& ghost_hits_;
  Gauge& bytes_;
  Gauge& capacity_;
  Shard shards_[kShardCount];
};

}  // namespace kyrodb::engine
