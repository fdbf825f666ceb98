#include "engine/storage/obsolete_files.h"

#include <utility>

namespace kyrodb::engine {

void ObsoleteFiles::Add(std::string path) {
  absl::MutexLock lock(&mutex_);
  paths_.push_back(std::move(path));
}

std::vector<std::string> ObsoleteFiles::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(paths_, {});
}

absl::Status ObsoleteFiles::RemoveAll(FileSystem& file_system) {
  absl::Status first_error;
  for (std::string& path : Take()) {
    const absl::Status status = file_system.Remove(path);
    if (status.ok() || absl::IsNotFound(status)) continue;
    first_error.Update(status);
    Add(std::move(path));
  }
  return first_error;
}

}  // namespace kyrodb::engine
