// Backups: a directory that holds a database as it was at one commit, and can be checked, restored,
// and moved on to any later commit that the log still tells of.
//
// `Database::Backup` makes one. In it lie `BACKUP` (which files, how long, with which hash; written
// last: without it a backup is not complete), `manifest`, `log/`, and the files that the manifest
// names under their own names. It cannot be opened as a database by mistake.
// Source: engine/docs/backup_format.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/schema.h"

namespace kyrodb::engine {

struct BackupOptions {
  // An older backup of the same database, or empty: files that are in both are not read again, and
  // not copied when they can be linked from there.
  std::string previous;
};

// What a backup says of itself.
struct BackupInfo {
  struct File {
    std::string path;  // in the backup's directory
    uint64_t size_bytes = 0;
    uint64_t hash = 0;  // XXH3, 64 bits
  };
  uint64_t database_id = 0;
  Lsn checkpoint_lsn = 0;  // the earliest commit that it can be restored to
  Lsn last_lsn = 0;        // the latest, by its own log
  int64_t wall_micros = 0;
  std::vector<File> files;

  uint64_t size_bytes() const;
};

struct BackupReport {
  BackupInfo info;
  uint64_t linked_count = 0;  // files that are links, to the database or to the older backup
  uint64_t copied_count = 0;
  int64_t micros = 0;
  int64_t locked_micros = 0;  // checkpoints had to wait for so long; commits did not
};

// `NotFound` when there is no complete backup in the directory, `DataLoss` when its list is
// damaged, `Unimplemented` when a newer version wrote it.
absl::StatusOr<BackupInfo> ReadBackup(FileSystem& file_system, absl::string_view directory);

// Compares every file with its hash; `DataLoss` names the first that is damaged or missing.
absl::Status VerifyBackup(FileSystem& file_system, absl::string_view directory);

struct RestoreOptions {
  // Null: the operating system's.
  FileSystem* file_system = nullptr;
  const Clock* clock = nullptr;
  // Restore up to this commit, or to the last one whose group was written at or before this time.
  // At most one of them; none: everything.
  std::optional<Lsn> to_lsn;
  std::optional<int64_t> to_wall_micros;
  // Where more of the log lies than the backup has: the archive of the database, its `log/`.
  std::vector<std::string> log_directories;
};

struct RestoreReport {
  Lsn checkpoint_lsn = 0;
  Lsn last_lsn = 0;  // the restored database ends with this commit
  uint64_t replayed_count = 0;
};

// Makes the database that `backup` and the log tell of in `directory`, which must be empty or
// absent, and opens it once. It gets an identity of its own: the logs of the two do not mix. When
// it fails, nothing stays in `directory` that could be opened.
//
// Errors:         those of `VerifyBackup`; `FailedPrecondition` when `directory` is not empty;
//                 `InvalidArgument` when the end may be before the backup's checkpoint or both ends
//                 are given; `NotFound` when the log ends before `to_lsn`; `DataLoss` when the log
//                 is damaged before the end that is asked for.
// Cost:           reads all of the backup once (hashes) and writes the part of the log that counts.
absl::StatusOr<RestoreReport> RestoreBackup(absl::string_view backup, absl::string_view directory,
                                            const RestoreOptions& options = {});

}  // namespace kyrodb::engine
