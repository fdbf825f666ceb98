// The seam between the database and the disk: everything that KyroDB reads or writes goes through
// this interface. Implementations: posix_file_system.h, memory_file_system.h (a disk that forgets
// what was not synced), fault_file_system.h (the n-th operation fails).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb {

// A file open for writing at explicit offsets.
//
// Units:          offsets and sizes count bytes.
// Errors:         `ResourceExhausted` when the disk is full, `Unavailable` for any other failure
//                 of the device; after a failed `Write` or `Sync` the content is unknown.
// Thread-safety:  one thread at a time, except that a `Sync` may run beside a `Write`, which it
//                 then covers or not.
// Lifetime:       the destructor closes without syncing; after `Close` all but `Close` itself fail
//                 with `FailedPrecondition`. The file follows a rename and outlives its removal.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Writes all of `bytes` at `offset`, growing the file (holes read as zero).
  virtual absl::Status Write(uint64_t offset, absl::string_view bytes) = 0;
  // Returns when every byte written so far is on the device (fdatasync).
  virtual absl::Status Sync() = 0;
  // Sets the size; a larger size adds zeros.
  virtual absl::Status Truncate(uint64_t size_bytes) = 0;
  virtual absl::Status Close() = 0;
};

// A file open for reading.
//
// Thread-safety:  any number of threads.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Reads up to `size_bytes` at `offset` into `buffer`; returns the count read, which is smaller
  // only at the end of the file. `Unavailable` when the device fails.
  virtual absl::StatusOr<size_t> Read(uint64_t offset, size_t size_bytes, char* buffer) const = 0;
  // The size when the file was opened; `Read` also sees what was written since.
  virtual uint64_t size_bytes() const = 0;
};

// Held while it lives; released by the destructor or by the death of the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Paths are absolute or relative to the working directory, with `/` between parts.
//
// Errors:         `NotFound` when a named file or its directory is absent, `AlreadyExists`,
//                 `ResourceExhausted` when the disk is full, `Unavailable` otherwise; the message
//                 names the operation and the path.
// Thread-safety:  all methods may be called from any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates a new empty file; `AlreadyExists` when there is one. Its name is durable only after
  // `SyncDirectory` of its directory.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> Create(absl::string_view path) = 0;
  virtual absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForRead(absl::string_view path) = 0;
  // Creates one directory (not its parents); OK when it is already there. Durable after
  // `SyncDirectory` of its parent.
  virtual absl::Status CreateDirectory(absl::string_view path) = 0;
  // Replaces `to` by `from` atomically; durable after `SyncDirectory`.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  // Gives the file `from` the second name `to` (a hard link): both are the same file. Durable after
  // `SyncDirectory` of the directory of `to`. `AlreadyExists` when there is a `to`, `Unimplemented`
  // when this file system cannot do it, or not between these two places: copy then.
  virtual absl::Status Link(absl::string_view from, absl::string_view to);
  // Removes a file or an empty directory; durable after `SyncDirectory` of the one it was in.
  virtual absl::Status Remove(absl::string_view path) = 0;
  virtual absl::Status SyncDirectory(absl::string_view path) = 0;
  // Names (not paths) of the entries of a directory, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(absl::string_view path) = 0;
  virtual absl::StatusOr<bool> Exists(absl::string_view path) = 0;
  // Takes the exclusive lock of `path` (created when absent) without waiting and stores `owner` in
  // it. `FailedPrecondition` when another process (or another opener in this one) holds it; the
  // message gives that opener's `owner` text.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path,
                                                         absl::string_view owner) = 0;
};

// Reads a whole file. `DataLoss` when it is larger than `size_bytes_max`.
absl::StatusOr<std::string> ReadFile(FileSystem& file_system, absl::string_view path,
                                     uint64_t size_bytes_max = uint64_t{1} << 40);

// Writes a new file and syncs it (not its directory). `AlreadyExists` when there is one. After any
// other failure the file is removed again if that is possible.
absl::Status WriteFileSynced(FileSystem& file_system, absl::string_view path,
                             absl::string_view bytes);

// Copies the first `size_bytes_max` bytes of a file, or all of it, into a new one and syncs that
// (not its directory). After a failure the new file is removed again if that is possible.
absl::Status CopyFileSynced(FileSystem& file_system, absl::string_view from, absl::string_view to,
                            uint64_t size_bytes_max = ~uint64_t{0});

// `directory/name` with exactly one slash between; `name` alone when `directory` is empty.
std::string JoinPath(absl::string_view directory, absl::string_view name);

}  // namespace kyrodb
