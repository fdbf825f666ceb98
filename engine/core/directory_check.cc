#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/clock.h"
#include "engine/base/metrics.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/status.h"
#include "engine/base/string_hash.h"
#include "engine/check.h"
#include "engine/core/applier.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/file_names.h"
#include "engine/core/index_set.h"
#include "engine/core/load_record.h"
#include "engine/core/manifest_state.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "engine/core/zorder_check.h"
#include "engine/iterator.h"
#include "engine/row_codec.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/run_check.h"
#include "engine/storage/value_check.h"
#include "wal/manifest.h"
#include "wal/recovery.h"
#include "wal/segment_dump.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kPoolBytes = uint64_t{64} << 20;
constexpr Lsn kNewestSnapshot = kLsnMax - 1;
constexpr uint64_t kFindingsPerIndexMax = 20;
constexpr size_t kShownKeyBytesMax = 64;

std::string Shown(absl::string_view key) {
  return absl::StrFormat("\"%s\"%s", absl::CHexEscape(key.substr(0, kShownKeyBytesMax)),
                         key.size() > kShownKeyBytesMax ? "…" : "");
}

bool HasOnlyNumbers(absl::string_view vector_bytes) {
  for (size_t i = 0; i + sizeof(float) <= vector_bytes.size(); i += sizeof(float)) {
    float x;
    std::memcpy(&x, vector_bytes.data() + i, sizeof(x));
    if (!std::isfinite(x)) return false;
  }
  return true;
}

class DirectoryCheck {
 public:
  DirectoryCheck(FileSystem* file_system, absl::string_view directory,
                 absl::FunctionRef<void(absl::string_view)> tell)
      : file_system_(file_system),
        names_(directory),
        tell_(tell),
        pool_(kPoolBytes, metrics_),
        value_files_(*file_system, names_.values_prefix(), pool_, metrics_),
        spaces_(storage()) {}

  absl::StatusOr<CheckReport> Check(absl::string_view opener) {
    KYRO_RETURN_IF_ERROR(FindDatabase());
    KYRO_ASSIGN_OR_RETURN(
        const std::unique_ptr<FileLock> lock,
        file_system_->Lock(names_.lock(), absl::StrCat(opener, " (process ", getpid(), ")")));
    KYRO_RETURN_IF_ERROR(ListFiles());
    KYRO_RETURN_IF_ERROR(CheckManifest());
    KYRO_RETURN_IF_ERROR(CheckRuns());
    KYRO_RETURN_IF_ERROR(CheckCatalog());
    KYRO_RETURN_IF_ERROR(CheckLog());
    KYRO_RETURN_IF_ERROR(CheckValueFiles());
    KYRO_RETURN_IF_ERROR(CheckIndexes());
    TellOrphans();
    return report_;
  }

 private:
  StorageContext storage() {
    return {.file_system = *file_system_,
            .buffer_pool = pool_,
            .metrics = metrics_,
            .obsolete_files = obsolete_,
            .value_files = &value_files_};
  }

  void Problem(absl::string_view what) {
    ++report_.problem_count;
    tell_(absl::StrCat("problem: ", what));
  }
  void Note(absl::string_view what) {
    ++report_.note_count;
    tell_(absl::StrCat("note: ", what));
  }
  // Tells of damage, passes on that the disk failed.
  absl::Status Tell(const absl::Status& status, absl::string_view file) {
    if (status.ok() || absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
      return status;
    }
    Problem(absl::StrContains(status.message(), file)
                ? std::string(status.message())
                : absl::StrCat(file, ": offset 0: ", status.message()));
    return absl::OkStatus();
  }

  absl::Status FindDatabase() {
    const absl::StatusOr<std::vector<std::string>> files = file_system_->List(names_.directory());
    if (files.ok()) {
      for (const std::string& file : *files) {
        if (file == "CURRENT" || absl::StartsWith(file, "MANIFEST-") || file == "log") {
          return absl::OkStatus();
        }
      }
    } else if (!absl::IsNotFound(files.status()) && !absl::IsUnavailable(files.status())) {
      return files.status();
    }
    return absl::NotFoundError(
        absl::StrCat("there is no database in directory ", names_.directory()));
  }

