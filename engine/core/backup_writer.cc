#include "engine/core/backup_writer.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/backup_list.h"
#include "engine/core/manifest_state.h"

namespace kyrodb::engine {
namespace {

class BackupWriter {
 public:
  BackupWriter(const BackupContext& context, const std::string& target)
      : context_(context), fs_(*context.file_system), target_(target) {}

  absl::StatusOr<BackupReport> Run(const BackupOptions& options) {
    const int64_t begin_nanos = context_.clock->SteadyNanos();
    KYRO_RETURN_IF_ERROR(ReadPrevious(options.previous));
    // What is in a segment that no longer grows can be linked. Without room for another one the
    // current one is copied as far as it goes.
    if (const absl::Status rotated = context_.log->RotateSegment();
        !absl::IsResourceExhausted(rotated)) {
      KYRO_RETURN_IF_ERROR(rotated);
    }
    KYRO_RETURN_IF_ERROR(context_.checkpointer->WithState([&](const ManifestState& state) {
      const int64_t locked_nanos = context_.clock->SteadyNanos();
      absl::Status status = TakeFiles(state);
      report_.locked_micros = (context_.clock->SteadyNanos() - locked_nanos) / 1000;
      return status;
    }));
    KYRO_RETURN_IF_ERROR(CopyPinned());
    KYRO_RETURN_IF_ERROR(HashFiles());
    KYRO_RETURN_IF_ERROR(WriteList());
    report_.micros = (context_.clock->SteadyNanos() - begin_nanos) / 1000;
    return std::move(report_);
  }

  void DropPins() {
    if (pinned_) RemoveTree(fs_, context_.names->backup_pins());
  }

 private:
  absl::Status ReadPrevious(const std::string& previous) {
    if (previous.empty()) return absl::OkStatus();
    KYRO_ASSIGN_OR_RETURN(BackupInfo info, ReadBackup(fs_, previous));
    previous_id_ = info.database_id;
    for (BackupInfo::File& file : info.files) {
      std::string path = file.path;
      previous_.emplace(std::move(path), std::move(file));
    }
    previous_directory_ = previous;
    return absl::OkStatus();
  }

  // While nothing can go.
  absl::Status TakeFiles(const ManifestState& state) {
    if (!previous_directory_.empty() && previous_id_ != state.database_id) {
      return absl::InvalidArgumentError(
          absl::StrCat("the backup in \"", previous_directory_, "\" is one of another database"));
    }
    report_.info.database_id = state.database_id;
    report_.info.checkpoint_lsn = state.checkpoint_lsn;
    report_.info.wall_micros = context_.clock->WallMicros();
    KYRO_ASSIGN_OR_RETURN(const std::vector<wal::SegmentInfo> segments,
                          context_.log->DurableSegments());
    for (const wal::SegmentInfo& segment : segments) {
      const std::string file =
          JoinPath("log", segment.path.substr(segment.path.find_last_of('/') + 1));
      if (&segment != &segments.back()) {
        KYRO_RETURN_IF_ERROR(Take(segment.path, file));
        continue;
      }
      KYRO_RETURN_IF_ERROR(MakeDirectoriesFor(fs_, target_, file));
      KYRO_RETURN_IF_ERROR(
          CopyFileSynced(fs_, segment.path, JoinPath(target_, file), segment.size_bytes));
      AddFile(file);
      ++report_.copied_count;
    }
    report_.info.last_lsn = segments.back().end_lsn - 1;
    const std::vector<std::string> named = FilesOf(state);
    absl::btree_set<std::string> files(named.begin(), named.end());
    // A bulk load of which only the log tells is applied: its run is there. One that was committed
    // since is not part of the log that was taken.
    for (const std::shared_ptr<KeySpace>& space : context_.spaces->Live()) {
      for (const auto& run : space->version()->runs) {
        if (run->properties().max_lsn > report_.info.last_lsn) continue;
        files.insert(JoinPath("runs", FileNames::RunName(space->id(), run->file_number())));
        for (const ValueFileShare& share : run->properties().value_files) {
          files.insert(JoinPath("runs", FileNames::ValuesName(share.file_number)));
        }
      }
    }
    for (const std::string& file : files) {
      KYRO_RETURN_IF_ERROR(Take(JoinPath(context_.names->directory(), file), file));
    }
    KYRO_RETURN_IF_ERROR(
        WriteFileSynced(fs_, JoinPath(target_, kBackupManifestName), EncodeManifest(state)));
    AddFile(kBackupManifestName);
    return absl::OkStatus();
  }

