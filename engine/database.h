// The database: one directory, one log, one manifest, many key spaces.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/backup.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/bulk_loader.h"
#include "engine/change_feed.h"
#include "engine/embedder.h"
#include "engine/row_expression.h"
#include "engine/schema.h"
#include "engine/transaction.h"

namespace kyrodb::engine {

using SyncMode = wal::SyncMode;

struct OpenOptions {
  // Null: the operating system's. They must outlive the database.
  FileSystem* file_system = nullptr;
  const Clock* clock = nullptr;
  uint64_t seed = 1;
  bool create_if_missing = true;
  // Stored in the lock file, so that a second opener can be told who the first is.
  std::string opener = "kyro";
  SyncMode sync_mode = SyncMode::kFull;
  int64_t sync_interval_ms = 100;
  uint64_t segment_bytes = uint64_t{64} << 20;
  // Background threads for checkpoints, compaction and index building. False: nothing happens
  // unless it is called for (tests that enumerate crashes).
  bool background = true;
  // Told of each damage that scrubbing finds, once, from a thread of the database. May be empty.
  std::function<void(absl::string_view message)> on_damage;
  // Start values of knobs, by name.
  std::vector<std::pair<std::string, int64_t>> knobs;
};

// What opening found.
struct RecoveryReport {
  bool created = false;
  uint64_t epoch = 0;
  Lsn checkpoint_lsn = 0;  // everything up to here came from runs
  Lsn last_lsn = 0;
  uint64_t replayed_count = 0;   // commits replayed from the log
  uint64_t torn_bytes = 0;       // of an unacknowledged frame that was cut
  uint64_t rebuilt_indexes = 0;  // vector indexes whose segment was damaged or absent
  // Empty, or which acknowledged data is damaged; the database is read-only then.
  std::string damage;
  int64_t micros = 0;
};

// The learned side of a key space, summed over its runs.
struct SpaceStatistics {
  uint64_t run_count = 0;
  uint64_t run_bytes = 0;
  uint64_t entry_count = 0;      // distinct keys, run by run
  uint64_t tombstone_count = 0;  // deleted keys that still take space
  uint64_t version_count = 0;    // all versions in runs
  // Of those, the ones that will go when all runs are merged and nobody reads the past: deletes,
  // and what newer versions have replaced. Between runs it is an estimate by their filters.
  uint64_t dead_count = 0;
  // Large values that lie apart from the runs. Of their bytes, those that no run refers to any more
  // are dead: they go when merges have moved what lives beside them.
  uint64_t value_file_count = 0;
  uint64_t value_file_bytes = 0;  // of the files
  uint64_t value_bytes = 0;       // of the values in them
  uint64_t value_dead_bytes = 0;
  uint64_t memtable_bytes = 0;
  uint64_t filter_bytes = 0;
  uint64_t model_bytes = 0;
  uint64_t segment_count = 0;    // of the models
  uint64_t bound_width_max = 0;  // rows, the widest range that a model hands to the search
  // Since the database was opened.
  uint64_t flush_count = 0;
  uint64_t compaction_count = 0;
  uint64_t compacted_bytes = 0;  // that merges have written
};

// Damage on the disk that scrubbing met; reads of other pages go on.
struct DamageFinding {
  std::string file;
  uint64_t offset = 0;
  std::string message;          // names both and says what is wrong
  int64_t found_at_micros = 0;  // of the wall clock
};

// Of a zorder index: its entries.
struct IndexStatistics {
  uint64_t indexed_count = 0;  // vectors in the graph; entries in runs
  uint64_t tail_count = 0;     // vectors that are still scanned exactly; versions in memtables
  uint64_t dead_count = 0;     // graph nodes whose row is gone or replaced; deletes in runs
  uint64_t memory_bytes = 0;
};

// Errors:         `Open` gives `FailedPrecondition` naming the opener that holds the directory,
//                 `NotFound` when there is no database and none may be made, `Unimplemented` or
//                 `FailedPrecondition` (manifest, log) for a newer format, naming both versions,
//                 `DataLoss` when the manifest, the catalog or a run is damaged or missing. Damaged
//                 acknowledged log data opens the database read-only and says so in `recovery()`.
// Thread-safety:  all methods may be called from any thread, except `Close`, which must be the
//                 last call.
// Lifetime:       transactions, iterators and feeds must end before the database does.
class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(absl::string_view directory,
                                                        OpenOptions options = {});
  virtual ~Database() = default;

