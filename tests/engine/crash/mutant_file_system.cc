#include "tests/engine/crash/mutant_file_system.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"

namespace kyrodb::engine {
namespace {

bool IsLog(absl::string_view path) { return absl::StrContains(path, "/log/"); }
bool IsRun(absl::string_view path) { return absl::StrContains(path, "/runs/"); }
bool IsManifest(absl::string_view path) { return absl::StrContains(path, "/MANIFEST"); }
bool IsCurrent(absl::string_view path) { return absl::StrContains(path, "/CURRENT"); }

// Shared by the file system and its files; files outlive neither.
struct Shared {
  Mutation mutation;
  std::atomic<uint64_t> log_sync_count{0};
  std::mutex mutex;
  // kRenameBeforeSync: files whose sync waits for the rename.
  std::map<std::string, WritableFile*> unsynced;
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
    return base_->Write(offset, bytes);
  }
  absl::Status Sync() override {
    switch (shared_->mutation) {
      case Mutation::kSkipLogSync:
        if (IsLog(path_)) return absl::OkStatus();
        break;
      case Mutation::kSkipOneLogSync:
        if (IsLog(path_) && shared_->log_sync_count++ % 20 == 19) return absl::OkStatus();
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
      case Mutation::kSkipDirectorySync:
      case Mutation::kNone:
        break;
    }
    return base_->Sync();
  }
  absl::Status Truncate(uint64_t size_bytes) override { return base_->Truncate(size_bytes); }
  absl::Status Close() override { return deferred_ ? absl::OkStatus() : base_->Close(); }

 private:
  std::unique_ptr<WritableFile> base_;
  const std::string path_;
  const std::shared_ptr<Shared> shared_;
  bool deferred_ = false;
};

class MutantFileSystem final : public FileSystem {
 public:
  MutantFileSystem(FileSystem* base, Mutation mutation, int rename_pause_ms)
      : base_(base), shared_(std::make_shared<Shared>()), rename_pause_ms_(rename_pause_ms) {
    shared_->mutation = mutation;
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = base_->Create(path);
    if (!file.ok()) return file.status();
    return std::make_unique<MutantFile>(*std::move(file), std::string(path), shared_);
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    return base_->OpenForRead(path);
  }
  absl::Status CreateDirectory(absl::string_view path) override {
    return base_->CreateDirectory(path);
  }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    absl::Status status = base_->Rename(from, to);
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
    if (status = base_->SyncDirectory(directory); !status.ok()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(rename_pause_ms_));
    return late->Sync();
  }
  absl::Status Remove(absl::string_view path) override { return base_->Remove(path); }
  absl::Status SyncDirectory(absl::string_view path) override {
    if (shared_->mutation == Mutation::kSkipDirectorySync) return absl::OkStatus();
    return base_->SyncDirectory(path);
  }
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    return base_->List(path);
  }
  absl::StatusOr<bool> Exists(absl::string_view path) override { return base_->Exists(path); }
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path,
                                                 absl::string_view owner) override {
    return base_->Lock(path, owner);
  }

 private:
  FileSystem* const base_;
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
      return "skip one log sync in twenty";
  }
  return "unknown";
}

std::unique_ptr<FileSystem> NewMutantFileSystem(FileSystem* base, Mutation mutation,
                                                int rename_pause_ms) {
  return std::make_unique<MutantFileSystem>(base, mutation, rename_pause_ms);
}

}  // namespace kyrodb::engine
