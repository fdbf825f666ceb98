#include "engine/storage/run.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/key_hash.h"
#include "engine/storage/position_hash.h"
#include "engine/storage/run_reader.h"
#include "engine/storage/run_record.h"
#include "learned_index/cells.h"

namespace kyrodb::engine {
namespace {

// A model that gives wider ranges than this has lost its advantage; the careful way halves them
// page by page.
constexpr uint64_t kQuickWidthMax = 4096;
constexpr uint64_t kPrefetchCellsMax = 6;
// Nor does a quick look follow a key through more full buckets than this.
constexpr uint64_t kQuickBucketsMax = 8;

}  // namespace

KeyProbe::KeyProbe(absl::string_view probed) : key(probed), hash(KeyHash(probed)) {}

absl::StatusOr<std::shared_ptr<Run>> Run::Open(FileSystem& file_system, absl::string_view path,
                                               uint64_t file_number, BufferPool& buffer_pool,
                                               MetricsRegistry& metrics, Lsn lsn_base,
                                               ValueFileSet* value_files) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, file_system.OpenForRead(path));
  std::shared_ptr<Run> run(
      new Run(std::string(path), std::move(file), buffer_pool, metrics, lsn_base));
  KYRO_RETURN_IF_ERROR(run->Load(file_number, value_files));
  return run;
}

Run::Run(std::string path, std::unique_ptr<RandomAccessFile> file, BufferPool& buffer_pool,
         MetricsRegistry& metrics, Lsn lsn_base)
    : path_(std::move(path)),
      file_(std::move(file)),
      file_bytes_(file_->size_bytes()),
      buffer_pool_(buffer_pool),
      models_retrained_(metrics.counter("kyro_run_models_retrained_total",
                                        "learned indexes that were damaged and trained again")),
      filters_rebuilt_(metrics.counter("kyro_run_filters_rebuilt_total",
                                       "filters that were damaged and built again")),
      damaged_reads_(metrics.counter("kyro_run_damaged_reads_total",
                                     "reads that met damaged bytes in a run file")),
      lsn_base_(lsn_base) {}

Run::~Run() {
  ObsoleteFiles* const files = obsolete_.load();
  if (files == nullptr) return;
  try {
    files->Add(path_);
  } catch (const std::bad_alloc&) {
    // The next open removes it: no manifest names it.
  }
}

void Run::SetLsnBase(Lsn lsn_base) {
  if (properties_.entry_count > 0) {
    properties_.min_lsn += lsn_base - lsn_base_;
    properties_.max_lsn += lsn_base - lsn_base_;
  }
  lsn_base_ = lsn_base;
}

absl::Status Run::Damaged(uint64_t offset, absl::string_view what) const {
  damaged_reads_.Add();
  return absl::DataLossError(absl::StrFormat("%s: offset %u: %s", path_, offset, what));
}

absl::StatusOr<std::string> Run::ReadExactly(uint64_t offset, uint64_t size_bytes) const {
  std::string bytes(size_bytes, '\0');
  KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(offset, size_bytes, bytes.data()));
  if (count != size_bytes) {
    return Damaged(offset + count,
                   absl::StrFormat("the file ends, %u bytes are missing", size_bytes - count));
  }
  return bytes;
}

void Run::Abandon(ObsoleteFiles* files) const {
  MarkObsolete(files);
  for (const auto& file : value_files_) {
    if (file->file_number() == file_number()) file->MarkObsolete(files);
  }
}

uint64_t Run::written_bytes() const {
  uint64_t bytes = file_bytes_;
  for (const auto& file : value_files_) {
    if (file->file_number() == file_number()) bytes += file->file_bytes();
  }
  return bytes;
}

