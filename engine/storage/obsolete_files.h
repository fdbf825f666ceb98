// Files that may go once the last reader is done with them.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/file_system.h"

namespace kyrodb::engine {

// Paths of files that no reader needs any more. Their owner removes them once the manifest that
// forgets them is durable.
//
// Thread-safety:  all methods may be called from any thread.
class ObsoleteFiles {
 public:
  void Add(std::string path);
  // Takes all that are waiting.
  std::vector<std::string> Take();
  // Removes all that are waiting; a file that is already gone counts as removed. Files that could
  // not be removed wait on, and the first error is returned.
  absl::Status RemoveAll(FileSystem& file_system);

 private:
  absl::Mutex mutex_;
  std::vector<std::string> paths_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::engine
