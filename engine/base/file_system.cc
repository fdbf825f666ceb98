#include "engine/base/file_system.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"

namespace kyrodb {

absl::StatusOr<std::string> ReadFile(FileSystem& file_system, absl::string_view path,
                                     uint64_t size_bytes_max) {
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file,
                        file_system.OpenForRead(path));
  const uint64_t size_bytes = file->size_bytes();
  if (size_bytes > size_bytes_max) {
    return absl::DataLossError(absl::StrCat("file \"", path, "\" has ", size_bytes,
                                            " bytes, expected at most ", size_bytes_max));
  }
  std::string bytes(static_cast<size_t>(size_bytes), '\0');
  KYRO_ASSIGN_OR_RETURN(const size_t read_bytes, file->Read(0, bytes.size(), bytes.data()));
  bytes.resize(read_bytes);
  return bytes;
}

absl::Status WriteFileSynced(FileSystem& file_system, absl::string_view path,
                             absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, file_system.Create(path));
  absl::Status status = file->Write(0, bytes);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  // Half a file would block the next attempt and hold space on a full disk; when it cannot be
  // removed either, the first error says more.
  if (!status.ok()) file_system.Remove(path).IgnoreError();
  return status;
}

absl::Status CopyFileSynced(FileSystem& file_system, absl::string_view from, absl::string_view to,
                            uint64_t size_bytes_max) {
  constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> source,
                        file_system.OpenForRead(from));
  const uint64_t size_bytes = std::min(source->size_bytes(), size_bytes_max);
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> copy, file_system.Create(to));
  const auto fill = [&]() -> absl::Status {
    std::string piece(std::min(kPieceBytes, size_bytes), '\0');
    for (uint64_t offset = 0; offset < size_bytes;) {
      const size_t wanted = std::min<uint64_t>(piece.size(), size_bytes - offset);
      KYRO_ASSIGN_OR_RETURN(const size_t read, source->Read(offset, wanted, piece.data()));
      if (read == 0) break;
      KYRO_RETURN_IF_ERROR(copy->Write(offset, absl::string_view(piece).substr(0, read)));
      offset += read;
    }
    KYRO_RETURN_IF_ERROR(copy->Sync());
    return copy->Close();
  };
  absl::Status status = fill();
  if (!status.ok()) file_system.Remove(to).IgnoreError();
  return status;
}

absl::Status FileSystem::Link(absl::string_view from, absl::string_view to) {
  return absl::UnimplementedError(
      absl::StrCat("link \"", from, "\" to \"", to, "\": this file system has no hard links"));
}

std::string JoinPath(absl::string_view directory, absl::string_view name) {
  while (absl::ConsumePrefix(&name, "/")) {
  }
  if (directory.empty()) return std::string(name);
  while (absl::ConsumeSuffix(&directory, "/")) {
  }
  return absl::StrCat(directory, "/", name);
}

}  // namespace kyrodb
