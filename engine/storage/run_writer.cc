#include "engine/storage/run_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/blocked_filter.h"
#include "engine/storage/key_hash.h"
#include "engine/storage/page_region.h"
#include "engine/storage/position_hash.h"
#include "learned_index/cells.h"

namespace kyrodb::engine {
namespace {

using learned_index::CellIndexOf;
using learned_index::kCellSlices;
using learned_index::kCellWords;

// The heap goes to disk in writes of about this size.
constexpr uint64_t kWriteBytes = 128 * kPageBytes;
// No more memory than for this many keys is taken before they come.
constexpr uint64_t kExpectedMax = uint64_t{1} << 22;
constexpr uint64_t kEntryCountMax = learned_index::kKeyCountMax;

std::string CommonPrefix(const RunWriterOptions& options) {
  if (!options.smallest_key || !options.largest_key) return "";
  const std::string& a = *options.smallest_key;
  const std::string& b = *options.largest_key;
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return std::string(a.begin(), end);
}

template <typename Word>
absl::string_view AsBytes(const std::vector<Word>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(Word)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunWriter>> RunWriter::Create(FileSystem& file_system,
                                                             absl::string_view path,
                                                             const RunWriterOptions& options) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, file_system.Create(path));
  return std::unique_ptr<RunWriter>(new RunWriter(file_system, path, options, std::move(file)));
}

RunWriter::RunWriter(FileSystem& file_system, absl::string_view path,
                     const RunWriterOptions& options, std::unique_ptr<WritableFile> file)
    : file_system_(file_system),
      path_(path),
      file_(std::move(file)),
      model_({.epsilon = options.epsilon, .clock = options.clock}) {
  properties_.file_number = options.file_number;
  properties_.common_prefix = CommonPrefix(options);
  const uint64_t expected = std::min(options.entry_count_hint, kExpectedMax);
  hashes_.reserve(expected);
  offsets_.reserve(expected);
  cells_.reserve(expected * 2 + kCellWords);
  buffer_.reserve(kWriteBytes + kPageBytes);
}

RunWriter::~RunWriter() {
  if (finished_) return;
  file_.reset();
  // What cannot be removed is collected at the next open: no manifest names it.
  CatchOutOfMemory([this] { return file_system_.Remove(path_); }).IgnoreError();
}

absl::Status RunWriter::Add(absl::string_view key, Lsn lsn, EntryKind kind,
                            absl::string_view value) {
  if (status_.ok()) status_ = AddChecked(key, lsn, kind, value);
  return status_;
}

absl::Status RunWriter::AddChecked(absl::string_view key, Lsn lsn, EntryKind kind,
                                   absl::string_view value) {
  if (finished_) return absl::FailedPreconditionError("run is already finished");
  if (lsn == 0 || (kind == EntryKind::kDelete && !value.empty())) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "version of key \"%s\" has LSN %u and a value of %u bytes: an LSN is at least 1, and "
        "a delete has no value",
        absl::CHexEscape(key), lsn, value.size()));
  }
  const uint64_t size_and_kind = value.size() << 3 | static_cast<uint64_t>(kind);
  const int order = has_key_ ? key.compare(key_) : 1;
  if (order < 0 || (order == 0 && lsn >= last_lsn_)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("key \"%s\" with LSN %u comes after key \"%s\" with LSN %u",
                        absl::CHexEscape(key), lsn, absl::CHexEscape(key_), last_lsn_));
  }
  if (order > 0) {
    if (!absl::StartsWith(key, properties_.common_prefix)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("key \"%s\" does not begin with \"%s\" as the given bounds do",
                          absl::CHexEscape(key), absl::CHexEscape(properties_.common_prefix)));
    }
    if (hashes_.size() == kEntryCountMax) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("a run holds at most %u keys", kEntryCountMax));
    }
    KYRO_RETURN_IF_ERROR(SealRecord());
    const absl::string_view rest = key.substr(properties_.common_prefix.size());
    const uint64_t slice = KeySlice(rest);
    if (slice_count_ == 0 || slice != last_slice_) {
      KYRO_RETURN_IF_ERROR(model_.Add(slice));
      if (slice_count_ % kCellSlices == 0) {
        cells_.resize(cells_.size() + kCellSlices, ~uint64_t{0});
        cells_.resize(cells_.size() + kCellSlices, 0);
      }
      cells_[CellIndexOf(slice_count_)] = slice;
      cells_[CellIndexOf(slice_count_) + kCellSlices] = hashes_.size();
      last_slice_ = slice;
      ++slice_count_;
    }
    hashes_.push_back(KeyHash(key));
    offsets_.push_back(file_bytes_);
    if (!has_key_) properties_.smallest_key = std::string(key);
    has_key_ = true;
    key_.assign(key.data(), key.size());
    properties_.key_bytes += key.size();
    if (kind == EntryKind::kDelete) ++properties_.tombstone_count;
    BeginRecord(rest, lsn, size_and_kind, value);
  } else {
    if (version_count_ == 1) MoveRecordAside();
    PutVarint64(&table_, last_lsn_ - lsn);
    PutVarint64(&table_, size_and_kind);
    values_.append(value.data(), value.size());
    ++version_count_;
  }
  last_lsn_ = lsn;

  ++properties_.version_count;
  properties_.value_bytes += value.size();
  properties_.max_lsn = std::max(properties_.max_lsn, lsn);
  properties_.min_lsn = properties_.min_lsn == 0 ? lsn : std::min(properties_.min_lsn, lsn);
  return absl::OkStatus();
}

