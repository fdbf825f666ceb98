// Writes frames into segment files: seals them, keeps zero-filled room ahead, goes on in the next
// file when one is full, and undoes an append for which the disk had no room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/file_system.h"
#include "wal/frames/frame.h"
#include "wal/log.h"

namespace kyrodb::wal {

// Errors:         `ResourceExhausted`: the disk is full, nothing of the frame is in the file and
// the
//                 writer goes on. Anything else: what is on the device is unknown, the writer must
//                 not be used again.
// Thread-safety:  one thread at a time, except `segments`, `synced_lsn`, `DropBefore` and
//                 `FinishSync`, which runs beside all others.
class SegmentWriter {
 public:
  struct Start {
    uint64_t segment_id = 0;
    uint64_t epoch = 0;
    Lsn first_lsn = 0;   // of the epoch
    Lsn synced_lsn = 0;  // durable in older epochs
    bool opening = false;
    std::vector<SegmentInfo> older;
  };
  // Creates the first segment of an epoch and writes its start frame, unsynced. `options` must
  // outlive the writer.
  static absl::StatusOr<std::unique_ptr<SegmentWriter>> Create(const LogOptions& options,
                                                               Start start);

  // Appends one frame, unsynced. `frame` holds `kFrameHeaderBytes` of room, then the payload. It
  // bears the time of now, or that of the frame that is written again.
  absl::Status Append(FrameType type, uint32_t record_count, std::string* frame,
                      std::optional<int64_t> wall_micros = std::nullopt);
  // Makes everything appended durable.
  absl::Status Sync();

  // The same in two steps, of which the long one needs not wait its turn. Every `BeginSync` that
  // gave something is followed by its `FinishSync` before the next; meanwhile `Sync` waits.
  struct PendingSync {
    std::shared_ptr<WritableFile> file;
    uint64_t segment_id = 0;
    uint64_t position = 0;
    Lsn lsn = 0;
  };
  // Nothing when all is durable.
  std::optional<PendingSync> BeginSync();
  absl::Status FinishSync(const PendingSync& pending);

  // Goes on in a new segment, unless the current one holds no record.
  absl::Status Rotate();
  // Ends the opening of an epoch: what was appended is durable, and the log says so.
  absl::Status FinishOpening();
  absl::Status Close();
  // Closes and, as long as the epoch cannot count as open, removes the files of this writer again.
  void Abandon();

  // The LSN of the next record.
  Lsn next_lsn() const { return next_lsn_; }
  Lsn synced_lsn() const {
    absl::MutexLock lock(&sync_mutex_);
    return synced_lsn_;
  }
  // What the last frame says is durable.
  Lsn recorded_synced_lsn() const { return recorded_synced_lsn_; }
  // The last append met a full disk; it may have succeeded nevertheless, in the room kept for that.
  bool disk_is_full() const { return disk_is_full_; }
  uint64_t epoch() const { return start_.epoch; }

  std::vector<SegmentInfo> segments() const;
  absl::Status DropBefore(Lsn lsn, uint64_t archive_bytes_max);

 private:
  struct OpenFile {
    uint64_t id = 0;
    std::string path;
    std::shared_ptr<WritableFile> file;
    uint64_t position = 0;  // where the next frame goes
    uint64_t filled = 0;    // the file is this long, with zeros from `position` on
  };

  SegmentWriter(const LogOptions& options, Start start);
  FrameHeader NextHeader(const OpenFile& file, FrameType type, uint32_t record_count) const;
  absl::Status MoveToArchive(const std::string& path);
  // Removes the oldest until all take at most `bytes_max`.
  absl::Status TrimArchive(uint64_t bytes_max);
  absl::StatusOr<OpenFile> CreateFile();
  absl::Status Fill(OpenFile& file, uint64_t goal);
  absl::Status MakeRoom(uint64_t frame_bytes);
  absl::Status SwitchToNext();
  absl::Status WriteFrame(OpenFile& file, const FrameHeader& header, std::string* frame);
  absl::Status WaitForPendingSync();
  absl::Status SyncFile();

  const LogOptions& options_;
  const Start start_;
  bool opening_;         // frames written now belong to an unfinished opening
  bool opened_ = false;  // the epoch may count as open
  OpenFile current_;
  bool current_has_records_ = false;
  OpenFile next_;  // created ahead; `file` is null when there is none
  uint64_t next_segment_id_;
  Lsn next_lsn_;
  Lsn recorded_synced_lsn_ = 0;
  uint64_t hash_;
  bool disk_is_full_ = false;
  std::vector<std::string> created_paths_;  // until the epoch is open

  mutable absl::Mutex sync_mutex_;
  absl::CondVar sync_ended_;
  bool sync_pending_ ABSL_GUARDED_BY(sync_mutex_) = false;
  // Why a pending sync failed: the system tells of it once only, so it is kept here.
  absl::Status sync_failed_ ABSL_GUARDED_BY(sync_mutex_);
  // The bytes of segment `synced_segment_` before `synced_position_` are durable.
  uint64_t synced_segment_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  uint64_t synced_position_ ABSL_GUARDED_BY(sync_mutex_) = 0;
  Lsn synced_lsn_ ABSL_GUARDED_BY(sync_mutex_);

  mutable absl::Mutex segments_mutex_;
  std::vector<SegmentInfo> segments_ ABSL_GUARDED_BY(segments_mutex_);
};

}  // namespace kyrodb::wal
