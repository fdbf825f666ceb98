#include "engine/core/database_impl.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/core/backup_list.h"
#include "engine/core/backup_writer.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/change_feed_impl.h"
#include "engine/key_codec.h"
#include "engine/storage/value_use.h"
#include "vector/hashbag.h"
#include "wal/recovery.h"

namespace kyrodb::engine {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr Lsn kNewestSnapshot = kLsnMax - 1;

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(absl::string_view directory,
                                                         OpenOptions options) try {
  OutOfMemoryError().IgnoreError();  // has its memory from now on
  auto database = std::make_unique<DatabaseImpl>(directory, std::move(options));
  if (absl::Status status = database->Open(); !status.ok()) {
    return Annotate(status, absl::StrCat("opening database \"", directory, "\""));
  }
  return database;
}
KYRO_CATCH_OUT_OF_MEMORY

DatabaseImpl::DatabaseImpl(absl::string_view directory, OpenOptions options)
    : options_(std::move(options)),
      names_(directory),
      own_file_system_(options_.file_system == nullptr ? NewPosixFileSystem() : nullptr),
      file_system_(options_.file_system == nullptr ? own_file_system_.get() : options_.file_system),
      clock_(options_.clock == nullptr ? &Clock::System() : options_.clock) {}

DatabaseImpl::~DatabaseImpl() {
  // A destructor has nobody to tell; whoever wants to know calls Close.
  if (!closed_) Close().IgnoreError();
}

absl::Status DatabaseImpl::Open() {
  const int64_t begin_nanos = clock_->SteadyNanos();
  KYRO_RETURN_IF_ERROR(DefineKnobs());
  KYRO_ASSIGN_OR_RETURN(embedder_, vector::CreateHashbagEmbedder());
  KYRO_ASSIGN_OR_RETURN(const bool exists, file_system_->Exists(names_.directory()));
  if (!exists) {
    if (!options_.create_if_missing) {
      return absl::NotFoundError("there is no database in this directory");
    }
    KYRO_RETURN_IF_ERROR(file_system_->CreateDirectory(names_.directory()));
    const size_t slash = names_.directory().find_last_of('/', names_.directory().size() - 2);
    KYRO_RETURN_IF_ERROR(file_system_->SyncDirectory(slash == std::string::npos ? "."
                                                     : slash == 0
                                                         ? "/"
                                                         : names_.directory().substr(0, slash)));
  }
  KYRO_ASSIGN_OR_RETURN(
      lock_, file_system_->Lock(names_.lock(),
                                absl::StrCat(options_.opener, " (process ", getpid(), ")")));
  KYRO_RETURN_IF_ERROR(LoadManifest());
  KYRO_RETURN_IF_ERROR(OpenRuns());
  KYRO_RETURN_IF_ERROR(LoadCatalog());
  KYRO_ASSIGN_OR_RETURN(const wal::RecoveryResult recovered, ReplayLog());
  if (damage_.ok()) {
    KYRO_RETURN_IF_ERROR(StartLog(recovered));
    KYRO_RETURN_IF_ERROR(RemoveOrphans());
  }
  KYRO_RETURN_IF_ERROR(LoadIndexes());
  StartBackground();
  recovery_.micros = (clock_->SteadyNanos() - begin_nanos) / 1000;
  return absl::OkStatus();
}

absl::Status DatabaseImpl::DefineKnobs() {
  write_buffer_bytes_ = &knobs_.Define({.name = "write_buffer_bytes",
                                        .description = "memory of recent commits before they are "
                                                       "written as a run",
                                        .unit = "bytes",
                                        .default_value = 64 * kMiB,
                                        .min = kMiB / 16,
                                        .max = int64_t{1} << 36});
  knobs_.Define({.name = "buffer_pool_bytes",
                 .description = "memory that caches pages of runs",
                 .unit = "bytes",
                 .default_value = 256 * kMiB,
                 .min = kMiB,
                 .max = int64_t{1} << 40},
                [this](int64_t bytes) {
                  if (buffer_pool_ != nullptr) {
                    buffer_pool_->SetCapacity(static_cast<uint64_t>(bytes));
                  }
                });
  transaction_bytes_max_ = &knobs_.Define({.name = "transaction_bytes_max",
                                           .description = "what one transaction may write",
                                           .unit = "bytes",
                                           .default_value = 48 * kMiB,
                                           .min = kMiB / 16,
                                           .max = 56 * kMiB});
  read_set_bytes_max_ = &knobs_.Define({.name = "read_set_bytes_max",
                                        .description = "what one serializable transaction may "
                                                       "remember of its reads key by key",
                                        .unit = "bytes",
                                        .default_value = 16 * kMiB,
                                        .min = 0,
                                        .max = int64_t{1} << 34});
  run_count_max_ = &knobs_.Define({.name = "run_count_max",
                                   .description = "runs of a key space before they are merged",
                                   .unit = "count",
                                   .default_value = static_cast<int64_t>(kRunCountMax),
                                   .min = 1,
                                   .max = 64});
  compaction_bytes_per_second_ =
      &knobs_.Define({.name = "compaction_bytes_per_second",
                      .description = "how fast merges in the background may read; 0 is no limit",
                      .unit = "bytes/s",
                      .default_value = 0,
                      .min = 0,
                      .max = int64_t{1} << 40});
  compaction_dead_percent_ =
      &knobs_.Define({.name = "compaction_dead_percent",
                      .description = "share of dead keys from which the runs of a key space are "
                                     "merged to give space back",
                      .unit = "percent",
                      .default_value = static_cast<int64_t>(kDeadPercentMax),
                      .min = 1,
                      .max = 100});
  large_value_bytes_ =
      &knobs_.Define({.name = "large_value_bytes",
                      .description = "values of at least this size lie apart from their keys, so "
                                     "that merges do not rewrite them; 0: none do",
                      .unit = "bytes",
                      .default_value = 1024,
                      .min = 0,
                      .max = int64_t{1} << 40});
  value_dead_percent_ =
      &knobs_.Define({.name = "value_dead_percent",
                      .description = "share of dead bytes in files of large values from which "
                                     "merges write the rest of them anew",
                      .unit = "percent",
                      .default_value = static_cast<int64_t>(kValueDeadPercent),
                      .min = 1,
                      .max = 100});
  value_file_bytes_min_ =
      &knobs_.Define({.name = "value_file_bytes_min",
                      .description = "files of large values that are smaller are written anew by "
                                     "every merge that meets them",
                      .unit = "bytes",
                      .default_value = static_cast<int64_t>(kValueFileBytesMin),
                      .min = 0,
                      .max = int64_t{1} << 40});
  log_retention_bytes_ = &knobs_.Define({.name = "log_retention_bytes",
                                         .description = "log kept for followers after a "
                                                        "checkpoint",
                                         .unit = "bytes",
                                         .default_value = 64 * kMiB,
                                         .min = 0,
                                         .max = int64_t{1} << 40});
  log_archive_bytes_ = &knobs_.Define({.name = "log_archive_bytes",
                                       .description = "log kept in archive/ for restores to a "
                                                      "moment; 0: none",
                                       .unit = "bytes",
                                       .default_value = 0,
                                       .min = 0,
                                       .max = int64_t{1} << 50});
  scrub_bytes_per_second_ = &knobs_.Define({.name = "scrub_bytes_per_second",
                                            .description = "how fast runs are read again in the "
                                                           "background to find damage; 0 rests",
                                            .unit = "bytes",
                                            .default_value = 8 * kMiB,
                                            .min = 0,
                                            .max = int64_t{1} << 40});
  scrub_pause_seconds_ = &knobs_.Define({.name = "scrub_pause_seconds",
                                         .description = "rest after all runs were read again",
                                         .unit = "seconds",
                                         .default_value = 6 * 3600,
                                         .min = 0,
                                         .max = 366 * 24 * 3600});
  for (const auto& [name, value] : options_.knobs) {
    KYRO_RETURN_IF_ERROR(knobs_.Set(name, value));
  }
  return absl::OkStatus();
}

absl::Status DatabaseImpl::LoadManifest() {
  KYRO_ASSIGN_OR_RETURN(manifest_, wal::ManifestStore::Open(file_system_, names_.directory()));
  KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> payload, manifest_->Load());
  if (payload.has_value()) {
    KYRO_ASSIGN_OR_RETURN(state_, DecodeManifest(*payload));
    return absl::OkStatus();
  }
  // Nothing was ever published, so nothing was ever acknowledged, and no log can be here.
  KYRO_ASSIGN_OR_RETURN(const bool has_log, file_system_->Exists(names_.log()));
  if (has_log) {
    KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> segments,
                          file_system_->List(names_.log()));
    if (!segments.empty()) {
      return absl::DataLossError(absl::StrCat("there is a log (", names_.log(),
                                              ") but no manifest; file CURRENT is missing"));
    }
  }
  if (!options_.create_if_missing) {
    return absl::NotFoundError("there is no database in this directory");
  }
  for (const std::string& directory : {names_.log(), names_.runs(), names_.vectors()}) {
    KYRO_RETURN_IF_ERROR(file_system_->CreateDirectory(directory));
  }
  KYRO_RETURN_IF_ERROR(file_system_->SyncDirectory(names_.directory()));
  recovery_.created = true;
  Random random(options_.seed ^ static_cast<uint64_t>(clock_->WallMicros()));
  state_.database_id = random.Next();
  return manifest_->Publish(EncodeManifest(state_));
}

