#include "engine/storage/run_reader.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "learned_index/lower_bound.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kWordsPerPage = kPageBytes / 8;
constexpr uint64_t kHalfWordsPerPage = kPageBytes / 4;

}  // namespace

PageCursor::PageCursor(const Run& run, const RunSection& section, Run::Access access)
    : run_(run),
      first_page_(section.offset / kPageBytes),
      page_count_((section.size_bytes + kPageBytes - 1) / kPageBytes),
      access_(access) {}

absl::StatusOr<const uint64_t*> PageCursor::Page(uint64_t index) {
  if (index_ == index) return words_;
  KYRO_CHECK(index < page_count_);
  index_.reset();
  if (access_ == Run::Access::kCached) {
    KYRO_ASSIGN_OR_RETURN(pin_, run_.Pin(first_page_ + index));
    words_ = pin_.words();
  } else {
    if (index < chunk_begin_ || index >= chunk_end_) {
      chunk_begin_ = chunk_end_ = 0;
      const uint64_t end = std::min(index + kReadAheadPages, page_count_);
      chunk_.resize((end - index) * kWordsPerPage);
      KYRO_RETURN_IF_ERROR(run_.ReadPages(first_page_ + index, first_page_ + end,
                                          reinterpret_cast<char*>(chunk_.data())));
      chunk_begin_ = index;
      chunk_end_ = end;
    }
    words_ = chunk_.data() + (index - chunk_begin_) * kWordsPerPage;
    // Only now: damage that nobody asks for stays without consequence.
    KYRO_RETURN_IF_ERROR(
        run_.CheckPage(first_page_ + index, reinterpret_cast<const char*>(words_)));
  }
  index_ = index;
  return words_;
}

RunReader::RunReader(const Run& run, Run::Access access)
    : run_(run),
      entry_count_(run.properties_.entry_count),
      slice_count_(run.properties_.slice_count),
      has_groups_(run.footer_.groups.size_bytes > 0),
      slices_(run, run.footer_.slices, access),
      offsets_(run, run.footer_.offsets, access),
      groups_(run, run.footer_.groups, access),
      heap_(run, run.footer_.heap, access) {}

absl::StatusOr<uint64_t> RunReader::Slice(uint64_t index) {
  if (index >= slice_count_) {
    return run_.Damaged(run_.footer_.groups.offset,
                        absl::StrFormat("rows point to slice %u of %u", index, slice_count_));
  }
  KYRO_ASSIGN_OR_RETURN(const uint64_t* words, slices_.Page(index / kWordsPerPage));
  return words[index % kWordsPerPage];
}

absl::StatusOr<uint64_t> RunReader::LowerBoundSlice(uint64_t slice) {
  learned_index::SearchBound bound{.begin = 0, .end = slice_count_};
  if (run_.model_) bound = run_.model_->Find(slice);
  while (bound.begin < bound.end) {
    const uint64_t first_page = bound.begin / kWordsPerPage;
    const uint64_t last_page = (bound.end - 1) / kWordsPerPage;
    const uint64_t page = first_page + (last_page - first_page) / 2;
    const uint64_t base = page * kWordsPerPage;
    KYRO_ASSIGN_OR_RETURN(const uint64_t* words, slices_.Page(page));
    if (first_page == last_page) {
      return base + learned_index::LowerBound(
                        words, {.begin = bound.begin - base, .end = bound.end - base}, slice);
    }
    // The bound covers several pages: halve them by the last slice of the middle one.
    if (words[kWordsPerPage - 1] < slice) {
      bound.begin = base + kWordsPerPage;
    } else {
      bound.end = base + kWordsPerPage - 1;
    }
  }
  return bound.begin;
}

absl::StatusOr<uint64_t> RunReader::GroupBegin(uint64_t slice_index) {
  if (!has_groups_) return slice_index;
  if (slice_index > slice_count_) {
    return run_.Damaged(run_.footer_.groups.offset,
                        absl::StrFormat("rows point to slice %u of %u", slice_index, slice_count_));
  }
  KYRO_ASSIGN_OR_RETURN(const uint64_t* words, groups_.Page(slice_index / kHalfWordsPerPage));
  const uint64_t pair = words[slice_index % kHalfWordsPerPage / 2];
  const uint64_t begin = slice_index % 2 == 0 ? pair & 0xFFFFFFFF : pair >> 32;
  if (begin > entry_count_) {
    return run_.Damaged(
        run_.footer_.groups.offset + 4 * slice_index,
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
        run_.footer_.groups.offset + 4 * slice_index,
        absl::StrFormat("slice %u has rows %u to %u", slice_index, range.begin, range.end));
  }
  return range;
}

