#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/metrics.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/load_record.h"
#include "engine/core/manifest_state.h"
#include "engine/core/write_set.h"
#include "engine/inspect.h"
#include "engine/nearest/indexed_column.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/run.h"
#include "engine/storage/run_check.h"
#include "engine/storage/value_file.h"
#include "vector/hnsw_index.h"
#include "wal/manifest.h"
#include "wal/segment_dump.h"

namespace kyrodb::engine {
namespace {

constexpr size_t kShownKeyBytesMax = 64;
constexpr size_t kShownValueBytesMax = 48;
// Of damage that repeats itself, this many lines.
constexpr uint64_t kDamagesMax = 20;
constexpr uint64_t kPoolBytes = uint64_t{16} << 20;
constexpr uint64_t kHeadBytes = 64;

enum class FileKind { kUnknown, kRun, kValues, kManifest, kCurrent, kLog, kVectors, kLock };

const char* NameOf(FileKind kind) {
  switch (kind) {
    case FileKind::kUnknown:
      break;
    case FileKind::kRun:
      return "run";
    case FileKind::kValues:
      return "value file";
    case FileKind::kManifest:
      return "manifest";
    case FileKind::kCurrent:
      return "CURRENT";
    case FileKind::kLog:
      return "log segment";
    case FileKind::kVectors:
      return "vector segment";
    case FileKind::kLock:
      return "LOCK";
  }
  return "unknown";
}

std::string Shown(absl::string_view bytes, size_t bytes_max) {
  return absl::StrFormat(
      "\"%s\"%s", absl::CHexEscape(bytes.substr(0, bytes_max)),
      bytes.size() > bytes_max ? absl::StrFormat("… (%d bytes)", bytes.size()) : "");
}
std::string ShownKey(absl::string_view key) { return Shown(key, kShownKeyBytesMax); }
std::string ShownValue(absl::string_view value) { return Shown(value, kShownValueBytesMax); }

const char* NameOf(EntryKind kind) {
  switch (kind) {
    case EntryKind::kDelete:
      return "delete";
    case EntryKind::kPut:
      return "put";
    case EntryKind::kExpiringPut:
      return "expiring put";
  }
  return "unknown";
}

class Inspector {
 public:
  Inspector(FileSystem* file_system, absl::string_view path, const InspectOptions& options,
            absl::FunctionRef<void(absl::string_view)> print)
      : file_system_(file_system), path_(path), options_(options), print_(print) {}

  absl::Status Inspect() {
    KYRO_ASSIGN_OR_RETURN(file_, file_system_->OpenForRead(path_));
    size_bytes_ = file_->size_bytes();
    KYRO_ASSIGN_OR_RETURN(const std::string head, Read(0, kHeadBytes));
    KYRO_ASSIGN_OR_RETURN(
        const std::string tail,
        Read(size_bytes_ - std::min(size_bytes_, kRunTrailerBytes), kRunTrailerBytes));
    FileKind kind = KindByContent(head, tail);
    const bool by_name = kind == FileKind::kUnknown;
    if (by_name) kind = KindByName();
    Line("%s: %s, %d bytes", path_,
         kind == FileKind::kUnknown ? "not a file of KyroDB" : NameOf(kind), size_bytes_);
    if (kind == FileKind::kUnknown) {
      return absl::DataLossError(absl::StrCat(path_, " is no file of a database"));
    }
    if (by_name && kind != FileKind::kLock) {
      const bool by_tail = kind == FileKind::kRun || kind == FileKind::kValues;
      Damaged(by_tail ? size_bytes_ - tail.size() : 0,
              absl::StrCat("nothing but its name says that this is a ", NameOf(kind)));
    }
    KYRO_RETURN_IF_ERROR(InspectAs(kind));
    if (damage_count_ > kDamagesMax) Line("… and %d more damages", damage_count_ - kDamagesMax);
    if (damage_count_ == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(path_, " is damaged at offset ", first_damage_));
  }

