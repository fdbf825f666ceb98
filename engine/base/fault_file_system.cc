#include "engine/base/fault_file_system.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/disk/errno_status.h"
#include "engine/base/status.h"

namespace kyrodb {
namespace {

using Kind = Fault::Kind;

// Decides which operations fail; shared by the file system and its open files.
class FaultPlan {
 public:
  void Set(const Fault& fault) {
    absl::MutexLock lock(&mutex_);
    fault_ = fault;
    seen_count_ = 0;
    failure_count_ = 0;
    last_failed_path_.clear();
  }

  void Clear() {
    absl::MutexLock lock(&mutex_);
    fault_.reset();
  }

  uint64_t failure_count() const {
    absl::MutexLock lock(&mutex_);
    return failure_count_;
  }

  std::string last_failed_path() const {
    absl::MutexLock lock(&mutex_);
    return last_failed_path_;
  }

  // Whether this operation on `path`, to which a fault of `kind` applies, fails. Counts it.
  bool Fails(Kind kind, absl::string_view path) {
    absl::MutexLock lock(&mutex_);
    if (!fault_ || fault_->kind != kind) return false;
    const uint64_t number = seen_count_++;
    if (fault_->forever ? number < fault_->at : number != fault_->at) return false;
    ++failure_count_;
    last_failed_path_ = std::string(path);
    return true;
  }

  // For an operation that writes: OK, or what the device says.
  absl::Status CheckWrite(absl::string_view operation, absl::string_view path) {
    if (Fails(Kind::kWriteError, path)) return disk::ErrnoStatus(operation, path, EIO);
    return absl::OkStatus();
  }

  // For an operation that writes and may need room.
  absl::Status CheckGrow(absl::string_view operation, absl::string_view path) {
    if (Fails(Kind::kDiskFull, path)) return disk::ErrnoStatus(operation, path, ENOSPC);
    return CheckWrite(operation, path);
  }

  absl::Status CheckRead(absl::string_view operation, absl::string_view path) {
    if (Fails(Kind::kReadError, path)) return disk::ErrnoStatus(operation, path, EIO);
    return absl::OkStatus();
  }

 private:
  mutable absl::Mutex mutex_;
  std::optional<Fault> fault_ ABSL_GUARDED_BY(mutex_);
  uint64_t seen_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t failure_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_failed_path_ ABSL_GUARDED_BY(mutex_);
};

class FaultWritableFile : public WritableFile {
 public:
  FaultWritableFile(std::shared_ptr<FaultPlan> plan, std::string path,
                    std::unique_ptr<WritableFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  absl::Status Write(uint64_t offset, absl::string_view bytes) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckGrow("write", path_));
    if (!bytes.empty()) size_bytes_ = std::max(size_bytes_, offset + bytes.size());
    if (plan_->Fails(Kind::kShortWrite, path_)) {
      KYRO_RETURN_IF_ERROR(base_->Write(offset, bytes.substr(0, bytes.size() / 2)));
      return absl::UnavailableError(absl::StrCat("write \"", path_, "\": wrote ", bytes.size() / 2,
                                                 " of ", bytes.size(), " bytes"));
    }
    return base_->Write(offset, bytes);
  }

  absl::Status Sync() override {
    if (plan_->Fails(Kind::kSyncError, path_)) {
      has_lost_sync_ = true;
      return disk::ErrnoStatus("sync", path_, EIO);
    }
    // The system reports a lost write once and then believes the page to be clean.
    if (has_lost_sync_) return absl::OkStatus();
    return base_->Sync();
  }

  absl::Status Truncate(uint64_t size_bytes) override {
    KYRO_RETURN_IF_ERROR(size_bytes > size_bytes_ ? plan_->CheckGrow("truncate", path_)
                                                  : plan_->CheckWrite("truncate", path_));
    size_bytes_ = size_bytes;
    return base_->Truncate(size_bytes);
  }

  absl::Status Close() override { return base_->Close(); }

 private:
  const std::shared_ptr<FaultPlan> plan_;
  const std::string path_;
  const std::unique_ptr<WritableFile> base_;
  uint64_t size_bytes_ = 0;  // an upper bound: files begin empty
  std::atomic<bool> has_lost_sync_{false};
};

class FaultRandomAccessFile : public RandomAccessFile {
 public:
  FaultRandomAccessFile(std::shared_ptr<FaultPlan> plan, std::string path,
                        std::unique_ptr<RandomAccessFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  absl::StatusOr<size_t> Read(uint64_t offset, size_t size_bytes, char* buffer) const override {
    KYRO_RETURN_IF_ERROR(plan_->CheckRead("read", path_));
    return base_->Read(offset, size_bytes, buffer);
  }

  uint64_t size_bytes() const override { return base_->size_bytes(); }

 private:
  const std::shared_ptr<FaultPlan> plan_;
  const std::string path_;
  const std::unique_ptr<RandomAccessFile> base_;
};

class FaultFileSystemImpl : public FaultFileSystem {
 public:
  explicit FaultFileSystemImpl(FileSystem* base)
      : base_(base), plan_(std::make_shared<FaultPlan>()) {}

  void SetFault(const Fault& fault) override { plan_->Set(fault); }
  void ClearFault() override { plan_->Clear(); }
  uint64_t failure_count() const override { return plan_->failure_count(); }
  std::string last_failed_path() const override { return plan_->last_failed_path(); }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckGrow("create", path));
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, base_->Create(path));
    return std::make_unique<FaultWritableFile>(plan_, std::string(path), std::move(file));
  }

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckRead("open", path));
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, base_->OpenForRead(path));
    return std::make_unique<FaultRandomAccessFile>(plan_, std::string(path), std::move(file));
  }

  absl::Status CreateDirectory(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckGrow("create directory", path));
    return base_->CreateDirectory(path);
  }

  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    if (plan_->Fails(Kind::kWriteError, to)) return disk::RenameStatus(from, to, EIO);
    return base_->Rename(from, to);
  }

  absl::Status Link(absl::string_view from, absl::string_view to) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckGrow("link", to));
    return base_->Link(from, to);
  }

  absl::Status Remove(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckWrite("remove", path));
    return base_->Remove(path);
  }

  absl::Status SyncDirectory(absl::string_view path) override {
    if (plan_->Fails(Kind::kSyncError, path)) return disk::ErrnoStatus("sync directory", path, EIO);
    return base_->SyncDirectory(path);
  }

  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckRead("list", path));
    return base_->List(path);
  }

  absl::StatusOr<bool> Exists(absl::string_view path) override {
    KYRO_RETURN_IF_ERROR(plan_->CheckRead("stat", path));
    return base_->Exists(path);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path,
                                                 absl::string_view owner) override {
    return base_->Lock(path, owner);
  }

 private:
  FileSystem* const base_;
  const std::shared_ptr<FaultPlan> plan_;
};

}  // namespace

std::unique_ptr<FaultFileSystem> NewFaultFileSystem(FileSystem* base) {
  return std::make_unique<FaultFileSystemImpl>(base);
}

}  // namespace kyrodb
