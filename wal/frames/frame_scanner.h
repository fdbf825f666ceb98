// Finds the valid frames of one segment file, one after the other, and steps over whatever else is
// in it: zeros ahead of the writer, torn appends, damage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "wal/frames/frame.h"

namespace kyrodb::wal {

struct Frame {
  FrameHeader header;
  uint64_t hash = 0;
  // True when bytes other than zero stand between this frame and the one before.
  bool after_garbage = false;
  // The records; valid until the scanner is used again.
  absl::string_view payload;

  uint64_t end_offset() const { return header.offset + header.frame_bytes(); }
};

// Errors:         `FailedPrecondition` for a frame of another database or of a newer version at the
//                 place where a frame must be; `Unavailable` when the device fails. Damage is no
//                 error: the scanner goes on behind it.
// Thread-safety:  one thread at a time; the file may grow meanwhile (see `Refresh`).
// Cost:           memory for one frame and one read-ahead window.
class FrameScanner {
 public:
  static absl::StatusOr<std::unique_ptr<FrameScanner>> Open(FileSystem* file_system,
                                                            absl::string_view path,
                                                            uint64_t segment_id,
                                                            uint64_t database_id);

  // The next valid frame, or nothing at the end of the file.
  absl::StatusOr<std::optional<Frame>> Next();

  // Forgets what was read ahead, so that bytes written since are seen.
  void Refresh();

  // Where the last frame that `Next` returned ends; 0 before the first.
  uint64_t frame_end() const { return frame_end_; }
  // The end of the last byte other than zero that was stepped over since; `frame_end()` if none.
  uint64_t garbage_end() const { return garbage_end_; }
  const std::string& path() const { return path_; }

 private:
  FrameScanner(std::unique_ptr<RandomAccessFile> file, absl::string_view path, uint64_t segment_id,
               uint64_t database_id);
  // What the window holds from `offset` on: at least `size_bytes`, fewer at the end of the file.
  absl::StatusOr<absl::string_view> Peek(uint64_t offset, uint64_t size_bytes);
  // The frame that begins at `offset`, if a valid one does. `expected`: a frame must begin here, so
  // a foreign or newer one is an error.
  absl::StatusOr<std::optional<Frame>> FrameAt(uint64_t offset, bool expected);

  const std::unique_ptr<RandomAccessFile> file_;
  const std::string path_;
  const uint64_t segment_id_;
  const uint64_t database_id_;
  std::string window_;
  uint64_t window_offset_ = 0;
  uint64_t read_bytes_;  // of the next read
  uint64_t frame_end_ = 0;
  uint64_t garbage_end_ = 0;
};

}  // namespace kyrodb::wal
