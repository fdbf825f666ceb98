// The one switch that publishes a new state of the database's files: a payload of opaque bytes that
// is replaced as a whole, or not at all.
// Source: log_format.md in this folder; the CURRENT file is LevelDB's idea.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/file_system.h"

namespace kyrodb::wal {

// One manifest file, read.
struct ManifestFile {
  uint64_t number = 0;
  std::string payload;
};

// Whether `bytes`, the beginning of a file, begin as a manifest does.
bool LooksLikeManifest(absl::string_view bytes);
// `DataLoss` when damaged, `FailedPrecondition` when a newer version wrote it; `path` is for the
// message.
absl::StatusOr<ManifestFile> ParseManifest(absl::string_view path, absl::string_view bytes);
// The number of the manifest that the text of a CURRENT file names, and the name of such a file.
// `DataLoss` when it names none.
absl::StatusOr<uint64_t> ParseCurrent(absl::string_view path, absl::string_view text);
std::string ManifestName(uint64_t number);

// Errors:         `DataLoss` when the manifest that CURRENT names is damaged or missing: an older
// one
//                 is never taken in its place. `FailedPrecondition` when it was written by a newer
//                 version, and, after a failed sync or switch, for every further `Publish`.
//                 `ResourceExhausted` when the disk is full: the state is as before, try again.
// Thread-safety:  all methods may be called from any thread.
class ManifestStore {
 public:
  // Looks at the directory (which must exist), syncs it and changes nothing. Fails only when the
  // directory cannot be listed: a damaged manifest is reported by `Load`.
  static absl::StatusOr<std::unique_ptr<ManifestStore>> Open(FileSystem* file_system,
                                                             absl::string_view directory);

  // The payload last published, or nothing in a directory where none ever was.
  absl::StatusOr<std::optional<std::string>> Load() const;

  // Replaces the payload durably. When it fails before the switch, the old payload stays; when the
  // switch itself cannot be made durable (`Unavailable`, "outcome unknown") a later `Load` gives
  // the old or the new one, whole, and this store takes no further payload. Keeps the manifest
  // before this one, removes older ones. `InvalidArgument` above 1 GiB.
  absl::Status Publish(absl::string_view payload);

  // The number of the manifest last published or found; 0 when none.
  uint64_t number() const;

 private:
  ManifestStore(FileSystem* file_system, absl::string_view directory);
  void RemoveOthers(uint64_t previous) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FileSystem* const file_system_;
  const std::string directory_;
  mutable absl::Mutex mutex_;
  absl::Status damaged_ ABSL_GUARDED_BY(mutex_);  // why CURRENT cannot be followed
  absl::Status poisoned_ ABSL_GUARDED_BY(mutex_);
  uint64_t current_ ABSL_GUARDED_BY(mutex_) = 0;     // named by CURRENT
  uint64_t number_max_ ABSL_GUARDED_BY(mutex_) = 0;  // of any file, left-overs included
};

}  // namespace kyrodb::wal