absl::Status DatabaseImpl::OpenRuns() {
  KYRO_ASSIGN_OR_RETURN(const int64_t pool_bytes, knobs_.Get("buffer_pool_bytes"));
  buffer_pool_ = std::make_unique<BufferPool>(static_cast<uint64_t>(pool_bytes), metrics_);
  value_files_ = std::make_unique<ValueFileSet>(*file_system_, names_.values_prefix(),
                                                *buffer_pool_, metrics_);
  const StorageContext storage{.file_system = *file_system_,
                               .buffer_pool = *buffer_pool_,
                               .metrics = metrics_,
                               .obsolete_files = obsolete_files_,
                               .clock = clock_,
                               .value_files = value_files_.get(),
                               .large_value_bytes = large_value_bytes_,
                               .value_dead_percent = value_dead_percent_,
                               .value_file_bytes_min = value_file_bytes_min_};
  spaces_ = std::make_unique<SpaceTable>(storage);
  for (const ManifestState::Space& space : state_.spaces) {
    std::vector<std::shared_ptr<const Run>> runs;
    for (const uint64_t number : space.runs) {
      absl::StatusOr<std::shared_ptr<Run>> run =
          Run::Open(*file_system_, names_.Run(space.id, number), number, *buffer_pool_, metrics_,
                    state_.NoteOf(number).lsn_base, value_files_.get());
      // Here "not found" means a file that the manifest names.
      if (absl::IsNotFound(run.status())) return absl::DataLossError(run.status().message());
      KYRO_RETURN_IF_ERROR(run.status());
      (*run)->SetReplacedCount(state_.NoteOf(number).replaced_count);
      runs.push_back(*std::move(run));
    }
    spaces_->Insert(std::make_shared<KeySpace>(space.id, storage, std::move(runs)));
  }
  return absl::OkStatus();
}