absl::StatusOr<uint64_t> RunReader::RecordOffset(uint64_t entry) {
  KYRO_ASSIGN_OR_RETURN(const uint64_t* words, offsets_.Page(entry / kWordsPerPage));
  return words[entry % kWordsPerPage];
}

absl::Status RunReader::DamagedRecord(absl::string_view what) const {
  return run_.Damaged(run_.footer_.heap.offset + record_begin_,
                      absl::StrFormat("record of %u bytes: %s", record_end_ - record_begin_, what));
}

absl::Status RunReader::ReadVarint(uint64_t* value) {
  *value = 0;
  int shift = 0;
  while (at_ < record_end_) {
    KYRO_ASSIGN_OR_RETURN(const uint64_t* words, heap_.Page(at_ / kPageBytes));
    const char* page = reinterpret_cast<const char*>(words);
    const uint64_t end = std::min(record_end_, (at_ / kPageBytes + 1) * kPageBytes);
    while (at_ < end) {
      const auto byte = static_cast<uint8_t>(page[at_++ % kPageBytes]);
      if (shift == 63 && byte > 1) return DamagedRecord("a number has more than 64 bits");
      *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return absl::OkStatus();
      shift += 7;
    }
  }
  return DamagedRecord("a number is cut off");
}

absl::StatusOr<absl::string_view> RunReader::ReadBytes(uint64_t size_bytes) {
  if (size_bytes > record_end_ - at_) {
    return DamagedRecord(absl::StrFormat("%u bytes at offset %u reach past its end", size_bytes,
                                         at_ - record_begin_));
  }
  if (size_bytes == 0) return absl::string_view();
  if (at_ / kPageBytes == (at_ + size_bytes - 1) / kPageBytes) {
    KYRO_ASSIGN_OR_RETURN(const uint64_t* words, heap_.Page(at_ / kPageBytes));
    const char* page = reinterpret_cast<const char*>(words);
    const absl::string_view bytes(page + at_ % kPageBytes, size_bytes);
    at_ += size_bytes;
    return bytes;
  }
  scratch_.clear();
  scratch_.reserve(size_bytes);
  while (size_bytes > 0) {
    KYRO_ASSIGN_OR_RETURN(const uint64_t* words, heap_.Page(at_ / kPageBytes));
    const uint64_t piece = std::min(size_bytes, kPageBytes - at_ % kPageBytes);
    scratch_.append(reinterpret_cast<const char*>(words) + at_ % kPageBytes, piece);
    at_ += piece;
    size_bytes -= piece;
  }
  return absl::string_view(scratch_);
}

absl::Status RunReader::LoadRecord(uint64_t entry) {
  versions_.clear();
  KYRO_ASSIGN_OR_RETURN(record_begin_, RecordOffset(entry));
  KYRO_ASSIGN_OR_RETURN(record_end_, RecordOffset(entry + 1));
  if (record_begin_ >= record_end_ || record_end_ > run_.footer_.heap.size_bytes) {
    return run_.Damaged(run_.footer_.offsets.offset + 8 * entry,
                        absl::StrFormat("row %u has bytes %u to %u of a heap of %u", entry,
                                        record_begin_, record_end_, run_.footer_.heap.size_bytes));
  }
  at_ = record_begin_;
  KYRO_RETURN_IF_ERROR(ReadVarint(&rest_bytes_));
  suffix_.clear();
  if (rest_bytes_ > 8) {
    KYRO_ASSIGN_OR_RETURN(const absl::string_view suffix, ReadBytes(rest_bytes_ - 8));
    suffix_.assign(suffix.data(), suffix.size());
  }
  return absl::OkStatus();
}

