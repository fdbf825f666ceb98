// The value files of a database: each is open once, whoever refers to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/file_system.h"
#include "engine/base/metrics.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/value_file.h"

namespace kyrodb::engine {

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       what it is made of must outlive it; files may outlive the set.
class ValueFileSet {
 public:
  // A file's path is the prefix and its number.
  ValueFileSet(FileSystem& file_system, absl::string_view path_prefix, BufferPool& buffer_pool,
               MetricsRegistry& metrics)
      : file_system_(file_system),
        path_prefix_(path_prefix),
        buffer_pool_(buffer_pool),
        metrics_(metrics) {}

  std::string Path(uint64_t file_number) const;
  // The file that is open already, or opens it. `NotFound` when there is none, otherwise as
  // `ValueFile::Open`.
  absl::StatusOr<std::shared_ptr<const ValueFile>> Open(uint64_t file_number);

 private:
  FileSystem& file_system_;
  const std::string path_prefix_;
  BufferPool& buffer_pool_;
  MetricsRegistry& metrics_;
  absl::Mutex mutex_;
  // The standard's map stays whole when memory runs out, which Abseil's tables do not.
  std::map<uint64_t, std::weak_ptr<const ValueFile>> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
