#include "wal/frames/frame_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"

namespace kyrodb::wal {
namespace {

// Reads begin small, for most files are only looked at, and double while one is read on.
constexpr uint64_t kReadBytesMin = uint64_t{4} << 10;
constexpr uint64_t kReadBytesMax = uint64_t{256} << 10;

// One past the last byte that is not zero; 0 when all are.
size_t NonZeroEnd(absl::string_view bytes) {
  if (bytes.empty()) return 0;
  // Compared with itself one byte on: the C library's fastest way through a long run of zeros.
  if (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0) return 0;
  size_t end = bytes.size();
  while (end > 0 && bytes[end - 1] == 0) --end;
  return end;
}

}  // namespace

FrameScanner::FrameScanner(std::unique_ptr<RandomAccessFile> file, absl::string_view path,
                           uint64_t segment_id, uint64_t database_id)
    : file_(std::move(file)),
      path_(path),
      segment_id_(segment_id),
      database_id_(database_id),
      read_bytes_(kReadBytesMin) {}

absl::StatusOr<std::unique_ptr<FrameScanner>> FrameScanner::Open(FileSystem* file_system,
                                                                 absl::string_view path,
                                                                 uint64_t segment_id,
                                                                 uint64_t database_id) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, file_system->OpenForRead(path));
  return std::unique_ptr<FrameScanner>(
      new FrameScanner(std::move(file), path, segment_id, database_id));
}

void FrameScanner::Refresh() {
  window_.clear();
  window_offset_ = 0;
}

absl::StatusOr<absl::string_view> FrameScanner::Peek(uint64_t offset, uint64_t size_bytes) {
  const bool inside = offset >= window_offset_ && offset <= window_offset_ + window_.size();
  const uint64_t have = inside ? window_offset_ + window_.size() - offset : 0;
  if (have < size_bytes) {
    if (inside) {
      window_.erase(0, offset - window_offset_);
    } else {
      window_.clear();
    }
    window_offset_ = offset;
    // In pieces, until the file ends: a damaged header's claim must not decide how much memory is
    // taken. The size at opening is no bound, for the file may have grown since.
    while (window_.size() < size_bytes) {
      const size_t kept = window_.size();
      const uint64_t wanted = read_bytes_;
      read_bytes_ = std::min(2 * read_bytes_, kReadBytesMax);
      window_.resize(kept + wanted);
      absl::StatusOr<size_t> read = file_->Read(offset + kept, wanted, window_.data() + kept);
      window_.resize(kept + (read.ok() ? *read : 0));
      KYRO_RETURN_IF_ERROR(read.status());
      if (*read < wanted) break;
    }
  }
  return absl::string_view(window_).substr(offset - window_offset_);
}

absl::StatusOr<std::optional<Frame>> FrameScanner::FrameAt(uint64_t offset, bool expected) {
  if (offset > ~uint32_t{0}) return std::nullopt;
  KYRO_ASSIGN_OR_RETURN(absl::string_view bytes, Peek(offset, kFrameHeaderBytes));
  if (bytes.size() < kFramePrefixBytes) return std::nullopt;
  uint16_t version = 0;
  uint32_t payload_bytes = 0;
  const FramePrefix prefix = DecodeFramePrefix(bytes, &version, &payload_bytes);
  if (prefix == FramePrefix::kInvalid) return std::nullopt;
  if (prefix == FramePrefix::kNewer && !expected) return std::nullopt;
  const FrameHeader header = DecodeFrameHeader(bytes);
  if (prefix == FramePrefix::kKnown) {
    // Cheap checks first: a search through damaged bytes should not checksum megabytes for nothing.
    if (header.offset != offset || header.segment_id != segment_id_) return std::nullopt;
    if (header.database_id != database_id_ && !expected) return std::nullopt;
  }
  KYRO_ASSIGN_OR_RETURN(bytes, Peek(offset, kFramePrefixBytes + payload_bytes));
  if (bytes.size() < kFramePrefixBytes + payload_bytes) return std::nullopt;
  bytes = bytes.substr(0, kFramePrefixBytes + payload_bytes);
  if (!FrameChecksumMatches(bytes)) return std::nullopt;
  if (prefix == FramePrefix::kNewer) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: log format version %d at offset %d is newer than %d, the newest that "
                        "this program reads",
                        path_, version, offset, kFrameVersion));
  }
  if (header.database_id != database_id_) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: the frame at offset %d belongs to database %016x, not to %016x", path_,
                        offset, header.database_id, database_id_));
  }
  if (!FrameIsWellFormed(header, bytes)) return std::nullopt;
  return Frame{.header = header,
               .hash = FrameHash(header, bytes),
               .payload = bytes.substr(header.header_bytes())};
}

absl::StatusOr<std::optional<Frame>> FrameScanner::Next() {
  KYRO_ASSIGN_OR_RETURN(std::optional<Frame> frame, FrameAt(frame_end_, /*expected=*/true));
  uint64_t offset = frame_end_;
  garbage_end_ = frame_end_;
  char magic[sizeof(kFrameMagic)];
  std::memcpy(magic, &kFrameMagic, sizeof(magic));
  const absl::string_view needle(magic, sizeof(magic));
  // Search: any offset may begin a frame, for a damaged length hides where the next one begins.
  while (!frame.has_value()) {
    KYRO_ASSIGN_OR_RETURN(absl::string_view bytes, Peek(offset, needle.size()));
    if (bytes.empty()) return std::nullopt;
    const size_t found = bytes.find(needle, offset == frame_end_ ? 1 : 0);
    // The last three bytes of a window may begin a magic number that the next window completes.
    const size_t passed = found != absl::string_view::npos ? found
                          : bytes.size() < needle.size()   ? bytes.size()
                                                           : bytes.size() - (needle.size() - 1);
    if (const size_t end = NonZeroEnd(bytes.substr(0, passed)); end > 0)
      garbage_end_ = offset + end;
    offset += passed;
    if (found == absl::string_view::npos) continue;
    KYRO_ASSIGN_OR_RETURN(frame, FrameAt(offset, /*expected=*/false));
    if (!frame.has_value()) {
      garbage_end_ = offset + 1;
      ++offset;
    }
  }
  frame->after_garbage = garbage_end_ > frame_end_;
  frame_end_ = frame->end_offset();
  garbage_end_ = frame_end_;
  return frame;
}

}  // namespace kyrodb::wal
