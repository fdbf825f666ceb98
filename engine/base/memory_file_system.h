// A disk in memory that keeps what a real disk promises and nothing more: bytes survive a crash
// only when their file was synced, names only when their directory was synced. Tests crash it at
// any operation and look at what a recovery would find.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/file_system.h"

namespace kyrodb {

// The promises, all of them: `WritableFile::Sync` makes the bytes and the size of a file durable,
// not its name; `SyncDirectory` makes the names in one directory durable, not the bytes behind
// them. So a name may survive with an empty, holed or older file behind it, a rename or removal may
// be undone, and a file in a directory whose own name was not synced is gone. A rename between two
// directories is one change in each of them: sync the target first. Names within a directory change
// in order.
//
// Shape:          the working directory is `/`; both exist and are durable from the start. A file
//                 has at most 64 GiB (EFBIG, `Unavailable`, beyond).
// Thread-safety:  as `FileSystem`.
// Cost:           a crash copy costs a few allocations per file, whatever the files' sizes, plus
//                 the bytes not yet synced.
// Lifetime:       open files and locks may outlive the file system; copies are independent.
class MemoryFileSystem : public FileSystem {
 public:
  // What a crash leaves of the operations that no sync covers yet.
  enum class Survivors {
    kNone,    // nothing unsynced survives
    kAll,     // everything does: the process died, the machine did not
    kRandom,  // each unsynced 512-byte sector, and a prefix of each directory's unsynced
              // changes, is kept or lost by the seed; a kept sector may be from any of its writes,
              // the size from any of its changes or from the middle of a growing write. Per file,
              // one outcome in four is each of: all lost, all kept, a prefix of the writes with the
              // last one torn, every sector by itself
  };

  // Freezes the state after a power loss now; the receiver itself goes on unharmed. All that is
  // left is durable on the copy, no lock is held there, it counts operations from 0 and does not
  // stop. Two calls with the same history, `survivors` and `seed` give the same disk.
  virtual std::unique_ptr<MemoryFileSystem> CrashCopy(Survivors survivors, uint64_t seed) const = 0;

  // Every state-changing call (Create, Write, Truncate, Sync, Rename, Remove, SyncDirectory,
  // CreateDirectory) counts as one operation, also when it fails with an error of its own.
  // `Close` and `Lock` do not count.
  virtual uint64_t operation_count() const = 0;

  // From operation number `operation` on (counted as above, from 0) every call, reads included,
  // fails with `Unavailable` and changes nothing: the process that uses this disk is as good as
  // dead. A later call of this method revives it.
  virtual void StopAtOperation(uint64_t operation) = 0;
};

std::unique_ptr<MemoryFileSystem> NewMemoryFileSystem();

}  // namespace kyrodb
