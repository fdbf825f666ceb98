// An ordered, versioned map of byte keys to byte values: memtables in front of runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/compaction_policy.h"
#include "engine/storage/entry.h"
#include "engine/storage/memtable.h"
#include "engine/storage/retention.h"
#include "engine/storage/run.h"
#include "engine/storage/value_file_set.h"

namespace kyrodb::engine {

class Iterator;          // engine/iterator.h
struct KeyRange;         // engine/iterator.h
struct ScanOptions;      // engine/iterator.h
struct SpaceStatistics;  // engine/database.h

// What all key spaces of a database share; must outlive them.
struct StorageContext {
  FileSystem& file_system;
  BufferPool& buffer_pool;
  MetricsRegistry& metrics;
  ObsoleteFiles& obsolete_files;
  // For choices that are made by timing; they follow rules of thumb without.
  const Clock* clock = nullptr;
  // Where large values go; without it they stay in the runs.
  ValueFileSet* value_files = nullptr;
  // From which size on a value is large; 0 or null: none is.
  const Knob* large_value_bytes = nullptr;
  // Share of dead bytes from which a value file is worth writing anew, and how small a file is
  // written anew by every merge that meets it.
  const Knob* value_dead_percent = nullptr;
  const Knob* value_file_bytes_min = nullptr;
};

// The sources of one key space at one moment, from new to old: every version in an earlier source
// is newer than every version of the same key in a later one.
struct SpaceVersion {
  std::shared_ptr<MemTable> active;
  std::vector<std::shared_ptr<const MemTable>> frozen;
  std::vector<std::shared_ptr<const Run>> runs;
  // Those of the runs, side by side for look-ups; `SetVersion` fills it in.
  std::vector<FilterView> filters = {};
};

// A flush and a compaction are two steps each: `Write…` makes a file (long, does I/O, visible to
// nobody), then the caller makes the manifest durable that names it, then `Install…` makes
// it visible; for want of memory it ends the process, for it cannot be left undone. Runs that a
// compaction replaced, and value files that nothing refers to any more, go to
// `StorageContext::obsolete_files` when their last reader is done.
//
// Errors:         reads give `DataLoss` naming file and offset when a block that is needed is
//                 damaged, `Unavailable` when the disk fails.
// Thread-safety:  reads from any thread, at any time. `Apply` and `Freeze`: one thread at a time
//                 (the commit leader, or recovery). Of one key space one flush and one compaction
//                 at a time may be under way, also at once.
// Lifetime:       iterators keep alive what they walk over; the context must outlive them.
class KeySpace {
 public:
  // `runs` from new to old, as `Install…` left them.
  KeySpace(uint32_t id, const StorageContext& context,
           std::vector<std::shared_ptr<const Run>> runs = {});
  KeySpace(const KeySpace&) = delete;
  KeySpace& operator=(const KeySpace&) = delete;

  uint32_t id() const { return id_; }

  // Adds a version. `lsn` is not below any LSN applied before.
  void Apply(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value);

  // Sets `value` to what a reader at `snapshot` sees and returns the LSN of the commit that wrote
  // it; 0 when there is nothing. Takes no lock and, when `value` has room, no memory, unless pages
  // have to come from disk.
  // `now` decides what has expired; `expiry` is set when the value expires one day.
  absl::StatusOr<Lsn> Get(absl::string_view key, Lsn snapshot, std::string* value,
                          WallMicros now = kBeforeExpiry,
                          std::optional<WallMicros>* expiry = nullptr) const;
  // The same for many keys at once: their cache misses overlap. `found` is called for each key
  // that is there, in no particular order; the value is valid until it returns.
  absl::Status MultiGet(
      std::span<const absl::string_view> keys, Lsn snapshot,
      absl::FunctionRef<void(size_t index, Lsn lsn, absl::string_view value)> found,
      WallMicros now = kBeforeExpiry) const;
  // The LSN of the newest version of `key`, put or delete, when it is above `above`; else 0. Does
  // not touch runs that hold nothing above `above`: validating a commit seldom reads the disk.
  absl::StatusOr<Lsn> LatestLsn(absl::string_view key, Lsn above = 0) const;
  // Whether a version of a key in `range` has an LSN above `since`. Walks only over sources that
  // hold such an LSN, and over at most `version_count_max` versions: nullopt when that did not do.
  absl::StatusOr<std::optional<bool>> HasChanges(const KeyRange& range, Lsn since,
                                                 uint64_t version_count_max) const;
  std::unique_ptr<Iterator> NewIterator(const KeyRange& range, Lsn snapshot) const;
  std::unique_ptr<Iterator> NewIterator(const KeyRange& range, Lsn snapshot,
                                        const ScanOptions& options,
                                        WallMicros now = kBeforeExpiry) const;
  // The greatest key that a reader at `snapshot` sees.
  absl::StatusOr<std::optional<std::string>> LastKey(Lsn snapshot) const;
  // Calls `visit` for each key with versions in (since, until], in key order, with the newest of
  // those. An error of `visit` ends the walk and is returned. Deletes are met when no flush or
  // compaction since had a tombstone floor above `since`.
  absl::Status ChangesSince(Lsn since, Lsn until,
                            absl::FunctionRef<absl::Status(absl::string_view key, Lsn lsn,
                                                           EntryKind kind, absl::string_view value)>
                                visit) const;

