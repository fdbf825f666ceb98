#include "engine/storage/value_file_writer.h"

#include <utility>

#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
absl::StatusOr<std::unique_ptr<ValueFileWriter>> ValueFileWriter::Create(FileSystem& file_system,
                                                                         absl::string_view path,
                                                                         uint64_t file_number) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, file_system.Create(path));
  return std::unique_ptr<ValueFileWriter>(
      new ValueFileWriter(file_system, path, file_number, std::move(file)));
}

ValueFileWriter::ValueFileWriter(FileSystem& file_system, absl::string_view path,
                                 uint64_t file_number, std::unique_ptr<WritableFile> file)
    : file_system_(file_system), path_(path), pages_(std::move(file)) {
  footer_.file_number = file_number;
}

ValueFileWriter::~ValueFileWriter() {
  if (finished_) return;
  pages_.Abandon();
  // What cannot be removed is collected at the next open: no manifest names it.
  CatchOutOfMemory([this] { return file_system_.Remove(path_); }).IgnoreError();
}

absl::StatusOr<uint64_t> ValueFileWriter::Append(absl::string_view value) {
  KYRO_CHECK(!finished_ && !value.empty());
  KYRO_RETURN_IF_ERROR(status_);
  const uint64_t offset = footer_.value_bytes;
  buffer_.Append(value);
  footer_.value_bytes += value.size();
  ++footer_.value_count;
  if (buffer_.size() >= PageWriter::kWriteBytes) status_ = pages_.Write(&buffer_);
  KYRO_RETURN_IF_ERROR(status_);
  return offset;
}

absl::Status ValueFileWriter::Finish() {
  KYRO_CHECK(!finished_);
  if (status_.ok()) status_ = FinishChecked();
  finished_ = status_.ok();
  return status_;
}

absl::Status ValueFileWriter::FinishChecked() {
  buffer_.Append(std::string((kPageBytes - buffer_.size() % kPageBytes) % kPageBytes, '\0'));
  KYRO_RETURN_IF_ERROR(pages_.Write(&buffer_));
  KYRO_RETURN_IF_ERROR(pages_.Drain());
  std::string tail(reinterpret_cast<const char*>(pages_.page_checksums().data()),
                   pages_.page_checksums().size() * sizeof(uint32_t));
  footer_.checksums_crc = Crc32c(tail);
  tail += EncodeValueFileTail(footer_);
  KYRO_RETURN_IF_ERROR(pages_.file().Write(footer_.checksums_offset(), tail));
  KYRO_RETURN_IF_ERROR(pages_.file().Sync());
  return pages_.file().Close();
}

}  // namespace kyrodb::engine
