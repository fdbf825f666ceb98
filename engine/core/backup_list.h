// The file `BACKUP`: which files a backup has. Source: engine/docs/backup_format.md.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/backup.h"
#include "engine/base/file_system.h"

namespace kyrodb::engine {

inline constexpr char kBackupListName[] = "BACKUP";
inline constexpr char kBackupManifestName[] = "manifest";

std::string EncodeBackupList(const BackupInfo& info);
// `path` is for messages.
absl::StatusOr<BackupInfo> DecodeBackupList(absl::string_view path, absl::string_view text);

// XXH3 of the whole file, and its size in `*size_bytes`.
absl::StatusOr<uint64_t> HashFile(FileSystem& file_system, const std::string& path,
                                  uint64_t* size_bytes);

// OK when the directory is absent (then it is made and its name synced) or empty.
// `FailedPrecondition` otherwise.
absl::Status MakeEmptyDirectory(FileSystem& file_system, const std::string& directory);

// Makes the directories on the way from `directory` to a file at the relative `path`.
absl::Status MakeDirectoriesFor(FileSystem& file_system, const std::string& directory,
                                absl::string_view path);

// Removes a directory with all that is in it, as far as that is possible: best effort.
void RemoveTree(FileSystem& file_system, const std::string& directory);

// Syncs `directory` and the directories in it.
absl::Status SyncTree(FileSystem& file_system, const std::string& directory);

// A second name for the file, or a copy where that cannot be. Whether it is a link.
absl::StatusOr<bool> LinkOrCopy(FileSystem& file_system, const std::string& from,
                                const std::string& to);

}  // namespace kyrodb::engine
