// The key spaces of the database by id. A dropped table's space stays until the last snapshot from
// before the drop has ended.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "engine/schema.h"
#include "engine/storage/key_space.h"

namespace kyrodb::engine {

// Thread-safety:  all methods may be called from any thread.
class SpaceTable {
 public:
  // `context` is what new spaces get.
  explicit SpaceTable(const StorageContext& context) : context_(context) {}

  // Adds an empty space unless there is one of this id.
  std::shared_ptr<KeySpace> GetOrCreate(ObjectId id);
  void Insert(std::shared_ptr<KeySpace> space);
  // Null when there is none, or when it was dropped at or before `snapshot`.
  std::shared_ptr<KeySpace> Find(ObjectId id, Lsn snapshot) const;
  // Dropped by commit `lsn`.
  void MarkDropped(ObjectId id, Lsn lsn);
  // Whether there are spaces that `Sweep` would take out.
  bool HasDropped(Lsn oldest_snapshot) const;
  // Takes out the spaces dropped at or before `oldest_snapshot`.
  std::vector<std::shared_ptr<KeySpace>> Sweep(Lsn oldest_snapshot);
  // Ascending by id; those dropped are left out.
  std::vector<std::shared_ptr<KeySpace>> Live() const;

 private:
  struct Slot {
    std::shared_ptr<KeySpace> space;
    Lsn dropped_lsn = std::numeric_limits<Lsn>::max();
  };
  const StorageContext context_;
  mutable absl::Mutex mutex_;
  absl::btree_map<ObjectId, Slot> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
