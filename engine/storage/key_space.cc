#include "engine/storage/key_space.h"

#include <algorithm>
#include <utility>

#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/iterator.h"
#include "engine/storage/merging_iterator.h"
#include "engine/storage/run_writer.h"
#include "engine/storage/snapshot_iterator.h"

namespace kyrodb::engine {
namespace {

// Where the pointers of `part` stand in `all`, which must hold them side by side.
template <typename T>
size_t FindPart(const std::vector<std::shared_ptr<const T>>& all,
                std::span<const std::shared_ptr<const T>> part) {
  const auto at = std::search(all.begin(), all.end(), part.begin(), part.end());
  KYRO_CHECK(at != all.end() || part.empty());
  return static_cast<size_t>(at - all.begin());
}

template <typename T>
void Replace(std::vector<std::shared_ptr<const T>>* all, size_t begin, size_t count) {
  const auto first = all->begin() + static_cast<std::ptrdiff_t>(begin);
  all->erase(first, first + static_cast<std::ptrdiff_t>(count));
}

// Widens [smallest, largest] to hold `key`.
void Widen(RunWriterOptions* options, absl::string_view key) {
  if (!options->smallest_key || key < *options->smallest_key) {
    options->smallest_key = std::string(key);
  }
  if (!options->largest_key || key > *options->largest_key) {
    options->largest_key = std::string(key);
  }
}

}  // namespace

KeySpace::KeySpace(uint32_t id, const StorageContext& context,
                   std::vector<std::shared_ptr<const Run>> runs)
    : id_(id), context_(context) {
  auto active = std::make_shared<MemTable>();
  active_ = active.get();
  version_ = std::make_shared<const SpaceVersion>(
      SpaceVersion{.active = std::move(active), .frozen = {}, .runs = std::move(runs)});
}

std::shared_ptr<const SpaceVersion> KeySpace::version() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

std::shared_ptr<const SpaceVersion> KeySpace::SetVersion(
    std::shared_ptr<const SpaceVersion> version) {
  absl::MutexLock lock(&mutex_);
  version_.swap(version);
  return version;
}

void KeySpace::Apply(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value) {
  active_->Add(lsn, kind, key, value);
}

absl::StatusOr<std::optional<VersionedValue>> KeySpace::Get(absl::string_view key,
                                                            Lsn snapshot) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const auto visible = [](const MemTable::Found& found) -> std::optional<VersionedValue> {
    if (found.kind == EntryKind::kDelete) return std::nullopt;
    return VersionedValue{.lsn = found.lsn, .value = std::string(found.value)};
  };
  if (const auto found = version->active->Get(key, snapshot)) return visible(*found);
  for (const auto& table : version->frozen) {
    if (const auto found = table->Get(key, snapshot)) return visible(*found);
  }
  for (const auto& run : version->runs) {
    KYRO_ASSIGN_OR_RETURN(std::optional<FoundVersion> found, run->Get(key, snapshot));
    if (!found) continue;
    if (found->kind == EntryKind::kDelete) return std::nullopt;
    return VersionedValue{.lsn = found->lsn, .value = std::move(found->value)};
  }
  return std::nullopt;
}

absl::StatusOr<Lsn> KeySpace::LatestLsn(absl::string_view key, Lsn above) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  // The first source that knows the key knows its newest version.
  if (const Lsn lsn = version->active->LatestLsn(key); lsn > 0) return lsn > above ? lsn : 0;
  for (const auto& table : version->frozen) {
    if (const Lsn lsn = table->LatestLsn(key); lsn > 0) return lsn > above ? lsn : 0;
  }
  for (const auto& run : version->runs) {
    if (run->properties().max_lsn <= above) continue;
    KYRO_ASSIGN_OR_RETURN(const Lsn lsn, run->LatestLsn(key));
    if (lsn > 0) return lsn > above ? lsn : 0;
  }
  return 0;
}

std::unique_ptr<Iterator> KeySpace::NewIterator(const KeyRange& range, Lsn snapshot) const {
  return NewIterator(range, snapshot, ScanOptions{});
}