absl::Status DatabaseImpl::LoadCatalog() {
  Catalog catalog;
  const std::shared_ptr<KeySpace> space = spaces_->GetOrCreate(kCatalogSpace);
  const std::unique_ptr<Iterator> records = space->NewIterator(KeyRange{}, kNewestSnapshot);
  for (; records->Valid(); records->Next()) {
    KYRO_RETURN_IF_ERROR(AddCatalogRecord(records->key(), records->value(), &catalog));
  }
  KYRO_RETURN_IF_ERROR(Annotate(records->status(), "catalog"));
  for (const auto& table : catalog.tables()) {
    spaces_->GetOrCreate(table->id);
    for (const IndexSchema& index : table->indexes) {
      if (index.has_entries()) spaces_->GetOrCreate(index.id);
    }
  }
  for (const auto& object : catalog.objects()) {
    if (catalog.HasSpace(object->id)) spaces_->GetOrCreate(object->id);
  }
  views_ = std::make_unique<Views>(state_.checkpoint_lsn,
                                   std::make_shared<const Catalog>(std::move(catalog)), clock_);
  return absl::OkStatus();
}

absl::StatusOr<wal::RecoveryResult> DatabaseImpl::ReplayLog() {
  Applier replayer(spaces_.get(), nullptr, views_.get());
  replayer.SetLoader([this](Lsn lsn, const LoadRecord& load) { return ReplayLoad(lsn, load); });
  KYRO_ASSIGN_OR_RETURN(
      wal::RecoveryResult recovered,
      wal::Recover({.file_system = file_system_,
                    .directory = names_.log(),
                    .database_id = state_.database_id,
                    .replay_from_lsn = state_.checkpoint_lsn + 1},
                   [&](Lsn lsn, absl::string_view record) { return replayer.Apply(lsn, record); }));
  for (const LoadRecord& load : missing_loads_) {
    // Files go with their table.
    if (views_->catalog()->FindTable(load.space) == nullptr) continue;
    return absl::DataLossError(absl::StrCat("run ", names_.Run(load.space, load.file_number),
                                            " of a bulk load of ", load.row_count,
                                            " rows, which the log tells of, is missing"));
  }
  recovery_.checkpoint_lsn = state_.checkpoint_lsn;
  recovery_.last_lsn = recovered.last_lsn;
  recovery_.replayed_count = recovered.record_count;
  recovery_.torn_bytes = recovered.torn_bytes;
  const bool has_segment =
      std::any_of(recovered.segments.begin(), recovered.segments.end(),
                  [&](const wal::SegmentInfo& s) { return s.id >= state_.log_segment; });
  if (!recovered.damage.has_value() && state_.log_segment != 0 && !has_segment) {
    recovered.damage = wal::Damage{
        .begin_lsn = recovered.last_lsn + 1,
        .end_lsn = recovered.last_lsn + 2,  // at least one
        .file = names_.log(),
        .offset = 0,
        .detail = absl::StrCat("segment ", state_.log_segment,
                               ", which the manifest knows to be current, is missing or empty; "
                               "every commit from here on may be lost")};
  }
  if (recovered.damage.has_value()) {
    damage_ = recovered.damage->ToStatus();
    recovery_.damage = std::string(damage_.message());
  }
  return recovered;
}

