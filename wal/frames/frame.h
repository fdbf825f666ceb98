// One frame of the log: a fixed header and a group of records behind it, under one checksum.
// Source: log_format.md.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "wal/recovery.h"

namespace kyrodb::wal {

inline constexpr uint32_t kFrameMagic = 0x4657594B;  // "KYWF"
inline constexpr uint16_t kFrameVersion = 2;
// What every version has; `payload_bytes` counts what follows.
inline constexpr uint64_t kFramePrefixBytes = 80;
// What this version writes before the records: the prefix and the time.
inline constexpr uint64_t kFrameHeaderBytes = 88;
// One record of the largest size after a group that was about to close.
inline constexpr uint64_t kFrameBytesMax = uint64_t{192} << 20;

enum class FrameType : uint8_t {
  kSegmentStart = 1,  // no records; the first frame of every segment
  kRecords = 2,       // at least one record
  kMarker = 3,        // no records; says that everything up to `synced_lsn` is durable
};

// Written while an epoch is being opened; the epoch counts only once a frame without it is there.
inline constexpr uint8_t kFrameFlagOpening = 1;

struct FrameHeader {
  uint16_t version = kFrameVersion;
  FrameType type = FrameType::kRecords;
  uint8_t flags = 0;
  uint32_t payload_bytes = 0;
  uint32_t record_count = 0;
  uint32_t offset = 0;  // of this frame in its segment
  uint64_t database_id = 0;
  uint64_t epoch = 0;
  Lsn epoch_first_lsn = 0;
  uint64_t segment_id = 0;
  Lsn first_lsn = 0;  // of the records, or the next LSN when there are none
  uint64_t prev_hash = 0;
  Lsn synced_lsn = 0;
  int64_t wall_micros = 0;  // when it was written, since 1970; 0 in version 1

  bool opening() const { return (flags & kFrameFlagOpening) != 0; }
  uint64_t header_bytes() const { return version == 1 ? kFramePrefixBytes : kFrameHeaderBytes; }
  uint64_t frame_bytes() const { return kFramePrefixBytes + payload_bytes; }
  Lsn end_lsn() const { return first_lsn + record_count; }
};

// Adds one record to a payload.
void AppendRecord(absl::string_view record, std::string* payload);
// The bytes that `AppendRecord` puts before a record.
inline constexpr uint64_t kRecordOverheadBytes = 4;

// Takes the next record off a payload that `DecodeFrame` accepted.
absl::string_view TakeRecord(absl::string_view* payload);

// Writes the header and the checksum into the first `kFrameHeaderBytes` of `frame`, whose payload
// stands behind them; `payload_bytes` is taken from its size. Returns the frame's hash: the
// `prev_hash` of the next one.
uint64_t SealFrame(const FrameHeader& header, std::string* frame);

// The `prev_hash` of an epoch's first frame.
uint64_t EpochHash(uint64_t database_id, uint64_t epoch);

// What can be said of a header before its payload is read.
enum class FramePrefix {
  kInvalid,  // not a frame
  kKnown,    // perhaps a frame of a version that this program reads
  kNewer,    // perhaps a frame of a newer version: check `FrameChecksumMatches`, then refuse
};
// Reads magic, version and payload length, which no version may move. `bytes` holds at least
// `kFramePrefixBytes`.
FramePrefix DecodeFramePrefix(absl::string_view bytes, uint16_t* version, uint32_t* payload_bytes);

// Decodes the fields of a known header without checking the payload; the time is 0 when `bytes`
// end before it.
FrameHeader DecodeFrameHeader(absl::string_view bytes);

// Whether the checksum holds. `frame` is the whole frame.
bool FrameChecksumMatches(absl::string_view frame);

// Whether type, counts and record lengths fit together. `frame` is the whole frame.
bool FrameIsWellFormed(const FrameHeader& header, absl::string_view frame);

// The hash of a sealed frame.
uint64_t FrameHash(const FrameHeader& header, absl::string_view frame);

// `wal-<id as 16 hex digits>.log`, and back (false when `name` is something else).
std::string SegmentName(uint64_t segment_id);
bool ParseSegmentName(absl::string_view name, uint64_t* segment_id);

}  // namespace kyrodb::wal