 private:
  template <typename... Args>
  void Line(const absl::FormatSpec<Args...>& format, const Args&... args) {
    print_(absl::StrCat(absl::StrFormat(format, args...), "\n"));
  }
  void Damaged(uint64_t offset, absl::string_view what) {
    if (damage_count_++ == 0) first_damage_ = offset;
    if (damage_count_ <= kDamagesMax) Line("damaged at offset %d: %s", offset, what);
  }
  // `status` tells of damage in this file; the others are the caller's.
  absl::Status Tell(uint64_t offset, const absl::Status& status) {
    if (status.ok() || !absl::IsDataLoss(status)) return status;
    absl::string_view what = status.message();
    // Messages of the engine and of the log begin with file and offset, which stand here already.
    for (const char* const between : {": offset ", " offset "}) {
      const std::string prefix = absl::StrCat(path_, between);
      if (absl::StartsWith(what, prefix)) TakeOffset(what.substr(prefix.size()), &offset, &what);
    }
    Damaged(offset, what);
    return absl::OkStatus();
  }
  // Takes "<number>: " or "<number> is damaged: " off the front of `text`.
  static void TakeOffset(absl::string_view text, uint64_t* offset, absl::string_view* what) {
    size_t digits = 0;
    while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
      ++digits;
    }
    uint64_t number = 0;
    if (!absl::SimpleAtoi(text.substr(0, digits), &number)) return;
    text.remove_prefix(digits);
    if (!absl::ConsumePrefix(&text, ": ") && !absl::ConsumePrefix(&text, " is damaged: ")) return;
    *offset = number;
    *what = text;
  }

  absl::StatusOr<std::string> Read(uint64_t offset, uint64_t size_bytes) const {
    std::string bytes(std::min(size_bytes, size_bytes_ - std::min(offset, size_bytes_)), '\0');
    KYRO_ASSIGN_OR_RETURN(const size_t count, file_->Read(offset, bytes.size(), bytes.data()));
    bytes.resize(count);
    return bytes;
  }

  FileKind KindByContent(absl::string_view head, absl::string_view tail) const {
    if (tail.size() == kRunTrailerBytes && LoadFixed64(tail.data() + 8) == kRunMagic) {
      return FileKind::kRun;
    }
    if (tail.size() == kRunTrailerBytes && LoadFixed64(tail.data() + 8) == kValueFileMagic) {
      return FileKind::kValues;
    }
    if (wal::LooksLikeManifest(head)) return FileKind::kManifest;
    if (wal::LooksLikeSegment(head)) return FileKind::kLog;
    if (LooksLikeVectorSegment(head)) return FileKind::kVectors;
    if (absl::StartsWith(head, "MANIFEST-")) return FileKind::kCurrent;
    return FileKind::kUnknown;
  }

  FileKind KindByName() const {
    const size_t slash = path_.rfind('/');
    const absl::string_view name =
        slash == std::string::npos ? path_ : absl::string_view(path_).substr(slash + 1);
    if (absl::StartsWith(name, "run-")) return FileKind::kRun;
    if (absl::StartsWith(name, "values-")) return FileKind::kValues;
    if (absl::StartsWith(name, "MANIFEST-")) return FileKind::kManifest;
    if (absl::StartsWith(name, "CURRENT")) return FileKind::kCurrent;
    if (absl::StartsWith(name, "wal-")) return FileKind::kLog;
    if (absl::StartsWith(name, "segment-")) return FileKind::kVectors;
    if (name == "LOCK") return FileKind::kLock;
    return FileKind::kUnknown;
  }

  absl::Status InspectAs(FileKind kind) {
    if (kind == FileKind::kRun) return InspectRun();
    if (kind == FileKind::kValues) return InspectValues();
    KYRO_ASSIGN_OR_RETURN(const std::string bytes, Read(0, size_bytes_));
    switch (kind) {
      case FileKind::kManifest:
        return InspectManifest(bytes);
      case FileKind::kCurrent:
        return InspectCurrent(bytes);
      case FileKind::kLog:
        return InspectLog(bytes);
      case FileKind::kVectors:
        return InspectVectors(bytes);
      case FileKind::kLock:
        Line("last opened by %s", Shown(bytes, kHeadBytes * 4));
        return absl::OkStatus();
      case FileKind::kRun:
      case FileKind::kValues:
      case FileKind::kUnknown:
        break;
    }
    return absl::OkStatus();
  }