absl::Status DatabaseImpl::ReplayLoad(Lsn lsn, const LoadRecord& load) {
  if (views_->catalog()->FindTable(load.space) == nullptr) return absl::OkStatus();
  state_.next_file_number = std::max(state_.next_file_number, load.file_number + 1);
  absl::StatusOr<std::shared_ptr<Run>> run =
      Run::Open(*file_system_, names_.Run(load.space, load.file_number), load.file_number,
                *buffer_pool_, metrics_, /*lsn_base=*/lsn - 1, value_files_.get());
  if (absl::IsNotFound(run.status())) {
    missing_loads_.push_back(load);
    return absl::OkStatus();
  }
  KYRO_RETURN_IF_ERROR(run.status());
  for (const auto& file : (*run)->value_files()) replayed_files_.push_back(file->path());
  spaces_->GetOrCreate(load.space)->InstallLoad(*std::move(run));
  replayed_loads_.push_back(load);
  return absl::OkStatus();
}

absl::Status DatabaseImpl::StartLog(const wal::RecoveryResult& recovered) {
  KYRO_ASSIGN_OR_RETURN(
      log_,
      wal::Log::Open(
          {.file_system = file_system_,
           .directory = names_.log(),
           .database_id = state_.database_id,
           .sync_mode = options_.sync_mode,
           .interval_ms = options_.sync_interval_ms,
           .segment_bytes = options_.segment_bytes,
           .prefill_chunk_bytes = options_.background ? wal::LogOptions{}.prefill_chunk_bytes : 0,
           .idle_marker_ms = options_.background ? wal::LogOptions{}.idle_marker_ms : 0,
           .archive_directory = names_.archive(),
           .clock = clock_,
           .metrics = &metrics_},
          recovered));
  recovery_.epoch = log_->epoch();
  checkpointer_ = std::make_unique<Checkpointer>(
      CheckpointContext{.file_system = file_system_,
                        .clock = clock_,
                        .names = &names_,
                        .manifest = manifest_.get(),
                        .log = log_.get(),
                        .spaces = spaces_.get(),
                        .indexes = &indexes_,
                        .views = views_.get(),
                        .epochs = &buffer_pool_->epochs(),
                        .obsolete_files = &obsolete_files_,
                        .metrics = &metrics_,
                        .log_retention_bytes = log_retention_bytes_,
                        .log_archive_bytes = log_archive_bytes_,
                        .compaction_bytes_per_second = compaction_bytes_per_second_},
      state_);
  return checkpointer_->PublishEpoch(log_->epoch());
}

