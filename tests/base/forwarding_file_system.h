// A file system that passes everything on: a test overrides the few operations that it bends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"

namespace kyrodb {

// Thread-safety:  that of what it forwards to.
// Lifetime:       `base` must outlive it.
class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem* base) : base_(base) {}

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    return base_->Create(path);
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

 protected:
  FileSystem& base() const { return *base_; }

 private:
  FileSystem* const base_;
};

}  // namespace kyrodb
