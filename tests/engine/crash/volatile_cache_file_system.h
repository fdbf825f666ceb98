// The real disk behind a cache that dies with the process: written bytes stay in this process's
// memory until their file is synced. SIGKILL then loses what a power failure would lose, while the
// operating system's own cache, which survives a kill, would have hidden a missing sync.
// (Names are passed on at once; crash_enumeration_test.cc covers what happens to those.)
#pragma once

#include <memory>

#include "engine/base/file_system.h"

namespace kyrodb::engine {

// `base` must outlive the result. A file that is being written reads as it was last synced.
//
// Thread-safety:  as `FileSystem`.
std::unique_ptr<FileSystem> NewVolatileCacheFileSystem(FileSystem* base);

}  // namespace kyrodb::engine
