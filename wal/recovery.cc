#include "wal/recovery.h"

#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "wal/frames/live_frames.h"

namespace kyrodb::wal {

absl::Status Damage::ToStatus() const {
  return absl::DataLossError(
      absl::StrFormat("log records with lsn %d to %d were acknowledged but cannot be read: %s "
                      "offset %d is damaged or missing; %s",
                      begin_lsn, end_lsn - 1, file, offset, detail));
}

absl::StatusOr<RecoveryResult> Recover(const RecoveryOptions& options,
                                       const RecordCallback& callback) {
  return RecoverTimed(options, [&](Lsn lsn, int64_t /*wall_micros*/, absl::string_view record) {
    return callback(lsn, record);
  });
}

bool IsSegmentName(absl::string_view name) {
  uint64_t id = 0;
  return ParseSegmentName(name, &id);
}

absl::StatusOr<RecoveryResult> RecoverTimed(const RecoveryOptions& options,
                                            const TimedRecordCallback& callback) {
  uint64_t record_count = 0;
  absl::StatusOr<RecoveryResult> result =
      ReplayFrames(options, [&](const Frame& frame) -> absl::Status {
        absl::string_view payload = frame.payload;
        for (Lsn lsn = frame.header.first_lsn; lsn < frame.header.end_lsn(); ++lsn) {
          const absl::string_view record = TakeRecord(&payload);
          if (lsn < options.replay_from_lsn) continue;
          ++record_count;
          KYRO_RETURN_IF_ERROR(callback(lsn, frame.header.wall_micros, record));
        }
        return absl::OkStatus();
      });
  if (result.ok()) result->record_count = record_count;
  return result;
}

}  // namespace kyrodb::wal
