#include "engine/storage/run_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/buffer_pool.h"

namespace kyrodb::engine {
namespace {

// The heap goes to disk in writes of about this size.
constexpr uint64_t kWriteBytes = 16 * kPageBytes;
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
      model_(learned_index::TrainOptions{.epsilon = options.epsilon}) {
  properties_.file_number = options.file_number;
  properties_.common_prefix = CommonPrefix(options);
}

RunWriter::~RunWriter() {
  if (finished_) return;
  file_.reset();
  // What cannot be removed is collected at the next open: no manifest names it.
  file_system_.Remove(path_).IgnoreError();
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
    if (offsets_.size() == kEntryCountMax) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("a run holds at most %u keys", kEntryCountMax));
    }
    KYRO_RETURN_IF_ERROR(FlushRecord());
    const absl::string_view rest = key.substr(properties_.common_prefix.size());
    const uint64_t slice = KeySlice(rest);
    if (slices_.empty() || slice != slices_.back()) {
      KYRO_RETURN_IF_ERROR(model_.Add(slice));
      slices_.push_back(slice);
      groups_.push_back(static_cast<uint32_t>(offsets_.size()));
    }
    offsets_.push_back(file_bytes_);
    if (!has_key_) properties_.smallest_key = std::string(key);
    has_key_ = true;
    key_.assign(key.data(), key.size());
    pending_deleted_ = kind == EntryKind::kDelete;
    PutVarint64(&pending_table_, lsn);
    properties_.key_bytes += key.size();
  } else {
    PutVarint64(&pending_table_, last_lsn_ - lsn);
  }
  PutVarint64(&pending_table_, value.size() << 1 | static_cast<uint64_t>(kind));
  pending_values_.append(value.data(), value.size());
  ++pending_count_;
  last_lsn_ = lsn;

  ++properties_.version_count;
  properties_.value_bytes += value.size();
  properties_.max_lsn = std::max(properties_.max_lsn, lsn);
  properties_.min_lsn = properties_.min_lsn == 0 ? lsn : std::min(properties_.min_lsn, lsn);
  return absl::OkStatus();
}

absl::Status RunWriter::FlushRecord() {
  if (pending_count_ == 0) return absl::OkStatus();
  const absl::string_view rest = absl::string_view(key_).substr(properties_.common_prefix.size());
  std::string header;
  PutVarint64(&header, rest.size());
  if (rest.size() > 8) header.append(rest.data() + 8, rest.size() - 8);
  PutVarint64(&header, pending_count_);
  KYRO_RETURN_IF_ERROR(Append(header));
  KYRO_RETURN_IF_ERROR(Append(pending_table_));
  KYRO_RETURN_IF_ERROR(Append(pending_values_));
  if (pending_deleted_) ++properties_.tombstone_count;
  pending_count_ = 0;
  pending_table_.clear();
  pending_values_.clear();
  return absl::OkStatus();
}

absl::Status RunWriter::Append(absl::string_view bytes) {
  buffer_.append(bytes.data(), bytes.size());
  file_bytes_ += bytes.size();
  return buffer_.size() < kWriteBytes ? absl::OkStatus() : WriteBuffer();
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
  KYRO_RETURN_IF_ERROR(FlushRecord());
  properties_.entry_count = offsets_.size();
  properties_.slice_count = slices_.size();
  properties_.largest_key = key_;

  RunFooter footer;
  footer.heap = {.offset = 0, .size_bytes = file_bytes_};
  const auto add_section = [this](RunSection* section, absl::string_view bytes) -> absl::Status {
    KYRO_RETURN_IF_ERROR(PadToPage());
    *section = {.offset = file_bytes_, .size_bytes = bytes.size()};
    return Append(bytes);
  };
  offsets_.push_back(file_bytes_);
  KYRO_RETURN_IF_ERROR(add_section(&footer.slices, AsBytes(slices_)));
  KYRO_RETURN_IF_ERROR(add_section(&footer.offsets, AsBytes(offsets_)));
  offsets_.pop_back();
  groups_.push_back(static_cast<uint32_t>(offsets_.size()));
  const bool has_groups = slices_.size() != offsets_.size();
  KYRO_RETURN_IF_ERROR(add_section(&footer.groups, has_groups ? AsBytes(groups_) : ""));
  std::string model_bytes;
  KYRO_ASSIGN_OR_RETURN(const learned_index::RecursiveModelIndex model, model_.Finish());
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
