#include "engine/storage/key_space.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/iterator.h"
#include "engine/storage/merging_iterator.h"
#include "engine/storage/run_writer.h"
#include "engine/storage/snapshot_iterator.h"
#include "engine/storage/value_use.h"

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

// What a look-up found, as a reader at `now` sees it.
Lsn TakeVisible(EntryKind kind, Lsn lsn, absl::string_view stored, WallMicros now,
                std::string* value, std::optional<WallMicros>* expiry) {
  if (!IsVisible(kind, stored, now)) return 0;
  const absl::string_view found = ValueOf(kind, stored);
  value->assign(found.data(), found.size());
  if (expiry != nullptr) {
    *expiry = std::nullopt;
    if (kind == EntryKind::kExpiringPut) *expiry = ExpiryOf(stored);
  }
  return lsn;
}

std::vector<RunSize> SizesOf(const SpaceVersion& version) {
  std::vector<RunSize> sizes;
  for (const auto& run : version.runs) {
    sizes.push_back({.file_bytes = run->file_bytes(),
                     .entry_count = run->properties().entry_count,
                     .tombstone_count = run->properties().tombstone_count,
                     .replaced_count = run->replaced_count()});
  }
  return sizes;
}

}  // namespace

KeySpace::KeySpace(uint32_t id, const StorageContext& context,
                   std::vector<std::shared_ptr<const Run>> runs)
    : id_(id), context_(context) {
  auto active = std::make_shared<MemTable>();
  active_ = active.get();
  SetVersion(std::make_shared<SpaceVersion>(
      SpaceVersion{.active = std::move(active), .frozen = {}, .runs = std::move(runs)}));
}

std::shared_ptr<const SpaceVersion> KeySpace::version() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

void KeySpace::SetVersion(std::shared_ptr<SpaceVersion> version) noexcept {
  version->filters.clear();
  for (const auto& run : version->runs) version->filters.push_back(run->filter());
  std::shared_ptr<const SpaceVersion> old = std::move(version);
  {
    absl::MutexLock lock(&mutex_);
    current_.store(old.get(), std::memory_order_seq_cst);
    version_.swap(old);
  }
  if (old == nullptr) return;
  context_.buffer_pool.epochs().Retire([old = std::move(old)]() mutable { old.reset(); });
}

void KeySpace::Apply(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value) {
  active_->Add(lsn, kind, key, value);
}

// What a look-up through all sources has come to.
struct KeySpace::QuickLook {
  QuickFind find;
  std::shared_ptr<const Run> from;  // when pages are missing: to load them
};

bool KeySpace::LookInMemory(const SpaceVersion& version, const KeyProbe& probe, Lsn snapshot,
                            QuickFind* find) {
  std::optional<MemTable::Found> found = version.active->Get(probe.key, snapshot, probe.hash);
  for (size_t i = 0; !found && i < version.frozen.size(); ++i) {
    found = version.frozen[i]->Get(probe.key, snapshot, probe.hash);
  }
  if (!found) return false;
  find->outcome = QuickFind::Outcome::kFound;
  find->kind = found->kind;
  find->lsn = found->lsn;
  find->value = found->value;
  return true;
}

void KeySpace::LookQuickly(const SpaceVersion& version, const KeyProbe& probe, Lsn snapshot,
                           QuickLook* look) const {
  const size_t count = version.runs.size();
  version.active->Prefetch(probe.hash);
  // The oldest run is the largest: most keys are there, and its lines are the farthest away. When
  // they are in memory they say as much as its filter, whose line would have to come as well.
  RunHint oldest;
  if (count > 0) oldest = version.runs.back()->PrefetchCells(probe);
  const size_t asked = count - (oldest.known ? 1 : 0);
  for (size_t i = 0; i < asked; ++i) version.filters[i].Prefetch(probe.hash);
  // The lines come while the memtables are asked.
  if (LookInMemory(version, probe, snapshot, &look->find)) return;
  look->find.outcome = QuickFind::Outcome::kAbsent;
  const auto found_in = [&](size_t i, const RunHint& hint) {
    version.runs[i]->TryGet(probe, snapshot, hint, &look->find);
    if (look->find.outcome == QuickFind::Outcome::kAbsent) return false;
    if (look->find.outcome == QuickFind::Outcome::kPagesMissing) look->from = version.runs[i];
    return true;
  };
  for (size_t begin = 0; begin < asked; begin += kFiltersAtOnceMax) {
    const size_t group = std::min(kFiltersAtOnceMax, asked - begin);
    uint64_t which = WhichMayContain({version.filters.data() + begin, group}, probe.hash);
    for (; which != 0; which &= which - 1) {
      if (found_in(begin + static_cast<size_t>(__builtin_ctzll(which)), RunHint{})) return;
    }
  }
  if (oldest.known) found_in(count - 1, oldest);
}

