#include "engine/core/checkpointer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/storage/value_use.h"

namespace kyrodb::engine {
namespace {

// A segment is rewritten when this share of its entries, or this many, has changed.
constexpr uint64_t kSegmentChangesMin = 1000;
constexpr uint64_t kSegmentChangeShare = 4;

void AddNote(const Run& run, ManifestState* state) {
  if (run.lsn_base() == 0 && run.replaced_count() == 0) return;
  state->run_notes.push_back({.file_number = run.file_number(),
                              .lsn_base = run.lsn_base(),
                              .replaced_count = run.replaced_count()});
}

// Makes the entry's list of value files that of its runs.
void ListValueFiles(std::span<const std::shared_ptr<const Run>> runs, ManifestState::Space* entry) {
  entry->value_files.clear();
  for (const ValueFileUse& use : ValueFileUses(runs)) {
    entry->value_files.push_back({.file_number = use.file->file_number(),
                                  .value_bytes = use.value_bytes(),
                                  .live_bytes = use.live_bytes});
  }
}

}  // namespace

Checkpointer::Checkpointer(const CheckpointContext& context, ManifestState state)
    : context_(context),
      flushes_(context.metrics->counter("kyro_flushes_total", "memtables written as runs")),
      flushed_bytes_(context.metrics->counter("kyro_flushed_bytes_total", "bytes of those runs")),
      compactions_(context.metrics->counter("kyro_compactions_total", "merges of runs")),
      compacted_bytes_(
          context.metrics->counter("kyro_compacted_bytes_total", "bytes of merged runs")),
      failures_(context.metrics->counter("kyro_checkpoint_failures_total",
                                         "checkpoints and merges that failed")),
      micros_(context.metrics->histogram("kyro_checkpoint_micros", "duration of checkpoints")),
      pace_(context.clock, context.compaction_bytes_per_second),
      state_(std::move(state)),
      checkpoint_lsn_(state_.checkpoint_lsn) {}

absl::Status Checkpointer::status() const {
  absl::MutexLock lock(&mutex_);
  return poisoned_;
}

absl::Status Checkpointer::WithState(
    absl::FunctionRef<absl::Status(const ManifestState& state)> function) {
  absl::MutexLock lock(&mutex_);
  KYRO_RETURN_IF_ERROR(poisoned_);
  return function(state_);
}

absl::Status Checkpointer::Publish(ManifestState next) {
  KYRO_RETURN_IF_ERROR(poisoned_);
  // Made beforehand: there may be no memory for it when it is needed.
  const absl::Status read_only =
      absl::FailedPreconditionError("database is read-only: its manifest could not be switched");
  const absl::Status status = context_.manifest->Publish(EncodeManifest(next));
  if (absl::IsUnavailable(status)) {
    poisoned_ = read_only;
    poisoned_ =
        absl::FailedPreconditionError(absl::StrCat(read_only.message(), ": ", status.message()));
  }
  KYRO_RETURN_IF_ERROR(status);
  checkpoint_lsn_.store(next.checkpoint_lsn);
  state_ = std::move(next);
  return absl::OkStatus();
}

absl::Status Checkpointer::PublishEpoch(uint64_t epoch) {
  absl::MutexLock lock(&mutex_);
  ManifestState next = state_;
  next.epoch = epoch;
  next.log_segment = context_.log->segments().back().id;
  return Publish(std::move(next));
}

// Deletes that a vector index segment has not seen, or will not have seen when it is first saved,
// must stay to be found at the next open.
RetentionPolicy Checkpointer::PolicyFor(ObjectId space) const {
  RetentionPolicy policy{.snapshots = context_.views->Live(),
                         .tombstone_floor = kLsnMax,
                         .expired_until = context_.views->OldestNow()};
  for (const auto& slot : context_.indexes->OfTable(space)) {
    const SegmentFile file = slot->persisted();
    Lsn covers = kLsnMax;
    if (file.file_number != 0) {
      covers = file.covers_lsn;
    } else if (const IndexSlot::Ready ready = slot->ready(); ready.column != nullptr) {
      covers = ready.column->CoversLsn(context_.views->visible());
    }
    policy.tombstone_floor = std::min(policy.tombstone_floor, covers);
  }
  return policy;
}

absl::Status Checkpointer::WriteSegment(const std::string& path, const IndexedColumn& column,
                                        Lsn covers_lsn) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> out, context_.file_system->Create(path));
  uint64_t offset = 0;
  absl::Status status = column.Save(covers_lsn, [&](absl::string_view bytes) {
    const uint64_t at = offset;
    offset += bytes.size();
    return out->Write(at, bytes);
  });
  if (status.ok()) status = out->Sync();
  if (status.ok()) status = out->Close();
  if (!status.ok()) context_.obsolete_files->Add(path);
  return status;
}

