// The real disk: pread, pwrite, fdatasync, and an OFD lock for the directory's opener.
#pragma once

#include <memory>

#include "engine/base/file_system.h"

namespace kyrodb {

// Thread-safety:  the result may be shared by any number of threads.
std::unique_ptr<FileSystem> NewPosixFileSystem();

}  // namespace kyrodb