absl::Status Run::OpenValueFiles(ValueFileSet& value_files) {
  for (const ValueFileShare& share : properties_.value_files) {
    absl::StatusOr<std::shared_ptr<const ValueFile>> file = value_files.Open(share.file_number);
    if (!file.ok()) {
      return Annotate(file.status(), absl::StrFormat("run %s refers to a value file", path_));
    }
    const ValueFileFooter& footer = (*file)->footer();
    if (share.value_count > footer.value_count || share.value_bytes > footer.value_bytes) {
      return Damaged(footer_.properties.offset,
                     absl::StrFormat("%u values of %u bytes lie in %s, which has %u of %u",
                                     share.value_count, share.value_bytes, (*file)->path(),
                                     footer.value_count, footer.value_bytes));
    }
    value_files_.push_back(*std::move(file));
  }
  return absl::OkStatus();
}

absl::Status Run::Load(uint64_t file_number, ValueFileSet* value_files) {
  properties_.file_number = file_number;
  const uint64_t tail_bytes = std::min(file_bytes_, kRunTailBytes);
  KYRO_ASSIGN_OR_RETURN(const std::string tail, ReadExactly(file_bytes_ - tail_bytes, tail_bytes));
  absl::StatusOr<RunFooter> footer = DecodeRunTail(tail, file_bytes_);
  if (!footer.ok()) {
    if (absl::IsDataLoss(footer.status())) damaged_reads_.Add();
    return Annotate(footer.status(), path_);
  }
  footer_ = *footer;

  KYRO_ASSIGN_OR_RETURN(const std::string checksums,
                        ReadExactly(footer_.checksums.offset, footer_.checksums.size_bytes));
  if (Crc32c(checksums) != footer_.checksums_crc) {
    return Damaged(footer_.checksums.offset, "the table of page checksums fails its checksum");
  }
  page_checksums_.resize(checksums.size() / 4);
  if (!checksums.empty()) std::memcpy(page_checksums_.data(), checksums.data(), checksums.size());

  KYRO_ASSIGN_OR_RETURN(const std::string properties,
                        ReadExactly(footer_.properties.offset, footer_.properties.size_bytes));
  if (Crc32c(properties) != footer_.properties_crc) {
    return Damaged(footer_.properties.offset, "the properties fail their checksum");
  }
  absl::StatusOr<RunProperties> decoded = DecodeRunProperties(properties, footer_.version);
  if (!decoded.ok()) {
    return Damaged(footer_.properties.offset, decoded.status().message());
  }
  if (decoded->file_number != file_number) {
    return Damaged(footer_.properties.offset,
                   absl::StrFormat("this is run file number %u, expected %u", decoded->file_number,
                                   file_number));
  }
  // The counts become bounds of every read of a column, so the columns must be that long.
  const bool grouped = footer_.offsets.size_bytes > 0;
  const uint64_t cell_count = footer_.cells.size_bytes / learned_index::kCellBytes;
  if (decoded->slice_count > cell_count * learned_index::kCellSlices ||
      cell_count !=
          (decoded->slice_count + learned_index::kCellSlices - 1) / learned_index::kCellSlices ||
      (grouped ? footer_.offsets.size_bytes / 8 != decoded->entry_count
               : decoded->slice_count != decoded->entry_count) ||
      (footer_.hash.size_bytes > 0) != grouped || decoded->max_lsn > kLsnMax - lsn_base_) {
    return Damaged(footer_.properties.offset,
                   absl::StrFormat("%u slices and %u entries do not fit columns of %u and %u bytes",
                                   decoded->slice_count, decoded->entry_count,
                                   footer_.cells.size_bytes, footer_.offsets.size_bytes));
  }
  properties_ = *std::move(decoded);
  if (properties_.max_lsn > 0) {
    properties_.min_lsn += lsn_base_;
    properties_.max_lsn += lsn_base_;
  }
  if (value_files != nullptr) KYRO_RETURN_IF_ERROR(OpenValueFiles(*value_files));
  // Filter and model stay in memory anyway.
  KYRO_ASSIGN_OR_RETURN(
      region_, PageRegion::Create(buffer_pool_, *this, footer_.filter.offset / kPageBytes));
  KYRO_RETURN_IF_ERROR(LoadModel());
  return LoadFilter();
}