  // Which bytes are a value only the runs know.
  absl::Status InspectValues() {
    const uint64_t tail_bytes = std::min(size_bytes_, kValueFileTailBytes);
    KYRO_ASSIGN_OR_RETURN(const std::string tail, Read(size_bytes_ - tail_bytes, tail_bytes));
    const absl::StatusOr<ValueFileFooter> footer = DecodeValueFileTail(tail, size_bytes_);
    if (!footer.ok()) {
      if (!absl::IsDataLoss(footer.status())) return Annotate(footer.status(), path_);
      absl::string_view what = footer.status().message();
      uint64_t offset = 0;
      if (absl::ConsumePrefix(&what, "offset ")) TakeOffset(what, &offset, &what);
      Damaged(offset, what);
      return absl::OkStatus();
    }
    Line("format version %d", kValueFileFormatVersion);
    Line("value file number %d: %d values, %d bytes in %d pages", footer->file_number,
         footer->value_count, footer->value_bytes, footer->page_count());
    Line("checksums at offset %d", footer->checksums_offset());
    MetricsRegistry metrics;
    BufferPool pool(kPoolBytes, metrics);
    const absl::StatusOr<std::shared_ptr<const ValueFile>> file =
        ValueFile::Open(*file_system_, path_, footer->file_number, pool, metrics);
    if (!file.ok()) return Tell(0, file.status());
    std::string buffer;
    for (uint64_t page = 0; page < (*file)->checked_page_count(); ++page) {
      absl::Status told;
      KYRO_RETURN_IF_ERROR(
          (*file)->VerifyPages(page, page + 1, &buffer, [&](const absl::Status& status) {
            if (told.ok()) told = Tell(page * kPageBytes, status);
          }));
      KYRO_RETURN_IF_ERROR(told);
    }
    return absl::OkStatus();
  }

  absl::Status InspectCurrent(const std::string& text) {
    const absl::StatusOr<uint64_t> number = wal::ParseCurrent(path_, text);
    if (!number.ok()) {
      Line("text: %s", ShownValue(text));
      return Tell(0, number.status());
    }
    Line("names %s", wal::ManifestName(*number));
    return absl::OkStatus();
  }

  absl::Status InspectManifest(const std::string& bytes) {
    const absl::StatusOr<wal::ManifestFile> file = wal::ParseManifest(path_, bytes);
    if (absl::IsFailedPrecondition(file.status())) {
      return absl::UnimplementedError(file.status().message());
    }
    std::string payload;
    if (file.ok()) {
      Line("manifest number %d, checksum right", file->number);
      payload = file->payload;
    } else {
      KYRO_RETURN_IF_ERROR(Tell(0, file.status()));
      // As far as it can be read, for what that is worth.
      constexpr size_t kManifestHeaderBytes = 32;
      if (bytes.size() <= kManifestHeaderBytes) return absl::OkStatus();
      payload = bytes.substr(kManifestHeaderBytes);
      Line("what follows is not covered by a checksum that holds");
    }
    const absl::StatusOr<ManifestState> state = DecodeManifest(payload);
    if (absl::IsUnimplemented(state.status()) && file.ok()) return state.status();
    if (!state.ok()) {
      Damaged(32, state.status().message());
      return absl::OkStatus();
    }
    Line("database %016x", state->database_id);
    Line("epoch %d, checkpoint at LSN %d, log segment %d, next file number %d", state->epoch,
         state->checkpoint_lsn, state->log_segment, state->next_file_number);
    for (const ManifestState::Space& space : state->spaces) {
      std::string runs;
      for (const uint64_t number : space.runs) {
        absl::StrAppend(&runs, runs.empty() ? "" : ", ", "run-", space.id, "-", number);
        const ManifestState::RunNote note = state->NoteOf(number);
        if (note.lsn_base > 0) absl::StrAppend(&runs, " (loaded, LSNs from ", note.lsn_base, ")");
        if (note.replaced_count > 0) {
          absl::StrAppend(&runs, " (replaces ", note.replaced_count, " keys)");
        }
      }
      Line("key space %d%s: %d runs, from new to old: %s", space.id,
           space.id == kCatalogSpace ? " (catalog)" : "", space.runs.size(), runs);
      for (const auto& values : space.value_files) {
        Line("  large values in values-%d: %d bytes, %d of them live", values.file_number,
             values.value_bytes, values.live_bytes);
      }
    }
    for (const SegmentFile& segment : state->segments) {
      Line("vector index %d: segment-%d-%d, complete up to LSN %d", segment.index, segment.index,
           segment.file_number, segment.covers_lsn);
    }
    return absl::OkStatus();
  }