  absl::Status ListFiles() {
    for (const std::string& directory :
         {names_.directory(), names_.log(), names_.runs(), names_.vectors(), names_.archive()}) {
      const absl::StatusOr<std::vector<std::string>> files = file_system_->List(directory);
      if (absl::IsNotFound(files.status()) && directory == names_.archive()) continue;
      if (absl::IsNotFound(files.status())) {
        Problem(absl::StrCat(directory, ": the directory is missing"));
        continue;
      }
      KYRO_RETURN_IF_ERROR(files.status());
      for (const std::string& file : *files) {
        const std::string path = JoinPath(directory, file);
        // A directory cannot be opened as a file.
        const auto opened = file_system_->OpenForRead(path);
        if (!opened.ok() || file_system_->List(path).ok()) continue;
        unnamed_.insert(path);
        ++report_.file_count;
        report_.file_bytes += (*opened)->size_bytes();
      }
    }
    unnamed_.erase(names_.lock());
    return absl::OkStatus();
  }

  absl::Status CheckManifest() {
    const std::string current = JoinPath(names_.directory(), "CURRENT");
    unnamed_.erase(current);
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<wal::ManifestStore> store,
                          wal::ManifestStore::Open(file_system_, names_.directory()));
    const absl::StatusOr<std::optional<std::string>> payload = store->Load();
    const std::string path = JoinPath(names_.directory(), wal::ManifestName(store->number()));
    unnamed_.erase(path);
    // The one before is kept.
    const std::string prefix = JoinPath(names_.directory(), "MANIFEST-");
    std::string previous;
    for (const std::string& file : unnamed_) {
      if (absl::StartsWith(file, prefix) && (file < path || file.size() < path.size())) {
        previous = file;
      }
    }
    unnamed_.erase(previous);
    if (!payload.ok()) return Tell(payload.status(), store->number() == 0 ? current : path);
    if (!payload->has_value()) {
      Problem(absl::StrCat(current, ": the file is missing"));
      return absl::OkStatus();
    }
    absl::StatusOr<ManifestState> state = DecodeManifest(**payload);
    if (!state.ok()) return Tell(state.status(), path);
    state_ = *std::move(state);
    has_state_ = true;
    manifest_path_ = path;
    return absl::OkStatus();
  }

  // Null, and told, when it cannot be opened.
  absl::StatusOr<std::shared_ptr<Run>> OpenRun(ObjectId space, uint64_t number, Lsn lsn_base) {
    const std::string path = names_.Run(space, number);
    unnamed_.erase(path);
    absl::StatusOr<std::shared_ptr<Run>> run =
        Run::Open(*file_system_, path, number, pool_, metrics_, lsn_base, &value_files_);
    if (absl::IsNotFound(run.status())) {
      KYRO_ASSIGN_OR_RETURN(const bool exists, file_system_->Exists(path));
      Problem(exists ? absl::StrCat("a file is missing: ", run.status().message())
                     : absl::StrCat(path, ": the file is missing"));
      return nullptr;
    }
    if (!run.ok()) {
      KYRO_RETURN_IF_ERROR(Tell(run.status(), path));
      return nullptr;
    }
    KYRO_ASSIGN_OR_RETURN(
        const RunCheckCounts counts,
        CheckRun(**run, pool_, [this](const absl::Status& found) { Problem(found.message()); }));
    report_.key_count += counts.key_count;
    return run;
  }

  absl::Status CheckRuns() {
    for (const ManifestState::Space& space : state_.spaces) {
      std::vector<std::shared_ptr<const Run>> runs;
      for (const uint64_t number : space.runs) {
        KYRO_ASSIGN_OR_RETURN(std::shared_ptr<const Run> run,
                              OpenRun(space.id, number, state_.NoteOf(number).lsn_base));
        if (run == nullptr) {
          incomplete_spaces_.insert(space.id);
          continue;
        }
        if (run->properties().max_lsn > state_.checkpoint_lsn) {
          Problem(
              absl::StrFormat("%s: offset %u: the newest LSN is %u, the manifest's checkpoint "
                              "is at %u",
                              run->path(), run->footer().properties.offset,
                              run->properties().max_lsn, state_.checkpoint_lsn));
        }
        runs.push_back(std::move(run));
      }
      spaces_.Insert(std::make_shared<KeySpace>(space.id, storage(), std::move(runs)));
    }
    return absl::OkStatus();
  }

  // Those that are named, and those of bulk loads of which the log tells.
  absl::Status CheckValueFiles() {
    absl::flat_hash_map<uint64_t, uint64_t> live;  // by what is in the manifest
    for (const ManifestState::Space& space : state_.spaces) {
      for (const auto& values : space.value_files) {
        unnamed_.erase(names_.Values(values.file_number));
        live[values.file_number] = values.live_bytes;
      }
    }
    for (const auto& space : spaces_.Live()) {
      const std::shared_ptr<const SpaceVersion> version = space->version();
      for (const ValueFileUse& use : ValueFileUses(version->runs)) {
        unnamed_.erase(use.file->path());
        KYRO_RETURN_IF_ERROR(CheckValueFile(
            use, version->runs, [this](const absl::Status& found) { Problem(found.message()); }));
        if (incomplete_spaces_.contains(space->id())) continue;
        const auto named = live.find(use.file->file_number());
        if (named == live.end() || named->second == use.live_bytes) continue;
        Problem(
            absl::StrFormat("%s: offset 0: the manifest counts %u bytes of %s as live, the "
                            "runs need %u",
                            manifest_path_, named->second, use.file->path(), use.live_bytes));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckCatalog() {
    Catalog catalog;
    const std::shared_ptr<KeySpace> space = spaces_.GetOrCreate(kCatalogSpace);
    const std::unique_ptr<Iterator> records = space->NewIterator(KeyRange{}, kNewestSnapshot);
    for (; records->Valid(); records->Next()) {
      const absl::Status status = AddCatalogRecord(records->key(), records->value(), &catalog);
      if (status.ok()) continue;
      complete_ = false;
      Problem(absl::StrCat("catalog record ", Shown(records->key()), ": ", status.message()));
    }
    if (!records->status().ok()) {
      // What is damaged was told with its run.
      complete_ = false;
      if (absl::IsUnavailable(records->status())) return records->status();
    }
    for (const auto& table : catalog.tables()) {
      spaces_.GetOrCreate(table->id);
      for (const IndexSchema& index : table->indexes) {
        if (index.has_entries()) spaces_.GetOrCreate(index.id);
      }
    }
    for (const auto& object : catalog.objects()) {
      if (catalog.HasSpace(object->id)) spaces_.GetOrCreate(object->id);
    }
    views_ = std::make_unique<Views>(state_.checkpoint_lsn,
                                     std::make_shared<const Catalog>(std::move(catalog)),
                                     &Clock::System());
    return absl::OkStatus();
  }

  absl::Status ReplayLoad(Lsn lsn, const LoadRecord& load) {
    if (views_->catalog()->FindTable(load.space) == nullptr) return absl::OkStatus();
    const std::string path = names_.Run(load.space, load.file_number);
    KYRO_ASSIGN_OR_RETURN(const bool exists, file_system_->Exists(path));
    if (!exists) {
      // Its table may be dropped by a later record.
      missing_loads_.push_back(load);
      return absl::OkStatus();
    }
    KYRO_ASSIGN_OR_RETURN(std::shared_ptr<Run> run,
                          OpenRun(load.space, load.file_number, /*lsn_base=*/lsn - 1));
    if (run == nullptr) {
      incomplete_spaces_.insert(load.space);
    } else {
      spaces_.GetOrCreate(load.space)->InstallLoad(std::move(run));
    }
    return absl::OkStatus();
  }

  // Every frame of every segment; the smallest LSN that any begins with, 0 without frames.
  absl::StatusOr<Lsn> CheckSegments() {
    Lsn oldest = 0;
    std::vector<std::string> paths;
    for (const std::string& directory : {names_.log(), names_.archive()}) {
      const std::string prefix = JoinPath(directory, "wal-");
      for (const std::string& path : unnamed_) {
        if (absl::StartsWith(path, prefix)) paths.push_back(path);
      }
    }
    for (const std::string& path : paths) {
      unnamed_.erase(path);
      KYRO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(*file_system_, path));
      bool is_foreign = false;
      const bool is_live = absl::StartsWith(path, JoinPath(names_.log(), ""));
      const absl::StatusOr<wal::SegmentDump> dump =
          wal::DumpSegment(bytes, [&](const wal::DumpedFrame& frame) {
            if (is_live && (oldest == 0 || frame.first_lsn < oldest)) oldest = frame.first_lsn;
            is_foreign |= has_state_ && frame.database_id != state_.database_id;
            if (!frame.continues) {
              garbage_.push_back({path, frame.offset, "a frame does not continue the one before"});
            }
          });
      if (!dump.ok()) {
        KYRO_RETURN_IF_ERROR(Tell(Annotate(dump.status(), path), path));
        continue;
      }
      if (is_foreign) Problem(absl::StrCat(path, ": offset 0: it belongs to another database"));
      for (const auto& garbage : dump->garbage) {
        garbage_.push_back({path, garbage.begin,
                            absl::StrCat(garbage.end - garbage.begin, " bytes are no frame")});
      }
    }
    return oldest;
  }

  absl::Status CheckLog() {
    KYRO_ASSIGN_OR_RETURN(const Lsn oldest, CheckSegments());
    if (!has_state_) return absl::OkStatus();
    const wal::RecoveryOptions needed{.file_system = file_system_,
                                      .directory = names_.log(),
                                      .database_id = state_.database_id,
                                      .replay_from_lsn = state_.checkpoint_lsn + 1};
    Applier replayer(&spaces_, nullptr, views_.get());
    replayer.SetLoader([this](Lsn lsn, const LoadRecord& load) { return ReplayLoad(lsn, load); });
    absl::StatusOr<wal::RecoveryResult> recovered =
        wal::Recover(needed, [&](Lsn lsn, absl::string_view record) {
          return Annotate(replayer.Apply(lsn, record), absl::StrCat("log record with LSN ", lsn));
        });
    if (!recovered.ok()) {
      complete_ = false;
      return Tell(recovered.status(), names_.log());
    }
    for (const LoadRecord& load : missing_loads_) {
      if (views_->catalog()->FindTable(load.space) == nullptr) continue;
      incomplete_spaces_.insert(load.space);
      Problem(absl::StrCat(names_.Run(load.space, load.file_number), ": the run of a bulk load of ",
                           load.row_count, " rows, which the log tells of, is missing"));
    }
    bool is_damaged = recovered->damage.has_value();
    if (is_damaged) {
      Problem(recovered->damage->ToStatus().message());
    } else if (state_.log_segment != 0 &&
               std::none_of(
                   recovered->segments.begin(), recovered->segments.end(),
                   [&](const wal::SegmentInfo& s) { return s.id >= state_.log_segment; })) {
      is_damaged = true;
      Problem(
          absl::StrFormat("%s: segment %u, which the manifest knows to be current, is missing "
                          "or empty; every commit from LSN %u on may be lost",
                          names_.log(), state_.log_segment, recovered->last_lsn + 1));
    }
    complete_ = complete_ && !is_damaged;
    // What lies before the checkpoint is kept for followers and archives.
    if (!is_damaged && oldest > 0 && oldest <= state_.checkpoint_lsn) {
      wal::RecoveryOptions kept = needed;
      kept.replay_from_lsn = oldest;
      const absl::StatusOr<wal::RecoveryResult> all =
          wal::Recover(kept, [](Lsn, absl::string_view) { return absl::OkStatus(); });
      if (!all.ok()) return Tell(all.status(), names_.log());
      if (all->damage.has_value()) {
        is_damaged = true;
        Problem(absl::StrCat(all->damage->ToStatus().message(),
                             "; they are in the runs, followers and archives miss them"));
      }
    }
    // Otherwise nothing that was acknowledged is missing: an end that was cut short, or what a
    // newer epoch took the place of.
    for (const Garbage& garbage : garbage_) {
      const std::string what =
          absl::StrFormat("%s: offset %u: %s", garbage.path, garbage.offset, garbage.what);
      if (is_damaged) {
        Problem(what);
      } else {
        Note(absl::StrCat(what, "; nothing acknowledged is missing"));
      }
    }
    for (const std::string& path : recovered->dead_files) {
      Note(absl::StrCat(path, ": of an opening that was not completed"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndexes() {
    if (!has_state_) return absl::OkStatus();
    const std::shared_ptr<const Catalog> catalog = views_->catalog();
    for (const auto& table : catalog->tables()) {
      for (const IndexSchema& index : table->indexes) {
        if (index.is_zorder()) {
          KYRO_RETURN_IF_ERROR(CheckEntries(*table, index));
        } else if (!index.has_entries()) {
          KYRO_RETURN_IF_ERROR(CheckIndex(table, index));
        }
      }
    }
    for (const SegmentFile& file : state_.segments) {
      const std::string path = names_.Segment(file.index, file.file_number);
      const bool was_checked = unnamed_.erase(path) == 0;
      const bool is_known =
          std::any_of(catalog->tables().begin(), catalog->tables().end(), [&](const auto& table) {
            return std::any_of(table->indexes.begin(), table->indexes.end(),
                               [&](const IndexSchema& index) { return index.id == file.index; });
          });
      if (is_known || was_checked || !complete_) continue;
      Note(absl::StrCat(path, ": of index ", file.index, ", which is dropped"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndex(const std::shared_ptr<const TableSchema>& table,
                          const IndexSchema& index) {
    const auto file = std::find_if(state_.segments.begin(), state_.segments.end(),
                                   [&](const SegmentFile& f) { return f.index == index.id; });
    // Not saved yet: built at the next open.
    if (file == state_.segments.end()) return absl::OkStatus();
    const std::string path = names_.Segment(file->index, file->file_number);
    unnamed_.erase(path);
    const absl::StatusOr<std::string> bytes = ReadFile(*file_system_, path);
    if (absl::IsNotFound(bytes.status())) {
      Problem(absl::StrCat(path, ": the file is missing"));
      return absl::OkStatus();
    }
    KYRO_RETURN_IF_ERROR(bytes.status());
    if (absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(*bytes); !header.ok()) {
      return Tell(header.status(), path);
    }
    const std::shared_ptr<KeySpace> space = spaces_.Find(table->id, kNewestSnapshot);
    if (space == nullptr || !complete_ || incomplete_spaces_.contains(table->id)) {
      // Against rows that are not all there nothing can be said but whether it can be read.
      return Tell(
          IndexedColumn::Load(index, table->columns[index.column].type.dimensions, *bytes).status(),
          path);
    }
    const Lsn visible = views_->visible();
    IndexSlot slot(table, index);
    if (absl::Status loaded = slot.Load(*file, *bytes, *space, visible); !loaded.ok()) {
      return Tell(loaded, path);
    }
    return CompareIndex(*table, index, path, *space, *slot.ready().column, visible);
  }

  absl::Status CheckEntries(const TableSchema& table, const IndexSchema& index) {
    const std::shared_ptr<KeySpace> rows = spaces_.Find(table.id, kNewestSnapshot);
    const std::shared_ptr<KeySpace> entries = spaces_.Find(index.id, kNewestSnapshot);
    // Against what is not all there nothing can be said.
    if (rows == nullptr || entries == nullptr || !complete_ ||
        incomplete_spaces_.contains(table.id) || incomplete_spaces_.contains(index.id)) {
      return absl::OkStatus();
    }
    const std::string where =
        absl::StrCat(names_.runs(), ": index ", index.name, " (key space ", index.id, ") of table ",
                     table.name, " (", table.id, ")");
    uint64_t finding_count = 0;
    ZOrderFindings findings;
    const absl::Status status = CheckZOrderEntries(
        table, index, *rows, *entries, views_->visible(), Clock::System().WallMicros(),
        [&](absl::string_view key, absl::string_view what) {
          if (++finding_count > kFindingsPerIndexMax) return;
          Problem(absl::StrCat(where, ": row ", Shown(key), " ", what));
        },
        &findings);
    if (finding_count > kFindingsPerIndexMax) {
      Problem(absl::StrCat(where, ": ", finding_count - kFindingsPerIndexMax,
                           " further rows differ from the index"));
    }
    if (findings.is_being_built) Note(absl::StrCat(where, " is being built"));
    if (findings.expired_count > 0) {
      Note(absl::StrCat(where, " has ", findings.expired_count,
                        " expired rows or entries of which the other side is gone already"));
    }
    // Damage of a run was told with it.
    return status.ok() ? status : Tell(status, where);
  }

  // The rows with a vector, and what a search may return, must be the same.
  absl::Status CompareIndex(const TableSchema& table, const IndexSchema& index,
                            const std::string& path, const KeySpace& space,
                            const IndexedColumn& column, Lsn visible) {
    const uint32_t dimensions = table.columns[index.column].type.dimensions;
    uint64_t finding_count = 0;
    const auto report = [&](absl::string_view key, absl::string_view what) {
      if (++finding_count > kFindingsPerIndexMax) return;
      Problem(absl::StrCat(path, ": offset 0: index ", index.name, " of table ", table.name,
                           ": row ", Shown(key), " ", what));
    };
    // Key to the commit that the index knows its vector from.
    std::unordered_map<std::string, Lsn, StringHash, StringEqual> indexed;
    column.VisitVisible(visible, [&](absl::string_view key, Lsn created) {
      if (!indexed.emplace(std::string(key), created).second) {
        report(key, "is in the index twice");
      }
    });
    const std::unique_ptr<Iterator> rows = space.NewIterator(KeyRange{}, visible);
    std::string value;
    for (; rows->Valid(); rows->Next()) {
      const absl::string_view vector_bytes =
          VectorColumnBytes(table, rows->value(), index.column).value_or(absl::string_view());
      const auto it = indexed.find(rows->key());
      if (vector_bytes.size() != dimensions * sizeof(float) || !HasOnlyNumbers(vector_bytes)) {
        continue;  // has no vector: what is left in `indexed` is told below
      }
      if (it == indexed.end()) {
        report(rows->key(), "has a vector and is not in the index");
        continue;
      }
      KYRO_ASSIGN_OR_RETURN(const Lsn written, space.Get(rows->key(), visible, &value));
      if (it->second < written) {
        report(rows->key(), absl::StrFormat("was written by commit %u, the index has it as of %u",
                                            written, it->second));
      }
      indexed.erase(it);
    }
    // Damage of the rows was told with their run; then what is left says nothing.
    if (!rows->status().ok()) return Tell(rows->status(), path);
    uint64_t gone_count = 0;
    for (const auto& [key, created] : indexed) {
      KYRO_ASSIGN_OR_RETURN(const Lsn found, space.Get(key, visible, &value));
      KYRO_ASSIGN_OR_RETURN(const Lsn latest, space.LatestLsn(key));
      // An expired row goes without the index being told: as a delete of its own commit, or whole.
      if (found == 0 && latest <= created) {
        ++gone_count;
      } else {
        report(key, "is in the index and has no vector");
      }
    }
    if (gone_count > 0) {
      Note(absl::StrCat(path, ": offset 0: index ", index.name, " of table ", table.name, " has ",
                        gone_count, " entries of rows that are gone, as expired rows leave them"));
    }
    if (finding_count > kFindingsPerIndexMax) {
      Problem(absl::StrCat(path, ": offset 0: ", finding_count - kFindingsPerIndexMax,
                           " further rows differ from the index"));
    }
    return absl::OkStatus();
  }

  void TellOrphans() {
    for (const std::string& path : unnamed_) {
      Note(absl::StrCat(path, ": orphan, nobody names this file"));
    }
  }

  struct Garbage {
    std::string path;
    uint64_t offset;
    std::string what;
  };

  FileSystem* const file_system_;
  const FileNames names_;
  const absl::FunctionRef<void(absl::string_view)> tell_;
  CheckReport report_;
  // Files that nothing has named so far.
  absl::btree_set<std::string> unnamed_;
  MetricsRegistry metrics_;
  BufferPool pool_;
  ObsoleteFiles obsolete_;
  ValueFileSet value_files_;
  SpaceTable spaces_;
  std::unique_ptr<Views> views_;
  ManifestState state_;
  bool has_state_ = false;
  std::string manifest_path_;
  // Whether catalog and log could be read to their end.
  bool complete_ = true;
  absl::btree_set<ObjectId> incomplete_spaces_;
  std::vector<LoadRecord> missing_loads_;
  std::vector<Garbage> garbage_;
};

}  // namespace

absl::StatusOr<CheckReport> CheckDirectory(absl::string_view directory, const CheckOptions& options,
                                           absl::FunctionRef<void(absl::string_view line)> tell) {
  std::unique_ptr<FileSystem> own;
  FileSystem* file_system = options.file_system;
  if (file_system == nullptr) {
    own = NewPosixFileSystem();
    file_system = own.get();
  }
  return DirectoryCheck(file_system, directory, tell).Check(options.opener);
}

}  // namespace kyrodb::engine
