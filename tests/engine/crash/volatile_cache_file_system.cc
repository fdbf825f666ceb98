#include "tests/engine/crash/volatile_cache_file_system.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "tests/base/forwarding_file_system.h"

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

class VolatileCacheFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = base().Create(path);
    if (!file.ok()) return file.status();
    return std::make_unique<VolatileFile>(*std::move(file));
  }
};

}  // namespace

std::unique_ptr<FileSystem> NewVolatileCacheFileSystem(FileSystem* base) {
  return std::make_unique<VolatileCacheFileSystem>(base);
}

}  // namespace kyrodb::engine