std::unique_ptr<Iterator> KeySpace::NewIterator(const KeyRange& range, Lsn snapshot,
                                                const ScanOptions& options) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  std::vector<std::unique_ptr<InternalIterator>> sources;
  sources.push_back(NewMemTableIterator(version->active));
  for (const auto& table : version->frozen) sources.push_back(NewMemTableIterator(table));
  for (const auto& run : version->runs) sources.push_back(run->NewIterator());
  return NewSnapshotIterator(NewMergingIterator(std::move(sources)), range, snapshot, options);
}

absl::StatusOr<std::optional<std::string>> KeySpace::LastKey(Lsn snapshot) const {
  const std::unique_ptr<Iterator> last =
      NewIterator(KeyRange{}, snapshot, ScanOptions{.reverse = true});
  KYRO_RETURN_IF_ERROR(last->status());
  if (!last->Valid()) return std::nullopt;
  return std::string(last->key());
}

absl::Status KeySpace::ChangesSince(
    Lsn since, Lsn until,
    absl::FunctionRef<absl::Status(absl::string_view, Lsn, EntryKind, absl::string_view)> visit)
    const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  std::vector<std::unique_ptr<InternalIterator>> sources;
  if (version->active->max_lsn() > since) sources.push_back(NewMemTableIterator(version->active));
  for (const auto& table : version->frozen) {
    if (table->max_lsn() > since) sources.push_back(NewMemTableIterator(table));
  }
  for (const auto& run : version->runs) {
    if (run->properties().max_lsn > since) {
      sources.push_back(run->NewIterator(Run::Access::kSequential));
    }
  }
  const std::unique_ptr<InternalIterator> versions = NewMergingIterator(std::move(sources));
  bool has_key = false;
  std::string key;  // that was visited, or has nothing to visit
  for (versions->SeekToFirst(); versions->Valid(); versions->Next()) {
    if (has_key && versions->key() == key) continue;
    if (versions->lsn() > until) continue;
    has_key = true;
    key.assign(versions->key().data(), versions->key().size());
    if (versions->lsn() <= since) continue;
    KYRO_RETURN_IF_ERROR(visit(key, versions->lsn(), versions->kind(), versions->value()));
  }
  return versions->status();
}

std::shared_ptr<const MemTable> KeySpace::Freeze() {
  absl::MutexLock install(&install_mutex_);
  if (active_->empty()) return nullptr;
  auto next = std::make_shared<SpaceVersion>(*version());
  std::shared_ptr<const MemTable> frozen = std::move(next->active);
  next->frozen.insert(next->frozen.begin(), frozen);
  next->active = std::make_shared<MemTable>();
  active_ = next->active.get();
  // The old version holds nothing that the new one does not.
  SetVersion(std::move(next)).reset();
  return frozen;
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteRun(
    std::vector<std::unique_ptr<InternalIterator>> sources, absl::string_view path,
    const RunWriterOptions& options, const RetentionPolicy& policy, bool is_oldest) const {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RunWriter> writer,
                        RunWriter::Create(context_.file_system, path, options));
  const std::unique_ptr<InternalIterator> versions = NewMergingIterator(std::move(sources));
  KYRO_RETURN_IF_ERROR(WriteRetained(*versions, policy, is_oldest, *writer));
  if (writer->entry_count() == 0) return nullptr;
  KYRO_RETURN_IF_ERROR(writer->Finish().status());
  absl::StatusOr<std::shared_ptr<Run>> run = Run::Open(
      context_.file_system, path, options.file_number, context_.buffer_pool, context_.metrics);
  if (!run.ok()) {
    context_.file_system.Remove(path).IgnoreError();
    return run.status();
  }
  return *std::move(run);
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteFlush(
    std::span<const std::shared_ptr<const MemTable>> frozen, absl::string_view path,
    uint64_t file_number, const RetentionPolicy& policy) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  KYRO_CHECK(FindPart(version->frozen, frozen) + frozen.size() == version->frozen.size());
  RunWriterOptions options;
  options.file_number = file_number;
  std::vector<std::unique_ptr<InternalIterator>> sources;
  for (const auto& table : frozen) {
    sources.push_back(NewMemTableIterator(table));
    const std::unique_ptr<InternalIterator> first = NewMemTableIterator(table);
    first->SeekToFirst();
    if (!first->Valid()) continue;
    Widen(&options, first->key());
    Widen(&options, *table->KeyBefore(std::nullopt));
  }
  return WriteRun(std::move(sources), path, options, policy,
                  /*is_oldest=*/version->runs.empty());
}

