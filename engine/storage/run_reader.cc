#include "engine/storage/run_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "engine/storage/key_hash.h"
#include "learned_index/cells.h"

namespace kyrodb::engine {
namespace {

using learned_index::CellIndexOf;
using learned_index::kCellBytes;
using learned_index::kCellSlices;

constexpr uint64_t kSlicesPerPage = kPageBytes / kCellBytes * kCellSlices;
// What a sequential reader takes from disk at once, at least; of a value file less, for it may have
// many of them.
constexpr uint64_t kReadAheadPages = 32;
constexpr uint64_t kValueReadAheadPages = 8;
// Of a longer record, only this much is read to know key and versions.
constexpr uint64_t kNearBytes = 8 * kPageBytes;

}  // namespace

absl::Status SectionCursor::FillWindow(uint64_t first_page, uint64_t last_page) {
  if (first_page < window_begin_ || last_page >= window_end_) {
    const uint64_t section_end =
        (section_.offset + section_.size_bytes + kPageBytes - 1) / kPageBytes;
    const uint64_t end =
        std::max(std::min(first_page + read_ahead_pages_, section_end), last_page + 1);
    window_begin_ = window_end_ = 0;
    window_.resize((end - first_page) * kPageBytes);
    KYRO_RETURN_IF_ERROR(source_.ReadPages(first_page, end, window_.data()));
    window_begin_ = first_page;
    window_end_ = end;
    checked_.assign(end - first_page, false);
  }
  // Only what is needed: damage that nobody asks for stays without consequence.
  for (uint64_t page = first_page; page <= last_page; ++page) {
    const uint64_t index = page - window_begin_;
    if (checked_[index]) continue;
    KYRO_RETURN_IF_ERROR(source_.CheckPage(page, window_.data() + index * kPageBytes));
    checked_[index] = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<const char*> SectionCursor::BringNear(uint64_t begin, uint64_t size_bytes) {
  KYRO_CHECK(size_bytes > 0 && begin + size_bytes <= section_.size_bytes);
  const uint64_t offset = section_.offset + begin;
  const uint64_t first_page = offset / kPageBytes;
  const uint64_t last_page = (offset + size_bytes - 1) / kPageBytes;
  near_begin_ = near_end_ = 0;
  const char* page;
  if (access_ == Run::Access::kCached) {
    KYRO_RETURN_IF_ERROR(region_.Pin(first_page, last_page + 1, &pins_));
    page = region_.base() + first_page * kPageBytes;
  } else {
    KYRO_RETURN_IF_ERROR(FillWindow(first_page, last_page));
    page = window_.data() + (first_page - window_begin_) * kPageBytes;
  }
  near_ = page;
  near_begin_ = first_page * kPageBytes - section_.offset;
  near_end_ = std::min((last_page + 1) * kPageBytes - section_.offset, section_.size_bytes);
  return page + (offset - first_page * kPageBytes);
}

RunReader::RunReader(const Run& run, Run::Access access)
    : run_(run),
      access_(access),
      entry_count_(run.properties_.entry_count),
      slice_count_(run.properties_.slice_count),
      grouped_(run.footer_.offsets.size_bytes > 0),
      cells_(run, *run.region_, run.footer_.cells, access, kReadAheadPages),
      offsets_(run, *run.region_, run.footer_.offsets, access, kReadAheadPages),
      heap_(run, *run.region_, run.footer_.heap, access, kReadAheadPages) {}

absl::StatusOr<uint64_t> RunReader::Slice(uint64_t index) {
  if (index >= slice_count_) {
    return run_.Damaged(run_.footer_.cells.offset,
                        absl::StrFormat("rows point to slice %u of %u", index, slice_count_));
  }
  KYRO_ASSIGN_OR_RETURN(const char* cell,
                        cells_.Bytes(index / kCellSlices * kCellBytes, kCellBytes));
  return reinterpret_cast<const uint64_t*>(cell)[index % kCellSlices];
}

absl::StatusOr<uint64_t> RunReader::Word(uint64_t index) {
  KYRO_ASSIGN_OR_RETURN(const char* cell,
                        cells_.Bytes(index / kCellSlices * kCellBytes, kCellBytes));
  return reinterpret_cast<const uint64_t*>(cell)[kCellSlices + index % kCellSlices];
}

absl::StatusOr<uint64_t> RunReader::LowerBoundSlice(uint64_t slice) {
  learned_index::SearchBound bound{.begin = 0, .end = slice_count_};
  if (run_.model_) bound = run_.model_->Find(slice);
  while (bound.begin < bound.end) {
    const uint64_t first_page = bound.begin / kSlicesPerPage;
    const uint64_t last_page = (bound.end - 1) / kSlicesPerPage;
    const uint64_t page = first_page + (last_page - first_page) / 2;
    const uint64_t base = page * kSlicesPerPage;
    const uint64_t page_begin = page * kPageBytes;
    KYRO_ASSIGN_OR_RETURN(
        const char* bytes,
        cells_.Bytes(page_begin, std::min(kPageBytes, run_.footer_.cells.size_bytes - page_begin)));
    const auto* const cells = reinterpret_cast<const uint64_t*>(bytes);
    if (first_page == last_page) {
      return base + learned_index::LowerBoundCells(
                        cells, {.begin = bound.begin - base, .end = bound.end - base}, slice);
    }
    // The bound covers several pages: halve them by the last slice of the middle one.
    if (cells[CellIndexOf(kSlicesPerPage - 1)] < slice) {
      bound.begin = base + kSlicesPerPage;
    } else {
      bound.end = base + kSlicesPerPage - 1;
    }
  }
  return bound.begin;
}

absl::StatusOr<uint64_t> RunReader::GroupBegin(uint64_t slice_index) {
  if (!grouped_) return slice_index;
  if (slice_index == slice_count_) return entry_count_;
  if (slice_index > slice_count_) {
    return run_.Damaged(run_.footer_.cells.offset,
                        absl::StrFormat("rows point to slice %u of %u", slice_index, slice_count_));
  }
  KYRO_ASSIGN_OR_RETURN(const uint64_t begin, Word(slice_index));
  if (begin >= entry_count_) {
    return run_.Damaged(
        run_.footer_.cells.offset + 8 * (CellIndexOf(slice_index) + kCellSlices),
        absl::StrFormat("slice %u begins at row %u of %u", slice_index, begin, entry_count_));
  }
  return begin;
}

absl::StatusOr<RunReader::Range> RunReader::Group(uint64_t slice_index) {
  Range range;
  KYRO_ASSIGN_OR_RETURN(range.begin, GroupBegin(slice_index));
  KYRO_ASSIGN_OR_RETURN(range.end, GroupBegin(slice_index + 1));
  if (range.begin >= range.end) {
    return run_.Damaged(
        run_.footer_.cells.offset + 8 * (CellIndexOf(slice_index) + kCellSlices),
        absl::StrFormat("slice %u has rows %u to %u", slice_index, range.begin, range.end));
  }
  return range;
}

absl::StatusOr<uint64_t> RunReader::RecordOffset(const RunPosition& position) {
  if (position.entry == entry_count_) return run_.footer_.heap.size_bytes;
  if (!grouped_) return Word(position.entry);
  KYRO_ASSIGN_OR_RETURN(const char* word, offsets_.Bytes(8 * position.entry, 8));
  uint64_t offset;
  std::memcpy(&offset, word, sizeof(offset));
  return offset;
}

absl::Status RunReader::DamagedRecord(absl::string_view what) const {
  return run_.Damaged(
      run_.footer_.heap.offset + record_begin_,
      absl::StrFormat("a record of %u bytes is damaged: %s", record_end_ - record_begin_, what));
}

absl::Status RunReader::LoadRecord(const RunPosition& position) {
  versions_.clear();
  // A walk comes to the record that begins where the one before ended.
  if (record_end_ > 0 && position.entry == loaded_entry_ + 1) {
    record_begin_ = record_end_;
  } else {
    KYRO_ASSIGN_OR_RETURN(record_begin_, RecordOffset(position));
  }
  loaded_entry_ = position.entry;
  record_end_ = 0;
  KYRO_ASSIGN_OR_RETURN(record_end_,
                        RecordOffset({.slice = position.slice, .entry = position.entry + 1}));
  if (record_begin_ >= record_end_ || record_end_ > run_.footer_.heap.size_bytes) {
    const RunSection& column = grouped_ ? run_.footer_.offsets : run_.footer_.cells;
    return run_.Damaged(
        column.offset + 8 * (grouped_ ? position.entry : CellIndexOf(position.entry) + kCellSlices),
        absl::StrFormat("row %u has bytes %u to %u of a heap of %u", position.entry, record_begin_,
                        record_end_, run_.footer_.heap.size_bytes));
  }
  const uint64_t record_bytes = record_end_ - record_begin_;
  near_bytes_ = std::min(record_bytes, kNearBytes);
  KYRO_ASSIGN_OR_RETURN(const char* bytes, heap_.Bytes(record_begin_, near_bytes_));
  if (record_.ParseHead({bytes, near_bytes_}, record_bytes)) return absl::OkStatus();
  if (near_bytes_ == record_bytes) return DamagedRecord(record_.problem());
  near_bytes_ = record_bytes;
  KYRO_ASSIGN_OR_RETURN(bytes, heap_.Bytes(record_begin_, near_bytes_));
  if (record_.ParseHead({bytes, near_bytes_}, record_bytes)) return absl::OkStatus();
  return DamagedRecord(record_.problem());
}

absl::Status RunReader::LoadVersions() {
  const uint64_t record_bytes = record_end_ - record_begin_;
  while (true) {
    versions_.clear();
    RunVersion version;
    while (record_.NextVersion(&version)) {
      version.lsn += run_.lsn_base_;
      versions_.push_back(version);
    }
    if (record_.problem() == nullptr && record_.FinishVersions(&values_begin_)) {
      return absl::OkStatus();
    }
    if (near_bytes_ == record_bytes) return DamagedRecord(record_.problem());
    near_bytes_ = record_bytes;
    KYRO_ASSIGN_OR_RETURN(const char* bytes, heap_.Bytes(record_begin_, near_bytes_));
    if (!record_.ParseHead({bytes, near_bytes_}, record_bytes)) {
      return DamagedRecord(record_.problem());
    }
  }
}

absl::StatusOr<ApartValue> RunReader::Apart(const RunVersion& version) const {
  const std::vector<ValueFileShare>& shares = run_.properties_.value_files;
  if (version.value_file >= shares.size()) {
    return DamagedRecord(
        absl::StrFormat("a value lies in value file %u of %u", version.value_file, shares.size()));
  }
  if (!run_.value_files_.empty() &&
      !run_.value_files_[version.value_file]->Holds(version.value_offset, version.value_bytes)) {
    return DamagedRecord(absl::StrFormat(
        "a value of %u bytes lies at offset %u of value file %u, which does not hold it",
        version.value_bytes, version.value_offset, shares[version.value_file].file_number));
  }
  return ApartValue{.file_number = shares[version.value_file].file_number,
                    .offset = version.value_offset,
                    .size_bytes = version.value_bytes,
                    .expiry = version.expiry};
}

absl::StatusOr<absl::string_view> RunReader::Value(const RunVersion& version) {
  if (version.value_bytes == 0) return absl::string_view();
  if (version.is_apart) {
    KYRO_ASSIGN_OR_RETURN(const ApartValue apart, Apart(version));
    if (run_.value_files_.empty()) {
      return absl::FailedPreconditionError(
          absl::StrFormat("%s was opened without value file %u, where this value lies", run_.path_,
                          apart.file_number));
    }
    apart_.resize(run_.value_files_.size());
    std::unique_ptr<SectionCursor>& cursor = apart_[version.value_file];
    if (cursor == nullptr) {
      const ValueFile& file = *run_.value_files_[version.value_file];
      cursor = std::make_unique<SectionCursor>(
          file, file.region(), RunSection{.offset = 0, .size_bytes = file.footer().value_bytes},
          access_, kValueReadAheadPages);
    }
    KYRO_ASSIGN_OR_RETURN(const char* value, cursor->Bytes(apart.offset, apart.size_bytes));
    return absl::string_view(value, apart.size_bytes);
  }
  const uint64_t begin = record_begin_ + values_begin_ + version.value_offset;
  KYRO_ASSIGN_OR_RETURN(const char* value, heap_.Bytes(begin, version.value_bytes));
  return absl::string_view(value, version.value_bytes);
}

void RunReader::BuildKey(std::string* key) const {
  key->assign(run_.properties_.common_prefix);
  key->append(record_.rest().data(), record_.rest().size());
}

absl::StatusOr<uint64_t> RunReader::LowerBoundInGroup(uint64_t slice_index, const Range& range,
                                                      absl::string_view rest, bool* found) {
  uint64_t begin = range.begin;
  uint64_t end = range.end;
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    KYRO_RETURN_IF_ERROR(LoadRecord({.slice = slice_index, .entry = middle}));
    const int order = record_.rest().compare(rest);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  *found = false;
  return begin;
}

absl::StatusOr<std::optional<RunPosition>> RunReader::Find(absl::string_view key) {
  const RunProperties& properties = run_.properties_;
  if (entry_count_ == 0 || !absl::StartsWith(key, properties.common_prefix) ||
      key < properties.smallest_key || key > properties.largest_key ||
      !run_.filter_view_.MayContain(KeyHash(key))) {
    return std::nullopt;
  }
  const absl::string_view rest = key.substr(properties.common_prefix.size());
  const uint64_t slice = KeySlice(rest);
  KYRO_ASSIGN_OR_RETURN(const uint64_t index, LowerBoundSlice(slice));
  if (index >= slice_count_) return std::nullopt;
  KYRO_ASSIGN_OR_RETURN(const uint64_t stored, Slice(index));
  if (stored != slice) return std::nullopt;
  KYRO_ASSIGN_OR_RETURN(const Range group, Group(index));
  bool found;
  KYRO_ASSIGN_OR_RETURN(const uint64_t entry, LowerBoundInGroup(index, group, rest, &found));
  if (!found) return std::nullopt;
  return RunPosition{.slice = index, .entry = entry};
}

RunPosition RunReader::end_position() const {
  return {.slice = slice_count_, .entry = entry_count_};
}

absl::StatusOr<RunPosition> RunReader::LowerBound(absl::string_view key) {
  const std::string& prefix = run_.properties_.common_prefix;
  const absl::string_view head = key.substr(0, prefix.size());
  if (const int order = head.compare(prefix); order < 0) {
    return RunPosition{};
  } else if (order > 0) {
    return end_position();
  }
  const absl::string_view rest = key.substr(prefix.size());
  const uint64_t slice = KeySlice(rest);
  KYRO_ASSIGN_OR_RETURN(const uint64_t index, LowerBoundSlice(slice));
  if (index >= slice_count_) return end_position();
  KYRO_ASSIGN_OR_RETURN(const uint64_t stored, Slice(index));
  KYRO_ASSIGN_OR_RETURN(const Range group, Group(index));
  if (stored != slice) return RunPosition{.slice = index, .entry = group.begin};
  bool found;
  KYRO_ASSIGN_OR_RETURN(const uint64_t entry, LowerBoundInGroup(index, group, rest, &found));
  return RunPosition{.slice = entry < group.end ? index : index + 1, .entry = entry};
}

absl::StatusOr<RunPosition> RunReader::Next(const RunPosition& position) {
  RunPosition next{.slice = position.slice, .entry = position.entry + 1};
  if (next.entry == entry_count_) return end_position();
  if (!grouped_) {
    next.slice = next.entry;
    return next;
  }
  KYRO_ASSIGN_OR_RETURN(const uint64_t group_end, GroupBegin(position.slice + 1));
  if (next.entry >= group_end) ++next.slice;
  if (next.slice >= slice_count_) {
    return run_.Damaged(run_.footer_.cells.offset,
                        absl::StrFormat("row %u belongs to no slice", next.entry));
  }
  return next;
}

absl::StatusOr<RunPosition> RunReader::Previous(const RunPosition& position) {
  RunPosition previous{.slice = position.slice, .entry = position.entry - 1};
  KYRO_ASSIGN_OR_RETURN(const uint64_t group_begin, GroupBegin(position.slice));
  if (position.entry > group_begin) return previous;
  if (previous.slice == 0) {
    return run_.Damaged(run_.footer_.cells.offset,
                        absl::StrFormat("row %u belongs to no slice", previous.entry));
  }
  --previous.slice;
  return previous;
}

absl::StatusOr<learned_index::PositionIndex> RunReader::TrainModel() {
  learned_index::PositionIndexBuilder builder;
  for (uint64_t i = 0; i < slice_count_; ++i) {
    KYRO_ASSIGN_OR_RETURN(const uint64_t slice, Slice(i));
    KYRO_RETURN_IF_ERROR(builder.Add(slice));
  }
  return builder.Finish();
}

absl::StatusOr<std::vector<uint64_t>> RunReader::HashKeys() {
  std::vector<uint64_t> hashes;
  hashes.reserve(entry_count_);
  std::string key;
  for (RunPosition position; !IsEnd(position);) {
    KYRO_RETURN_IF_ERROR(LoadRecord(position));
    BuildKey(&key);
    hashes.push_back(KeyHash(key));
    KYRO_ASSIGN_OR_RETURN(position, Next(position));
  }
  return hashes;
}

}  // namespace kyrodb::engine
