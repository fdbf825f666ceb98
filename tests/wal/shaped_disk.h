// An in-memory disk with the shape of a real one: it has an end, and a sync takes time.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/file_system.h"
#include "tests/base/forwarding_file_system.h"

namespace kyrodb::wal {

// Forwards to `base`, which must outlive it. Only growth of files counts against the capacity, so
// bytes that are written over cost nothing, as on a file system that writes in place.
class ShapedDisk : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  void SetCapacity(uint64_t bytes) { shape_->capacity_bytes.store(bytes); }
  // Called at the beginning of every sync of a file, in the thread that syncs. Set it before files
  // are created.
  void SetSyncHook(std::function<void()> hook) { shape_->sync_hook = std::move(hook); }
  void SetSyncTime(absl::Duration time) { shape_->sync_micros.store(time / absl::Microseconds(1)); }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) override {
    absl::StatusOr<std::unique_ptr<WritableFile>> file = base().Create(path);
    if (!file.ok()) return file;
    return std::make_unique<File>(shape_, std::string(path), *std::move(file));
  }
  absl::Status Remove(absl::string_view path) override {
    {
      absl::MutexLock lock(&shape_->mutex);
      shape_->size_bytes.erase(std::string(path));
    }
    return base().Remove(path);
  }

 private:
  struct Shape {
    std::atomic<uint64_t> capacity_bytes{~uint64_t{0}};
    std::atomic<int64_t> sync_micros{0};
    std::function<void()> sync_hook;
    absl::Mutex mutex;
    std::map<std::string, uint64_t> size_bytes ABSL_GUARDED_BY(mutex);
  };

  class File : public WritableFile {
   public:
    File(std::shared_ptr<Shape> shape, std::string path, std::unique_ptr<WritableFile> base)
        : shape_(std::move(shape)), path_(std::move(path)), base_(std::move(base)) {}

    absl::Status Write(uint64_t offset, absl::string_view bytes) override {
      uint64_t room;
      {
        absl::MutexLock lock(&shape_->mutex);
        uint64_t used = 0;
        for (const auto& [path, size] : shape_->size_bytes) used += size;
        uint64_t& size = shape_->size_bytes[path_];
        const uint64_t capacity = shape_->capacity_bytes.load();
        const uint64_t end_max = size + (capacity > used ? capacity - used : 0);
        room = end_max > offset ? end_max - offset : 0;
        size = std::max(size, offset + std::min<uint64_t>(room, bytes.size()));
      }
      if (room >= bytes.size()) return base_->Write(offset, bytes);
      // As much as fits gets there, as with a real ENOSPC.
      absl::Status status = base_->Write(offset, bytes.substr(0, room));
      return status.ok() ? absl::ResourceExhaustedError("no space left on device") : status;
    }
    absl::Status Sync() override {
      if (shape_->sync_hook != nullptr) shape_->sync_hook();
      const int64_t micros = shape_->sync_micros.load();
      if (micros > 0) absl::SleepFor(absl::Microseconds(micros));
      return base_->Sync();
    }
    absl::Status Truncate(uint64_t size_bytes) override {
      {
        absl::MutexLock lock(&shape_->mutex);
        shape_->size_bytes[path_] = size_bytes;
      }
      return base_->Truncate(size_bytes);
    }
    absl::Status Close() override { return base_->Close(); }

   private:
    const std::shared_ptr<Shape> shape_;
    const std::string path_;
    const std::unique_ptr<WritableFile> base_;
  };

  const std::shared_ptr<Shape> shape_ = std::make_shared<Shape>();
};

}  // namespace kyrodb::wal