  void PrintOperations(Lsn lsn, uint64_t offset, absl::string_view record) {
    if (IsLoadRecord(record)) {
      const absl::StatusOr<LoadRecord> load = DecodeLoadRecord(record);
      if (!load.ok()) return Damaged(offset, load.status().message());
      Line("    LSN %d: bulk load of %d rows into key space %d, run-%d-%d, keys %s to %s", lsn,
           load->row_count, load->space, load->space, load->file_number, ShownKey(load->first_key),
           ShownKey(load->last_key));
      return;
    }
    Line("    LSN %d: %d bytes", lsn, record.size());
    const absl::Status status = VisitRecord(record, [&](const RecordOperation& operation) {
      Line("      %s key space %d key %s%s", NameOf(operation.kind()), operation.space,
           ShownKey(operation.key),
           operation.is_delete ? "" : absl::StrCat(" value ", ShownValue(operation.value)));
      return absl::OkStatus();
    });
    if (!status.ok()) Damaged(offset, status.message());
  }

  absl::Status InspectLog(const std::string& bytes) {
    bool first = true;
    uint64_t records_left = options_.record_count;
    const absl::StatusOr<wal::SegmentDump> dump =
        wal::DumpSegment(bytes, [&](const wal::DumpedFrame& frame) {
          if (first) {
            Line("segment %016x of database %016x, epoch %d from LSN %d", frame.segment_id,
                 frame.database_id, frame.epoch, frame.epoch_first_lsn);
          }
          first = false;
          std::string what(frame.type);
          if (!frame.records.empty()) {
            absl::StrAppend(&what, " LSN ", frame.first_lsn, " to ", frame.end_lsn - 1, " (",
                            frame.records.size(), " records)");
          } else {
            absl::StrAppend(&what, ", next LSN ", frame.first_lsn);
          }
          Line("  offset %d: %s, %d bytes, epoch %d, durable up to LSN %d%s%s, CRC ok",
               frame.offset, what, frame.size_bytes, frame.epoch, frame.synced_lsn,
               frame.opening ? ", opening" : "",
               frame.wall_micros == 0
                   ? ""
                   : absl::StrCat(", written ",
                                  absl::FormatTime("%Y-%m-%d %H:%M:%E3SZ",
                                                   absl::FromUnixMicros(frame.wall_micros),
                                                   absl::UTCTimeZone())));
          if (!frame.continues) Damaged(frame.offset, "it does not continue the frame before");
          for (size_t i = 0; i < frame.records.size() && records_left > 0; ++i, --records_left) {
            PrintOperations(frame.first_lsn + i, frame.offset, frame.records[i]);
          }
        });
    KYRO_RETURN_IF_ERROR(dump.status());
    for (const auto& garbage : dump->garbage) {
      Damaged(garbage.begin,
              absl::StrFormat("%d bytes up to offset %d are no frame%s",
                              garbage.end - garbage.begin, garbage.end,
                              garbage.begin == dump->end_offset ? ", perhaps a torn end" : ""));
    }
    if (dump->frame_count == 0 && dump->garbage.empty()) {
      Line("nothing but zeros: no frame was written yet");
    }
    Line("%d frames with %d records; they end at offset %d of %d", dump->frame_count,
         dump->record_count, dump->end_offset, bytes.size());
    return absl::OkStatus();
  }

  absl::Status InspectVectors(const std::string& bytes) {
    const absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(bytes);
    if (!header.ok()) return Tell(0, header.status());
    Line("format version %d, vector index %d, %d dimensions, metric %s", header->format_version,
         header->index, header->dimensions, vector::MetricName(header->metric));
    Line("complete up to LSN %d; %d entries in %d bytes at offset %d", header->covers_lsn,
         header->entry_count, header->entries_bytes, header->entries_offset);
    const absl::StatusOr<std::unique_ptr<vector::VectorIndex>> graph =
        vector::LoadHnswIndex(absl::string_view(bytes).substr(header->graph_offset));
    if (!graph.ok()) return Tell(header->graph_offset, graph.status());
    Line("graph at offset %d: %s, %d vectors, %d removed, %d bytes of memory", header->graph_offset,
         (*graph)->kind(), (*graph)->size(), (*graph)->removed_count(), (*graph)->memory_bytes());
    return absl::OkStatus();
  }

