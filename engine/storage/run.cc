#include "engine/storage/run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/status.h"
#include "engine/storage/run_reader.h"

namespace kyrodb::engine {

absl::StatusOr<std::shared_ptr<Run>> Run::Open(FileSystem& file_system, absl::string_view path,
                                               uint64_t file_number, BufferPool& buffer_pool,
                                               MetricsRegistry& metrics) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, file_system.OpenForRead(path));
  std::shared_ptr<Run> run(new Run(std::string(path), std::move(file), buffer_pool, metrics));
  KYRO_RETURN_IF_ERROR(run->Load(file_number));
  return run;
}

Run::Run(std::string path, std::unique_ptr<RandomAccessFile> file, BufferPool& buffer_pool,
         MetricsRegistry& metrics)
    : path_(std::move(path)),
      file_(std::move(file)),
      file_bytes_(file_->size_bytes()),
      buffer_pool_(buffer_pool),
      models_retrained_(metrics.counter("kyro_run_models_retrained_total",
                                        "learned indexes that were damaged and trained again")),
      damaged_reads_(metrics.counter("kyro_run_damaged_reads_total",
                                     "reads that met damaged bytes in a run file")) {}

Run::~Run() {
  buffer_pool_.EraseFile(file_number());
  if (ObsoleteFiles* files = obsolete_.load(); files != nullptr) files->Add(path_);
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

absl::Status Run::Load(uint64_t file_number) {
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
  absl::StatusOr<RunProperties> decoded = DecodeRunProperties(properties);
  if (!decoded.ok()) {
    return Damaged(footer_.properties.offset, decoded.status().message());
  }
  if (decoded->file_number != file_number) {
    return Damaged(footer_.properties.offset,
                   absl::StrFormat("this is run file number %u, expected %u", decoded->file_number,
                                   file_number));
  }
  // The counts become bounds of every read of a column, so the columns must be that long.
  const uint64_t group_count = footer_.groups.size_bytes / 4;
  if (footer_.slices.size_bytes / 8 != decoded->slice_count || footer_.offsets.size_bytes == 0 ||
      footer_.offsets.size_bytes / 8 - 1 != decoded->entry_count ||
      (group_count == 0 ? decoded->slice_count != decoded->entry_count
                        : group_count != decoded->slice_count + 1)) {
    return Damaged(
        footer_.properties.offset,
        absl::StrFormat("%u slices and %u entries do not fit columns of %u, %u and %u "
                        "bytes",
                        decoded->slice_count, decoded->entry_count, footer_.slices.size_bytes,
                        footer_.offsets.size_bytes, footer_.groups.size_bytes));
  }
  properties_ = *std::move(decoded);
  return LoadModel();
}

absl::Status Run::LoadModel() {
  // The model can be had again from the keys: whatever is wrong with its bytes, the run opens.
  const auto decode = [this]() -> absl::StatusOr<learned_index::RecursiveModelIndex> {
    const uint64_t begin = footer_.model.offset / kPageBytes;
    const uint64_t end = page_checksums_.size();
    std::string pages((end - begin) * kPageBytes, '\0');
    KYRO_RETURN_IF_ERROR(ReadPages(begin, end, pages.data()));
    for (uint64_t page = begin; page < end; ++page) {
      KYRO_RETURN_IF_ERROR(CheckPage(page, pages.data() + (page - begin) * kPageBytes));
    }
    KYRO_ASSIGN_OR_RETURN(learned_index::RecursiveModelIndex model,
                          learned_index::RecursiveModelIndex::Decode(
                              absl::string_view(pages).substr(0, footer_.model.size_bytes)));
    if (model.key_count() != properties_.slice_count) {
      return Damaged(footer_.model.offset,
                     absl::StrFormat("the model is for %u keys, expected %u", model.key_count(),
                                     properties_.slice_count));
    }
    return model;
  };
  absl::StatusOr<learned_index::RecursiveModelIndex> model = decode();
  if (absl::IsUnavailable(model.status())) return model.status();
  if (!model.ok()) {
    models_retrained_.Add();
    const auto train = [this]() -> absl::StatusOr<learned_index::RecursiveModelIndex> {
      learned_index::RecursiveModelIndexBuilder builder;
      PageCursor slices(*this, footer_.slices, Access::kSequential);
      constexpr uint64_t kWordsPerPage = kPageBytes / 8;
      for (uint64_t i = 0; i < properties_.slice_count; ++i) {
        KYRO_ASSIGN_OR_RETURN(const uint64_t* words, slices.Page(i / kWordsPerPage));
        KYRO_RETURN_IF_ERROR(builder.Add(words[i % kWordsPerPage]));
      }
      return builder.Finish();
    };
    model = train();
    if (absl::IsUnavailable(model.status())) return model.status();
  }
  // Without a model the whole column is searched by halves, around the damage.
  if (model.ok()) model_ = *std::move(model);
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

absl::StatusOr<PinnedPage> Run::Pin(uint64_t page_number) const {
  return buffer_pool_.Pin(file_number(), page_number, [&](char* page) -> absl::Status {
    KYRO_RETURN_IF_ERROR(ReadPages(page_number, page_number + 1, page));
    return CheckPage(page_number, page);
  });
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
  KYRO_RETURN_IF_ERROR(reader.LoadRecord(position.entry));
  std::string key;
  KYRO_RETURN_IF_ERROR(reader.BuildKey(position, &key));
  return key;
}

uint64_t Run::resident_bytes() const {
  return sizeof(Run) + page_checksums_.size() * sizeof(uint32_t) + model_bytes() +
         properties_.common_prefix.size() + properties_.smallest_key.size() +
         properties_.largest_key.size();
}
uint64_t Run::model_bytes() const { return model_ ? model_->size_bytes() : 0; }
uint64_t Run::segment_count() const { return model_ ? model_->segment_count() : 0; }
uint64_t Run::bound_width_max() const {
  return model_ ? model_->bound_width_max() : properties_.slice_count;
}

}  // namespace kyrodb::engine
