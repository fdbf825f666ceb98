#include "engine/storage/value_file_writer.h"

#include <utility>

#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

// Values go to disk in writes of about this size.
constexpr uint64_t kWriteBytes = 128 * kPageBytes;

}  // namespace

absl::StatusOr<std::unique_ptr<ValueFileWriter>> ValueFileWriter::Create(FileSystem& file_system,
                                                                         absl::string_view path,
                                                                         uint64_t file_number) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, file_system.Create(path));
  return std::unique_ptr<ValueFileWriter>(
      new ValueFileWriter(file_system, path, file_number, std::move(file)));
}

ValueFileWriter::ValueFileWriter(FileSystem& file_system, absl::string_view path,
                                 uint64_t file_number, std::unique_ptr<WritableFile> file)
    : file_system_(file_system), path_(path), file_(std::move(file)) {
  footer_.file_number = file_number;
}

ValueFileWriter::~ValueFileWriter() {
  if (finished_) return;
  file_.reset();
  // What cannot be removed is collected at the next open: no manifest names it.
  CatchOutOfMemory([this] { return file_system_.Remove(path_); }).IgnoreError();
}

absl::StatusOr<uint64_t> ValueFileWriter::Append(absl::string_view value) {
  KYRO_CHECK(!finished_ && !value.empty());
  KYRO_RETURN_IF_ERROR(status_);
  const uint64_t offset = footer_.value_bytes;
  buffer_.append(value.data(), value.size());
  footer_.value_bytes += value.size();
  ++footer_.value_count;
  if (buffer_.size() >= kWriteBytes) status_ = WritePages();
  KYRO_RETURN_IF_ERROR(status_);
  return offset;
}

absl::Status ValueFileWriter::WritePages() {
  const size_t whole = buffer_.size() / kPageBytes * kPageBytes;
  if (whole == 0) return absl::OkStatus();
  const absl::string_view pages = absl::string_view(buffer_).substr(0, whole);
  for (size_t begin = 0; begin < whole; begin += kPageBytes) {
    page_checksums_.push_back(Crc32c(pages.substr(begin, kPageBytes)));
  }
  KYRO_RETURN_IF_ERROR(file_->Write(written_bytes_, pages));
  written_bytes_ += whole;
  buffer_.erase(0, whole);
  return absl::OkStatus();
}

absl::Status ValueFileWriter::Finish() {
  KYRO_CHECK(!finished_);
  if (status_.ok()) status_ = FinishChecked();
  finished_ = status_.ok();
  return status_;
}

absl::Status ValueFileWriter::FinishChecked() {
  buffer_.resize((buffer_.size() + kPageBytes - 1) / kPageBytes * kPageBytes, '\0');
  KYRO_RETURN_IF_ERROR(WritePages());
  std::string tail(reinterpret_cast<const char*>(page_checksums_.data()),
                   page_checksums_.size() * sizeof(uint32_t));
  footer_.checksums_crc = Crc32c(tail);
  tail += EncodeValueFileTail(footer_);
  KYRO_RETURN_IF_ERROR(file_->Write(written_bytes_, tail));
  KYRO_RETURN_IF_ERROR(file_->Sync());
  return file_->Close();
}

}  // namespace kyrodb::engine