// Files that no manifest names were written for one that never came.
absl::Status DatabaseImpl::RemoveOrphans() {
  const std::vector<std::string> files = FilesOf(state_);
  std::set<std::string> named;  // survives a lack of memory, which Abseil's tables do not
  for (const LoadRecord& load : replayed_loads_) {
    named.insert(names_.Run(load.space, load.file_number));
  }
  named.insert(replayed_files_.begin(), replayed_files_.end());
  for (const std::string& file : files) named.insert(JoinPath(names_.directory(), file));
  for (const std::string& directory : {names_.runs(), names_.vectors()}) {
    KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> found, file_system_->List(directory));
    for (const std::string& name : found) {
      const std::string path = JoinPath(directory, name);
      if (!named.contains(path)) KYRO_RETURN_IF_ERROR(file_system_->Remove(path));
    }
  }
  RemoveTree(*file_system_, names_.backup_pins());  // of a backup that was cut short
  return absl::OkStatus();
}

// An index whose segment is missing or damaged is built anew in the background; its answers come
// from exact scans until then.
absl::Status DatabaseImpl::LoadIndexes() {
  for (const auto& table : views_->catalog()->tables()) {
    if (!table->indexes.empty()) indexes_.OnTable(table);
  }
  for (const auto& slot : indexes_.All()) {
    const auto file =
        std::find_if(state_.segments.begin(), state_.segments.end(),
                     [&](const SegmentFile& f) { return f.index == slot->schema().id; });
    if (file == state_.segments.end()) continue;
    const std::shared_ptr<KeySpace> space = spaces_->Find(slot->table_id(), kNewestSnapshot);
    absl::StatusOr<std::string> bytes =
        ReadFile(*file_system_, names_.Segment(file->index, file->file_number));
    absl::Status status = bytes.status();
    if (status.ok()) status = slot->Load(*file, *bytes, *space, views_->visible());
    if (!status.ok()) {
      ++recovery_.rebuilt_indexes;
      metrics_
          .counter("kyro_index_segments_damaged_total",
                   "vector index segments that could not be loaded")
          .Add();
    }
  }
  return absl::OkStatus();
}

