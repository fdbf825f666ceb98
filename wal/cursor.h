// Follows the log from an LSN: the change feed's source.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/file_system.h"
#include "wal/log.h"

namespace kyrodb::wal {

class FrameScanner;

// Order:          by LSN, each once, without gaps, up to `Log::visible_lsn()`: what a cursor has
//                 given will be found by every later recovery (except in mode kOff).
// Errors:         `NotFound` when the wanted LSN was dropped; the message names the oldest that is
//                 there. `DataLoss` when the segment is damaged. Both stay.
// Thread-safety:  one thread at a time; any number of cursors beside any number of commits.
// Cost:           positioning reads one segment up to the wanted LSN; then one frame at a time.
// Lifetime:       the log must outlive the cursor; a cursor does not keep segments from being
// dropped.
class Cursor {
 public:
  struct Entry {
    Lsn lsn = 0;
    // Valid until the next call.
    absl::string_view record;
  };

  // Starts so that the first entry is `from_lsn` (0 counts as 1).
  Cursor(const Log* log, Lsn from_lsn);
  ~Cursor();

  // The next entry, or nothing when everything visible has been given.
  absl::StatusOr<std::optional<Entry>> Next();
  // As `Next`, but waits for one until `deadline`.
  absl::StatusOr<std::optional<Entry>> NextBefore(absl::Time deadline);
  // The LSN that `Next` gives next: where to resume.
  Lsn position() const { return next_lsn_; }

 private:
  absl::Status OpenSegment();
  absl::Status ReadFrame(Lsn visible);

  const Log* const log_;
  Lsn next_lsn_;
  absl::Status status_;
  SegmentInfo segment_;
  std::unique_ptr<FrameScanner> scanner_;
  Lsn scanner_visible_ = 0;  // everything up to here was in the file when it was last read
  // The records of the current frame that were not given yet.
  std::string frame_;
  absl::string_view records_;
  Lsn frame_lsn_ = 0;
};

}  // namespace kyrodb::wal
