#include "engine/core/backup_list.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kListVersion = 1;
constexpr uint64_t kListBytesMax = uint64_t{256} << 20;
constexpr char kMagic[] = "kyrodb backup ";

// A path that cannot lead out of the backup's directory.
bool IsSafePath(absl::string_view path) {
  if (path.empty()) return false;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

absl::Status Damaged(absl::string_view path, size_t line, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, " line ", line, " is damaged: ", what));
}

}  // namespace

uint64_t BackupInfo::size_bytes() const {
  uint64_t bytes = 0;
  for (const File& file : files) bytes += file.size_bytes;
  return bytes;
}

std::string EncodeBackupList(const BackupInfo& info) {
  std::string text = absl::StrFormat(
      "%s%d\ndatabase %016x\ncheckpoint_lsn %d\nlast_lsn %d\nwall_micros %d\n", kMagic,
      kListVersion, info.database_id, info.checkpoint_lsn, info.last_lsn, info.wall_micros);
  for (const BackupInfo::File& file : info.files) {
    absl::StrAppendFormat(&text, "file %016x %d %s\n", file.hash, file.size_bytes, file.path);
  }
  absl::StrAppendFormat(&text, "end crc32c=%08x\n", Crc32c(text));
  return text;
}

absl::StatusOr<BackupInfo> DecodeBackupList(absl::string_view path, absl::string_view text) {
  // The last line vouches for all others, so it is looked at first.
  const size_t end = text.rfind("end crc32c=");
  if (end == absl::string_view::npos ||
      text.substr(end) != absl::StrFormat("end crc32c=%08x\n", Crc32c(text.substr(0, end)))) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: its checksum does not match"));
  }
  BackupInfo info;
  size_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text.substr(0, end), '\n')) {
    ++line_number;
    if (line.empty()) continue;
    if (line_number == 1) {
      uint64_t version = 0;
      if (!absl::StartsWith(line, kMagic) ||
          !absl::SimpleAtoi(line.substr(sizeof(kMagic) - 1), &version) || version == 0) {
        return Damaged(path, line_number, "it does not begin with \"kyrodb backup\"");
      }
      if (version > kListVersion) {
        return absl::UnimplementedError(absl::StrCat(path, ": backup format version ", version,
                                                     " is newer than ", kListVersion,
                                                     ", the newest that this program reads"));
      }
      continue;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    bool ok = words.size() >= 2;
    if (ok && words[0] == "database") {
      ok = absl::SimpleHexAtoi(words[1], &info.database_id);
    } else if (ok && words[0] == "checkpoint_lsn") {
      ok = absl::SimpleAtoi(words[1], &info.checkpoint_lsn);
    } else if (ok && words[0] == "last_lsn") {
      ok = absl::SimpleAtoi(words[1], &info.last_lsn);
    } else if (ok && words[0] == "wall_micros") {
      ok = absl::SimpleAtoi(words[1], &info.wall_micros);
    } else if (ok && words[0] == "file" && words.size() == 4) {
      BackupInfo::File file{.path = std::string(words[3])};
      ok = absl::SimpleHexAtoi(words[1], &file.hash) &&
           absl::SimpleAtoi(words[2], &file.size_bytes) && IsSafePath(file.path);
      info.files.push_back(std::move(file));
    } else {
      ok = false;
    }
    if (!ok) return Damaged(path, line_number, "it is not a line of a backup's list");
  }
  return info;
}

absl::StatusOr<uint64_t> HashFile(FileSystem& file_system, const std::string& path,
                                  uint64_t* size_bytes) {
  constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file,
                        file_system.OpenForRead(path));
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  std::string piece(std::min(kPieceBytes, file->size_bytes()), '\0');
  *size_bytes = 0;
  while (*size_bytes < file->size_bytes()) {
    const size_t wanted = std::min<uint64_t>(piece.size(), file->size_bytes() - *size_bytes);
    KYRO_ASSIGN_OR_RETURN(const size_t read, file->Read(*size_bytes, wanted, piece.data()));
    if (read == 0) break;
    XXH3_64bits_update(&state, piece.data(), read);
    *size_bytes += read;
  }
  return XXH3_64bits_digest(&state);
}