absl::StatusOr<std::string> Run::ReadSection(const RunSection& section) const {
  const uint64_t begin = section.offset / kPageBytes;
  const uint64_t end = (section.offset + section.size_bytes + kPageBytes - 1) / kPageBytes;
  std::string pages((end - begin) * kPageBytes, '\0');
  KYRO_RETURN_IF_ERROR(ReadPages(begin, end, pages.data()));
  for (uint64_t page = begin; page < end; ++page) {
    KYRO_RETURN_IF_ERROR(CheckPage(page, pages.data() + (page - begin) * kPageBytes));
  }
  pages.resize(section.size_bytes);
  return pages;
}

absl::Status Run::LoadModel() {
  // The model can be had again from the keys: whatever is wrong with its bytes, the run opens.
  const auto decode = [this]() -> absl::StatusOr<learned_index::PositionIndex> {
    KYRO_ASSIGN_OR_RETURN(const std::string bytes, ReadSection(footer_.model));
    KYRO_ASSIGN_OR_RETURN(learned_index::PositionIndex model,
                          learned_index::PositionIndex::Decode(bytes));
    if (model.key_count() != properties_.slice_count) {
      return Damaged(footer_.model.offset,
                     absl::StrFormat("the model is for %u keys, expected %u", model.key_count(),
                                     properties_.slice_count));
    }
    return model;
  };
  absl::StatusOr<learned_index::PositionIndex> model = decode();
  if (absl::IsUnavailable(model.status())) return model.status();
  if (!model.ok()) {
    models_retrained_.Add();
    model = RunReader(*this, Access::kSequential).TrainModel();
    if (absl::IsUnavailable(model.status())) return model.status();
  }
  // Without a model the whole column is searched by halves, around the damage.
  if (model.ok()) model_ = *std::move(model);
  return absl::OkStatus();
}

absl::Status Run::LoadFilter() {
  if (properties_.entry_count == 0) return absl::OkStatus();
  absl::StatusOr<std::string> bytes = ReadSection(footer_.filter);
  if (absl::IsUnavailable(bytes.status())) return bytes.status();
  if (bytes.ok() && !bytes->empty()) {
    filter_ = WordArray(bytes->size() / sizeof(uint64_t));
    std::memcpy(filter_.data(), bytes->data(), bytes->size());
  } else {
    filters_rebuilt_.Add();
    const absl::StatusOr<std::vector<uint64_t>> hashes =
        RunReader(*this, Access::kSequential).HashKeys();
    if (absl::IsUnavailable(hashes.status())) return hashes.status();
    // Without a filter every look-up goes on to the keys.
    if (!hashes.ok()) return absl::OkStatus();
    const std::vector<uint64_t> words = BuildFilter(*hashes);
    filter_ = WordArray(words.size());
    std::memcpy(filter_.data(), words.data(), words.size() * sizeof(uint64_t));
  }
  filter_view_ = FilterView(filter_.span());
  return absl::OkStatus();
}

absl::Status Run::ReadPages(uint64_t begin, uint64_t end, char* buffer) const {
  const uint64_t size_bytes = (end - begin) * kPageBytes;
  KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(begin * kPageBytes, size_bytes, buffer));
  if (count == size_bytes) return absl::OkStatus();
  return Damaged(begin * kPageBytes + count,
                 absl::StrFormat("the file ends, %u bytes are missing", size_bytes - count));
}

absl::Status Run::CheckPage(uint64_t page_number, const char* page) const {
  const uint32_t computed = Crc32c(absl::string_view(page, kPageBytes));
  if (computed == page_checksums_[page_number]) return absl::OkStatus();
  return Damaged(page_number * kPageBytes,
                 absl::StrFormat("the page's checksum is %08x, expected %08x", computed,
                                 page_checksums_[page_number]));
}