  // Checkpoints, marks the log clean and releases the directory; the destructor does the same and
  // drops the error.
  virtual absl::Status Close() = 0;

  virtual std::unique_ptr<Transaction> Begin(
      IsolationLevel isolation = IsolationLevel::kSnapshot) = 0;

  // Computes what indexes on expressions and partial ones need. It must outlive the database; a
  // later one takes the place of an earlier one.
  virtual void SetRowExpressionCompiler(const RowExpressionCompiler* compiler) = 0;

  // Makes the entries of rows that were there before a btree index, in short transactions beside
  // writers, until all have one. `AlreadyExists` when a unique index cannot be, `NotFound` when it
  // is gone; `check` is asked now and then whether to go on.
  virtual absl::Status BuildIndex(ObjectId table, ObjectId index,
                                  const std::function<absl::Status()>& check) = 0;

  // `count` row ids that nobody else gets, ascending by one; returns the first.
  virtual absl::StatusOr<int64_t> AllocateRowIds(ObjectId table, uint64_t count) = 0;

  // Writes everything committed so far into runs and lets the log segments before it go.
  virtual absl::Status Checkpoint() = 0;
  // Merges the runs of one key space into one and drops what no snapshot sees.
  virtual absl::Status Compact(ObjectId space) = 0;
  // Makes a backup in `target`, which must be empty or absent (backup.h), beside everything else
  // that goes on: it has every commit answered before the call. Files are linked, or copied to
  // another device. When it fails, nothing stays there that looks like a complete backup.
  // `FailedPrecondition` when `target` is not empty or the database is read-only.
  virtual absl::StatusOr<BackupReport> Backup(absl::string_view target,
                                              const BackupOptions& options = {}) = 0;

  // Waits until every vector index holds every row committed before the call, and no zorder index
  // is being built; `progress` is told how far it is about ten times a second. `Unavailable` after
  // `timeout`.
  virtual absl::Status WaitForIndexes(
      absl::Duration timeout,
      const std::function<void(uint64_t indexed, uint64_t total)>& progress = nullptr) = 0;

  // Begins a load of rows in key order into a table, which need not be empty. `NotFound` when there
  // is no such table; `FailedPrecondition` when it has indexes, or no write is taken.
  virtual absl::StatusOr<std::unique_ptr<BulkLoader>> BulkLoad(ObjectId table,
                                                               BulkLoadOptions options = {}) = 0;

  // Commits after `from` in commit order.
  virtual absl::StatusOr<std::unique_ptr<ChangeFeed>> Follow(Lsn from) = 0;

  // The newest commit that readers see, and the newest that survives a power loss.
  virtual Lsn last_lsn() const = 0;
  virtual Lsn durable_lsn() const = 0;
  // OK, or why no write is taken any more.
  virtual absl::Status writable() const = 0;

  virtual const RecoveryReport& recovery() const = 0;
  virtual absl::StatusOr<SpaceStatistics> space_statistics(ObjectId space) const = 0;
  virtual absl::StatusOr<IndexStatistics> index_statistics(ObjectId index) const = 0;

  // Oldest first; a finding goes when its file has gone.
  virtual std::vector<DamageFinding> damage_findings() const = 0;

  virtual const Embedder& embedder() const = 0;
  virtual MetricsRegistry& metrics() = 0;
  virtual KnobRegistry& knobs() = 0;
  virtual const Clock& clock() const = 0;
  virtual absl::string_view directory() const = 0;
};

}  // namespace kyrodb::engine
