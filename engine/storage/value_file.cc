#include "engine/storage/value_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

absl::Status DamagedAt(uint64_t offset, absl::string_view what) {
  return absl::DataLossError(absl::StrFormat("offset %u: %s", offset, what));
}

uint32_t IdentityCrc(uint32_t version) {
  std::string identity;
  PutFixed32(&identity, version);
  PutFixed64(&identity, kValueFileMagic);
  return Crc32c(identity);
}

}  // namespace

std::string EncodeValueFileTail(const ValueFileFooter& footer) {
  std::string out;
  PutFixed64(&out, footer.file_number);
  PutFixed64(&out, footer.value_count);
  PutFixed64(&out, footer.value_bytes);
  PutFixed32(&out, footer.checksums_crc);
  PutFixed32(&out, Crc32c(out));
  PutFixed32(&out, kValueFileFormatVersion);
  PutFixed32(&out, IdentityCrc(kValueFileFormatVersion));
  PutFixed64(&out, kValueFileMagic);
  KYRO_CHECK(out.size() == kValueFileTailBytes);
  return out;
}

absl::StatusOr<ValueFileFooter> DecodeValueFileTail(absl::string_view tail, uint64_t file_bytes) {
  if (tail.size() < kValueFileTrailerBytes) {
    return DamagedAt(0, absl::StrFormat("%u bytes are too few for a value file", file_bytes));
  }
  // The trailer first: it alone says whether the rest may be read as this version has it.
  const uint64_t trailer_offset = file_bytes - kValueFileTrailerBytes;
  ByteReader trailer(tail.substr(tail.size() - kValueFileTrailerBytes));
  const uint32_t version = trailer.Fixed32();
  const uint32_t trailer_crc = trailer.Fixed32();
  if (trailer.Fixed64() != kValueFileMagic || trailer_crc != IdentityCrc(version)) {
    return DamagedAt(trailer_offset, "this is not the end of a value file");
  }
  if (version > kValueFileFormatVersion) {
    return absl::UnimplementedError(
        absl::StrFormat("value file format has version %u, this program reads up to version %u",
                        version, kValueFileFormatVersion));
  }
  if (version == 0 || tail.size() < kValueFileTailBytes) {
    return DamagedAt(trailer_offset, absl::StrFormat("format version %u in a file of %u bytes",
                                                     version, file_bytes));
  }
  const uint64_t footer_offset = file_bytes - kValueFileTailBytes;
  const absl::string_view bytes = tail.substr(tail.size() - kValueFileTailBytes, 32);
  ByteReader reader(bytes);
  ValueFileFooter footer;
  footer.file_number = reader.Fixed64();
  footer.value_count = reader.Fixed64();
  footer.value_bytes = reader.Fixed64();
  footer.checksums_crc = reader.Fixed32();
  if (reader.Fixed32() != Crc32c(bytes.substr(0, 28))) {
    return DamagedAt(footer_offset, "the footer fails its checksum");
  }
  // A value has at least a byte. The first comparison keeps the others from overflowing.
  if (footer.value_bytes > file_bytes || footer.value_count > footer.value_bytes ||
      footer.checksums_offset() + 4 * footer.page_count() != footer_offset) {
    return DamagedAt(footer_offset, absl::StrFormat("%u values of %u bytes do not fit the file",
                                                    footer.value_count, footer.value_bytes));
  }
  return footer;
}

absl::StatusOr<std::shared_ptr<const ValueFile>> ValueFile::Open(FileSystem& file_system,
                                                                 absl::string_view path,
                                                                 uint64_t file_number,
                                                                 BufferPool& buffer_pool,
                                                                 MetricsRegistry& metrics) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, file_system.OpenForRead(path));
  std::shared_ptr<ValueFile> values(new ValueFile(std::string(path), std::move(file), metrics));
  KYRO_RETURN_IF_ERROR(values->Load(file_number, buffer_pool));
  return values;
}

ValueFile::ValueFile(std::string path, std::unique_ptr<RandomAccessFile> file,
                     MetricsRegistry& metrics)
    : path_(std::move(path)),
      file_(std::move(file)),
      file_bytes_(file_->size_bytes()),
      damaged_reads_(metrics.counter("kyro_value_file_damaged_reads_total",
                                     "reads that met damaged bytes in a value file")) {}

ValueFile::~ValueFile() {
  region_.reset();
  if (ObsoleteFiles* files = obsolete_.load(); files != nullptr) files->Add(path_);
}

absl::Status ValueFile::Damaged(uint64_t offset, absl::string_view what) const {
  damaged_reads_.Add();
  return absl::DataLossError(absl::StrFormat("%s: offset %u: %s", path_, offset, what));
}

