#include "wal/segment_dump.h"

#include <cstring>
#include <optional>

#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "wal/frames/frame.h"

namespace kyrodb::wal {
namespace {

// Of damaged bytes, no more are passed to checksums than this many times the file: bytes made to
// look like headers everywhere must not take for ever.
constexpr uint64_t kChecksumFactorMax = 16;

absl::string_view NameOf(FrameType type) {
  switch (type) {
    case FrameType::kSegmentStart:
      return "segment start";
    case FrameType::kRecords:
      return "records";
    case FrameType::kMarker:
      return "marker";
  }
  return "unknown";
}

// One past the last byte of [begin, end) that is not zero; `begin` when all are.
uint64_t NonZeroEnd(absl::string_view bytes, uint64_t begin, uint64_t end) {
  while (end > begin && bytes[end - 1] == 0) --end;
  return end;
}

}  // namespace

bool LooksLikeSegment(absl::string_view bytes) {
  return bytes.size() >= sizeof(uint32_t) && LoadFixed32(bytes.data()) == kFrameMagic;
}

absl::StatusOr<SegmentDump> DumpSegment(absl::string_view bytes,
                                        absl::FunctionRef<void(const DumpedFrame&)> visit) {
  SegmentDump dump;
  char magic[sizeof(kFrameMagic)];
  std::memcpy(magic, &kFrameMagic, sizeof(magic));
  const absl::string_view needle(magic, sizeof(magic));
  uint64_t checksum_budget = kChecksumFactorMax * bytes.size();
  std::optional<FrameHeader> before;
  uint64_t hash = 0;
  uint64_t offset = 0;
  while (offset < bytes.size()) {
    const size_t at = bytes.find(needle, offset);
    if (at == absl::string_view::npos) break;
    offset = at;
    if (bytes.size() - offset < kFramePrefixBytes) break;
    uint16_t version = 0;
    uint32_t payload_bytes = 0;
    const FramePrefix prefix = DecodeFramePrefix(bytes.substr(offset), &version, &payload_bytes);
    const uint64_t frame_bytes = kFramePrefixBytes + payload_bytes;
    const bool is_here = prefix == FramePrefix::kKnown
                             ? DecodeFrameHeader(bytes.substr(offset)).offset == offset
                             : prefix == FramePrefix::kNewer && offset == dump.end_offset;
    if (!is_here || frame_bytes > bytes.size() - offset || frame_bytes > checksum_budget) {
      ++offset;
      continue;
    }
    const absl::string_view frame = bytes.substr(offset, frame_bytes);
    const FrameHeader header = DecodeFrameHeader(frame);
    checksum_budget -= frame_bytes;
    if (!FrameChecksumMatches(frame)) {
      ++offset;
      continue;
    }
    checksum_budget += frame_bytes;
    if (prefix == FramePrefix::kNewer) {
      return absl::UnimplementedError(
          absl::StrFormat("log format version %d at offset %d is newer than %d, the newest that "
                          "this program reads",
                          version, offset, kFrameVersion));
    }
    if (!FrameIsWellFormed(header, frame)) {
      ++offset;
      continue;
    }
    // Zeros between two frames are garbage too.
    if (offset > dump.end_offset) {
      dump.garbage.push_back({.begin = dump.end_offset, .end = offset});
    }
    DumpedFrame dumped{.offset = offset,
                       .size_bytes = frame_bytes,
                       .type = NameOf(header.type),
                       .opening = header.opening(),
                       .database_id = header.database_id,
                       .epoch = header.epoch,
                       .epoch_first_lsn = header.epoch_first_lsn,
                       .segment_id = header.segment_id,
                       .first_lsn = header.first_lsn,
                       .end_lsn = header.end_lsn(),
                       .synced_lsn = header.synced_lsn,
                       .wall_micros = header.wall_micros,
                       .records = {}};
    if (before.has_value()) {
      dumped.continues = header.prev_hash == hash && header.epoch == before->epoch &&
                         header.segment_id == before->segment_id &&
                         header.database_id == before->database_id &&
                         header.first_lsn == before->end_lsn();
    }
    if (!dumped.continues) ++dump.break_count;
    absl::string_view payload = frame.substr(header.header_bytes());
    for (uint32_t i = 0; i < header.record_count; ++i) {
      dumped.records.push_back(TakeRecord(&payload));
    }
    visit(dumped);
    ++dump.frame_count;
    dump.record_count += header.record_count;
    hash = FrameHash(header, frame);
    before = header;
    offset += frame_bytes;
    dump.end_offset = offset;
  }
  const uint64_t end = NonZeroEnd(bytes, dump.end_offset, bytes.size());
  if (end > dump.end_offset) dump.garbage.push_back({.begin = dump.end_offset, .end = end});
  return dump;
}

}  // namespace kyrodb::wal
