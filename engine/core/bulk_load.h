// A bulk load on its way: rows stream into a run file, then one commit makes the run visible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/file_system.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/bulk_loader.h"
#include "engine/core/batch_commit.h"
#include "engine/core/checkpointer.h"
#include "engine/core/file_names.h"
#include "engine/core/load_record.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/replaced_counter.h"
#include "engine/storage/run_writer.h"
#include "engine/storage/value_file_set.h"
#include "wal/log.h"

namespace kyrodb::engine {

// What loads need of their database; all must outlive them.
struct BulkLoadContext {
  FileSystem* file_system = nullptr;
  const FileNames* names = nullptr;
  BufferPool* buffer_pool = nullptr;
  ValueFileSet* value_files = nullptr;
  const Knob* large_value_bytes = nullptr;
  MetricsRegistry* metrics = nullptr;
  ObsoleteFiles* obsolete_files = nullptr;
  SpaceTable* spaces = nullptr;
  Views* views = nullptr;
  Checkpointer* checkpointer = nullptr;
  CommitContext* commit_context = nullptr;
  wal::Log* log = nullptr;
  // OK, or why the database takes no writes.
  std::function<absl::Status()> writable;
};

class BulkLoaderImpl final : public BulkLoader {
 public:
  // `NotFound` when there is no such table, `FailedPrecondition` when it has indexes.
  static absl::StatusOr<std::unique_ptr<BulkLoader>> Create(const BulkLoadContext* context,
                                                            ObjectId table,
                                                            const BulkLoadOptions& options);
  ~BulkLoaderImpl() override;
  BulkLoaderImpl(const BulkLoaderImpl&) = delete;
  BulkLoaderImpl& operator=(const BulkLoaderImpl&) = delete;

  absl::Status Add(absl::string_view key, absl::string_view value) override;
  absl::StatusOr<CommitInfo> Finish() override;
  uint64_t row_count() const override { return row_count_; }

 private:
  BulkLoaderImpl(const BulkLoadContext* context, ObjectId table);

  absl::Status AddChecked(absl::string_view key, absl::string_view value);
  absl::StatusOr<CommitInfo> FinishChecked();
  // Looks for changes of the loaded keys since the load began, again and again until next to
  // nothing is left for the committing thread to look at; sets up to which commit there are none.
  absl::Status Validate(const KeySpace& space, Lsn* checked_lsn) const;
  absl::StatusOr<std::shared_ptr<Run>> OpenRun() const;
  // Lets go of the file unless it may be part of the database.
  void Abandon();

  const BulkLoadContext* const context_;
  const ObjectId table_;
  const View view_;  // held, so that deletes of rows after it are not forgotten
  uint64_t file_number_ = 0;
  std::string path_;
  absl::Status status_;
  uint64_t row_count_ = 0;
  bool in_log_ = false;  // the commit was handed to the log: it may be there
  std::unique_ptr<RunWriter> writer_;
  std::optional<ReplacedCounter> replaced_;
  // The finished file, with all LSNs 1: to see which keys it has.
  std::shared_ptr<const Run> rows_;
};

// The commit of a load.
class LoadCommit final : public BatchCommit {
 public:
  // Changes after `checked_lsn` are validated; those before were. The history must have had a
  // reader since before that was the newest. `run` is the file of `rows` a second time, for
  // readers.
  LoadCommit(const BulkLoadContext* context, const View& view, ObjectId table, Lsn checked_lsn,
             std::shared_ptr<const Run> rows, std::shared_ptr<Run> run);

  absl::Status Prepare(Lsn lsn, std::span<wal::CommitRequest* const> unapplied) override;
  absl::string_view record() const override { return record_; }
  void Apply(Lsn lsn) override;
  bool WritesKey(ObjectId space, absl::string_view key) const override;
  bool LoadsTable(ObjectId table) const override { return table == table_; }

 private:
  const BulkLoadContext* const context_;
  const ObjectId table_;
  const Lsn checked_lsn_;
  const std::shared_ptr<const Run> rows_;
  std::shared_ptr<Run> run_;  // gets the commit's LSN and becomes visible
  std::string record_;
};

}  // namespace kyrodb::engine