void DatabaseImpl::StartBackground() {
  applier_ = std::make_unique<Applier>(spaces_.get(), &indexes_, views_.get());
  commit_context_.spaces = spaces_.get();
  commit_context_.views = views_.get();
  commit_context_.applier = applier_.get();
  commit_context_.recent = std::make_unique<RecentWrites>(views_->visible());
  commit_context_.history = &commit_history_;
  sequences_ = std::make_unique<Sequences>(&transaction_context_);
  transaction_context_ = {
      .views = views_.get(),
      .spaces = spaces_.get(),
      .indexes = &indexes_,
      .history = &commit_history_,
      .sequences = sequences_.get(),
      .compiler = &compiler_,
      .transaction_bytes_max = transaction_bytes_max_,
      .read_set_bytes_max = read_set_bytes_max_,
      .writable = [this] { return writable(); },
      .commit =
          [this](Lsn snapshot, std::shared_ptr<const Catalog> base, const WriteSet& writes,
                 const ReadSet* reads, const ReadSet* deleted, Lsn checked_lsn) {
            return CommitWrites(snapshot, std::move(base), writes, reads, deleted, checked_lsn);
          }};
  bulk_load_context_ = {.file_system = file_system_,
                        .names = &names_,
                        .buffer_pool = buffer_pool_.get(),
                        .value_files = value_files_.get(),
                        .large_value_bytes = large_value_bytes_,
                        .metrics = &metrics_,
                        .obsolete_files = &obsolete_files_,
                        .spaces = spaces_.get(),
                        .views = views_.get(),
                        .checkpointer = checkpointer_.get(),
                        .commit_context = &commit_context_,
                        .log = log_.get(),
                        .writable = [this] { return writable(); }};
  index_builder_ = std::make_unique<IndexBuilder>(&transaction_context_, views_.get());
  maintenance_ = std::make_unique<Maintenance>(
      MaintenanceContext{.checkpointer = checkpointer_.get(),
                         .log = log_.get(),
                         .spaces = spaces_.get(),
                         .indexes = &indexes_,
                         .views = views_.get(),
                         .zorder = index_builder_.get(),
                         .metrics = &metrics_,
                         .write_buffer_bytes = write_buffer_bytes_,
                         .run_count_max = run_count_max_,
                         .compaction_dead_percent = compaction_dead_percent_,
                         .log_retention_bytes = log_retention_bytes_});
  if (options_.background && log_ != nullptr) maintenance_->Start();
  scrubber_ =
      std::make_unique<Scrubber>(ScrubberContext{.spaces = spaces_.get(),
                                                 .clock = clock_,
                                                 .metrics = &metrics_,
                                                 .bytes_per_second = scrub_bytes_per_second_,
                                                 .pause_seconds = scrub_pause_seconds_,
                                                 .on_damage = options_.on_damage});
  // Also of a database that is read-only: what is there is worth knowing then.
  if (options_.background) scrubber_->Start();
}

absl::Status DatabaseImpl::Close() {
  if (closed_) return absl::FailedPreconditionError("database is already closed");
  closed_ = true;
  if (scrubber_ != nullptr) scrubber_->Stop();
  if (maintenance_ != nullptr) maintenance_->Stop();
  // Each step for itself, so that a lack of memory in one does not keep the others from running.
  absl::Status status;
  if (sequences_ != nullptr && log_ != nullptr && log_->status().ok()) {
    status = CatchOutOfMemory([&]() -> absl::Status {
      sequences_->Settle();
      return absl::OkStatus();
    });
  }
  if (log_ != nullptr) {
    // Nothing is written by a database that failed to open.
    if (maintenance_ != nullptr) {
      status = CatchOutOfMemory([&]() -> absl::Status {
        if (!log_->status().ok()) return absl::OkStatus();
        return checkpointer_->Checkpoint(/*save_all_segments=*/true);
      });
    }
    if (absl::Status closed = CatchOutOfMemory([&] { return log_->Close(); }); status.ok())
      status = closed;
  }
  lock_.reset();
  return status;
}