void Checkpointer::SaveSegments(bool all, std::vector<SavedSegment>* saved) {
  for (const auto& slot : context_.indexes->All()) {
    const IndexSlot::Ready ready = slot->ready();
    if (ready.column == nullptr) continue;
    const uint64_t changes = slot->unsaved_change_count();
    const uint64_t enough =
        std::max(kSegmentChangesMin, ready.column->label_count() / kSegmentChangeShare);
    if (changes == 0 || (!all && changes < enough)) continue;
    const uint64_t change_count = ready.column->change_count();
    const SegmentFile before = slot->persisted();
    SegmentFile file{.index = slot->schema().id,
                     .covers_lsn = ready.column->CoversLsn(context_.views->visible())};
    // Nothing gained: the first build is not through, or no commit since was absorbed.
    if (file.covers_lsn < ready.ready_lsn ||
        (before.file_number != 0 && file.covers_lsn <= before.covers_lsn)) {
      continue;
    }
    file.file_number = state_.next_file_number++;
    const std::string path = context_.names->Segment(file.index, file.file_number);
    if (WriteSegment(path, *ready.column, file.covers_lsn).ok()) {
      saved->push_back({slot, ready.column, file, change_count});
    } else {
      failures_.Add();
    }
  }
}

absl::Status Checkpointer::WriteFiles(std::vector<Flush>* flushes,
                                      std::vector<SavedSegment>* segments, bool save_all_segments,
                                      Lsn* cut) {
  std::vector<std::shared_ptr<KeySpace>> spaces;
  context_.log->RunExclusive([&](Lsn last_lsn) {
    *cut = last_lsn;
    spaces = context_.spaces->Live();
    for (const auto& space : spaces) space->Freeze();
  });
  // Without room for another segment the log goes on in this one, which is dropped later.
  if (const absl::Status rotated = context_.log->RotateSegment();
      !absl::IsResourceExhausted(rotated)) {
    KYRO_RETURN_IF_ERROR(rotated);
  }
  for (const auto& space : spaces) {
    const std::shared_ptr<const SpaceVersion> version = space->version();
    if (version->frozen.empty()) continue;
    const uint64_t number = state_.next_file_number++;
    KYRO_ASSIGN_OR_RETURN(
        std::shared_ptr<const Run> run,
        space->WriteFlush(version->frozen, context_.names->Run(space->id(), number), number,
                          PolicyFor(space->id())));
    flushes->push_back({space, version->frozen, std::move(run)});
  }
  SaveSegments(save_all_segments, segments);
  if (!flushes->empty()) {
    KYRO_RETURN_IF_ERROR(context_.file_system->SyncDirectory(context_.names->runs()));
  }
  if (!segments->empty()) {
    KYRO_RETURN_IF_ERROR(context_.file_system->SyncDirectory(context_.names->vectors()));
  }
  return absl::OkStatus();
}

