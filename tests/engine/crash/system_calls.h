// The system calls below the posix file system, made to fail on demand. The test program is linked
// with `--wrap` for each of them, so that every call of ours comes here first and the product holds
// nothing for it.
#pragma once

#include <cstdint>
#include <string>

namespace kyrodb::engine {

struct SystemCallFault {
  enum class Kind {
    kReadError,    // EIO from pread
    kWriteError,   // EIO from pwrite, ftruncate, rename, unlink, mkdir, and open that creates
    kSyncError,    // EIO from fdatasync and fsync
    kDiskFull,     // ENOSPC from pwrite and from open that creates
    kShortWrite,   // pwrite writes half of the bytes, at least one, and says so
    kInterrupted,  // EINTR from open, pread, pwrite, ftruncate, fdatasync, fsync and fcntl, before
                   // anything is done
  };
  Kind kind = Kind::kWriteError;
  // Which call of that kind, from 0.
  uint64_t at = 0;
  // Every such call from `at` on; of interrupted calls every second one, as no kernel interrupts
  // for ever.
  bool forever = false;
};

// Replaces any earlier fault and counts from 0. Syncs are not passed on to the kernel at all: what
// a power failure leaves is the matter of other tests.
void SetSystemCallFault(const SystemCallFault& fault);
void ClearSystemCallFault();
// How many calls have failed since, and the path or call of the last one.
uint64_t SystemCallFailureCount();
std::string LastFailedPath();

}  // namespace kyrodb::engine
