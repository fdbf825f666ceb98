// A look into one segment file, whatever state it is in: every frame that is there, and what lies
// between them. For people and for checks; recovery (recovery.h) decides what counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "wal/recovery.h"

namespace kyrodb::wal {

// One frame whose checksum holds.
struct DumpedFrame {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  absl::string_view type;  // "segment start", "records", "marker"
  bool opening = false;
  uint64_t database_id = 0;
  uint64_t epoch = 0;
  Lsn epoch_first_lsn = 0;
  uint64_t segment_id = 0;
  // The records [first_lsn, end_lsn).
  Lsn first_lsn = 0;
  Lsn end_lsn = 0;
  Lsn synced_lsn = 0;
  int64_t wall_micros = 0;  // when it was written; 0 when the frame does not say
  // Whether it continues the frame before: hash and LSN are right. The first frame of a file does.
  bool continues = true;
  // Valid until the visitor returns.
  std::vector<absl::string_view> records;
};

struct SegmentDump {
  uint64_t frame_count = 0;
  uint64_t record_count = 0;
  // Of the frames; what follows them are zeros, garbage or nothing.
  uint64_t end_offset = 0;
  // Bytes that are no frame, other than zeros behind the last one; [begin, end) in the file.
  struct Garbage {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  std::vector<Garbage> garbage;
  // Frames that do not continue the one before.
  uint64_t break_count = 0;
};

// Whether `bytes`, the beginning of a file, begin as a segment does.
bool LooksLikeSegment(absl::string_view bytes);

// Calls `visit` for every frame in `bytes`, a whole segment file, in order. What is damaged is
// passed over: whatever the bytes are, there is an answer.
//
// Errors:         `Unimplemented`, naming both versions, when a frame is of a newer format; frames
//                 before it have been visited.
absl::StatusOr<SegmentDump> DumpSegment(absl::string_view bytes,
                                        absl::FunctionRef<void(const DumpedFrame&)> visit);

}  // namespace kyrodb::wal