ManifestState Checkpointer::NextState(Lsn cut, const std::vector<Flush>& flushes,
                                      const std::vector<SavedSegment>& segments) const {
  ManifestState next = state_;
  next.checkpoint_lsn = cut;
  next.spaces.clear();
  next.run_notes.clear();
  for (const auto& space : context_.spaces->Live()) {
    ManifestState::Space entry{.id = space->id(), .runs = {}, .value_files = {}};
    std::vector<std::shared_ptr<const Run>> named;
    for (const auto& run : space->version()->runs) {
      // Loaded after the cut: the log still tells of it, and would tell of it twice.
      if (run->properties().max_lsn > cut) continue;
      entry.runs.push_back(run->file_number());
      AddNote(*run, &next);
      named.push_back(run);
    }
    for (const Flush& flush : flushes) {
      if (flush.space == space && flush.run != nullptr) {
        entry.runs.insert(entry.runs.begin(), flush.run->file_number());
        AddNote(*flush.run, &next);
        named.push_back(flush.run);
      }
    }
    ListValueFiles(named, &entry);
    next.spaces.push_back(std::move(entry));
  }
  next.segments.clear();
  for (const auto& slot : context_.indexes->All()) {
    SegmentFile file = slot->persisted();
    for (const SavedSegment& segment : segments) {
      if (segment.slot == slot) file = segment.file;
    }
    if (file.file_number != 0) next.segments.push_back(file);
  }
  return next;
}

absl::Status Checkpointer::CheckpointLocked(bool save_all_segments) {
  Lsn cut = 0;
  std::vector<Flush> flushes;
  std::vector<SavedSegment> segments;
  KYRO_RETURN_IF_ERROR(poisoned_);
  absl::Status status = WriteFiles(&flushes, &segments, save_all_segments, &cut);
  // Before the new state is made: what it leaves out was dropped at or before this, so that no file
  // goes that it names.
  const Lsn oldest = context_.views->Oldest();
  if (status.ok() && cut == state_.checkpoint_lsn && flushes.empty() && segments.empty()) {
    return status;
  }
  const std::vector<SegmentFile> old_segments = state_.segments;
  if (status.ok()) {
    ManifestState next = NextState(cut, flushes, segments);
    // The new state forgets the runs of dropped tables; the log must be sure to tell of the drop.
    status = context_.log->Sync();
    next.log_segment = context_.log->segments().back().id;
    if (status.ok()) status = Publish(std::move(next));
  }
  if (!status.ok()) {
    if (!InDoubt()) {
      for (const Flush& flush : flushes) {
        if (flush.run != nullptr) flush.run->Abandon(context_.obsolete_files);
      }
      for (const SavedSegment& segment : segments) {
        context_.obsolete_files->Add(
            context_.names->Segment(segment.file.index, segment.file.file_number));
      }
      flushes.clear();
      RemoveObsolete();
    }
    return status;
  }
  for (const Flush& flush : flushes) {
    flush.space->InstallFlush(flush.run, flush.frozen);
    flushes_.Add();
    if (flush.run != nullptr) flushed_bytes_.Add(flush.run->written_bytes());
  }
  for (const SavedSegment& segment : segments) {
    segment.slot->SetPersisted(segment.file, segment.column.get(), segment.change_count);
  }
  for (const SegmentFile& old : old_segments) {
    const bool kept =
        std::any_of(state_.segments.begin(), state_.segments.end(),
                    [&](const SegmentFile& file) { return file.file_number == old.file_number; });
    if (!kept) context_.obsolete_files->Add(context_.names->Segment(old.index, old.file_number));
  }
  for (const auto& space : context_.spaces->Sweep(oldest)) space->MarkAllObsolete();
  RemoveObsolete();
  return DropLog(cut);
}

absl::Status Checkpointer::DropLog(Lsn cut) {
  const auto retained = static_cast<uint64_t>(context_.log_retention_bytes->value());
  for (const wal::SegmentInfo& segment : context_.log->segments()) {
    if (segment.end_lsn > cut + 1 || context_.log->size_bytes() <= retained) break;
    KYRO_RETURN_IF_ERROR(context_.log->DropSegmentsBefore(
        segment.end_lsn, static_cast<uint64_t>(context_.log_archive_bytes->value())));
  }
  return absl::OkStatus();
}