absl::StatusOr<bool> KeySpace::LoadMissing(const QuickLook& look) const {
  if (look.find.outcome != QuickFind::Outcome::kPagesMissing) return false;
  const absl::Status loaded = look.from->LoadMissing(look.find);
  // The careful look-up may do without what is damaged, or says it better.
  if (absl::IsDataLoss(loaded)) return false;
  KYRO_RETURN_IF_ERROR(loaded);
  return true;
}

absl::StatusOr<Lsn> KeySpace::Get(absl::string_view key, Lsn snapshot, std::string* value,
                                  WallMicros now, std::optional<WallMicros>* expiry) const {
  const KeyProbe probe(key);
  // Each round brings in what the one before missed: cells, record, value, of one run or two. When
  // that does not suffice, the pool is too small to keep it all until we come back.
  constexpr int kRoundsMax = 8;
  for (int round = 0; round < kRoundsMax; ++round) {
    QuickLook look;
    {
      const Epochs::Guard guard = context_.buffer_pool.epochs().Enter();
      LookQuickly(*current_.load(std::memory_order_seq_cst), probe, snapshot, &look);
      if (look.find.outcome == QuickFind::Outcome::kAbsent) return 0;
      if (look.find.outcome == QuickFind::Outcome::kFound) {
        return TakeVisible(look.find.kind, look.find.lsn, look.find.value, now, value, expiry);
      }
    }
    RecordPages pages;
    if (look.from != nullptr && look.from->TryGetPastPool(probe, snapshot, &pages, &look.find)) {
      if (look.find.outcome != QuickFind::Outcome::kFound) break;
      return TakeVisible(look.find.kind, look.find.lsn, look.find.value, now, value, expiry);
    }
    KYRO_ASSIGN_OR_RETURN(const bool again, LoadMissing(look));
    if (!again) break;
  }
  return GetCarefully(key, snapshot, value, now, expiry);
}

absl::StatusOr<Lsn> KeySpace::GetCarefully(absl::string_view key, Lsn snapshot, std::string* value,
                                           WallMicros now,
                                           std::optional<WallMicros>* expiry) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const auto visible = [&](EntryKind kind, Lsn lsn, absl::string_view found) -> Lsn {
    return TakeVisible(kind, lsn, found, now, value, expiry);
  };
  if (const auto found = version->active->Get(key, snapshot)) {
    return visible(found->kind, found->lsn, found->value);
  }
  for (const auto& table : version->frozen) {
    if (const auto found = table->Get(key, snapshot)) {
      return visible(found->kind, found->lsn, found->value);
    }
  }
  for (const auto& run : version->runs) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<FoundVersion> found, run->Get(key, snapshot));
    if (found) return visible(found->kind, found->lsn, found->value);
  }
  return 0;
}