absl::StatusOr<std::string> ValueFile::ReadExactly(uint64_t offset, uint64_t size_bytes) const {
  std::string bytes(size_bytes, '\0');
  KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(offset, size_bytes, bytes.data()));
  if (count == size_bytes) return bytes;
  return Damaged(offset + count,
                 absl::StrFormat("the file ends, %u bytes are missing", size_bytes - count));
}

absl::Status ValueFile::Load(uint64_t file_number, BufferPool& buffer_pool) {
  const uint64_t tail_bytes = std::min(file_bytes_, kValueFileTailBytes);
  KYRO_ASSIGN_OR_RETURN(const std::string tail, ReadExactly(file_bytes_ - tail_bytes, tail_bytes));
  const absl::StatusOr<ValueFileFooter> footer = DecodeValueFileTail(tail, file_bytes_);
  if (!footer.ok()) {
    if (!absl::IsDataLoss(footer.status())) return Annotate(footer.status(), path_);
    damaged_reads_.Add();
    return absl::DataLossError(absl::StrFormat("%s: %s", path_, footer.status().message()));
  }
  footer_ = *footer;
  if (footer_.file_number != file_number) {
    return Damaged(file_bytes_ - kValueFileTailBytes,
                   absl::StrFormat("this is value file number %u, expected %u", footer_.file_number,
                                   file_number));
  }
  KYRO_ASSIGN_OR_RETURN(const std::string checksums,
                        ReadExactly(footer_.checksums_offset(), 4 * footer_.page_count()));
  if (Crc32c(checksums) != footer_.checksums_crc) {
    return Damaged(footer_.checksums_offset(), "the table of page checksums fails its checksum");
  }
  page_checksums_.resize(footer_.page_count());
  if (!checksums.empty()) std::memcpy(page_checksums_.data(), checksums.data(), checksums.size());
  KYRO_ASSIGN_OR_RETURN(region_, PageRegion::Create(buffer_pool, *this, footer_.page_count()));
  return absl::OkStatus();
}

const char* ValueFile::Find(uint64_t offset, uint64_t size_bytes, uint64_t* missing_begin,
                            uint64_t* missing_end) const {
  const uint64_t begin = offset / kPageBytes;
  const uint64_t end = (offset + size_bytes - 1) / kPageBytes + 1;
  if (region_->complete()) {
    region_->Sample(begin);
  } else if (!region_->Touch(begin, end)) {
    *missing_begin = begin;
    *missing_end = end;
    return nullptr;
  }
  return region_->base() + offset;
}

absl::Status ValueFile::ReadPages(uint64_t begin, uint64_t end, char* buffer) const {
  const uint64_t size_bytes = (end - begin) * kPageBytes;
  KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(begin * kPageBytes, size_bytes, buffer));
  if (count == size_bytes) return absl::OkStatus();
  return Damaged(begin * kPageBytes + count,
                 absl::StrFormat("the file ends, %u bytes are missing", size_bytes - count));
}

absl::Status ValueFile::CheckPage(uint64_t page_number, const char* page) const {
  const uint32_t computed = Crc32c(absl::string_view(page, kPageBytes));
  if (computed == page_checksums_[page_number]) return absl::OkStatus();
  return Damaged(page_number * kPageBytes,
                 absl::StrFormat("the page's checksum is %08x, expected %08x", computed,
                                 page_checksums_[page_number]));
}

absl::Status ValueFile::VerifyPages(uint64_t begin, uint64_t end, std::string* buffer,
                                    absl::FunctionRef<void(const absl::Status&)> found) const {
  buffer->resize((end - begin) * kPageBytes);
  const absl::Status read = ReadPages(begin, end, buffer->data());
  if (absl::IsDataLoss(read)) {
    // The file is shorter than it was.
    found(read);
    return absl::OkStatus();
  }
  KYRO_RETURN_IF_ERROR(read);
  for (uint64_t page = begin; page < end; ++page) {
    const absl::Status status = CheckPage(page, buffer->data() + (page - begin) * kPageBytes);
    if (!status.ok()) found(status);
  }
  return absl::OkStatus();
}

absl::Status ValueFile::VerifyTail(absl::FunctionRef<void(const absl::Status&)> found) const {
  const uint64_t offset = footer_.checksums_offset();
  const absl::StatusOr<std::string> bytes = ReadExactly(offset, file_bytes_ - offset);
  if (!bytes.ok() && !absl::IsDataLoss(bytes.status())) return bytes.status();
  if (!bytes.ok()) {
    found(bytes.status());
    return absl::OkStatus();
  }
  const absl::string_view checksums =
      absl::string_view(*bytes).substr(0, 4 * page_checksums_.size());
  if (Crc32c(checksums) != footer_.checksums_crc) {
    found(Damaged(offset, "the page checksums fail their checksum"));
  }
  if (bytes->substr(checksums.size()) != EncodeValueFileTail(footer_)) {
    found(Damaged(offset + checksums.size(), "footer and trailer are not what they were"));
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