bool Run::TouchPages(uint64_t first, uint64_t last, QuickFind* find) const {
  if (region_->Touch(first) && (first == last || region_->Touch(first + 1, last + 1))) return true;
  find->outcome = QuickFind::Outcome::kPagesMissing;
  find->missing_begin = first;
  find->missing_end = last + 1;
  find->missing_in = nullptr;
  return false;
}

void Run::FindApart(const RunVersion& version, QuickFind* find) const {
  find->outcome = QuickFind::Outcome::kAskCarefully;
  if (version.value_file >= value_files_.size()) return;
  const ValueFile& file = *value_files_[version.value_file];
  if (!file.Holds(version.value_offset, version.value_bytes)) return;
  const char* const value = file.Find(version.value_offset, version.value_bytes,
                                      &find->missing_begin, &find->missing_end);
  find->missing_in = &file;
  find->record_begin = find->record_end = 0;
  find->outcome = QuickFind::Outcome::kPagesMissing;
  if (value == nullptr) return;
  find->outcome = QuickFind::Outcome::kFound;
  find->kind = version.kind;
  find->lsn = version.lsn;
  find->value = {value, version.value_bytes};
}

RunHint Run::PrefetchCells(const KeyProbe& probe) const {
  RunHint hint;
  absl::string_view rest;
  if (!model_ || footer_.offsets.size_bytes > 0 || !region_->complete() ||
      !TakeRest(probe.key, &rest)) {
    return hint;
  }
  hint.known = true;
  hint.slice = KeySlice(rest);
  hint.bound = model_->Find(hint.slice);
  const char* const cells = region_->base() + footer_.cells.offset;
  // The prediction is off by a cell or two more often than not: all lines that the search may need.
  const uint64_t first = hint.bound.begin / learned_index::kCellSlices;
  const uint64_t last =
      std::min(hint.bound.end / learned_index::kCellSlices, first + kPrefetchCellsMax - 1);
  for (uint64_t cell = first; cell <= last; ++cell) {
    __builtin_prefetch(cells + cell * learned_index::kCellBytes);
  }
  // The words of the cells in the middle, where most searches end.
  const uint64_t middle = (hint.bound.begin + hint.bound.end) / 2 / learned_index::kCellSlices;
  for (uint64_t cell = std::max(first, middle - std::min<uint64_t>(middle, 1));
       cell <= std::min(last, middle + 1); ++cell) {
    __builtin_prefetch(cells + cell * learned_index::kCellBytes + 64);
  }
  return hint;
}

void Run::TryGet(const KeyProbe& probe, Lsn snapshot, const RunHint& hint, QuickFind* find) const {
  absl::string_view rest;
  if (properties_.min_lsn > snapshot || properties_.entry_count == 0 ||
      !TakeRest(probe.key, &rest)) {
    find->outcome = QuickFind::Outcome::kAbsent;
  } else if (footer_.hash.size_bytes > 0) {
    FindByHash(rest, probe.hash, snapshot, find);
  } else {
    FindByModel(rest, snapshot, hint, find);
  }
}