absl::Status KeySpace::MultiGet(std::span<const absl::string_view> keys, Lsn snapshot,
                                absl::FunctionRef<void(size_t, Lsn, absl::string_view)> found,
                                WallMicros now) const {
  std::array<KeyProbe, Run::kBatchMax> probes;
  std::array<QuickFind, Run::kBatchMax> finds;
  std::array<uint32_t, Run::kBatchMax> open;
  std::string value;
  for (size_t begin = 0; begin < keys.size(); begin += Run::kBatchMax) {
    const size_t count = std::min(keys.size() - begin, Run::kBatchMax);
    size_t open_count = 0;
    {
      const Epochs::Guard guard = context_.buffer_pool.epochs().Enter();
      const SpaceVersion& version = *current_.load(std::memory_order_seq_cst);
      for (size_t i = 0; i < count; ++i) {
        probes[i] = KeyProbe(keys[begin + i]);
        version.active->Prefetch(probes[i].hash);
        for (const FilterView& filter : version.filters) filter.Prefetch(probes[i].hash);
      }
      for (uint32_t i = 0; i < count; ++i) {
        if (LookInMemory(version, probes[i], snapshot, &finds[i])) continue;
        finds[i].outcome = QuickFind::Outcome::kAbsent;
        open[open_count++] = i;
      }
      for (const auto& run : version.runs) {
        if (open_count == 0) break;
        run->TryGetBatch(probes, {open.data(), open_count}, snapshot, finds);
        const auto rest = std::remove_if(open.begin(), open.begin() + open_count, [&](uint32_t i) {
          return finds[i].outcome != QuickFind::Outcome::kAbsent;
        });
        open_count = static_cast<size_t>(rest - open.begin());
      }
      for (size_t i = 0; i < count; ++i) {
        const QuickFind& find = finds[i];
        if (find.outcome == QuickFind::Outcome::kFound && IsVisible(find.kind, find.value, now)) {
          found(begin + i, find.lsn, ValueOf(find.kind, find.value));
        }
      }
    }
    // Those that need a page from disk go one by one.
    for (size_t i = 0; i < count; ++i) {
      if (finds[i].outcome != QuickFind::Outcome::kPagesMissing &&
          finds[i].outcome != QuickFind::Outcome::kAskCarefully) {
        continue;
      }
      KYRO_ASSIGN_OR_RETURN(const Lsn lsn, Get(keys[begin + i], snapshot, &value, now));
      if (lsn > 0) found(begin + i, lsn, value);
    }
  }
  return absl::OkStatus();
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

absl::StatusOr<std::optional<bool>> KeySpace::HasChanges(const KeyRange& range, Lsn since,
                                                         uint64_t version_count_max) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  std::vector<std::unique_ptr<InternalIterator>> sources;
  if (version->active->max_lsn() > since) sources.push_back(NewMemTableIterator(version->active));
  for (const auto& table : version->frozen) {
    if (table->max_lsn() > since) sources.push_back(NewMemTableIterator(table));
  }
  for (const auto& run : version->runs) {
    if (run->properties().max_lsn > since) sources.push_back(run->NewIterator());
  }
  // One source after the other: no order is asked for.
  uint64_t looked_at = 0;
  for (const auto& source : sources) {
    for (source->Seek(range.begin); source->Valid(); source->Next()) {
      if (!range.end.empty() && source->key() >= range.end) break;
      if (source->lsn() > since) return true;
      if (++looked_at >= version_count_max) return std::nullopt;
    }
    KYRO_RETURN_IF_ERROR(source->status());
  }
  return false;
}

std::unique_ptr<Iterator> KeySpace::NewIterator(const KeyRange& range, Lsn snapshot) const {
  return NewIterator(range, snapshot, ScanOptions{});
}