void KeySpace::InstallFlush(std::shared_ptr<const Run> run,
                            std::span<const std::shared_ptr<const MemTable>> frozen) {
  // May be the last holder of what was replaced, so it is let go outside the lock.
  std::shared_ptr<const SpaceVersion> old;
  absl::MutexLock install(&install_mutex_);
  auto next = std::make_shared<SpaceVersion>(*version());
  Replace(&next->frozen, FindPart(next->frozen, frozen), frozen.size());
  if (run != nullptr) next->runs.insert(next->runs.begin(), std::move(run));
  old = SetVersion(std::move(next));
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteCompaction(
    std::span<const std::shared_ptr<const Run>> runs, absl::string_view path, uint64_t file_number,
    const RetentionPolicy& policy) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const size_t begin = FindPart(version->runs, runs);
  RunWriterOptions options;
  options.file_number = file_number;
  std::vector<std::unique_ptr<InternalIterator>> sources;
  for (const auto& run : runs) {
    sources.push_back(run->NewIterator(Run::Access::kSequential));
    if (run->properties().entry_count == 0) continue;
    Widen(&options, run->properties().smallest_key);
    Widen(&options, run->properties().largest_key);
  }
  return WriteRun(std::move(sources), path, options, policy,
                  /*is_oldest=*/begin + runs.size() == version->runs.size());
}

void KeySpace::InstallCompaction(std::shared_ptr<const Run> run,
                                 std::span<const std::shared_ptr<const Run>> runs) {
  // May be the last holder of what was replaced, so it is let go outside the lock.
  std::shared_ptr<const SpaceVersion> old;
  absl::MutexLock install(&install_mutex_);
  auto next = std::make_shared<SpaceVersion>(*version());
  const size_t begin = FindPart(next->runs, runs);
  Replace(&next->runs, begin, runs.size());
  if (run != nullptr) {
    next->runs.insert(next->runs.begin() + static_cast<std::ptrdiff_t>(begin), std::move(run));
  }
  old = SetVersion(std::move(next));
  for (const auto& replaced : runs) replaced->MarkObsolete(&context_.obsolete_files);
}

void KeySpace::MarkAllObsolete() {
  for (const auto& run : version()->runs) run->MarkObsolete(&context_.obsolete_files);
}

std::vector<std::shared_ptr<const Run>> KeySpace::RunsToCompact(size_t run_count_max) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  std::vector<RunSize> sizes;
  for (const auto& run : version->runs) {
    sizes.push_back({.file_bytes = run->file_bytes(),
                     .entry_count = run->properties().entry_count,
                     .tombstone_count = run->properties().tombstone_count});
  }
  const std::optional<CompactionPick> pick = PickCompaction(sizes, run_count_max);
  if (!pick) return {};
  return {version->runs.begin() + static_cast<std::ptrdiff_t>(pick->begin),
          version->runs.begin() + static_cast<std::ptrdiff_t>(pick->end)};
}

SpaceStatistics KeySpace::statistics() const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  SpaceStatistics statistics;
  statistics.run_count = version->runs.size();
  for (const auto& run : version->runs) {
    statistics.run_bytes += run->file_bytes();
    statistics.entry_count += run->properties().entry_count;
    statistics.tombstone_count += run->properties().tombstone_count;
    statistics.model_bytes += run->model_bytes();
    statistics.segment_count += run->segment_count();
    statistics.bound_width_max = std::max(statistics.bound_width_max, run->bound_width_max());
  }
  statistics.memtable_bytes = memtable_bytes();
  return statistics;
}

uint64_t KeySpace::memtable_bytes() const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  uint64_t bytes = version->active->memory_bytes();
  for (const auto& table : version->frozen) bytes += table->memory_bytes();
  return bytes;
}

uint64_t KeySpace::active_memtable_bytes() const { return version()->active->memory_bytes(); }

Lsn KeySpace::flushed_lsn() const {
  Lsn lsn = 0;
  for (const auto& run : version()->runs) lsn = std::max(lsn, run->properties().max_lsn);
  return lsn;
}

}  // namespace kyrodb::engine