absl::Status MakeEmptyDirectory(FileSystem& file_system, const std::string& directory) {
  KYRO_ASSIGN_OR_RETURN(const bool exists, file_system.Exists(directory));
  if (exists) {
    KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
    if (names.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("directory \"", directory, "\" is not empty: it has \"", names.front(), "\""));
  }
  KYRO_RETURN_IF_ERROR(file_system.CreateDirectory(directory));
  const size_t slash = directory.find_last_of('/', directory.size() - 2);
  return file_system.SyncDirectory(slash == std::string::npos ? ""
                                                              : directory.substr(0, slash + 1));
}

absl::Status MakeDirectoriesFor(FileSystem& file_system, const std::string& directory,
                                absl::string_view path) {
  for (size_t slash = path.find('/'); slash != absl::string_view::npos;
       slash = path.find('/', slash + 1)) {
    KYRO_RETURN_IF_ERROR(file_system.CreateDirectory(JoinPath(directory, path.substr(0, slash))));
  }
  return absl::OkStatus();
}

void RemoveTree(FileSystem& file_system, const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = file_system.List(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = JoinPath(directory, name);
    if (file_system.List(path).ok()) {
      RemoveTree(file_system, path);
    } else {
      file_system.Remove(path).IgnoreError();
    }
  }
  file_system.Remove(directory).IgnoreError();
}

absl::Status SyncTree(FileSystem& file_system, const std::string& directory) {
  KYRO_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
  for (const std::string& name : names) {
    const std::string path = JoinPath(directory, name);
    if (file_system.List(path).ok()) KYRO_RETURN_IF_ERROR(SyncTree(file_system, path));
  }
  return file_system.SyncDirectory(directory);
}

absl::StatusOr<bool> LinkOrCopy(FileSystem& file_system, const std::string& from,
                                const std::string& to) {
  const absl::Status linked = file_system.Link(from, to);
  if (!absl::IsUnimplemented(linked)) {
    KYRO_RETURN_IF_ERROR(linked);
    return true;
  }
  KYRO_RETURN_IF_ERROR(CopyFileSynced(file_system, from, to));
  return false;
}

absl::StatusOr<BackupInfo> ReadBackup(FileSystem& file_system, absl::string_view directory) {
  const std::string path = JoinPath(directory, kBackupListName);
  absl::StatusOr<std::string> text = ReadFile(file_system, path, kListBytesMax);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("there is no complete backup in \"", directory,
                                            "\": it has no file ", kBackupListName));
  }
  KYRO_RETURN_IF_ERROR(text.status());
  return DecodeBackupList(path, *text);
}

absl::Status VerifyBackup(FileSystem& file_system, absl::string_view directory) {
  KYRO_ASSIGN_OR_RETURN(const BackupInfo info, ReadBackup(file_system, directory));
  for (const BackupInfo::File& file : info.files) {
    const std::string path = JoinPath(directory, file.path);
    uint64_t size_bytes = 0;
    const absl::StatusOr<uint64_t> hash = HashFile(file_system, path, &size_bytes);
    if (absl::IsNotFound(hash.status())) {
      return absl::DataLossError(absl::StrCat("backup file ", path, " is missing"));
    }
    KYRO_RETURN_IF_ERROR(hash.status());
    if (size_bytes != file.size_bytes) {
      return absl::DataLossError(absl::StrCat("backup file ", path, " is damaged: it has ",
                                              size_bytes, " bytes, it had ", file.size_bytes));
    }
    if (*hash != file.hash) {
      return absl::DataLossError(
          absl::StrCat("backup file ", path, " is damaged: its content is not what it was"));
    }
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