absl::Status Checkpointer::Checkpoint(bool save_all_segments) {
  absl::MutexLock lock(&mutex_);
  const int64_t begin_nanos = context_.clock->SteadyNanos();
  const absl::Status status = CheckpointLocked(save_all_segments);
  if (!status.ok()) failures_.Add();
  micros_.Observe(static_cast<uint64_t>(context_.clock->SteadyNanos() - begin_nanos) / 1000);
  return Annotate(status, "checkpoint");
}

absl::Status Checkpointer::ReleaseDropped() {
  absl::MutexLock lock(&mutex_);
  RemoveObsolete();
  const Lsn oldest = context_.views->Oldest();
  if (!context_.spaces->HasDropped(oldest)) return absl::OkStatus();
  ManifestState next = state_;
  const auto is_gone = [&](const ManifestState::Space& space) {
    return context_.spaces->Find(space.id, kLsnMax - 1) == nullptr;
  };
  next.spaces.erase(std::remove_if(next.spaces.begin(), next.spaces.end(), is_gone),
                    next.spaces.end());
  if (next.spaces.size() != state_.spaces.size()) {
    KYRO_RETURN_IF_ERROR(context_.log->Sync());
    KYRO_RETURN_IF_ERROR(Publish(std::move(next)));
  }
  for (const auto& space : context_.spaces->Sweep(oldest)) space->MarkAllObsolete();
  RemoveObsolete();
  return absl::OkStatus();
}

absl::Status Checkpointer::PublishMerge(const KeySpace& space,
                                        const std::shared_ptr<const Run>& merged,
                                        const std::vector<std::shared_ptr<const Run>>& runs) {
  ManifestState next = state_;
  for (ManifestState::Space& entry : next.spaces) {
    if (entry.id != space.id()) continue;
    std::vector<uint64_t> numbers;
    for (const uint64_t file_number : entry.runs) {
      if (file_number == runs.front()->file_number() && merged != nullptr) {
        numbers.push_back(merged->file_number());
      }
      const bool replaced = std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
        return run->file_number() == file_number;
      });
      if (!replaced) numbers.push_back(file_number);
    }
    entry.runs = std::move(numbers);
    std::vector<std::shared_ptr<const Run>> named;
    for (const auto& run : space.version()->runs) {
      if (std::find(entry.runs.begin(), entry.runs.end(), run->file_number()) != entry.runs.end()) {
        named.push_back(run);
      }
    }
    if (merged != nullptr) named.push_back(merged);
    ListValueFiles(named, &entry);
  }
  for (const auto& run : runs) {
    std::erase_if(next.run_notes, [&](const ManifestState::RunNote& note) {
      return note.file_number == run->file_number();
    });
  }
  if (merged != nullptr) AddNote(*merged, &next);
  return Publish(std::move(next));
}

absl::StatusOr<uint64_t> Checkpointer::NewFileNumber() {
  absl::MutexLock lock(&mutex_);
  KYRO_RETURN_IF_ERROR(poisoned_);
  return state_.next_file_number++;
}

bool Checkpointer::AreNamed(const std::vector<std::shared_ptr<const Run>>& runs) const {
  return std::all_of(runs.begin(), runs.end(), [&](const auto& run) {
    return std::any_of(state_.spaces.begin(), state_.spaces.end(), [&](const auto& space) {
      return std::find(space.runs.begin(), space.runs.end(), run->file_number()) !=
             space.runs.end();
    });
  });
}

