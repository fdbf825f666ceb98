#include "engine/storage/value_file_set.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace kyrodb::engine {

std::string ValueFileSet::Path(uint64_t file_number) const {
  return absl::StrCat(path_prefix_, file_number);
}

absl::StatusOr<std::shared_ptr<const ValueFile>> ValueFileSet::Open(uint64_t file_number) {
  absl::MutexLock lock(&mutex_);
  if (const auto it = files_.find(file_number); it != files_.end()) {
    if (std::shared_ptr<const ValueFile> open = it->second.lock()) return open;
  }
  // The lock is held while the file opens: nobody gets here but who opens runs.
  KYRO_ASSIGN_OR_RETURN(
      std::shared_ptr<const ValueFile> file,
      ValueFile::Open(file_system_, Path(file_number), file_number, buffer_pool_, metrics_));
  std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
  files_[file_number] = file;
  return file;
}

}  // namespace kyrodb::engine
