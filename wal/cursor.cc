#include "wal/cursor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "wal/frames/frame.h"
#include "wal/frames/frame_scanner.h"

namespace kyrodb::wal {

Cursor::Cursor(const Log* log, Lsn from_lsn) : log_(log), next_lsn_(std::max<Lsn>(from_lsn, 1)) {}

Cursor::~Cursor() = default;

absl::StatusOr<std::optional<Cursor::Entry>> Cursor::Next() {
  KYRO_RETURN_IF_ERROR(status_);
  if (records_.empty()) {
    const Lsn visible = log_->visible_lsn();
    if (next_lsn_ > visible) return std::nullopt;
    status_ = ReadFrame(visible);
    KYRO_RETURN_IF_ERROR(status_);
  }
  return Entry{.lsn = next_lsn_++, .record = TakeRecord(&records_)};
}

absl::StatusOr<std::optional<Cursor::Entry>> Cursor::NextBefore(absl::Time deadline) {
  if (records_.empty() && status_.ok()) log_->WaitForVisible(next_lsn_, deadline);
  return Next();
}

// Finds the segment that holds `next_lsn_`.
absl::Status Cursor::OpenSegment() {
  const std::vector<SegmentInfo> segments = log_->segments();
  const auto dropped = [&](Lsn oldest) {
    return absl::NotFoundError(absl::StrFormat(
        "lsn %d is no longer in the log, the oldest that is available is %d", next_lsn_, oldest));
  };
  // From the newest on: records that an opening wrote again are in two epochs, and the newer one is
  // the live one.
  const auto at = std::find_if(segments.rbegin(), segments.rend(), [&](const SegmentInfo& segment) {
    return segment.begin_lsn <= next_lsn_ && next_lsn_ < segment.end_lsn;
  });
  if (at == segments.rend()) {
    Lsn oldest = log_->last_lsn() + 1;
    for (const SegmentInfo& segment : segments) {
      if (segment.begin_lsn > next_lsn_) oldest = std::min(oldest, segment.begin_lsn);
    }
    return dropped(oldest);
  }
  segment_ = *at;
  absl::StatusOr<std::unique_ptr<FrameScanner>> scanner = FrameScanner::Open(
      log_->options().file_system, segment_.path, segment_.id, log_->options().database_id);
  if (absl::IsNotFound(scanner.status())) return dropped(segment_.end_lsn);
  KYRO_RETURN_IF_ERROR(scanner.status());
  scanner_ = *std::move(scanner);
  scanner_visible_ = log_->visible_lsn();
  return absl::OkStatus();
}

// Reads on to the frame that holds `next_lsn_`, which is not past `visible`: it is in a file.
absl::Status Cursor::ReadFrame(Lsn visible) {
  // What follows the end of an older epoch's segment is a tail that was cut.
  if (segment_.epoch != log_->epoch() && next_lsn_ >= segment_.end_lsn) scanner_ = nullptr;
  for (int segment_count = 0; segment_count < 2; ++segment_count) {
    if (scanner_ == nullptr) KYRO_RETURN_IF_ERROR(OpenSegment());
    if (scanner_visible_ < visible) {
      // What was read ahead may be from before the frame was written.
      scanner_->Refresh();
      scanner_visible_ = visible;
    }
    while (true) {
      KYRO_ASSIGN_OR_RETURN(std::optional<Frame> frame, scanner_->Next());
      if (!frame.has_value()) break;
      const FrameHeader& header = frame->header;
      if (header.epoch != segment_.epoch || header.end_lsn() <= next_lsn_) continue;
      if (header.first_lsn > next_lsn_) {
        if (header.record_count == 0) break;  // a marker of the next LSN: the frame is not here
        return absl::DataLossError(absl::StrFormat(
            "%s: the record with lsn %d is damaged: the frame at offset %d begins with lsn %d",
            segment_.path, next_lsn_, header.offset, header.first_lsn));
      }
      frame_.assign(frame->payload.data(), frame->payload.size());
      records_ = frame_;
      for (Lsn lsn = header.first_lsn; lsn < next_lsn_; ++lsn) TakeRecord(&records_);
      return absl::OkStatus();
    }
    // The frame is in a later segment, or damaged.
    scanner_ = nullptr;
  }
  return absl::DataLossError(absl::StrFormat(
      "%s: the record with lsn %d cannot be read, it was there before", segment_.path, next_lsn_));
}

}  // namespace kyrodb::wal
