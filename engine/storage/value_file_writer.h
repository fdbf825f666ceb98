// Writes one value file, in one pass.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/storage/page_writer.h"
#include "engine/storage/value_file.h"

namespace kyrodb::engine {

// Errors:         of the disk, as they are; the first one sticks. Without a successful `Finish` the
//                 destructor removes the file.
// Thread-safety:  one thread at a time.
class ValueFileWriter {
 public:
  static absl::StatusOr<std::unique_ptr<ValueFileWriter>> Create(FileSystem& file_system,
                                                                 absl::string_view path,
                                                                 uint64_t file_number);
  ~ValueFileWriter();
  ValueFileWriter(const ValueFileWriter&) = delete;
  ValueFileWriter& operator=(const ValueFileWriter&) = delete;

  // Appends a value, which must not be empty; returns where it begins.
  absl::StatusOr<uint64_t> Append(absl::string_view value);
  // Completes and syncs the file; the caller syncs its directory.
  absl::Status Finish();

  const ValueFileFooter& footer() const { return footer_; }

 private:
  ValueFileWriter(FileSystem& file_system, absl::string_view path, uint64_t file_number,
                  std::unique_ptr<WritableFile> file);
  absl::Status FinishChecked();

  FileSystem& file_system_;
  const std::string path_;
  PageWriter pages_;
  PageBuffer buffer_;  // not handed to it yet; begins at a page
  absl::Status status_;
  bool finished_ = false;
  ValueFileFooter footer_;
};

}  // namespace kyrodb::engine