  static std::array<std::pair<const char*, RunSection>, kRunSectionCount> SectionsOf(
      const RunFooter& footer) {
    return {{{"heap", footer.heap},
             {"cells", footer.cells},
             {"offsets", footer.offsets},
             {"hash", footer.hash},
             {"filter", footer.filter},
             {"model", footer.model},
             {"checksums", footer.checksums},
             {"properties", footer.properties}}};
  }

  void PrintSections(const RunFooter& footer) {
    Line("sections:");
    for (const auto& [name, section] : SectionsOf(footer)) {
      Line("  %-10s offset %10d %12d bytes", name, section.offset, section.size_bytes);
    }
  }

  void PrintProperties(const RunProperties& p) {
    Line("run number %d: %d keys (%d deleted), %d versions, LSN %d to %d", p.file_number,
         p.entry_count, p.tombstone_count, p.version_count, p.min_lsn, p.max_lsn);
    Line("%d distinct slices%s; %d bytes of keys, %d bytes of values", p.slice_count,
         p.slice_count < p.entry_count ? " (grouped)" : "", p.key_bytes, p.value_bytes);
    Line("common prefix %s, first key %s, last key %s", ShownKey(p.common_prefix),
         ShownKey(p.smallest_key), ShownKey(p.largest_key));
    for (const ValueFileShare& share : p.value_files) {
      Line("%d values of %d bytes lie in values-%d", share.value_count, share.value_bytes,
           share.file_number);
    }
  }

  absl::Status InspectRun() {
    const uint64_t tail_bytes = std::min(size_bytes_, kRunTailBytes);
    KYRO_ASSIGN_OR_RETURN(const std::string tail, Read(size_bytes_ - tail_bytes, tail_bytes));
    const absl::StatusOr<RunFooter> footer = DecodeRunTail(tail, size_bytes_);
    if (!footer.ok()) {
      KYRO_RETURN_IF_ERROR(TellTail(footer.status()));
      return absl::OkStatus();
    }
    Line("format version %d", footer->version);
    PrintSections(*footer);
    KYRO_ASSIGN_OR_RETURN(const std::string bytes,
                          Read(footer->properties.offset, footer->properties.size_bytes));
    const absl::StatusOr<RunProperties> properties = DecodeRunProperties(bytes, footer->version);
    if (Crc32c(bytes) != footer->properties_crc) {
      Damaged(footer->properties.offset, "the properties fail their checksum");
    } else if (!properties.ok()) {
      Damaged(footer->properties.offset, properties.status().message());
    }
    if (!properties.ok()) return absl::OkStatus();
    PrintProperties(*properties);

    MetricsRegistry metrics;
    BufferPool pool(kPoolBytes, metrics);
    const absl::StatusOr<std::shared_ptr<Run>> run =
        Run::Open(*file_system_, path_, properties->file_number, pool, metrics);
    if (!run.ok()) return Tell(0, run.status());
    std::string buffer;
    for (uint64_t page = 0; page < (*run)->checked_page_count(); ++page) {
      absl::Status told;
      KYRO_RETURN_IF_ERROR(
          CheckPages(**run, page, page + 1, &buffer, [&](const absl::Status& status) {
            if (told.ok()) told = Tell(page * kPageBytes, status);
          }));
      KYRO_RETURN_IF_ERROR(told);
    }
    PrintDerived(**run, *footer);
    return PrintRecords(**run);
  }

  // The trailer's damage may have left the rest whole.
  absl::Status TellTail(const absl::Status& status) {
    if (!absl::IsDataLoss(status)) return Annotate(status, path_);
    absl::string_view what = status.message();
    uint64_t offset = 0;
    constexpr absl::string_view kPrefix = "offset ";
    if (absl::StartsWith(what, kPrefix)) TakeOffset(what.substr(kPrefix.size()), &offset, &what);
    Damaged(offset, what);
    if (size_bytes_ < kRunTailBytes) return absl::OkStatus();
    KYRO_ASSIGN_OR_RETURN(const std::string bytes,
                          Read(size_bytes_ - kRunTailBytes, kRunFooterBytes));
    if (bytes.size() < kRunFooterBytes ||
        LoadFixed32(bytes.data() + kRunFooterBytes - 4) !=
            Crc32c(absl::string_view(bytes).substr(0, kRunFooterBytes - 4))) {
      return absl::OkStatus();
    }
    Line("the footer is whole; sections:");
    for (uint64_t i = 0; i < kRunSectionCount; ++i) {
      Line("  %-10s offset %10d %12d bytes", SectionsOf({})[i].first,
           LoadFixed64(bytes.data() + 16 * i), LoadFixed64(bytes.data() + 16 * i + 8));
    }
    return absl::OkStatus();
  }