  // Closes the active memtable and starts a new one; returns the closed one, or null when it was
  // empty and stays active.
  std::shared_ptr<const MemTable> Freeze();

  // Writes `frozen` (the oldest frozen memtables, from new to old) as one run. Null when nothing in
  // them has to be kept; no file is left then.
  absl::StatusOr<std::shared_ptr<const Run>> WriteFlush(
      std::span<const std::shared_ptr<const MemTable>> frozen, absl::string_view path,
      uint64_t file_number, const RetentionPolicy& policy) const;
  // Puts `run` (null: nothing) in the place of `frozen`.
  void InstallFlush(std::shared_ptr<const Run> run,
                    std::span<const std::shared_ptr<const MemTable>> frozen) noexcept;

  // Merges `runs`, neighbours in the current version, from new to old, into one. Null when nothing
  // in them has to be kept; no file is left then.
  absl::StatusOr<std::shared_ptr<const Run>> WriteCompaction(
      std::span<const std::shared_ptr<const Run>> runs, absl::string_view path,
      uint64_t file_number, const RetentionPolicy& policy) const;
  void InstallCompaction(std::shared_ptr<const Run> run,
                         std::span<const std::shared_ptr<const Run>> runs) noexcept;

  // Puts a run that was written elsewhere before all runs. No memtable may hold a key of it.
  void InstallLoad(std::shared_ptr<const Run> run) noexcept;

  // Marks every run for removal: the key space was dropped.
  void MarkAllObsolete();

  // What `PickValueCollection` says about the runs now; empty when there is nothing to collect.
  std::vector<std::shared_ptr<const Run>> RunsToCollect() const;
  // What `PickCompaction` says about the runs now; empty when there is nothing to merge.
  std::vector<std::shared_ptr<const Run>> RunsToCompact(
      size_t run_count_max = kRunCountMax, uint64_t dead_percent_max = kDeadPercentMax) const;

  std::shared_ptr<const SpaceVersion> version() const;
  SpaceStatistics statistics() const;
  // Active and frozen.
  uint64_t memtable_bytes() const;
  uint64_t active_memtable_bytes() const;
  // The newest LSN that any run holds; 0 without runs.
  Lsn flushed_lsn() const;

 private:
  // The version before is given up when its last reader has left.
  void SetVersion(std::shared_ptr<SpaceVersion> version) noexcept ABSL_LOCKS_EXCLUDED(mutex_);
  // What the memtables say; false when they do not know the key. Inside of the epochs.
  static bool LookInMemory(const SpaceVersion& version, const KeyProbe& probe, Lsn snapshot,
                           QuickFind* find);
  // One look-up through all sources, as far as pages in memory tell. Inside of the epochs.
  struct QuickLook;
  void LookQuickly(const SpaceVersion& version, const KeyProbe& probe, Lsn snapshot,
                   QuickLook* look) const;
  // Brings in what `look` missed; false when only a careful look-up can tell. Outside of the
  // epochs.
  absl::StatusOr<bool> LoadMissing(const QuickLook& look) const;
  absl::StatusOr<Lsn> GetCarefully(absl::string_view key, Lsn snapshot, std::string* value,
                                   WallMicros now, std::optional<WallMicros>* expiry) const;
  absl::StatusOr<std::shared_ptr<const Run>> WriteRun(
      std::vector<std::unique_ptr<InternalIterator>> sources, absl::string_view path,
      RunWriterOptions options, const RetentionPolicy& policy,
      std::span<const std::shared_ptr<const Run>> older,
      std::span<const uint64_t> moved_files = {}) const;
  uint64_t value_dead_percent() const;

  const uint32_t id_;
  std::atomic<uint64_t> flush_count_{0};
  std::atomic<uint64_t> compaction_count_{0};
  std::atomic<uint64_t> compacted_bytes_{0};
  const StorageContext context_;
  MemTable* active_;           // of the writer; owned by `version_`
  mutable absl::Mutex mutex_;  // held for the time of a pointer copy
  std::shared_ptr<const SpaceVersion> version_ ABSL_GUARDED_BY(mutex_);
  // The same, for readers inside of the pool's epochs.
  std::atomic<const SpaceVersion*> current_;
  // Serialises the changes of `version_`.
  absl::Mutex install_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
};

}  // namespace kyrodb::engine
