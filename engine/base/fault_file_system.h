// Wraps another file system and makes chosen operations fail, to see that errors are passed on,
// nothing acknowledged is lost, and nothing is half done. `Close` and `Lock` never fail here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/file_system.h"

namespace kyrodb {

struct Fault {
  enum class Kind {
    // EIO on `Read`, `OpenForRead`, `List` or `Exists`: `Unavailable`.
    kReadError,
    // EIO on `Write`, `Truncate`, `Create`, `CreateDirectory`, `Rename`, `Link` or `Remove`, which
    // then did nothing: `Unavailable`.
    kWriteError,
    // EIO on the sync of a file or directory, which then did nothing: `Unavailable`. After that a
    // file behaves as on Linux: a repeated `Sync` says OK, but what was written before the failure
    // is still not on the device (nor, harsher than Linux, is what the same open file writes
    // later). Over a memory file system such bytes may be lost in a crash. A directory's next sync
    // works again.
    kSyncError,
    // ENOSPC on `Create`, `CreateDirectory`, `Link`, any `Write`, or a `Truncate` that grows the
    // file,
    // which then did nothing: `ResourceExhausted`.
    kDiskFull,
    // A `Write` writes the first half of its bytes, then fails: `Unavailable`.
    kShortWrite,
  };
  Kind kind = Kind::kWriteError;
  // Which operation of that kind fails, counted from 0 since the fault was set.
  uint64_t at = 0;
  // True: every operation of that kind from `at` on fails.
  bool forever = false;
};

// Thread-safety:  as `FileSystem`.
class FaultFileSystem : public FileSystem {
 public:
  // Replaces any earlier fault and counts from 0 again. Holds for files that are already open.
  virtual void SetFault(const Fault& fault) = 0;
  virtual void ClearFault() = 0;
  // How many operations have failed since `SetFault`; stays after `ClearFault`.
  virtual uint64_t failure_count() const = 0;
  // The path of the last of them; empty when there is none.
  virtual std::string last_failed_path() const = 0;
};

// `base` must outlive the result.
std::unique_ptr<FaultFileSystem> NewFaultFileSystem(FileSystem* base);

}  // namespace kyrodb