  // Model and filter as they are in the file, not as `Run::Open` may have made them again.
  void PrintDerived(const Run& run, const RunFooter& footer) {
    const absl::StatusOr<std::string> bytes = Read(footer.model.offset, footer.model.size_bytes);
    const absl::StatusOr<learned_index::PositionIndex> model =
        bytes.ok() ? learned_index::PositionIndex::Decode(*bytes)
                   : absl::StatusOr<learned_index::PositionIndex>(bytes.status());
    if (model.ok()) {
      Line("position index: %s for %d slices, %d segments, bound at most %d rows, %d bytes",
           NameOf(model->kind()), model->key_count(), model->segment_count(),
           model->bound_width_max(), model->size_bytes());
    } else {
      Damaged(footer.model.offset, model.status().message());
    }
    Line("filter: %d blocks of 64 bytes for %d keys", footer.filter.size_bytes / 64,
         run.properties().entry_count);
    if (footer.hash.size_bytes > 0) {
      Line("position hash: %d buckets", footer.hash.size_bytes / 64);
    }
  }

  // Of a record of the catalog; other records do not look like one.
  void PrintDefinition(absl::string_view key, absl::string_view value) {
    const std::optional<ObjectId> id = ParseTableKey(key);
    if (!id.has_value()) return;
    const absl::StatusOr<TableSchema> table = DecodeSchema(value);
    if (!table.ok() || table->id != *id) return;
    std::string columns;
    for (const ColumnSchema& column : table->columns) {
      absl::StrAppend(&columns, columns.empty() ? "" : ", ", column.name, " ",
                      TypeName(column.type));
    }
    Line("    table %d: %s (%s)", table->id, table->name, columns);
    for (const IndexSchema& index : table->indexes) {
      Line("    index %d: %s using %s %s", index.id, index.name, index.method,
           index.has_entries() ? "" : vector::MetricName(index.metric));
    }
  }

  absl::Status PrintRecords(const Run& run) {
    if (options_.record_count == 0) return absl::OkStatus();
    const std::unique_ptr<InternalIterator> versions = run.NewIterator(Run::Access::kSequential);
    uint64_t key_count = 0;
    std::string before;
    for (versions->SeekToFirst(); versions->Valid(); versions->Next()) {
      if (key_count == 0 || versions->key() != before) {
        if (++key_count > options_.record_count) break;
        before = std::string(versions->key());
        Line("key %s", ShownKey(before));
      }
      const bool is_delete = versions->kind() == EntryKind::kDelete;
      if (const ApartValue* apart = versions->apart()) {
        Line("  LSN %d: %s %d bytes at offset %d of values-%d", versions->lsn(),
             NameOf(versions->kind()), apart->size_bytes, apart->offset, apart->file_number);
        continue;
      }
      Line("  LSN %d: %s%s", versions->lsn(), NameOf(versions->kind()),
           is_delete ? "" : absl::StrCat(" ", ShownValue(versions->value())));
      if (!is_delete) PrintDefinition(versions->key(), versions->value());
    }
    return Tell(0, versions->status());
  }

  FileSystem* const file_system_;
  const std::string path_;
  const InspectOptions& options_;
  const absl::FunctionRef<void(absl::string_view)> print_;
  std::unique_ptr<RandomAccessFile> file_;
  uint64_t size_bytes_ = 0;
  uint64_t damage_count_ = 0;
  uint64_t first_damage_ = 0;
};

}  // namespace

absl::Status InspectFile(absl::string_view path, const InspectOptions& options,
                         absl::FunctionRef<void(absl::string_view text)> print) {
  std::unique_ptr<FileSystem> own;
  FileSystem* file_system = options.file_system;
  if (file_system == nullptr) {
    own = NewPosixFileSystem();
    file_system = own.get();
  }
  return Inspector(file_system, path, options, print).Inspect();
}

}  // namespace kyrodb::engine
