#include "engine/storage/run_writer.h"

#include <algorithm>
#include <cstring>
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
#include "engine/storage/run_record.h"
#include "learned_index/cells.h"

namespace kyrodb::engine {
namespace {

using learned_index::CellIndexOf;
using learned_index::kCellSlices;
using learned_index::kCellWords;

constexpr uint64_t kWriteBytes = PageWriter::kWriteBytes;
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
      pages_(std::move(file)),
      buffer_(kWriteBytes + kPageBytes),
      model_({.epsilon = options.epsilon, .clock = options.clock}),
      large_value_bytes_(options.large_value_bytes),
      value_file_path_(options.value_file_path) {
  properties_.file_number = options.file_number;
  properties_.common_prefix = CommonPrefix(options);
  const uint64_t expected = std::min(options.entry_count_hint, kExpectedMax);
  hashes_.reserve(expected);
  offsets_.reserve(expected);
  cells_.reserve(expected * 2 + kCellWords);
}

RunWriter::~RunWriter() {
  if (finished_) return;
  pages_.Abandon();
  // What cannot be removed is collected at the next open: no manifest names it.
  CatchOutOfMemory([this] { return file_system_.Remove(path_); }).IgnoreError();
  if (values_writer_ == nullptr) return;
  values_writer_.reset();
  CatchOutOfMemory([this] { return file_system_.Remove(value_file_path_); }).IgnoreError();
}

// Most values stand in the record, and then it is one number.
class RunWriter::TableEntry {
 public:
  TableEntry(uint64_t value_bytes, EntryKind kind)
      : end_(EncodeVarint64(value_bytes << 3 | static_cast<uint64_t>(kind), bytes_)) {}
  TableEntry(uint64_t value_bytes, EntryKind kind, uint64_t place, uint64_t offset,
             WallMicros expiry)
      : end_(EncodeVarint64(value_bytes << 3 | kApartBit | static_cast<uint64_t>(kind), bytes_)) {
    end_ = EncodeVarint64(place, end_);
    end_ = EncodeVarint64(offset, end_);
    if (kind != EntryKind::kExpiringPut) return;
    std::memcpy(end_, &expiry, kExpiryBytes);
    end_ += kExpiryBytes;
  }
  TableEntry(const TableEntry&) = delete;
  TableEntry& operator=(const TableEntry&) = delete;
  absl::string_view bytes() const { return {bytes_, static_cast<size_t>(end_ - bytes_)}; }

  static constexpr size_t kBytesMax = 3 * kVarintBytesMax + kExpiryBytes;

 private:
  char bytes_[kBytesMax];
  char* end_;
};

absl::Status RunWriter::Add(absl::string_view key, Lsn lsn, EntryKind kind,
                            absl::string_view value) {
  if (status_.ok()) status_ = AddChecked(key, lsn, kind, value);
  return status_;
}

absl::Status RunWriter::AddApart(absl::string_view key, Lsn lsn, EntryKind kind,
                                 const ApartValue& value) {
  if (status_.ok()) status_ = AddApartChecked(key, lsn, kind, value);
  return status_;
}

absl::Status RunWriter::AddChecked(absl::string_view key, Lsn lsn, EntryKind kind,
                                   absl::string_view value) {
  if (large_value_bytes_ > 0 && value.size() >= large_value_bytes_) [[unlikely]] {
    KYRO_ASSIGN_OR_RETURN(const ApartValue apart, WriteApart(kind, value));
    return AddApartChecked(key, lsn, kind, apart);
  }
  return AddVersion(key, lsn, kind, value.size(), TableEntry(value.size(), kind), value);
}

absl::Status RunWriter::AddApartChecked(absl::string_view key, Lsn lsn, EntryKind kind,
                                        const ApartValue& value) {
  const uint64_t place = ValueFilePlace(value.file_number);
  KYRO_RETURN_IF_ERROR(
      AddVersion(key, lsn, kind, value.size_bytes,
                 TableEntry(value.size_bytes, kind, place, value.offset, value.expiry), ""));
  ValueFileShare& share = properties_.value_files[place];
  ++share.value_count;
  share.value_bytes += value.size_bytes;
  return absl::OkStatus();
}

absl::StatusOr<ApartValue> RunWriter::WriteApart(EntryKind kind, absl::string_view value) {
  if (values_writer_ == nullptr) {
    KYRO_ASSIGN_OR_RETURN(values_writer_, ValueFileWriter::Create(file_system_, value_file_path_,
                                                                  properties_.file_number));
  }
  KYRO_ASSIGN_OR_RETURN(const uint64_t offset, values_writer_->Append(value));
  return ApartValue{.file_number = properties_.file_number,
                    .offset = offset,
                    .size_bytes = value.size(),
                    .expiry = kind == EntryKind::kExpiringPut ? ExpiryOf(value) : 0};
}

uint64_t RunWriter::ValueFilePlace(uint64_t file_number) {
  if (file_number == last_value_file_ && !properties_.value_files.empty()) return last_place_;
  const auto [it, is_new] = value_file_places_.emplace(file_number, properties_.value_files.size());
  if (is_new) properties_.value_files.push_back({.file_number = file_number});
  last_value_file_ = file_number;
  last_place_ = it->second;
  return last_place_;
}

absl::Status RunWriter::AddVersion(absl::string_view key, Lsn lsn, EntryKind kind,
                                   uint64_t value_bytes, const TableEntry& entry,
                                   absl::string_view value) {
  if (finished_) return absl::FailedPreconditionError("run is already finished");
  if (lsn == 0 || (kind == EntryKind::kDelete && value_bytes > 0)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "version of key \"%s\" has LSN %u and a value of %u bytes: an LSN is at least 1, and "
        "a delete has no value",
        absl::CHexEscape(key), lsn, value_bytes));
  }
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
        uint64_t* const cell = cells_.Extend(kCellWords);
        std::fill_n(cell, kCellSlices, ~uint64_t{0});
        std::fill_n(cell + kCellSlices, kCellWords - kCellSlices, 0);
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
    BeginRecord(rest, lsn, entry, value);
  } else {
    if (version_count_ == 1) MoveRecordAside();
    PutVarint64(&table_, last_lsn_ - lsn);
    table_.append(entry.bytes().data(), entry.bytes().size());
    values_.append(value.data(), value.size());
    ++version_count_;
  }
  last_lsn_ = lsn;

  ++properties_.version_count;
  properties_.value_bytes += value_bytes;
  properties_.max_lsn = std::max(properties_.max_lsn, lsn);
  properties_.min_lsn = properties_.min_lsn == 0 ? lsn : std::min(properties_.min_lsn, lsn);
  return absl::OkStatus();
}