absl::Status RunReader::LoadVersions() {
  uint64_t version_count;
  KYRO_RETURN_IF_ERROR(ReadVarint(&version_count));
  // A version takes at least two bytes.
  if (version_count == 0 || version_count > (record_end_ - at_) / 2) {
    return DamagedRecord(absl::StrFormat("%u versions", version_count));
  }
  versions_.clear();
  Lsn lsn = 0;
  uint64_t value_bytes = 0;
  for (uint64_t i = 0; i < version_count; ++i) {
    uint64_t step;
    uint64_t size_and_kind;
    KYRO_RETURN_IF_ERROR(ReadVarint(&step));
    KYRO_RETURN_IF_ERROR(ReadVarint(&size_and_kind));
    if (step == 0 || (i > 0 && step >= lsn)) return DamagedRecord("LSNs do not descend");
    lsn = i == 0 ? step : lsn - step;
    const uint64_t size = size_and_kind >> 1;
    const auto kind = static_cast<EntryKind>(size_and_kind & 1);
    if (size > record_end_ - record_begin_ - value_bytes ||
        (kind == EntryKind::kDelete && size > 0)) {
      return DamagedRecord(absl::StrFormat("version %u has a value of %u bytes", i, size));
    }
    versions_.push_back(
        {.lsn = lsn, .kind = kind, .value_offset = value_bytes, .value_bytes = size});
    value_bytes += size;
  }
  if (value_bytes != record_end_ - at_) {
    return DamagedRecord(
        absl::StrFormat("values of %u bytes, %u are left", value_bytes, record_end_ - at_));
  }
  for (RunVersion& version : versions_) version.value_offset += at_;
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> RunReader::Value(const RunVersion& version) {
  at_ = version.value_offset;
  return ReadBytes(version.value_bytes);
}

absl::Status RunReader::BuildKey(const RunPosition& position, std::string* key) {
  KYRO_ASSIGN_OR_RETURN(const uint64_t slice, Slice(position.slice));
  const uint64_t bytes = __builtin_bswap64(slice);
  key->assign(run_.properties_.common_prefix);
  key->append(reinterpret_cast<const char*>(&bytes), std::min<uint64_t>(rest_bytes_, 8));
  key->append(suffix_);
  return absl::OkStatus();
}

int RunReader::CompareRest(absl::string_view rest) const {
  // Zero padding makes a short key look like a longer one that ends in zeros: then the shorter
  // stands first.
  const uint64_t a = std::min<uint64_t>(rest_bytes_, 8);
  const uint64_t b = std::min<uint64_t>(rest.size(), 8);
  if (a != b) return a < b ? -1 : 1;
  if (a < 8) return 0;
  return absl::string_view(suffix_).compare(rest.substr(8));
}

absl::StatusOr<uint64_t> RunReader::LowerBoundInGroup(const Range& range, absl::string_view rest,
                                                      bool* found) {
  uint64_t begin = range.begin;
  uint64_t end = range.end;
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    KYRO_RETURN_IF_ERROR(LoadRecord(middle));
    const int order = CompareRest(rest);
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
      key < properties.smallest_key || key > properties.largest_key) {
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
  KYRO_ASSIGN_OR_RETURN(const uint64_t entry, LowerBoundInGroup(group, rest, &found));
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
  KYRO_ASSIGN_OR_RETURN(const uint64_t entry, LowerBoundInGroup(group, rest, &found));
  return RunPosition{.slice = entry < group.end ? index : index + 1, .entry = entry};
}

absl::StatusOr<RunPosition> RunReader::Next(const RunPosition& position) {
  RunPosition next{.slice = position.slice, .entry = position.entry + 1};
  if (next.entry == entry_count_) return end_position();
  KYRO_ASSIGN_OR_RETURN(const uint64_t group_end, GroupBegin(position.slice + 1));
  if (next.entry >= group_end) ++next.slice;
  if (next.slice >= slice_count_) {
    return run_.Damaged(run_.footer_.groups.offset,
                        absl::StrFormat("row %u belongs to no slice", next.entry));
  }
  return next;
}

absl::StatusOr<RunPosition> RunReader::Previous(const RunPosition& position) {
  RunPosition previous{.slice = position.slice, .entry = position.entry - 1};
  KYRO_ASSIGN_OR_RETURN(const uint64_t group_begin, GroupBegin(position.slice));
  if (position.entry > group_begin) return previous;
  if (previous.slice == 0) {
    return run_.Damaged(run_.footer_.groups.offset,
                        absl::StrFormat("row %u belongs to no slice", previous.entry));
  }
  --previous.slice;
  return previous;
}

}  // namespace kyrodb::engine