absl::Status DatabaseImpl::writable() const try {
  if (!damage_.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("database is read-only: ", damage_.message()));
  }
  KYRO_RETURN_IF_ERROR(log_->status());
  return checkpointer_->status();
}
KYRO_CATCH_OUT_OF_MEMORY

Lsn DatabaseImpl::durable_lsn() const {
  return log_ == nullptr ? views_->visible() : log_->synced_lsn();
}

std::unique_ptr<Transaction> DatabaseImpl::Begin(IsolationLevel isolation) {
  return std::make_unique<TransactionImpl>(&transaction_context_, isolation);
}

absl::StatusOr<CommitInfo> DatabaseImpl::CommitWrites(Lsn snapshot,
                                                      std::shared_ptr<const Catalog> base,
                                                      const WriteSet& writes, const ReadSet* reads,
                                                      const ReadSet* deleted, Lsn checked_lsn) {
  KYRO_RETURN_IF_ERROR(writable());
  KYRO_RETURN_IF_ERROR(maintenance_->AdmitWrite(writes.size_bytes(), writes.FreesSpace()));
  BatchCommit commit(&commit_context_, snapshot, std::move(base), &writes, reads);
  if (deleted != nullptr) commit.SetDeleted(deleted, checked_lsn);
  KYRO_ASSIGN_OR_RETURN(const Lsn lsn, log_->Commit(&commit));
  return CommitInfo{.lsn = lsn, .durable_lsn = log_->synced_lsn()};
}

absl::StatusOr<int64_t> DatabaseImpl::AllocateRowIds(ObjectId table, uint64_t count) try {
  absl::MutexLock lock(&row_id_mutex_);
  auto it = next_row_ids_.find(table);
  if (it == next_row_ids_.end()) {
    int64_t next = 1;
    if (const std::shared_ptr<KeySpace> space = spaces_->Find(table, kNewestSnapshot)) {
      KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> last, space->LastKey(kNewestSnapshot));
      if (last.has_value()) {
        KYRO_ASSIGN_OR_RETURN(const Row key, DecodeKey(TableSchema{}, *last));
        next = std::get<int64_t>(key[0]) + 1;
      }
    }
    it = next_row_ids_.emplace(table, next).first;
  }
  const auto limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() - it->second);
  if (count > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("table number ", table, " has no ", count, " row ids left"));
  }
  const int64_t first = it->second;
  it->second += static_cast<int64_t>(count);
  return first;
}
KYRO_CATCH_OUT_OF_MEMORY

absl::Status DatabaseImpl::Checkpoint() try {
  KYRO_RETURN_IF_ERROR(writable());
  return checkpointer_->Checkpoint(/*save_all_segments=*/false);
}
KYRO_CATCH_OUT_OF_MEMORY

absl::Status DatabaseImpl::Compact(ObjectId space) try {
  KYRO_RETURN_IF_ERROR(Checkpoint());
  return checkpointer_->Compact(space);
}
KYRO_CATCH_OUT_OF_MEMORY

absl::StatusOr<BackupReport> DatabaseImpl::Backup(absl::string_view target,
                                                  const BackupOptions& options) try {
  KYRO_RETURN_IF_ERROR(writable());
  absl::MutexLock lock(&backup_mutex_);
  absl::StatusOr<BackupReport> report = MakeBackup({.file_system = file_system_,
                                                    .clock = clock_,
                                                    .names = &names_,
                                                    .log = log_.get(),
                                                    .spaces = spaces_.get(),
                                                    .checkpointer = checkpointer_.get()},
                                                   std::string(target), options);
  if (!report.ok()) return Annotate(report.status(), "backup");
  return report;
}
KYRO_CATCH_OUT_OF_MEMORY