// Most keys have one version: its record goes where it will be written.
void RunWriter::BeginRecord(absl::string_view rest, Lsn lsn, uint64_t size_and_kind,
                            absl::string_view value) {
  char numbers[3 * kVarintBytesMax];
  record_begin_ = buffer_.size();
  char* end = EncodeVarint64(rest.size(), numbers);
  buffer_.append(numbers, static_cast<size_t>(end - numbers));
  buffer_.append(rest.data(), rest.size());
  end = EncodeVarint64(1, numbers);
  end = EncodeVarint64(lsn, end);
  end = EncodeVarint64(size_and_kind, end);
  buffer_.append(numbers, static_cast<size_t>(end - numbers));
  buffer_.append(value.data(), value.size());
  version_count_ = 1;
  first_size_and_kind_ = size_and_kind;
  first_value_bytes_ = value.size();
}

// Another version: the record is made anew when all are known.
void RunWriter::MoveRecordAside() {
  table_.clear();
  PutVarint64(&table_, last_lsn_);
  PutVarint64(&table_, first_size_and_kind_);
  values_.assign(buffer_, buffer_.size() - first_value_bytes_, first_value_bytes_);
  buffer_.resize(record_begin_);
}

absl::Status RunWriter::SealRecord() {
  if (version_count_ == 0) return absl::OkStatus();
  if (version_count_ > 1) {
    PutLengthPrefixed(&buffer_, absl::string_view(key_).substr(properties_.common_prefix.size()));
    PutVarint64(&buffer_, version_count_);
    buffer_.append(table_);
    buffer_.append(values_);
  }
  file_bytes_ += buffer_.size() - record_begin_;
  version_count_ = 0;
  return buffer_.size() < kWriteBytes ? absl::OkStatus() : WriteBuffer();
}

absl::Status RunWriter::Append(absl::string_view bytes) {
  // Long columns pass through in pieces, so that the buffer stays small.
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, kWriteBytes);
    buffer_.append(piece.data(), piece.size());
    file_bytes_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (buffer_.size() >= kWriteBytes) KYRO_RETURN_IF_ERROR(WriteBuffer());
  }
  return absl::OkStatus();
}

absl::Status RunWriter::WriteBuffer() {
  const uint64_t written = file_bytes_ - buffer_.size();
  const size_t whole = buffer_.size() / kPageBytes * kPageBytes;
  const absl::string_view pages = absl::string_view(buffer_).substr(0, whole);
  for (size_t begin = 0; begin < whole; begin += kPageBytes) {
    page_checksums_.push_back(Crc32c(pages.substr(begin, kPageBytes)));
  }
  if (whole > 0) KYRO_RETURN_IF_ERROR(file_->Write(written, pages));
  buffer_.erase(0, whole);
  return absl::OkStatus();
}

absl::Status RunWriter::PadToPage() {
  const uint64_t rest = file_bytes_ % kPageBytes;
  return rest == 0 ? absl::OkStatus() : Append(std::string(kPageBytes - rest, '\0'));
}

absl::StatusOr<RunProperties> RunWriter::Finish() {
  if (status_.ok()) status_ = FinishChecked();
  if (!status_.ok()) return status_;
  return properties_;
}

absl::Status RunWriter::FinishChecked() {
  if (finished_) return absl::FailedPreconditionError("run is already finished");
  KYRO_RETURN_IF_ERROR(SealRecord());
  properties_.entry_count = hashes_.size();
  properties_.slice_count = slice_count_;
  properties_.largest_key = key_;

  RunFooter footer;
  footer.heap = {.offset = 0, .size_bytes = file_bytes_};
  const auto add_section = [this](RunSection* section, absl::string_view bytes) -> absl::Status {
    KYRO_RETURN_IF_ERROR(PadToPage());
    *section = {.offset = file_bytes_, .size_bytes = bytes.size()};
    return Append(bytes);
  };
  const bool grouped = slice_count_ != hashes_.size();
  if (!grouped) {
    for (uint64_t i = 0; i < slice_count_; ++i) cells_[CellIndexOf(i) + kCellSlices] = offsets_[i];
  }
  KYRO_RETURN_IF_ERROR(add_section(&footer.cells, AsBytes(cells_)));
  KYRO_RETURN_IF_ERROR(add_section(&footer.offsets, grouped ? AsBytes(offsets_) : ""));
  std::vector<HashBucket> buckets;
  if (grouped) buckets = BuildPositionHash(hashes_);
  KYRO_RETURN_IF_ERROR(add_section(&footer.hash, AsBytes(buckets)));
  std::vector<uint64_t> filter;
  if (!hashes_.empty()) filter = BuildFilter(hashes_);
  KYRO_RETURN_IF_ERROR(add_section(&footer.filter, AsBytes(filter)));
  std::string model_bytes;
  KYRO_ASSIGN_OR_RETURN(const learned_index::PositionIndex model, model_.Finish());
  model.Encode(&model_bytes);
  KYRO_RETURN_IF_ERROR(add_section(&footer.model, model_bytes));
  KYRO_RETURN_IF_ERROR(PadToPage());
  KYRO_RETURN_IF_ERROR(WriteBuffer());

  std::string tail(AsBytes(page_checksums_));
  footer.checksums = {.offset = file_bytes_, .size_bytes = tail.size()};
  footer.checksums_crc = Crc32c(tail);
  std::string properties;
  EncodeRunProperties(properties_, &properties);
  footer.properties = {.offset = file_bytes_ + tail.size(), .size_bytes = properties.size()};
  footer.properties_crc = Crc32c(properties);
  tail += properties;
  tail += EncodeRunTail(footer);
  KYRO_RETURN_IF_ERROR(file_->Write(file_bytes_, tail));
  file_bytes_ += tail.size();
  KYRO_RETURN_IF_ERROR(file_->Sync());
  KYRO_RETURN_IF_ERROR(file_->Close());
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