absl::Status Checkpointer::MergeRuns(const std::shared_ptr<KeySpace>& space,
                                     std::vector<std::shared_ptr<const Run>> runs,
                                     bool in_background) {
  uint64_t number;
  {
    absl::MutexLock lock(&mutex_);
    KYRO_RETURN_IF_ERROR(poisoned_);
    // A run that was loaded in bulk is named by the log at first. It must not be merged away while
    // a replay would look for it.
    if (!AreNamed(runs)) KYRO_RETURN_IF_ERROR(CheckpointLocked(/*save_all_segments=*/false));
    number = state_.next_file_number++;
  }
  RetentionPolicy policy = PolicyFor(space->id());
  policy.pace = [this, in_background](uint64_t bytes) {
    return pace_.Spend(in_background ? bytes : 0);
  };
  KYRO_ASSIGN_OR_RETURN(
      std::shared_ptr<const Run> merged,
      space->WriteCompaction(runs, context_.names->Run(space->id(), number), number, policy));
  absl::MutexLock lock(&mutex_);
  // The table was dropped meanwhile, and its last reader is gone.
  if (std::none_of(state_.spaces.begin(), state_.spaces.end(),
                   [&](const ManifestState::Space& known) { return known.id == space->id(); })) {
    if (merged != nullptr) merged->Abandon(context_.obsolete_files);
    merged.reset();
    RemoveObsolete();
    return absl::OkStatus();
  }
  absl::Status status = context_.file_system->SyncDirectory(context_.names->runs());
  if (status.ok()) status = PublishMerge(*space, merged, runs);
  if (!status.ok()) {
    if (!InDoubt() && merged != nullptr) {
      merged->Abandon(context_.obsolete_files);
      merged.reset();
      RemoveObsolete();
    }
    return status;
  }
  space->InstallCompaction(merged, runs);
  compactions_.Add();
  if (merged != nullptr) compacted_bytes_.Add(merged->written_bytes());
  runs.clear();  // perhaps the last to hold them
  RemoveObsolete();
  return absl::OkStatus();
}

absl::Status Checkpointer::Compact(ObjectId space_id) {
  absl::MutexLock lock(&merge_mutex_);
  const std::shared_ptr<KeySpace> space = context_.spaces->Find(space_id, kLsnMax - 1);
  if (space == nullptr) return absl::OkStatus();
  std::vector<std::shared_ptr<const Run>> runs = space->version()->runs;
  if (runs.empty()) return absl::OkStatus();
  absl::Status status = MergeRuns(space, std::move(runs), /*in_background=*/false);
  // Now it is known which of the large values are dead.
  if (status.ok()) runs = space->RunsToCollect();
  if (status.ok() && !runs.empty()) {
    status = MergeRuns(space, std::move(runs), /*in_background=*/false);
  }
  if (!status.ok() && !absl::IsCancelled(status)) failures_.Add();
  return Annotate(status, absl::StrCat("compaction of key space ", space_id));
}

absl::Status Checkpointer::CompactWhereNeeded(size_t run_count_max, uint64_t dead_percent_max) {
  absl::MutexLock lock(&merge_mutex_);
  absl::Status first;
  for (const auto& space : context_.spaces->Live()) {
    std::vector<std::shared_ptr<const Run>> runs =
        space->RunsToCompact(run_count_max, dead_percent_max);
    if (runs.empty()) runs = space->RunsToCollect();
    if (runs.empty()) continue;
    const absl::Status status = MergeRuns(space, std::move(runs), /*in_background=*/true);
    if (absl::IsCancelled(status)) return status;
    if (!status.ok()) failures_.Add();
    if (first.ok()) {
      first = Annotate(status, absl::StrCat("compaction of key space ", space->id()));
    }
  }
  return first;
}

// A file that cannot be removed costs space, not correctness: the next open tries again.
void Checkpointer::RemoveObsolete() {
  // Runs whose last reader left after they were taken out of use.
  context_.epochs->RunDue();
  if (!context_.obsolete_files->RemoveAll(*context_.file_system).ok()) failures_.Add();
}

}  // namespace kyrodb::engine