absl::Status DatabaseImpl::WaitForIndexes(
    absl::Duration timeout,
    const std::function<void(uint64_t indexed, uint64_t total)>& progress) try {
  const absl::Time deadline = absl::Now() + timeout;
  absl::Time next_report = absl::InfinitePast();
  const Lsn target = views_->visible();
  bool worked = false;
  for (;;) {
    uint64_t indexed = 0, tail = 0;
    bool covered = true;
    for (const auto& slot : indexes_.All()) {
      // In this order: a build that ends in between counts as not ended.
      const bool building = slot->building();
      const IndexSlot::Ready ready = slot->ready();
      covered = covered && !building && ready.column != nullptr &&
                ready.column->CoversLsn(views_->visible()) >= target;
      if (ready.column == nullptr) continue;
      indexed += ready.column->graph_count();
      tail += ready.column->tail_count();
    }
    const bool inline_work = !options_.background || log_ == nullptr;
    if (inline_work) {
      KYRO_ASSIGN_OR_RETURN(worked, maintenance_->IndexSome(/*count_max=*/1024));
    }
    // In this order: an index that the last piece of work was about is found to be done.
    const bool done = covered && !worked && (log_ == nullptr || index_builder_->IsDone());
    if (progress != nullptr && (done || absl::Now() >= next_report)) {
      progress(indexed, indexed + tail);
      next_report = absl::Now() + absl::Milliseconds(100);
    }
    if (done) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::UnavailableError(
          absl::StrCat(tail, " vectors are not indexed after ", absl::FormatDuration(timeout)));
    }
    if (!inline_work) absl::SleepFor(absl::Milliseconds(5));
  }
}
KYRO_CATCH_OUT_OF_MEMORY

absl::StatusOr<std::unique_ptr<BulkLoader>> DatabaseImpl::BulkLoad(ObjectId table,
                                                                   BulkLoadOptions options) try {
  return BulkLoaderImpl::Create(&bulk_load_context_, table, options);
}
KYRO_CATCH_OUT_OF_MEMORY

absl::StatusOr<std::unique_ptr<ChangeFeed>> DatabaseImpl::Follow(Lsn from) try {
  KYRO_RETURN_IF_ERROR(writable());
  return std::make_unique<ChangeFeedImpl>(log_.get(), from);
}
KYRO_CATCH_OUT_OF_MEMORY

absl::StatusOr<SpaceStatistics> DatabaseImpl::space_statistics(ObjectId space) const try {
  const std::shared_ptr<KeySpace> found = spaces_->Find(space, kNewestSnapshot);
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat("key space ", space, " does not exist"));
  }
  return found->statistics();
}
KYRO_CATCH_OUT_OF_MEMORY

absl::StatusOr<IndexStatistics> DatabaseImpl::index_statistics(ObjectId index) const try {
  const std::shared_ptr<const TableSchema> owner = views_->catalog()->FindSpaceOwner(index);
  if (owner != nullptr && owner->id != index) {
    KYRO_ASSIGN_OR_RETURN(const SpaceStatistics space, space_statistics(index));
    const std::shared_ptr<KeySpace> entries = spaces_->Find(index, kNewestSnapshot);
    const std::shared_ptr<const SpaceVersion> version = entries->version();
    IndexStatistics statistics{.indexed_count = space.entry_count - space.tombstone_count,
                               .tail_count = version->active->entry_count(),
                               .dead_count = space.tombstone_count,
                               .memory_bytes = space.memtable_bytes + space.model_bytes};
    for (const auto& frozen : version->frozen) statistics.tail_count += frozen->entry_count();
    return statistics;
  }
  const std::shared_ptr<IndexSlot> slot = indexes_.Find(index);
  if (slot == nullptr) {
    return absl::NotFoundError(absl::StrCat("index number ", index, " does not exist"));
  }
  const IndexSlot::Ready ready = slot->ready();
  if (ready.column == nullptr) return IndexStatistics{};
  return IndexStatistics{.indexed_count = ready.column->graph_count(),
                         .tail_count = ready.column->tail_count(),
                         .dead_count = ready.column->dead_count(),
                         .memory_bytes = ready.column->memory_bytes()};
}
KYRO_CATCH_OUT_OF_MEMORY

}  // namespace kyrodb::engine
