// The database: owns every part of the core and gives the public face to them.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "engine/core/applier.h"
#include "engine/core/batch_commit.h"
#include "engine/core/bulk_load.h"
#include "engine/core/checkpointer.h"
#include "engine/core/commit_history.h"
#include "engine/core/file_names.h"
#include "engine/core/index_builder.h"
#include "engine/core/index_set.h"
#include "engine/core/maintenance.h"
#include "engine/core/manifest_state.h"
#include "engine/core/scrubber.h"
#include "engine/core/space_table.h"
#include "engine/core/transaction_impl.h"
#include "engine/core/views.h"
#include "engine/database.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/value_file_set.h"
#include "wal/log.h"
#include "wal/manifest.h"

namespace kyrodb::engine {

class DatabaseImpl final : public Database {
 public:
  DatabaseImpl(absl::string_view directory, OpenOptions options);
  ~DatabaseImpl() override;

  // Takes the lock and recovers; call once.
  absl::Status Open();

  absl::Status Close() override;
  std::unique_ptr<Transaction> Begin(IsolationLevel isolation) override;
  void SetRowExpressionCompiler(const RowExpressionCompiler* compiler) override {
    compiler_.store(compiler, std::memory_order_release);
  }
  absl::Status BuildIndex(ObjectId table, ObjectId index,
                          const std::function<absl::Status()>& check) override {
    return index_builder_->Build(table, index, check);
  }
  absl::StatusOr<int64_t> AllocateRowIds(ObjectId table, uint64_t count) override;
  absl::Status Checkpoint() override;
  absl::Status Compact(ObjectId space) override;
  absl::StatusOr<BackupReport> Backup(absl::string_view target,
                                      const BackupOptions& options) override;
  absl::Status WaitForIndexes(
      absl::Duration timeout,
      const std::function<void(uint64_t indexed, uint64_t total)>& progress) override;
  absl::StatusOr<std::unique_ptr<BulkLoader>> BulkLoad(ObjectId table,
                                                       BulkLoadOptions options) override;
  absl::StatusOr<std::unique_ptr<ChangeFeed>> Follow(Lsn from) override;
  Lsn last_lsn() const override { return views_->visible(); }
  Lsn durable_lsn() const override;
  absl::Status writable() const override;
  const RecoveryReport& recovery() const override { return recovery_; }
  absl::StatusOr<SpaceStatistics> space_statistics(ObjectId space) const override;
  absl::StatusOr<IndexStatistics> index_statistics(ObjectId index) const override;
  std::vector<DamageFinding> damage_findings() const override { return scrubber_->findings(); }
  const Embedder& embedder() const override { return *embedder_; }
  MetricsRegistry& metrics() override { return metrics_; }
  KnobRegistry& knobs() override { return knobs_; }
  const Clock& clock() const override { return *clock_; }
  absl::string_view directory() const override { return names_.directory(); }

 private:
  // The steps of Open, in this order.
  absl::Status DefineKnobs();
  absl::Status LoadManifest();
  absl::Status OpenRuns();
  absl::Status LoadCatalog();
  absl::StatusOr<wal::RecoveryResult> ReplayLog();
  // Finds the run of a bulk load that no manifest names yet.
  absl::Status ReplayLoad(Lsn lsn, const LoadRecord& load);
  absl::Status StartLog(const wal::RecoveryResult& recovered);
  absl::Status RemoveOrphans();
  absl::Status LoadIndexes();
  void StartBackground();

  absl::StatusOr<CommitInfo> CommitWrites(Lsn snapshot, std::shared_ptr<const Catalog> base,
                                          const WriteSet& writes, const ReadSet* reads,
                                          const ReadSet* deleted, Lsn checked_lsn);

  const OpenOptions options_;
  const FileNames names_;
  std::unique_ptr<FileSystem> own_file_system_;
  FileSystem* file_system_;
  const Clock* clock_;
  MetricsRegistry metrics_;
  KnobRegistry knobs_;
  const Knob* write_buffer_bytes_ = nullptr;
  const Knob* transaction_bytes_max_ = nullptr;
  const Knob* read_set_bytes_max_ = nullptr;
  const Knob* run_count_max_ = nullptr;
  const Knob* log_retention_bytes_ = nullptr;
  const Knob* log_archive_bytes_ = nullptr;
  const Knob* compaction_bytes_per_second_ = nullptr;
  const Knob* compaction_dead_percent_ = nullptr;
  const Knob* large_value_bytes_ = nullptr;
  const Knob* value_dead_percent_ = nullptr;
  const Knob* value_file_bytes_min_ = nullptr;
  const Knob* scrub_bytes_per_second_ = nullptr;
  const Knob* scrub_pause_seconds_ = nullptr;
  std::unique_ptr<Embedder> embedder_;

  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<wal::ManifestStore> manifest_;
  ManifestState state_;  // as loaded; the checkpointer's afterwards
  RecoveryReport recovery_;
  absl::Status damage_;  // OK, or why the database is read-only from the start

  ObsoleteFiles obsolete_files_;
  std::unique_ptr<BufferPool> buffer_pool_;
  std::unique_ptr<ValueFileSet> value_files_;
  std::unique_ptr<SpaceTable> spaces_;
  IndexSet indexes_;
  std::unique_ptr<Views> views_;
  std::unique_ptr<Applier> applier_;
  CommitHistory commit_history_{kCommitHistoryBytesMax};
  CommitContext commit_context_;
  BulkLoadContext bulk_load_context_;
  std::vector<LoadRecord> replayed_loads_;
  std::vector<std::string> replayed_files_;  // of large values of those
  std::vector<LoadRecord> missing_loads_;    // their runs are not there
  TransactionContext transaction_context_;
  std::atomic<const RowExpressionCompiler*> compiler_{nullptr};
  std::unique_ptr<Sequences> sequences_;
  std::unique_ptr<wal::Log> log_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<IndexBuilder> index_builder_;
  std::unique_ptr<Maintenance> maintenance_;
  std::unique_ptr<Scrubber> scrubber_;
  bool closed_ = false;
  absl::Mutex backup_mutex_;  // one backup at a time

  absl::Mutex row_id_mutex_;
  absl::btree_map<ObjectId, int64_t> next_row_ids_ ABSL_GUARDED_BY(row_id_mutex_);
};

}  // namespace kyrodb::engine
