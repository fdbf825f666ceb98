#include "tests/engine/crash/volatile_cache_file_system.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

class VolatileFile final : public WritableFile {
 public:
  explicit VolatileFile(std::unique_ptr<WritableFile> base) : base_(std::move(base)) {}
  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    pending_.push_back({.offset = offset, .bytes = std::string(bytes), .is_truncate = false});
    return absl::OkStatus();
  }
  absl::Status Truncate(uint64_t size_bytes) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    pending_.push_back({.offset = size_bytes, .bytes = {}, .is_truncate = true});
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Operation& operation : pending_) {
      KYRO_RETURN_IF_ERROR(operation.is_truncate ? base_->Truncate(operation.offset)
                                                 : base_->Write(operation.offset, operation.bytes));
    }
    pending_.clear();
    return base_->Sync();
  }
  // As in a kernel, closing does not make anything durable, nor does it forget.
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  struct Operation {
    uint64_t offset;
    std::string bytes;
    bool is_truncate;
  };
  const std::unique_ptr<WritableFile> base_;
  std::mutex mutex_;  // a sync may run beside writes
  std::vector<Operation> pending_;
};

class VolatileCacheFileSystem final : public FileSystem {
 public:
  explicit VolatileCacheFileSystem(FileSystem* base) : base_(base) {}
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = base_->Create(path);
    if (!file.ok()) return file.status();
    return std::make_unique<VolatileFile>(*std::move(file));
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    return base_->OpenForRead(path);
  }
  absl::Status CreateDirectory(absl::string_view path) override {
    return base_->CreateDirectory(path);
  }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    return base_->Rename(from, to);
  }
  absl::Status Link(absl::string_view from, absl::string_view to) override {
    return base_->Link(from, to);
  }
  absl::Status Remove(absl::string_view path) override { return base_->Remove(path); }
  absl::Status SyncDirectory(absl::string_view path) override { return base_->SyncDirectory(path); }
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
};

}  // namespace

std::unique_ptr<FileSystem> NewVolatileCacheFileSystem(FileSystem* base) {
  return std::make_unique<VolatileCacheFileSystem>(base);
}

}  // namespace kyrodb::engine