void Run::TryGetBatch(std::span<const KeyProbe> probes, std::span<const uint32_t> wanted,
                      Lsn snapshot, std::span<QuickFind> finds) const {
  struct Item {
    uint32_t index;
    absl::string_view rest;
    learned_index::SearchBound bound;
    uint64_t begin;
    uint64_t end;
  };
  KYRO_CHECK(wanted.size() <= kBatchMax);
  std::array<Item, kBatchMax> items;
  size_t count = 0;
  const bool is_empty = properties_.min_lsn > snapshot || properties_.entry_count == 0;
  for (const uint32_t index : wanted) {
    finds[index].outcome = QuickFind::Outcome::kAbsent;
    if (is_empty) continue;
    if (!filter_view_.MayContain(probes[index].hash)) continue;
    if (TakeRest(probes[index].key, &items[count].rest)) items[count++].index = index;
  }
  if (footer_.hash.size_bytes > 0) {
    const uint64_t bucket_count = footer_.hash.size_bytes / kHashBucketBytes;
    const char* const buckets = region_->base() + footer_.hash.offset;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t hash = probes[items[i].index].hash;
      __builtin_prefetch(buckets + HashBucketOf(hash, bucket_count) * kHashBucketBytes);
    }
    for (size_t i = 0; i < count; ++i) {
      FindByHash(items[i].rest, probes[items[i].index].hash, snapshot, &finds[items[i].index]);
    }
    return;
  }
  if (!model_ || footer_.offsets.size_bytes > 0) {
    for (size_t i = 0; i < count; ++i) {
      finds[items[i].index].outcome = QuickFind::Outcome::kAskCarefully;
    }
    return;
  }
  std::array<uint64_t, kBatchMax> slices;
  std::array<learned_index::SearchBound, kBatchMax> bounds;
  for (size_t i = 0; i < count; ++i) slices[i] = KeySlice(items[i].rest);
  model_->FindBatch({slices.data(), count}, {bounds.data(), count});
  const auto* const cells =
      reinterpret_cast<const uint64_t*>(region_->base() + footer_.cells.offset);
  for (size_t i = 0; i < count; ++i) learned_index::PrefetchCells(cells, bounds[i]);
  size_t located = 0;
  for (size_t i = 0; i < count; ++i) {
    Item item = items[i];
    if (!LocateByModel(slices[i], bounds[i], &item.begin, &item.end, &finds[item.index])) continue;
    __builtin_prefetch(region_->base() + item.begin);
    __builtin_prefetch(region_->base() + item.begin + 64);
    items[located++] = item;
  }
  for (size_t i = 0; i < located; ++i) {
    FindInRecord(items[i].begin, items[i].end, items[i].rest, snapshot, &finds[items[i].index]);
  }
}

bool Run::LocateByModel(uint64_t slice, learned_index::SearchBound bound, uint64_t* begin,
                        uint64_t* end, QuickFind* find) const {
  using learned_index::CellIndexOf;
  using learned_index::kCellBytes;
  using learned_index::kCellSlices;
  find->outcome = QuickFind::Outcome::kAbsent;
  if (bound.begin == bound.end) return false;
  if (bound.end - bound.begin > kQuickWidthMax) {
    find->outcome = QuickFind::Outcome::kAskCarefully;
    return false;
  }
  const uint64_t column = footer_.cells.offset;
  // One slice further, whose word is the end of the record.
  const uint64_t last = std::min(bound.end, properties_.slice_count - 1);
  if (!TouchBytes(column + bound.begin / kCellSlices * kCellBytes,
                  column + (last / kCellSlices + 1) * kCellBytes, find)) {
    return false;
  }
  const auto* const cells = reinterpret_cast<const uint64_t*>(region_->base() + column);
  const uint64_t position = learned_index::LowerBoundCells(cells, bound, slice);
  if (position == bound.end || cells[CellIndexOf(position)] != slice) return false;
  *begin = cells[CellIndexOf(position) + kCellSlices];
  *end = position + 1 < properties_.slice_count ? cells[CellIndexOf(position + 1) + kCellSlices]
                                                : footer_.heap.size_bytes;
  if (*begin < *end && *end <= footer_.heap.size_bytes) return true;
  find->outcome = QuickFind::Outcome::kAskCarefully;
  return false;
}

void Run::FindByModel(absl::string_view rest, Lsn snapshot, const RunHint& hint,
                      QuickFind* find) const {
  find->outcome = QuickFind::Outcome::kAskCarefully;
  if (!model_ || footer_.offsets.size_bytes > 0) return;
  const uint64_t slice = hint.known ? hint.slice : KeySlice(rest);
  const learned_index::SearchBound bound = hint.known ? hint.bound : model_->Find(slice);
  uint64_t begin, end;
  if (LocateByModel(slice, bound, &begin, &end, find)) {
    FindInRecord(begin, end, rest, snapshot, find);
  }
}

