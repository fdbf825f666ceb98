#include "wal/frames/frame.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"

namespace kyrodb::wal {
namespace {

constexpr uint64_t kCrcOffset = 4;
constexpr uint64_t kCheckedFrom = 8;

uint32_t StoredCrc(absl::string_view frame) { return LoadFixed32(frame.data() + kCrcOffset); }

uint64_t HashOf(uint64_t prev_hash, uint32_t crc, uint32_t payload_bytes) {
  return SplitMix64(prev_hash ^ SplitMix64((uint64_t{crc} << 32) | payload_bytes));
}

}  // namespace

void AppendRecord(absl::string_view record, std::string* payload) {
  PutFixed32(payload, static_cast<uint32_t>(record.size()));
  payload->append(record.data(), record.size());
}

absl::string_view TakeRecord(absl::string_view* payload) {
  const uint32_t size = LoadFixed32(payload->data());
  const absl::string_view record = payload->substr(kRecordOverheadBytes, size);
  payload->remove_prefix(kRecordOverheadBytes + size);
  return record;
}

uint64_t SealFrame(const FrameHeader& header, std::string* frame) {
  const uint32_t payload_bytes = static_cast<uint32_t>(frame->size() - kFramePrefixBytes);
  std::string head;
  head.reserve(kFrameHeaderBytes);
  PutFixed32(&head, kFrameMagic);
  PutFixed32(&head, 0);  // the checksum, below
  PutFixed32(&head, uint32_t{kFrameVersion} | (static_cast<uint32_t>(header.type) << 16) |
                        (uint32_t{header.flags} << 24));
  PutFixed32(&head, payload_bytes);
  PutFixed32(&head, header.record_count);
  PutFixed32(&head, header.offset);
  PutFixed64(&head, header.database_id);
  PutFixed64(&head, header.epoch);
  PutFixed64(&head, header.epoch_first_lsn);
  PutFixed64(&head, header.segment_id);
  PutFixed64(&head, header.first_lsn);
  PutFixed64(&head, header.prev_hash);
  PutFixed64(&head, header.synced_lsn);
  PutFixed64(&head, static_cast<uint64_t>(header.wall_micros));
  std::memcpy(frame->data(), head.data(), kFrameHeaderBytes);
  const uint32_t crc = Crc32c(absl::string_view(*frame).substr(kCheckedFrom));
  std::memcpy(frame->data() + kCrcOffset, &crc, sizeof(crc));
  return HashOf(header.prev_hash, crc, payload_bytes);
}

uint64_t EpochHash(uint64_t database_id, uint64_t epoch) {
  return SplitMix64(SplitMix64(database_id) ^ epoch);
}

FramePrefix DecodeFramePrefix(absl::string_view bytes, uint16_t* version, uint32_t* payload_bytes) {
  if (LoadFixed32(bytes.data()) != kFrameMagic) return FramePrefix::kInvalid;
  *version = static_cast<uint16_t>(LoadFixed32(bytes.data() + 8) & 0xFFFF);
  *payload_bytes = LoadFixed32(bytes.data() + 12);
  if (*payload_bytes > kFrameBytesMax - kFramePrefixBytes) return FramePrefix::kInvalid;
  if (*version > kFrameVersion) return FramePrefix::kNewer;
  return *version >= 1 ? FramePrefix::kKnown : FramePrefix::kInvalid;
}

FrameHeader DecodeFrameHeader(absl::string_view bytes) {
  const char* p = bytes.data();
  const auto version = static_cast<uint16_t>(LoadFixed32(p + 8) & 0xFFFF);
  return FrameHeader{
      .version = version,
      .type = static_cast<FrameType>(static_cast<uint8_t>(p[10])),
      .flags = static_cast<uint8_t>(p[11]),
      .payload_bytes = LoadFixed32(p + 12),
      .record_count = LoadFixed32(p + 16),
      .offset = LoadFixed32(p + 20),
      .database_id = LoadFixed64(p + 24),
      .epoch = LoadFixed64(p + 32),
      .epoch_first_lsn = LoadFixed64(p + 40),
      .segment_id = LoadFixed64(p + 48),
      .first_lsn = LoadFixed64(p + 56),
      .prev_hash = LoadFixed64(p + 64),
      .synced_lsn = LoadFixed64(p + 72),
      .wall_micros = version > 1 && bytes.size() >= kFrameHeaderBytes
                         ? static_cast<int64_t>(LoadFixed64(p + kFramePrefixBytes))
                         : 0,
  };
}

bool FrameChecksumMatches(absl::string_view frame) {
  return Crc32c(frame.substr(kCheckedFrom)) == StoredCrc(frame);
}

bool FrameIsWellFormed(const FrameHeader& header, absl::string_view frame) {
  // A valid checksum does not make a frame sane: a damaged disk cannot forge one, a person can.
  if (header.epoch == 0 || header.first_lsn == 0 || header.epoch_first_lsn == 0) return false;
  if (header.first_lsn < header.epoch_first_lsn) return false;
  if (header.first_lsn > ~uint64_t{0} - header.record_count - 1) return false;
  if (header.synced_lsn >= header.end_lsn()) return false;
  if (frame.size() < header.header_bytes()) return false;
  absl::string_view payload = frame.substr(header.header_bytes());
  if (header.type != FrameType::kRecords) {
    return (header.type == FrameType::kSegmentStart || header.type == FrameType::kMarker) &&
           header.record_count == 0 && payload.empty();
  }
  if (header.record_count == 0) return false;
  for (uint32_t i = 0; i < header.record_count; ++i) {
    if (payload.size() < kRecordOverheadBytes) return false;
    const uint32_t size = LoadFixed32(payload.data());
    if (payload.size() - kRecordOverheadBytes < size) return false;
    payload.remove_prefix(kRecordOverheadBytes + size);
  }
  return payload.empty();
}

uint64_t FrameHash(const FrameHeader& header, absl::string_view frame) {
  return HashOf(header.prev_hash, StoredCrc(frame), header.payload_bytes);
}

std::string SegmentName(uint64_t segment_id) {
  // Not with StrFormat, which ends the process when memory runs out: a destructor in it allocates.
  return absl::StrCat("wal-", absl::Hex(segment_id, absl::kZeroPad16), ".log");
}

bool ParseSegmentName(absl::string_view name, uint64_t* segment_id) {
  if (name.size() != 24 || !absl::StartsWith(name, "wal-") || !absl::EndsWith(name, ".log")) {
    return false;
  }
  uint64_t id = 0;
  for (const char c : name.substr(4, 16)) {
    uint64_t digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a' + 10);
    } else {
      return false;
    }
    id = (id << 4) | digit;
  }
  *segment_id = id;
  return true;
}

}  // namespace kyrodb::wal
