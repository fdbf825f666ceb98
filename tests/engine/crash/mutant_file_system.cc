#include "tests/engine/crash/mutant_file_system.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/core/file_names.h"
#include "engine/core/manifest_state.h"
#include "tests/base/forwarding_file_system.h"
#include "tests/wal/unchecked_log.h"

namespace kyrodb::engine {
namespace {

bool IsLog(absl::string_view path) { return absl::StrContains(path, "/log/"); }
bool IsRun(absl::string_view path) { return absl::StrContains(path, "/runs/"); }
bool IsManifest(absl::string_view path) { return absl::StrContains(path, "/MANIFEST"); }
bool IsCurrent(absl::string_view path) { return absl::StrContains(path, "/CURRENT"); }

// Shared by the file system and its files; files outlive neither.
struct Shared {
  FileSystem* base;
  Mutation mutation;
  // What the last manifest that was written says.
  uint64_t checkpoint_lsn = 0;
  std::atomic<uint64_t> log_sync_count{0};
  std::mutex mutex;
  // kRenameBeforeSync: files whose sync waits for the rename.
  std::map<std::string, WritableFile*> unsynced;
};

// Where a manifest file keeps its payload and the checksum of it (wal/log_format.md).
constexpr size_t kManifestHeaderBytes = 32;
constexpr size_t kManifestCrcOffset = 4;
constexpr size_t kManifestCheckedFrom = 8;
constexpr size_t kManifestPayloadSizeOffset = 24;

// Removes what the engine would remove after `manifest` is current, or changes what it says.
// Returns the bytes to write.
std::string MutateManifest(absl::string_view path, absl::string_view manifest, Shared& shared) {
  std::string bytes(manifest);
  if (bytes.size() <= kManifestHeaderBytes) return bytes;
  absl::StatusOr<ManifestState> state =
      DecodeManifest(absl::string_view(bytes).substr(kManifestHeaderBytes));
  KYRO_CHECK(state.ok());
  const std::string directory(path.substr(0, path.find_last_of('/')));
  const auto remove_where = [&](const std::string& folder, const auto& is_gone) {
    const auto names = shared.base->List(JoinPath(directory, folder));
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      if (is_gone(name)) {
        shared.base->Remove(JoinPath(JoinPath(directory, folder), name)).IgnoreError();
      }
    }
    shared.base->SyncDirectory(JoinPath(directory, folder)).IgnoreError();
  };
  const bool advances = state->checkpoint_lsn > shared.checkpoint_lsn && shared.checkpoint_lsn > 0;
  shared.checkpoint_lsn = state->checkpoint_lsn;
  bool changed = false;
  switch (shared.mutation) {
    case Mutation::kRunsRemovedEarly: {
      std::set<std::string> named;
      for (const ManifestState::Space& space : state->spaces) {
        for (const uint64_t number : space.runs) named.insert(FileNames::RunName(space.id, number));
        for (const auto& values : space.value_files) {
          named.insert(FileNames::ValuesName(values.file_number));
        }
      }
      remove_where("runs", [&](const std::string& name) { return !named.contains(name); });
      break;
    }
    case Mutation::kLogRemovedEarly:
      if (!advances) break;
      remove_where("log", [&](const std::string& name) {
        return wal::SegmentIdOf(name).value_or(state->log_segment) < state->log_segment;
      });
      break;
    case Mutation::kCheckpointTooHigh:
      changed = state->checkpoint_lsn > 0;
      if (changed) ++state->checkpoint_lsn;
      break;
    case Mutation::kForgetsOneRun:
      for (ManifestState::Space& space : state->spaces) {
        if (space.runs.size() < 2) continue;
        space.runs.pop_back();
        changed = true;
      }
      break;
    case Mutation::kForgetsValueFiles:
      for (ManifestState::Space& space : state->spaces) {
        changed = changed || !space.value_files.empty();
        space.value_files.clear();
      }
      break;
    default:
      break;
  }
  if (!changed) return bytes;
  const std::string payload = EncodeManifest(*state);
  bytes = bytes.substr(0, kManifestHeaderBytes) + payload;
  const uint64_t size = payload.size();
  std::memcpy(bytes.data() + kManifestPayloadSizeOffset, &size, sizeof(size));
  const uint32_t crc = Crc32c(absl::string_view(bytes).substr(kManifestCheckedFrom));
  std::memcpy(bytes.data() + kManifestCrcOffset, &crc, sizeof(crc));
  return bytes;
}

class BytesFile final : public RandomAccessFile {
 public:
  explicit BytesFile(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<size_t> Read(uint64_t offset, size_t size_bytes, char* buffer) const override {
    if (offset >= bytes_.size()) return size_t{0};
    return bytes_.copy(buffer, size_bytes, offset);
  }
  uint64_t size_bytes() const override { return bytes_.size(); }

 private:
  const std::string bytes_;
};

class MutantFile final : public WritableFile {
 public:
  MutantFile(std::unique_ptr<WritableFile> base, std::string path, std::shared_ptr<Shared> shared)
      : base_(std::move(base)), path_(std::move(path)), shared_(std::move(shared)) {}
  ~MutantFile() override {
    // kRenameBeforeSync: the writer let go of the file; keep it until the rename has synced it.
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    if (deferred_) shared_->unsynced[path_] = base_.release();
  }
  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    if (IsManifest(path_)) return base_->Write(offset, MutateManifest(path_, bytes, *shared_));
    if (shared_->mutation != Mutation::kAcknowledgeBeforeWrite || !IsLog(path_)) {
      return base_->Write(offset, bytes);
    }
    absl::Status status = WriteLate();
    late_ = {offset, std::string(bytes)};
    return status;
  }
  absl::Status Sync() override {
    switch (shared_->mutation) {
      case Mutation::kSkipLogSync:
        if (IsLog(path_)) return absl::OkStatus();
        break;
      case Mutation::kSkipOneLogSync:
        if (IsLog(path_) && shared_->log_sync_count++ % 50 == 24) return absl::OkStatus();
        break;
      case Mutation::kSkipRunSync:
        if (IsRun(path_)) return absl::OkStatus();
        break;
      case Mutation::kSkipManifestSync:
        if (IsManifest(path_)) return absl::OkStatus();
        break;
      case Mutation::kRenameBeforeSync:
        if (IsCurrent(path_)) {
          deferred_ = true;
          return absl::OkStatus();
        }
        break;
      default:
        break;
    }
    return base_->Sync();
  }
  absl::Status Truncate(uint64_t size_bytes) override {
    KYRO_RETURN_IF_ERROR(WriteLate());
    return base_->Truncate(size_bytes);
  }
  absl::Status Close() override {
    KYRO_RETURN_IF_ERROR(WriteLate());
    return deferred_ ? absl::OkStatus() : base_->Close();
  }

