// The vector indexes of the database: which exist, which commits they have seen, and how they come
// to be: loaded from a segment, or built from the table while commits go on.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/core/manifest_state.h"
#include "engine/core/views.h"
#include "engine/nearest/indexed_column.h"
#include "engine/schema.h"
#include "engine/storage/key_space.h"

namespace kyrodb::engine {

// One index. While it is being built, changes wait in `pending`.
//
// Thread-safety:  all methods may be called from any thread, except where they say otherwise.
class IndexSlot {
 public:
  // What searches may use: null while the first build runs. `ready_lsn`: older snapshots must scan
  // the table.
  struct Ready {
    std::shared_ptr<IndexedColumn> column;
    Lsn ready_lsn = 0;
  };

  IndexSlot(std::shared_ptr<const TableSchema> table, IndexSchema schema)
      : table_(std::move(table)), schema_(std::move(schema)) {}

  const IndexSchema& schema() const { return schema_; }
  ObjectId table_id() const { return table_->id; }
  Ready ready() const;
  bool building() const;

  // Row `key` changed; `row` is empty for a delete. Only the commit leader.
  void Apply(Lsn lsn, absl::string_view key, absl::string_view row);

  // Takes the graph that a segment file holds; the space's later changes are applied to it. An
  // error leaves the slot as it was. Before any commit runs.
  absl::Status Load(const SegmentFile& file, absl::string_view bytes, const KeySpace& space,
                    Lsn visible);

  // Marks the index as being built anew: changes are kept from now on. Must run while no commit is
  // between Prepare and Apply, or before the slot is known to commits.
  void StartBuild();
  // Builds it from the table as of a snapshot taken now, then catches up. `run_exclusive` runs
  // its argument while no commit is between Prepare and Apply.
  absl::Status Build(const KeySpace& space, Views& views,
                     const std::function<void(const std::function<void()>&)>& run_exclusive);

  // The segment that the manifest names for this index; file number 0 when there is none.
  SegmentFile persisted() const;
  // `column` had seen `change_count` changes when it was saved as `file`.
  void SetPersisted(const SegmentFile& file, const IndexedColumn* column, uint64_t change_count);
  // Changes since the persisted segment was written.
  uint64_t unsaved_change_count() const;

 private:
  struct Pending {
    Lsn lsn;
    std::string key;
    std::string vector_bytes;
  };
  absl::string_view VectorOf(absl::string_view row) const;

  const std::shared_ptr<const TableSchema> table_;
  const IndexSchema schema_;
  mutable absl::Mutex mutex_;
  Ready ready_ ABSL_GUARDED_BY(mutex_);
  bool building_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  SegmentFile persisted_ ABSL_GUARDED_BY(mutex_);
  uint64_t persisted_change_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Thread-safety:  all methods may be called from any thread; `OnTable…` only by the commit leader
//                 or before commits run.
class IndexSet {
 public:
  // The table was created or its indexes changed: slots appear (being built) and go.
  void OnTable(const std::shared_ptr<const TableSchema>& table);
  void OnTableDropped(ObjectId table);

  std::vector<std::shared_ptr<IndexSlot>> OfTable(ObjectId table) const;
  std::shared_ptr<IndexSlot> Find(ObjectId index) const;
  std::vector<std::shared_ptr<IndexSlot>> All() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<ObjectId, std::vector<std::shared_ptr<IndexSlot>>> by_table_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
