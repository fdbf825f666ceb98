// Walks the frames of the live timeline across epochs and segments: the heart of recovery, used
// once to replay the records and once more, by `Log::Open`, to write the last of them again.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wal/frames/frame_scanner.h"
#include "wal/recovery.h"

namespace kyrodb::wal {

// Sees every live frame that holds a record at or past `replay_from_lsn`, in order.
using FrameCallback = std::function<absl::Status(const Frame& frame)>;

// As `Recover`; `record_count` of the result stays 0.
absl::StatusOr<RecoveryResult> ReplayFrames(const RecoveryOptions& options,
                                            const FrameCallback& callback);

}  // namespace kyrodb::wal
