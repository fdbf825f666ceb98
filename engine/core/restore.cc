// Restoring a backup: its files again, and of the log as much as is wanted, written anew.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backup.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/core/backup_list.h"
#include "engine/core/file_names.h"
#include "engine/core/load_record.h"
#include "engine/core/manifest_state.h"
#include "engine/database.h"
#include "wal/log.h"
#include "wal/manifest.h"
#include "wal/recovery.h"

namespace kyrodb::engine {
namespace {

// Shows the time at which the record that is written again was written first.
class ReplayClock final : public Clock {
 public:
  void Set(int64_t wall_micros) { wall_micros_ = wall_micros; }
  int64_t WallMicros() const override { return wall_micros_; }
  int64_t SteadyNanos() const override { return 0; }

 private:
  int64_t wall_micros_ = 0;
};

class Restorer {
 public:
  Restorer(FileSystem& file_system, const Clock& clock, const std::string& backup,
           const std::string& directory, const RestoreOptions& options)
      : fs_(file_system),
        clock_(clock),
        backup_(backup),
        names_(directory),
        staging_(JoinPath(directory, "restore.tmp")),
        options_(options) {}

  absl::StatusOr<RestoreReport> Run(const BackupInfo& info) {
    KYRO_ASSIGN_OR_RETURN(const std::string manifest,
                          ReadFile(fs_, JoinPath(backup_, kBackupManifestName)));
    KYRO_ASSIGN_OR_RETURN(state_, DecodeManifest(manifest));
    report_.checkpoint_lsn = state_.checkpoint_lsn;
    backup_micros_ = info.wall_micros;
    if (options_.to_lsn.has_value() && *options_.to_lsn < state_.checkpoint_lsn) {
      return absl::InvalidArgumentError(
          absl::StrCat("lsn ", *options_.to_lsn, " is before lsn ", state_.checkpoint_lsn,
                       ", the earliest that the backup in \"", backup_, "\" can be restored to"));
    }
    for (const std::string& directory : {names_.log(), names_.runs(), names_.vectors(), staging_}) {
      KYRO_RETURN_IF_ERROR(fs_.CreateDirectory(directory));
    }
    for (const BackupInfo::File& file : info.files) {
      if (file.path == kBackupManifestName || file.path.substr(0, 4) == "log/") continue;
      KYRO_RETURN_IF_ERROR(MakeDirectoriesFor(fs_, names_.directory(), file.path));
      KYRO_RETURN_IF_ERROR(
          LinkOrCopy(fs_, JoinPath(backup_, file.path), JoinPath(names_.directory(), file.path))
              .status());
    }
    KYRO_RETURN_IF_ERROR(StageLog());
    KYRO_RETURN_IF_ERROR(WriteLog());
    KYRO_RETURN_IF_ERROR(Publish());
    return report_;
  }

 private:
  // All segments of all sources side by side. The same segment may be in several, of which the last
  // in a backup and the current one of a log are shorter than it became.
  absl::Status StageLog() {
    std::vector<std::string> sources = {JoinPath(backup_, "log")};
    sources.insert(sources.end(), options_.log_directories.begin(), options_.log_directories.end());
    std::map<std::string, std::pair<uint64_t, std::string>> chosen;  // name → size and path
    for (const std::string& source : sources) {
      KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(source));
      for (const std::string& name : names) {
        if (!wal::IsSegmentName(name)) continue;
        const std::string path = JoinPath(source, name);
        KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file, fs_.OpenForRead(path));
        auto& best = chosen[name];
        if (best.second.empty() || file->size_bytes() > best.first) {
          best = {file->size_bytes(), path};
        }
      }
    }
    for (const auto& [name, best] : chosen) {
      KYRO_RETURN_IF_ERROR(LinkOrCopy(fs_, best.second, JoinPath(staging_, name)).status());
    }
    return absl::OkStatus();
  }

  bool IsPastEnd(wal::Lsn lsn, int64_t wall_micros) const {
    return (options_.to_lsn.has_value() && lsn > *options_.to_lsn) ||
           (options_.to_wall_micros.has_value() && wall_micros > *options_.to_wall_micros);
  }