void Run::FindByHash(absl::string_view rest, uint64_t hash, Lsn snapshot, QuickFind* find) const {
  const uint64_t bucket_count = footer_.hash.size_bytes / kHashBucketBytes;
  const auto* const buckets =
      reinterpret_cast<const HashBucket*>(region_->base() + footer_.hash.offset);
  const auto* const offsets =
      reinterpret_cast<const uint64_t*>(region_->base() + footer_.offsets.offset);
  uint64_t at = HashBucketOf(hash, bucket_count);
  for (uint64_t step = 0; step < kQuickBucketsMax; ++step) {
    const uint64_t offset = footer_.hash.offset + at * kHashBucketBytes;
    if (!TouchBytes(offset, offset + kHashBucketBytes, find)) return;
    const HashBucket& bucket = buckets[at];
    for (uint32_t places = MatchingPlaces(bucket, hash); places != 0; places &= places - 1) {
      const uint64_t entry = bucket.positions[__builtin_ctz(places)];
      find->outcome = QuickFind::Outcome::kAskCarefully;
      if (entry >= properties_.entry_count) return;
      const bool is_last = entry + 1 == properties_.entry_count;
      const uint64_t word = footer_.offsets.offset + 8 * entry;
      if (!TouchBytes(word, word + (is_last ? 8 : 16), find)) return;
      FindInRecord(offsets[entry], is_last ? footer_.heap.size_bytes : offsets[entry + 1], rest,
                   snapshot, find);
      if (find->outcome != QuickFind::Outcome::kAbsent) return;
    }
    if (bucket.went_on == 0) {
      find->outcome = QuickFind::Outcome::kAbsent;
      return;
    }
    at = at + 1 == bucket_count ? 0 : at + 1;
  }
  find->outcome = QuickFind::Outcome::kAskCarefully;
}

template <bool kInPool>
void Run::FindInRecord(const char* heap, uint64_t begin, uint64_t end, absl::string_view rest,
                       Lsn snapshot, QuickFind* find) const {
  const auto touch = [&](uint64_t first, uint64_t last) {
    if (!kInPool || TouchBytes(first, last, find)) return true;
    find->record_begin = begin;
    find->record_end = end;
    return false;
  };
  find->outcome = QuickFind::Outcome::kAskCarefully;
  if (begin >= end || end > footer_.heap.size_bytes) return;
  __builtin_prefetch(heap + begin);
  __builtin_prefetch(heap + end - 1);
  // Key and table first: of a long record, only what is needed is brought in.
  uint64_t near = std::min(end, (begin / kPageBytes + 1) * kPageBytes);
  if (!touch(begin, near)) return;
  const char* const record_begin = heap + begin;
  RunRecord record;
  RunVersion found;
  bool is_found = false;
  uint64_t values_begin = 0;
  while (true) {
    is_found = false;
    bool good = record.ParseHead({record_begin, near - begin}, end - begin);
    // The slice or the tag was the same, the key is another.
    if (good && record.rest() != rest) {
      find->outcome = QuickFind::Outcome::kAbsent;
      return;
    }
    for (uint64_t i = 0; good && i < record.version_count(); ++i) {
      RunVersion version;
      good = record.NextVersion(&version);
      version.lsn += lsn_base_;
      if (good && !is_found && version.lsn <= snapshot) {
        found = version;
        is_found = true;
      }
    }
    if (good && record.FinishVersions(&values_begin)) break;
    if (near == end) return;
    near = end;
    if (!touch(begin, near)) return;
  }
  if (!is_found) {
    find->outcome = QuickFind::Outcome::kAbsent;
    return;
  }
  if (found.is_apart) [[unlikely]] {
    // Records that lead to large values are worth their place in the pool.
    find->outcome = QuickFind::Outcome::kPagesMissing;
    if (kInPool) FindApart(found, find);
    return;
  }
  const uint64_t value_begin = begin + values_begin + found.value_offset;
  if (found.value_bytes > 0 && value_begin + found.value_bytes > near &&
      !touch(value_begin, value_begin + found.value_bytes)) {
    return;
  }
  find->outcome = QuickFind::Outcome::kFound;
  find->kind = found.kind;
  find->lsn = found.lsn;
  find->value = {heap + value_begin, found.value_bytes};
}

