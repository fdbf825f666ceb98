// Reads a log back after a clean close, a crash or a fault: gives every surviving record once, in
// order, and tells a torn tail (never acknowledged, cut) from damage (acknowledged, reported).
// Nothing on disk is changed here; `Log::Open` makes the result durable in a new segment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"

namespace kyrodb::wal {

// Numbers commits (records) from 1 without gaps; 0 stands before the first.
using Lsn = uint64_t;

struct RecoveryOptions {
  FileSystem* file_system = nullptr;
  // Must exist; may hold other files, which are left alone.
  std::string directory;
  // Frames of another database are refused.
  uint64_t database_id = 0;
  // The checkpoint: records below it are not needed and need not be there.
  Lsn replay_from_lsn = 1;
};

// One segment file of the live timeline. It holds the records [begin_lsn, end_lsn).
struct SegmentInfo {
  uint64_t id = 0;
  std::string path;
  uint64_t epoch = 0;
  Lsn begin_lsn = 0;
  Lsn end_lsn = 0;
  // Length of its frames, without zeros ahead; an upper bound for a segment that was not replayed.
  uint64_t size_bytes = 0;
};

// Acknowledged records that cannot be read back.
struct Damage {
  // The records [begin_lsn, end_lsn) are lost.
  Lsn begin_lsn = 0;
  Lsn end_lsn = 0;
  // Where the first unreadable byte lies.
  std::string file;
  uint64_t offset = 0;
  std::string detail;

  // `DataLoss` that names all of the above.
  absl::Status ToStatus() const;
};

struct RecoveryResult {
  Lsn replay_from_lsn = 1;
  // The last record that survives; `replay_from_lsn - 1` when the log ends before that.
  Lsn last_lsn = 0;
  // Everything up to here was known to be durable when the log was written. The records after it
  // were read from somewhere that may be no more than a page cache: `Log::Open` writes them again.
  Lsn synced_lsn = 0;
  // How many records the callback was given.
  uint64_t record_count = 0;

  // Bytes after the last surviving frame that no valid continuation explains: an append that was
  // cut short, never acknowledged as durable. Zero after a clean close.
  uint64_t torn_bytes = 0;
  std::string torn_file;
  uint64_t torn_offset = 0;

  // Set: acknowledged data is damaged. The callback has seen the records before it and none after;
  // `Log::Open` refuses this result, the database may only be read.
  std::optional<Damage> damage;

  // For `Log::Open`: what the next segment and epoch must exceed, the live segments in order, and
  // files that hold nothing of the live timeline (left by a crash inside an earlier `Log::Open`).
  uint64_t epoch_max = 0;
  uint64_t segment_id_max = 0;
  std::vector<SegmentInfo> segments;
  std::vector<std::string> dead_files;
};

// Sees one record; an error stops the recovery and is returned by it.
using RecordCallback = std::function<absl::Status(Lsn lsn, absl::string_view record)>;

// As `RecordCallback`, and told when the record's group was written: microseconds since 1970 on the
// wall clock of the time, which may have been set back in between; 0 in logs of format version 1.
using TimedRecordCallback =
    std::function<absl::Status(Lsn lsn, int64_t wall_micros, absl::string_view record)>;

// Replays the live timeline from `replay_from_lsn` on.
//
// Order:          by LSN, each once, without gaps.
// Errors:         damage is not an error but `RecoveryResult::damage`. `FailedPrecondition`: the
//                 log belongs to another database or was written by a newer format version.
//                 `Unavailable`: the device failed. Whatever `callback` returns.
// Cost:           reads the segments from the one that holds `replay_from_lsn` on once, and the
//                 beginning of the others. Memory: one frame.
absl::StatusOr<RecoveryResult> Recover(const RecoveryOptions& options,
                                       const RecordCallback& callback);
absl::StatusOr<RecoveryResult> RecoverTimed(const RecoveryOptions& options,
                                            const TimedRecordCallback& callback);

// Whether `name` is that of a segment file.
bool IsSegmentName(absl::string_view name);

}  // namespace kyrodb::wal