  // Makes the file part of the backup now, or holds it fast here to be copied later: copying to
  // another device may take long.
  absl::Status Take(const std::string& path, const std::string& file) {
    KYRO_RETURN_IF_ERROR(MakeDirectoriesFor(fs_, target_, file));
    AddFile(file);
    const std::string to = JoinPath(target_, file);
    absl::Status linked = fs_.Link(path, to);
    if (absl::IsUnimplemented(linked) && FindPrevious(file) != nullptr) {
      linked = fs_.Link(JoinPath(previous_directory_, file), to);
    }
    if (!absl::IsUnimplemented(linked)) {
      report_.linked_count += linked.ok() ? 1 : 0;
      return linked;
    }
    ++report_.copied_count;
    if (!pinned_) {
      RemoveTree(fs_, context_.names->backup_pins());
      KYRO_RETURN_IF_ERROR(fs_.CreateDirectory(context_.names->backup_pins()));
      pinned_ = true;
    }
    std::string pin = JoinPath(context_.names->backup_pins(), absl::StrCat(pins_.size()));
    const absl::Status held = fs_.Link(path, pin);
    // No links at all on this file system: then everybody waits.
    if (absl::IsUnimplemented(held)) return CopyFileSynced(fs_, path, to);
    KYRO_RETURN_IF_ERROR(held);
    pins_.emplace_back(std::move(pin), to);
    return absl::OkStatus();
  }

  absl::Status CopyPinned() {
    for (const auto& [from, to] : pins_) KYRO_RETURN_IF_ERROR(CopyFileSynced(fs_, from, to));
    return absl::OkStatus();
  }

  // A file number that a manifest has named is never given to another file, so what the older
  // backup says of a file holds for this one. Should its bytes have rotted since, the hash tells.
  absl::Status HashFiles() {
    for (BackupInfo::File& file : report_.info.files) {
      if (const BackupInfo::File* before = FindPrevious(file.path)) {
        file = *before;
        continue;
      }
      KYRO_ASSIGN_OR_RETURN(file.hash,
                            HashFile(fs_, JoinPath(target_, file.path), &file.size_bytes));
    }
    return absl::OkStatus();
  }

  // Only now, when all files and their names are durable, is it a backup.
  absl::Status WriteList() {
    KYRO_RETURN_IF_ERROR(SyncTree(fs_, target_));
    const std::string list = JoinPath(target_, kBackupListName);
    const std::string temporary = absl::StrCat(list, ".tmp");
    KYRO_RETURN_IF_ERROR(WriteFileSynced(fs_, temporary, EncodeBackupList(report_.info)));
    KYRO_RETURN_IF_ERROR(fs_.Rename(temporary, list));
    return fs_.SyncDirectory(target_);
  }

  // Log segments do not count: the last of an older backup is only a part of the file.
  const BackupInfo::File* FindPrevious(const std::string& file) const {
    if (file == kBackupManifestName || file.substr(0, 4) == "log/") return nullptr;
    const auto it = previous_.find(file);
    return it == previous_.end() ? nullptr : &it->second;
  }

  void AddFile(const std::string& file) { report_.info.files.push_back({.path = file}); }

  const BackupContext& context_;
  FileSystem& fs_;
  const std::string& target_;
  std::string previous_directory_;
  uint64_t previous_id_ = 0;
  std::map<std::string, BackupInfo::File> previous_;
  bool pinned_ = false;
  std::vector<std::pair<std::string, std::string>> pins_;  // held here, to be copied there
  BackupReport report_;
};

}  // namespace

absl::StatusOr<BackupReport> MakeBackup(const BackupContext& context, const std::string& target,
                                        const BackupOptions& options) {
  if (target.empty()) return absl::InvalidArgumentError("the backup's directory has no name");
  KYRO_RETURN_IF_ERROR(MakeEmptyDirectory(*context.file_system, target));
  BackupWriter writer(context, target);
  absl::StatusOr<BackupReport> report = writer.Run(options);
  writer.DropPins();
  if (!report.ok()) RemoveTree(*context.file_system, target);
  return report;
}

}  // namespace kyrodb::engine