  // The log of a bulk load names a run, which is there when the backup is younger than the load.
  absl::Status CheckLoad(wal::Lsn lsn, absl::string_view record) {
    if (!IsLoadRecord(record)) return absl::OkStatus();
    KYRO_ASSIGN_OR_RETURN(const LoadRecord load, DecodeLoadRecord(record));
    KYRO_ASSIGN_OR_RETURN(const bool exists, fs_.Exists(names_.Run(load.space, load.file_number)));
    if (exists) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the commit with lsn ", lsn,
                     " is a bulk load, whose rows are not in the log, and the "
                     "backup in \"",
                     backup_, "\" is older: restore to an earlier commit, or from a later backup"));
  }

  absl::Status WriteLog() {
    wal::RecoveryResult begin{.replay_from_lsn = state_.checkpoint_lsn + 1,
                              .last_lsn = state_.checkpoint_lsn,
                              .synced_lsn = state_.checkpoint_lsn,
                              .epoch_max = state_.epoch};
    const uint64_t old_id = state_.database_id;
    // Its log goes another way than the original's: the two must not be taken for one.
    state_.database_id =
        SplitMix64(old_id ^ SplitMix64(static_cast<uint64_t>(clock_.WallMicros())));
    ReplayClock clock;
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<wal::Log> log,
                          wal::Log::Open({.file_system = &fs_,
                                          .directory = names_.log(),
                                          .database_id = state_.database_id,
                                          .sync_mode = wal::SyncMode::kOff,
                                          .idle_marker_ms = 0,
                                          .clock = &clock},
                                         begin));
    report_.last_lsn = state_.checkpoint_lsn;
    bool ended = options_.to_lsn == state_.checkpoint_lsn;
    const absl::StatusOr<wal::RecoveryResult> read = wal::RecoverTimed(
        {.file_system = &fs_,
         .directory = staging_,
         .database_id = old_id,
         .replay_from_lsn = state_.checkpoint_lsn + 1},
        [&](wal::Lsn lsn, int64_t wall_micros, absl::string_view record) -> absl::Status {
          ended = ended || IsPastEnd(lsn, wall_micros);
          if (ended) return absl::CancelledError();
          KYRO_RETURN_IF_ERROR(CheckLoad(lsn, record));
          clock.Set(wall_micros);
          KYRO_ASSIGN_OR_RETURN(report_.last_lsn, log->Append(record));
          KYRO_CHECK(report_.last_lsn == lsn);
          ++report_.replayed_count;
          ended = options_.to_lsn == lsn;
          return absl::OkStatus();
        });
    if (!(ended && absl::IsCancelled(read.status()))) {
      KYRO_RETURN_IF_ERROR(read.status());
      if (!ended && read->damage.has_value()) {
        return Annotate(read->damage->ToStatus(),
                        "the log is not whole (is a directory that holds a part of it not named?)");
      }
      if (!ended && options_.to_lsn.has_value()) {
        return absl::NotFoundError(absl::StrCat("the log ends at lsn ", report_.last_lsn,
                                                ", before lsn ", *options_.to_lsn,
                                                "; name the directories that hold the rest"));
      }
    }
    // Not one commit of the log is from before that time, so those of the runs may not be either.
    if (options_.to_wall_micros.has_value() && report_.replayed_count == 0 &&
        *options_.to_wall_micros < backup_micros_) {
      return absl::InvalidArgumentError(
          absl::StrCat("the backup in \"", backup_, "\" begins with lsn ", state_.checkpoint_lsn,
                       ", which may be later than the time to restore to: take an older backup"));
    }
    state_.epoch = log->epoch();
    state_.log_segment = log->segments().back().id;
    return log->Close();
  }

  // With the manifest it is a database.
  absl::Status Publish() {
    // Vectors of commits that are not there: such an index is built anew from the rows.
    const auto is_ahead = [&](const SegmentFile& segment) {
      return segment.covers_lsn > report_.last_lsn;
    };
    for (const SegmentFile& segment : state_.segments) {
      if (!is_ahead(segment)) continue;
      KYRO_RETURN_IF_ERROR(fs_.Remove(names_.Segment(segment.index, segment.file_number)));
    }
    state_.segments.erase(std::remove_if(state_.segments.begin(), state_.segments.end(), is_ahead),
                          state_.segments.end());
    RemoveTree(fs_, staging_);
    KYRO_RETURN_IF_ERROR(SyncTree(fs_, names_.directory()));
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<wal::ManifestStore> store,
                          wal::ManifestStore::Open(&fs_, names_.directory()));
    return store->Publish(EncodeManifest(state_));
  }

  FileSystem& fs_;
  const Clock& clock_;
  const std::string& backup_;
  const FileNames names_;
  const std::string staging_;
  const RestoreOptions& options_;
  ManifestState state_;
  int64_t backup_micros_ = 0;  // when it was made
  RestoreReport report_;
};

// Opens it as a user would and lets it go as it is.
absl::Status OpenOnce(FileSystem& file_system, const Clock& clock, const std::string& directory,
                      Lsn last_lsn) {
  OpenOptions options;
  options.file_system = &file_system;
  options.clock = &clock;
  options.create_if_missing = false;
  options.background = false;
  options.opener = "kyro restore";
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                        Database::Open(directory, options));
  if (!database->recovery().damage.empty()) {
    return absl::DataLossError(database->recovery().damage);
  }
  if (database->last_lsn() != last_lsn) {
    return absl::InternalError(absl::StrCat("the restored database ends with lsn ",
                                            database->last_lsn(), ", not with ", last_lsn));
  }
  return database->Close();
}

}  // namespace

absl::StatusOr<RestoreReport> RestoreBackup(absl::string_view backup, absl::string_view directory,
                                            const RestoreOptions& options) {
  const std::unique_ptr<FileSystem> own =
      options.file_system == nullptr ? NewPosixFileSystem() : nullptr;
  FileSystem& file_system = own != nullptr ? *own : *options.file_system;
  const Clock& clock = options.clock != nullptr ? *options.clock : Clock::System();
  const std::string from(backup), to(directory);
  if (options.to_lsn.has_value() && options.to_wall_micros.has_value()) {
    return absl::InvalidArgumentError("a restore ends at an lsn or at a time, not at both");
  }
  if (to.empty()) return absl::InvalidArgumentError("the directory to restore to has no name");
  KYRO_ASSIGN_OR_RETURN(const BackupInfo info, ReadBackup(file_system, from));
  KYRO_RETURN_IF_ERROR(VerifyBackup(file_system, from));
  KYRO_RETURN_IF_ERROR(MakeEmptyDirectory(file_system, to));
  absl::StatusOr<RestoreReport> report = Restorer(file_system, clock, from, to, options).Run(info);
  if (report.ok()) {
    if (absl::Status opened = OpenOnce(file_system, clock, to, report->last_lsn); !opened.ok()) {
      report = Annotate(opened, "the restored database does not open");
    }
  }
  if (!report.ok()) RemoveTree(file_system, to);
  return report;
}

}  // namespace kyrodb::engine