bool Run::TryGetPastPool(const KeyProbe& probe, Lsn snapshot, RecordPages* pages,
                         QuickFind* find) const {
  if (find->record_begin >= find->record_end) return false;
  const uint64_t first = find->record_begin / kPageBytes;
  const uint64_t last = (find->record_end - 1) / kPageBytes;
  if (last - first >= RecordPages::kCount ||
      region_->Admit(find->missing_begin, find->missing_end)) {
    return false;
  }
  absl::string_view rest;
  if (!TakeRest(probe.key, &rest) || !ReadPages(first, last + 1, pages->bytes).ok()) return false;
  for (uint64_t page = first; page <= last; ++page) {
    if (!CheckPage(page, pages->bytes + (page - first) * kPageBytes).ok()) return false;
  }
  FindInRecord<false>(pages->bytes - first * kPageBytes, find->record_begin, find->record_end, rest,
                      snapshot, find);
  return find->outcome != QuickFind::Outcome::kPagesMissing;
}

absl::StatusOr<std::optional<FoundVersion>> Run::Get(absl::string_view key, Lsn snapshot) const {
  if (properties_.min_lsn > snapshot) return std::nullopt;
  RunReader reader(*this, Access::kCached);
  KYRO_ASSIGN_OR_RETURN(const std::optional<RunPosition> position, reader.Find(key));
  if (!position) return std::nullopt;
  KYRO_RETURN_IF_ERROR(reader.LoadVersions());
  for (const RunVersion& version : reader.versions()) {
    if (version.lsn > snapshot) continue;
    KYRO_ASSIGN_OR_RETURN(const absl::string_view value, reader.Value(version));
    return FoundVersion{.kind = version.kind, .lsn = version.lsn, .value = std::string(value)};
  }
  return std::nullopt;
}

absl::StatusOr<Lsn> Run::LatestLsn(absl::string_view key) const {
  RunReader reader(*this, Access::kCached);
  KYRO_ASSIGN_OR_RETURN(const std::optional<RunPosition> position, reader.Find(key));
  if (!position) return 0;
  KYRO_RETURN_IF_ERROR(reader.LoadVersions());
  return reader.versions().front().lsn;
}

absl::StatusOr<std::optional<std::string>> Run::KeyBefore(
    std::optional<absl::string_view> bound) const {
  RunReader reader(*this, Access::kCached);
  RunPosition position = reader.end_position();
  if (bound) {
    KYRO_ASSIGN_OR_RETURN(position, reader.LowerBound(*bound));
  }
  if (position.entry == 0) return std::nullopt;
  // The last key is known without reading.
  if (reader.IsEnd(position)) return properties_.largest_key;
  KYRO_ASSIGN_OR_RETURN(position, reader.Previous(position));
  KYRO_RETURN_IF_ERROR(reader.LoadRecord(position));
  std::string key;
  reader.BuildKey(&key);
  return key;
}

uint64_t Run::resident_bytes() const {
  return sizeof(Run) + page_checksums_.size() * 2 * sizeof(uint32_t) + model_bytes() +
         filter_bytes() + properties_.common_prefix.size() + properties_.smallest_key.size() +
         properties_.largest_key.size();
}
uint64_t Run::model_bytes() const { return model_ ? model_->size_bytes() : 0; }
uint64_t Run::segment_count() const { return model_ ? model_->segment_count() : 0; }
uint64_t Run::bound_width_max() const {
  return model_ ? model_->bound_width_max() : properties_.slice_count;
}

}  // namespace kyrodb::engine
