// What readers may see: the newest published commit, the catalog that belongs to it, and which
// older snapshots are still being read.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/clock.h"
#include "engine/schema.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

// One moment: a snapshot and the definitions that held then.
struct View {
  Lsn snapshot = 0;
  // Decides what has expired. Never goes back from one view to the next.
  WallMicros now = 0;
  std::shared_ptr<const Catalog> catalog;
};

// Thread-safety:  all methods may be called from any thread; `Publish` by one at a time, in order.
class Views {
 public:
  // `clock` must outlive this.
  Views(Lsn visible, std::shared_ptr<const Catalog> catalog, const Clock* clock)
      : clock_(clock), visible_(visible), catalog_(std::move(catalog)) {}

  // Every `Acquire` is followed by one `Release` of the same view: until then no version that it
  // sees is dropped.
  View Acquire();
  void Release(const View& view);

  // Makes commit `lsn` visible; `catalog` replaces the definitions unless it is null.
  void Publish(Lsn lsn, std::shared_ptr<const Catalog> catalog = nullptr);

  Lsn visible() const { return visible_.load(std::memory_order_acquire); }
  std::shared_ptr<const Catalog> catalog() const;

  // The snapshots being read now, ascending and distinct, the newest commit last: the versions that
  // these see are needed.
  std::vector<Lsn> Live() const;
  Lsn Oldest() const { return Live().front(); }
  // What a view acquired now would have.
  WallMicros CurrentNow() const;
  // No view, now or later, is of an earlier moment.
  WallMicros OldestNow() const;

 private:
  // The wall clock's, or the last one when that went back.
  WallMicros Now() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  mutable WallMicros last_now_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<Lsn> visible_;
  std::shared_ptr<const Catalog> catalog_ ABSL_GUARDED_BY(mutex_);
  struct Readers {
    uint64_t count = 0;
    WallMicros oldest_now = 0;  // of the first of them: time does not go back
  };
  absl::btree_map<Lsn, Readers> readers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
