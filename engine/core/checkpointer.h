// Turns memtables into runs, merges runs, saves vector index segments, and publishes all of it with
// one manifest switch; then the log before it may go.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/clock.h"
#include "engine/base/epochs.h"
#include "engine/base/file_system.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/core/file_names.h"
#include "engine/core/index_set.h"
#include "engine/core/manifest_state.h"
#include "engine/core/merge_pace.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "engine/storage/obsolete_files.h"
#include "wal/log.h"
#include "wal/manifest.h"

namespace kyrodb::engine {

// What a checkpointer works on; all must outlive it.
struct CheckpointContext {
  FileSystem* file_system = nullptr;
  const Clock* clock = nullptr;
  const FileNames* names = nullptr;
  wal::ManifestStore* manifest = nullptr;
  wal::Log* log = nullptr;
  SpaceTable* spaces = nullptr;
  IndexSet* indexes = nullptr;
  Views* views = nullptr;
  Epochs* epochs = nullptr;  // of the readers of runs
  ObsoleteFiles* obsolete_files = nullptr;
  MetricsRegistry* metrics = nullptr;
  // How much of the log stays for followers after its commits are in runs.
  const Knob* log_retention_bytes = nullptr;
  // How much of what the log lets go is kept in the archive; 0: nothing.
  const Knob* log_archive_bytes = nullptr;
  // How fast merges in the background may read; 0: as fast as they can.
  const Knob* compaction_bytes_per_second = nullptr;
};

// Errors:         an error leaves the published state as it was and the data in memtables and log;
//                 the next checkpoint tries again. Files written in vain are removed at the next
//                 open.
// Thread-safety:  all methods may be called from any thread; they take turns.
class Checkpointer {
 public:
  // `state` is what the manifest says now.
  Checkpointer(const CheckpointContext& context, ManifestState state);

  // Publishes the epoch of a freshly opened log.
  absl::Status PublishEpoch(uint64_t epoch);

  // Writes every commit up to now into runs. Vector index segments are saved when they changed a
  // lot, or, with `save_all_segments`, at all.
  absl::Status Checkpoint(bool save_all_segments);

  // Gives back the memory and the files of dropped tables that no snapshot sees any more, without
  // writing anything but the manifest: a full disk can be emptied.
  absl::Status ReleaseDropped();

  // Merges all runs of a key space into one, and once more when that left many large values dead;
  // OK when it is gone. Checkpoints go on meanwhile.
  absl::Status Compact(ObjectId space);
  // Merges where a space has more than `run_count_max` runs, more than `dead_percent_max` percent
  // of its keys are dead, or many of its large values; goes on with the other spaces when one
  // fails, and returns the first error.
  absl::Status CompactWhereNeeded(size_t run_count_max, uint64_t dead_percent_max);
  // Makes the merge that is under way, and all later ones, give up soon: `Cancelled`.
  void CancelMerges() { pace_.Cancel(); }

  // A number for a file that somebody else writes.
  absl::StatusOr<uint64_t> NewFileNumber();

  // Calls `function` with what the manifest says now. Meanwhile none of the files that it names
  // goes, nor does the log; checkpoints wait.
  absl::Status WithState(absl::FunctionRef<absl::Status(const ManifestState& state)> function);

  // OK, or why nothing can be published any more (`FailedPrecondition`).
  absl::Status status() const;

  Lsn checkpoint_lsn() const { return checkpoint_lsn_.load(std::memory_order_relaxed); }

 private:
  struct Flush {
    std::shared_ptr<KeySpace> space;
    std::vector<std::shared_ptr<const MemTable>> frozen;
    std::shared_ptr<const Run> run;
  };
  struct SavedSegment {
    std::shared_ptr<IndexSlot> slot;
    std::shared_ptr<IndexedColumn> column;
    SegmentFile file;
    uint64_t change_count = 0;
  };

  RetentionPolicy PolicyFor(ObjectId space) const;
  // An index segment is derived data: one that cannot be written is counted and left out.
  void SaveSegments(bool all, std::vector<SavedSegment>* saved)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteSegment(const std::string& path, const IndexedColumn& column, Lsn covers_lsn);
  absl::Status MergeRuns(const std::shared_ptr<KeySpace>& space,
                         std::vector<std::shared_ptr<const Run>> runs, bool in_background)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(merge_mutex_) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the manifest names all of them.
  bool AreNamed(const std::vector<std::shared_ptr<const Run>>& runs) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PublishMerge(const KeySpace& space, const std::shared_ptr<const Run>& merged,
                            const std::vector<std::shared_ptr<const Run>>& runs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteFiles(std::vector<Flush>* flushes, std::vector<SavedSegment>* segments,
                          bool save_all_segments, Lsn* cut) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ManifestState NextState(Lsn cut, const std::vector<Flush>& flushes,
                          const std::vector<SavedSegment>& segments) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckpointLocked(bool save_all_segments) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status DropLog(Lsn cut);
  // Makes `next` durable and current.
  absl::Status Publish(ManifestState next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the last `Publish` may have happened although it failed: then no file may go.
  bool InDoubt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !poisoned_.ok(); }
  void RemoveObsolete() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CheckpointContext context_;
  Counter& flushes_;
  Counter& flushed_bytes_;
  Counter& compactions_;
  Counter& compacted_bytes_;
  Counter& failures_;
  Histogram& micros_;
  MergePace pace_;  // of the merge under `merge_mutex_`

  absl::Mutex merge_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // one merge at a time
  mutable absl::Mutex mutex_;                             // of what the manifest says
  absl::Status poisoned_ ABSL_GUARDED_BY(mutex_);
  ManifestState state_ ABSL_GUARDED_BY(mutex_);
  std::atomic<Lsn> checkpoint_lsn_;
};

}  // namespace kyrodb::engine