std::unique_ptr<Iterator> KeySpace::NewIterator(const KeyRange& range, Lsn snapshot,
                                                const ScanOptions& options, WallMicros now) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  std::vector<std::unique_ptr<InternalIterator>> sources;
  sources.push_back(NewMemTableIterator(version->active));
  for (const auto& table : version->frozen) sources.push_back(NewMemTableIterator(table));
  for (const auto& run : version->runs) sources.push_back(run->NewIterator());
  return NewSnapshotIterator(NewMergingIterator(std::move(sources)), range, snapshot, options, now);
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
    KYRO_RETURN_IF_ERROR(versions->FetchValue());
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
  SetVersion(std::move(next));
  return frozen;
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteRun(
    std::vector<std::unique_ptr<InternalIterator>> sources, absl::string_view path,
    RunWriterOptions options, const RetentionPolicy& policy,
    std::span<const std::shared_ptr<const Run>> older,
    std::span<const uint64_t> moved_files) const {
  if (context_.value_files != nullptr && context_.large_value_bytes != nullptr) {
    options.large_value_bytes = static_cast<uint64_t>(context_.large_value_bytes->value());
    options.value_file_path = context_.value_files->Path(options.file_number);
  }
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<RunWriter> writer,
                        RunWriter::Create(context_.file_system, path, options));
  const std::unique_ptr<InternalIterator> versions = NewMergingIterator(std::move(sources));
  ReplacedCounter replaced({older.begin(), older.end()});
  KYRO_RETURN_IF_ERROR(WriteRetained(*versions, policy, /*is_oldest=*/older.empty(), *writer,
                                     &replaced, moved_files));
  if (writer->entry_count() == 0) return nullptr;
  KYRO_ASSIGN_OR_RETURN(const RunProperties properties, writer->Finish());
  absl::StatusOr<std::shared_ptr<Run>> run =
      Run::Open(context_.file_system, path, options.file_number, context_.buffer_pool,
                context_.metrics, /*lsn_base=*/0, context_.value_files);
  if (!run.ok()) {
    context_.file_system.Remove(path).IgnoreError();
    for (const ValueFileShare& share : properties.value_files) {
      if (share.file_number != options.file_number) continue;
      context_.file_system.Remove(options.value_file_path).IgnoreError();
    }
    return run.status();
  }
  (*run)->SetReplacedCount(replaced.count());
  return *std::move(run);
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteFlush(
    std::span<const std::shared_ptr<const MemTable>> frozen, absl::string_view path,
    uint64_t file_number, const RetentionPolicy& policy) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  KYRO_CHECK(FindPart(version->frozen, frozen) + frozen.size() == version->frozen.size());
  RunWriterOptions options;
  options.file_number = file_number;
  options.clock = context_.clock;
  std::vector<std::unique_ptr<InternalIterator>> sources;
  for (const auto& table : frozen) {
    sources.push_back(NewMemTableIterator(table));
    const std::unique_ptr<InternalIterator> first = NewMemTableIterator(table);
    first->SeekToFirst();
    if (!first->Valid()) continue;
    Widen(&options, first->key());
    Widen(&options, *table->KeyBefore(std::nullopt));
  }
  return WriteRun(std::move(sources), path, options, policy, version->runs);
}

void KeySpace::InstallFlush(std::shared_ptr<const Run> run,
                            std::span<const std::shared_ptr<const MemTable>> frozen) noexcept {
  absl::MutexLock install(&install_mutex_);
  auto next = std::make_shared<SpaceVersion>(*version());
  Replace(&next->frozen, FindPart(next->frozen, frozen), frozen.size());
  flush_count_.fetch_add(1, std::memory_order_relaxed);
  if (run != nullptr) next->runs.insert(next->runs.begin(), std::move(run));
  SetVersion(std::move(next));
}

absl::StatusOr<std::shared_ptr<const Run>> KeySpace::WriteCompaction(
    std::span<const std::shared_ptr<const Run>> runs, absl::string_view path, uint64_t file_number,
    const RetentionPolicy& policy) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const size_t begin = FindPart(version->runs, runs);
  RunWriterOptions options;
  options.file_number = file_number;
  options.clock = context_.clock;
  std::vector<std::unique_ptr<InternalIterator>> sources;
  for (const auto& run : runs) {
    sources.push_back(run->NewIterator(Run::Access::kSequential));
    options.entry_count_hint += run->properties().entry_count;
    if (run->properties().entry_count == 0) continue;
    Widen(&options, run->properties().smallest_key);
    Widen(&options, run->properties().largest_key);
  }
  const std::vector<uint64_t> moved_files =
      ValueFilesToMove(ValueFileUses(version->runs), value_dead_percent(),
                       context_.value_file_bytes_min == nullptr
                           ? kValueFileBytesMin
                           : static_cast<uint64_t>(context_.value_file_bytes_min->value()));
  return WriteRun(std::move(sources), path, options, policy,
                  std::span(version->runs).subspan(begin + runs.size()), moved_files);
}