// Most keys have one version: its record goes where it will be written.
void RunWriter::BeginRecord(absl::string_view rest, Lsn lsn, const TableEntry& entry,
                            absl::string_view value) {
  record_begin_ = buffer_.size();
  char* out =
      buffer_.RoomFor(3 * kVarintBytesMax + rest.size() + TableEntry::kBytesMax + value.size());
  const char* const begin = out;
  const auto put = [&out](absl::string_view bytes) {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
  };
  out = EncodeVarint64(rest.size(), out);
  put(rest);
  out = EncodeVarint64(1, out);
  out = EncodeVarint64(lsn, out);
  first_entry_offset_ = record_begin_ + static_cast<uint64_t>(out - begin);
  put(entry.bytes());
  put(value);
  buffer_.Advance(out);
  version_count_ = 1;
  first_value_bytes_ = value.size();
}

// Another version: the record is made anew when all are known.
void RunWriter::MoveRecordAside() {
  const size_t value_offset = buffer_.size() - first_value_bytes_;
  table_.clear();
  PutVarint64(&table_, last_lsn_);
  table_.append(buffer_.data() + first_entry_offset_, value_offset - first_entry_offset_);
  values_.assign(buffer_.data() + value_offset, first_value_bytes_);
  buffer_.Truncate(record_begin_);
}

absl::Status RunWriter::SealRecord() {
  if (version_count_ == 0) return absl::OkStatus();
  if (version_count_ > 1) {
    std::string head;
    PutLengthPrefixed(&head, absl::string_view(key_).substr(properties_.common_prefix.size()));
    PutVarint64(&head, version_count_);
    buffer_.Append(head);
    buffer_.Append(table_);
    buffer_.Append(values_);
  }
  file_bytes_ += buffer_.size() - record_begin_;
  version_count_ = 0;
  return buffer_.size() < kWriteBytes ? absl::OkStatus() : pages_.Write(&buffer_);
}

absl::Status RunWriter::Append(absl::string_view bytes) {
  // Long columns pass through in pieces, so that the buffer stays small.
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, kWriteBytes);
    buffer_.Append(piece);
    file_bytes_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (buffer_.size() >= kWriteBytes) KYRO_RETURN_IF_ERROR(pages_.Write(&buffer_));
  }
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
  if (values_writer_ != nullptr) KYRO_RETURN_IF_ERROR(values_writer_->Finish());
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
  KYRO_RETURN_IF_ERROR(add_section(&footer.cells, cells_.bytes()));
  KYRO_RETURN_IF_ERROR(add_section(&footer.offsets, grouped ? offsets_.bytes() : ""));
  std::vector<HashBucket> buckets;
  if (grouped) buckets = BuildPositionHash(hashes_.span());
  KYRO_RETURN_IF_ERROR(add_section(&footer.hash, AsBytes(buckets)));
  std::vector<uint64_t> filter;
  if (!hashes_.empty()) filter = BuildFilter(hashes_.span());
  KYRO_RETURN_IF_ERROR(add_section(&footer.filter, AsBytes(filter)));
  std::string model_bytes;
  KYRO_ASSIGN_OR_RETURN(const learned_index::PositionIndex model, model_.Finish());
  model.Encode(&model_bytes);
  KYRO_RETURN_IF_ERROR(add_section(&footer.model, model_bytes));
  KYRO_RETURN_IF_ERROR(PadToPage());
  KYRO_RETURN_IF_ERROR(pages_.Write(&buffer_));
  KYRO_RETURN_IF_ERROR(pages_.Drain());

  std::string tail(AsBytes(pages_.page_checksums()));
  footer.checksums = {.offset = file_bytes_, .size_bytes = tail.size()};
  footer.checksums_crc = Crc32c(tail);
  std::string properties;
  EncodeRunProperties(properties_, &properties);
  footer.properties = {.offset = file_bytes_ + tail.size(), .size_bytes = properties.size()};
  footer.properties_crc = Crc32c(properties);
  tail += properties;
  tail += EncodeRunTail(footer);
  KYRO_RETURN_IF_ERROR(pages_.file().Write(file_bytes_, tail));
  file_bytes_ += tail.size();
  KYRO_RETURN_IF_ERROR(pages_.file().Sync());
  KYRO_RETURN_IF_ERROR(pages_.file().Close());
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace kyrodb::engine