 private:
  // kAcknowledgeBeforeWrite.
  absl::Status WriteLate() {
    if (!late_) return absl::OkStatus();
    const auto [offset, bytes] = *std::exchange(late_, std::nullopt);
    return base_->Write(offset, bytes);
  }

  std::unique_ptr<WritableFile> base_;
  const std::string path_;
  const std::shared_ptr<Shared> shared_;
  bool deferred_ = false;
  std::optional<std::pair<uint64_t, std::string>> late_;
};

class MutantFileSystem final : public ForwardingFileSystem {
 public:
  MutantFileSystem(FileSystem* base, Mutation mutation, int rename_pause_ms)
      : ForwardingFileSystem(base),
        shared_(std::make_shared<Shared>()),
        rename_pause_ms_(rename_pause_ms) {
    shared_->base = base;
    shared_->mutation = mutation;
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = base().Create(path);
    if (!file.ok()) return file.status();
    return std::make_unique<MutantFile>(*std::move(file), std::string(path), shared_);
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    if (shared_->mutation != Mutation::kNoChecksum || !IsLog(path)) {
      return base().OpenForRead(path);
    }
    KYRO_ASSIGN_OR_RETURN(std::string bytes, ReadFile(base(), path));
    return std::make_unique<BytesFile>(wal::WithoutChecksums(std::move(bytes)));
  }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    if (shared_->mutation == Mutation::kReplaceByRemove && IsCurrent(to)) {
      base().Remove(to).IgnoreError();
    }
    absl::Status status = base().Rename(from, to);
    std::unique_ptr<WritableFile> late;
    {
      const std::lock_guard<std::mutex> lock(shared_->mutex);
      auto it = shared_->unsynced.find(std::string(from));
      if (it != shared_->unsynced.end()) {
        late.reset(it->second);
        shared_->unsynced.erase(it);
      }
    }
    if (!status.ok() || late == nullptr) return status;
    // The name becomes durable before the content.
    const std::string directory = std::string(to.substr(0, to.find_last_of('/')));
    if (status = base().SyncDirectory(directory); !status.ok()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(rename_pause_ms_));
    return late->Sync();
  }
  absl::Status SyncDirectory(absl::string_view path) override {
    if (shared_->mutation == Mutation::kSkipDirectorySync) return absl::OkStatus();
    return base().SyncDirectory(path);
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const int rename_pause_ms_;
};

}  // namespace

std::string MutationName(Mutation mutation) {
  switch (mutation) {
    case Mutation::kNone:
      return "none";
    case Mutation::kSkipLogSync:
      return "skip log sync";
    case Mutation::kSkipRunSync:
      return "skip run sync";
    case Mutation::kSkipDirectorySync:
      return "skip directory sync";
    case Mutation::kSkipManifestSync:
      return "skip manifest sync";
    case Mutation::kRenameBeforeSync:
      return "rename before sync";
    case Mutation::kSkipOneLogSync:
      return "skip one log sync in fifty";
    case Mutation::kReplaceByRemove:
      return "remove CURRENT before the new one comes";
    case Mutation::kAcknowledgeBeforeWrite:
      return "acknowledge before the write";
    case Mutation::kNoChecksum:
      return "read the log without checksums";
    case Mutation::kRunsRemovedEarly:
      return "remove merged runs before the manifest switch";
    case Mutation::kLogRemovedEarly:
      return "remove log segments before the manifest switch";
    case Mutation::kCheckpointTooHigh:
      return "checkpoint one commit too high";
    case Mutation::kForgetsValueFiles:
      return "value files forgotten";
    case Mutation::kForgetsOneRun:
      return "manifest leaves out a run";
  }
  return "unknown";
}

std::unique_ptr<FileSystem> NewMutantFileSystem(FileSystem* base, Mutation mutation,
                                                int rename_pause_ms) {
  return std::make_unique<MutantFileSystem>(base, mutation, rename_pause_ms);
}

}  // namespace kyrodb::engine
