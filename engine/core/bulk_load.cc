#include "engine/core/bulk_load.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/storage/run.h"

namespace kyrodb::engine {
namespace {

// Of every version in a loaded run; the run's LSN base does the rest.
constexpr Lsn kLsnInFile = 1;
constexpr Lsn kNewest = kLsnMax - 1;
// The committing thread, for which everybody waits, compares at most about so many commits with the
// loaded keys.
constexpr Lsn kUncheckedMax = 64;
constexpr int kValidationRounds = 4;

absl::Status ConflictIfHeld(const Run& rows, absl::string_view key) {
  KYRO_ASSIGN_OR_RETURN(const Lsn held, rows.LatestLsn(key));
  if (held == 0) return absl::OkStatus();
  return absl::AbortedError("a row of the bulk load was changed by a concurrent transaction");
}

// Whether a key of `rows` was changed in (since, until].
absl::Status ValidateRows(const KeySpace& space, const Run& rows, Lsn since, Lsn until) {
  const RunProperties& properties = rows.properties();
  return space.ChangesSince(
      since, until, [&](absl::string_view key, Lsn, EntryKind, absl::string_view) -> absl::Status {
        if (key < properties.smallest_key || key > properties.largest_key) return absl::OkStatus();
        return ConflictIfHeld(rows, key);
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<BulkLoader>> BulkLoaderImpl::Create(const BulkLoadContext* context,
                                                                   ObjectId table,
                                                                   const BulkLoadOptions& options) {
  KYRO_RETURN_IF_ERROR(context->writable());
  auto loader = std::unique_ptr<BulkLoaderImpl>(new BulkLoaderImpl(context, table));
  const std::shared_ptr<const TableSchema> schema = loader->view_.catalog->FindTable(table);
  if (schema == nullptr) {
    return absl::NotFoundError(absl::StrCat("table number ", table, " does not exist"));
  }
  if (!schema->indexes.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("table \"", schema->name, "\" has index \"", schema->indexes.front().name,
                     "\", which a bulk load would pass by: drop it, load, create it again"));
  }
  KYRO_ASSIGN_OR_RETURN(loader->file_number_, context->checkpointer->NewFileNumber());
  loader->path_ = context->names->Run(table, loader->file_number_);
  KYRO_ASSIGN_OR_RETURN(
      loader->writer_,
      RunWriter::Create(
          *context->file_system, loader->path_,
          {.file_number = loader->file_number_,
           .smallest_key = options.smallest_key,
           .largest_key = options.largest_key,
           .large_value_bytes = static_cast<uint64_t>(context->large_value_bytes->value()),
           .value_file_path = context->value_files->Path(loader->file_number_)}));
  const std::shared_ptr<KeySpace> space = context->spaces->Find(table, kNewest);
  loader->replaced_.emplace(space == nullptr ? std::vector<std::shared_ptr<const Run>>()
                                             : space->version()->runs);
  return loader;
}

BulkLoaderImpl::BulkLoaderImpl(const BulkLoadContext* context, ObjectId table)
    : context_(context), table_(table), view_(context->views->Acquire()) {}

BulkLoaderImpl::~BulkLoaderImpl() {
  Abandon();
  context_->views->Release(view_);
}

void BulkLoaderImpl::Abandon() {
  writer_.reset();  // removes files that were not finished
  if (rows_ == nullptr) return;
  rows_->Abandon(context_->obsolete_files);
  rows_.reset();
  // What cannot be removed now is removed at the next checkpoint or open.
  CatchOutOfMemory([this] {
    return context_->obsolete_files->RemoveAll(*context_->file_system);
  }).IgnoreError();
}

absl::Status BulkLoaderImpl::Add(absl::string_view key, absl::string_view value) {
  // A row that was taken in half spoils the file.
  if (status_.ok()) status_ = CatchOutOfMemory([&] { return AddChecked(key, value); });
  return status_;
}

absl::Status BulkLoaderImpl::AddChecked(absl::string_view key, absl::string_view value) {
  if (key.size() > kKeyBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("key has ", key.size(), " bytes, the limit is ", kKeyBytesMax));
  }
  KYRO_RETURN_IF_ERROR(writer_->Add(key, kLsnInFile, EntryKind::kPut, value));
  replaced_->Add(key);
  ++row_count_;
  return absl::OkStatus();
}

absl::StatusOr<CommitInfo> BulkLoaderImpl::Finish() {
  KYRO_RETURN_IF_ERROR(status_);
  status_ =
      CatchOutOfMemory([] { return absl::FailedPreconditionError("bulk load has already ended"); });
  absl::StatusOr<CommitInfo> info = CommitInfo{};
  if (row_count_ > 0) info = CatchOutOfMemory([this] { return FinishChecked(); });
  // Committed, or perhaps: the file is no longer ours.
  if ((info.ok() && row_count_ > 0) || (in_log_ && absl::IsUnavailable(info.status())))
    rows_.reset();
  Abandon();
  return info;
}

absl::StatusOr<CommitInfo> BulkLoaderImpl::FinishChecked() {
  KYRO_RETURN_IF_ERROR(context_->writable());
  KYRO_RETURN_IF_ERROR(writer_->Finish().status());
  writer_.reset();
  KYRO_ASSIGN_OR_RETURN(rows_, OpenRun());
  // Here, not by the commit: it reads the file, and everybody would wait for that.
  KYRO_ASSIGN_OR_RETURN(std::shared_ptr<Run> run, OpenRun());
  rows_->SetReplacedCount(replaced_->count());
  run->SetReplacedCount(replaced_->count());
  replaced_.reset();
  KYRO_RETURN_IF_ERROR(context_->file_system->SyncDirectory(context_->names->runs()));
  // From now on no memtable holds a version of before the load: the run may stand before all
  // runs, and behind memtables that hold none of its keys.
  KYRO_RETURN_IF_ERROR(context_->checkpointer->Checkpoint(/*save_all_segments=*/false));
  const std::shared_ptr<KeySpace> space = context_->spaces->Find(table_, kNewest);
  if (space == nullptr) return absl::AbortedError("the table of the bulk load was dropped");
  // Before the first look, so that the history has all that comes after it.
  CommitHistory& history = *context_->commit_context->history;
  history.AddReader();
  const absl::Cleanup leave = [&] { history.RemoveReader(); };
  Lsn checked_lsn = 0;
  KYRO_RETURN_IF_ERROR(Validate(*space, &checked_lsn));
  LoadCommit commit(context_, view_, table_, checked_lsn, rows_, std::move(run));
  in_log_ = true;
  KYRO_ASSIGN_OR_RETURN(const Lsn lsn, context_->log->Commit(&commit));
  // The manifest may name the run later as well: until then the log does.
  CatchOutOfMemory([this] {
    return context_->checkpointer->Checkpoint(/*save_all_segments=*/false);
  }).IgnoreError();
  return CommitInfo{.lsn = lsn, .durable_lsn = context_->log->synced_lsn()};
}

absl::StatusOr<std::shared_ptr<Run>> BulkLoaderImpl::OpenRun() const {
  return Run::Open(*context_->file_system, path_, file_number_, *context_->buffer_pool,
                   *context_->metrics, /*lsn_base=*/0, context_->value_files);
}

absl::Status BulkLoaderImpl::Validate(const KeySpace& space, Lsn* checked_lsn) const {
  *checked_lsn = view_.snapshot;
  for (int round = 0; round < kValidationRounds; ++round) {
    const Lsn until = context_->views->visible();
    if (round > 0 && until - *checked_lsn <= kUncheckedMax) break;
    KYRO_RETURN_IF_ERROR(ValidateRows(space, *rows_, *checked_lsn, until));
    *checked_lsn = until;
  }
  return absl::OkStatus();
}

LoadCommit::LoadCommit(const BulkLoadContext* context, const View& view, ObjectId table,
                       Lsn checked_lsn, std::shared_ptr<const Run> rows, std::shared_ptr<Run> run)
    : BatchCommit(context->commit_context, view.snapshot, view.catalog, &NoWrites(), nullptr),
      context_(context),
      table_(table),
      checked_lsn_(checked_lsn),
      rows_(std::move(rows)),
      run_(std::move(run)) {
  record_ = EncodeLoadRecord({.space = table,
                              .file_number = rows_->file_number(),
                              .row_count = rows_->properties().entry_count,
                              .first_key = rows_->properties().smallest_key,
                              .last_key = rows_->properties().largest_key});
}

bool LoadCommit::WritesKey(ObjectId space, absl::string_view key) const {
  // A page that cannot be read makes a conflict of it.
  return space == table_ && !ConflictIfHeld(*rows_, key).ok();
}

absl::Status LoadCommit::Prepare(Lsn lsn, std::span<wal::CommitRequest* const> unapplied) {
  unapplied = AfterSnapshot(lsn, unapplied);
  KYRO_RETURN_IF_ERROR(ValidateTable(table_, unapplied));
  for (const wal::CommitRequest* request : unapplied) {
    const auto& earlier = *static_cast<const BatchCommit*>(request);
    if (earlier.LoadsTable(table_)) {
      return absl::AbortedError("another bulk load of the same table is being committed");
    }
    const std::shared_ptr<const SpaceWrites> writes = earlier.writes().FindSpace(table_);
    if (writes == nullptr) continue;
    for (const auto& [key, write] : *writes) KYRO_RETURN_IF_ERROR(ConflictIfHeld(*rows_, key));
  }
  const std::shared_ptr<KeySpace> space = context_->spaces->Find(table_, kNewest);
  if (space == nullptr) return absl::AbortedError("the table of the bulk load was dropped");
  // What was committed since has the LSNs between the two.
  if (lsn > checked_lsn_ + 1) {
    const std::optional<bool> changed = commit_context().history->AnyAfter(
        checked_lsn_, [&](ObjectId space_id, absl::string_view key) {
          return space_id == table_ && !ConflictIfHeld(*rows_, key).ok();
        });
    if (changed.value_or(false)) {
      return absl::AbortedError("a row of the bulk load was changed by a concurrent transaction");
    }
    // More was committed than the history remembers.
    if (!changed.has_value()) {
      KYRO_RETURN_IF_ERROR(ValidateRows(*space, *rows_, checked_lsn_, kNewest));
    }
  }
  commit_context().recent->NoteUnknown(lsn);
  commit_context().history->NoteUnknown(lsn);
  return absl::OkStatus();
}

void LoadCommit::Apply(Lsn lsn) {
  run_->SetLsnBase(lsn - kLsnInFile);
  context_->spaces->GetOrCreate(table_)->InstallLoad(std::move(run_));
  context_->views->Publish(lsn);
}

}  // namespace kyrodb::engine
