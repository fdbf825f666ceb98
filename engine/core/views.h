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
#include "engine/schema.h"

namespace kyrodb::engine {

// One moment: a snapshot and the definitions that held then.
struct View {
  Lsn snapshot = 0;
  std::shared_ptr<const Catalog> catalog;
};

// Thread-safety:  all methods may be called from any thread; `Publish` by one at a time, in order.
class Views {
 public:
  Views(Lsn visible, std::shared_ptr<const Catalog> catalog)
      : visible_(visible), catalog_(std::move(catalog)) {}

  // Every `Acquire` is followed by one `Release` of its snapshot: until then no version that it
  // sees is dropped.
  View Acquire();
  void Release(Lsn snapshot);

  // Makes commit `lsn` visible; `catalog` replaces the definitions unless it is null.
  void Publish(Lsn lsn, std::shared_ptr<const Catalog> catalog = nullptr);

  Lsn visible() const { return visible_.load(std::memory_order_acquire); }
  std::shared_ptr<const Catalog> catalog() const;

  // The snapshots being read now, ascending and distinct, the newest commit last: the versions that
  // these see are needed.
  std::vector<Lsn> Live() const;
  Lsn Oldest() const { return Live().front(); }

 private:
  mutable absl::Mutex mutex_;
  std::atomic<Lsn> visible_;
  std::shared_ptr<const Catalog> catalog_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<Lsn, uint64_t> readers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