void KeySpace::InstallCompaction(std::shared_ptr<const Run> run,
                                 std::span<const std::shared_ptr<const Run>> runs) noexcept {
  absl::MutexLock install(&install_mutex_);
  auto next = std::make_shared<SpaceVersion>(*version());
  const size_t begin = FindPart(next->runs, runs);
  Replace(&next->runs, begin, runs.size());
  compaction_count_.fetch_add(1, std::memory_order_relaxed);
  if (run != nullptr) compacted_bytes_.fetch_add(run->written_bytes(), std::memory_order_relaxed);
  if (run != nullptr) {
    next->runs.insert(next->runs.begin() + static_cast<std::ptrdiff_t>(begin), std::move(run));
  }
  // What only the replaced runs needed of the value files.
  std::set<uint64_t> needed;
  for (const auto& kept : next->runs) {
    for (const auto& file : kept->value_files()) needed.insert(file->file_number());
  }
  SetVersion(std::move(next));
  for (const auto& replaced : runs) {
    replaced->MarkObsolete(&context_.obsolete_files);
    for (const auto& file : replaced->value_files()) {
      if (!needed.contains(file->file_number())) file->MarkObsolete(&context_.obsolete_files);
    }
  }
}

void KeySpace::InstallLoad(std::shared_ptr<const Run> run) noexcept {
  absl::MutexLock install(&install_mutex_);
  auto next = std::make_shared<SpaceVersion>(*version());
  next->runs.insert(next->runs.begin(), std::move(run));
  SetVersion(std::move(next));
}

void KeySpace::MarkAllObsolete() {
  for (const auto& run : version()->runs) {
    run->MarkObsolete(&context_.obsolete_files);
    for (const auto& file : run->value_files()) file->MarkObsolete(&context_.obsolete_files);
  }
}

uint64_t KeySpace::value_dead_percent() const {
  return context_.value_dead_percent == nullptr
             ? kValueDeadPercent
             : static_cast<uint64_t>(context_.value_dead_percent->value());
}

std::vector<std::shared_ptr<const Run>> KeySpace::RunsToCollect() const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const std::optional<CompactionPick> pick =
      PickValueCollection(version->runs, value_dead_percent());
  if (!pick) return {};
  return {version->runs.begin() + static_cast<std::ptrdiff_t>(pick->begin),
          version->runs.begin() + static_cast<std::ptrdiff_t>(pick->end)};
}

std::vector<std::shared_ptr<const Run>> KeySpace::RunsToCompact(size_t run_count_max,
                                                                uint64_t dead_percent_max) const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  const std::optional<CompactionPick> pick =
      PickCompaction(SizesOf(*version), run_count_max, dead_percent_max);
  if (!pick) return {};
  return {version->runs.begin() + static_cast<std::ptrdiff_t>(pick->begin),
          version->runs.begin() + static_cast<std::ptrdiff_t>(pick->end)};
}

SpaceStatistics KeySpace::statistics() const {
  const std::shared_ptr<const SpaceVersion> version = this->version();
  SpaceStatistics statistics;
  statistics.run_count = version->runs.size();
  statistics.dead_count = DeadCount(SizesOf(*version));
  statistics.flush_count = flush_count_.load(std::memory_order_relaxed);
  statistics.compaction_count = compaction_count_.load(std::memory_order_relaxed);
  statistics.compacted_bytes = compacted_bytes_.load(std::memory_order_relaxed);
  for (const auto& run : version->runs) {
    statistics.run_bytes += run->file_bytes();
    statistics.entry_count += run->properties().entry_count;
    statistics.tombstone_count += run->properties().tombstone_count;
    // Older versions of the keys of one run.
    statistics.dead_count += run->properties().version_count - run->properties().entry_count;
    statistics.version_count += run->properties().version_count;
    statistics.filter_bytes += run->filter_bytes();
    statistics.model_bytes += run->model_bytes();
    statistics.segment_count += run->segment_count();
    statistics.bound_width_max = std::max(statistics.bound_width_max, run->bound_width_max());
  }
  for (const ValueFileUse& use : ValueFileUses(version->runs)) {
    ++statistics.value_file_count;
    statistics.value_file_bytes += use.file->file_bytes();
    statistics.value_bytes += use.value_bytes();
    statistics.value_dead_bytes += use.dead_bytes();
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
