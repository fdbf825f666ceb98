#include "wal/log.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "wal/frames/frame.h"
#include "wal/frames/live_frames.h"
#include "wal/frames/segment_writer.h"

namespace kyrodb::wal {
namespace {

absl::Status CheckOptions(const LogOptions& options) {
  const auto in_range = [](absl::string_view name, uint64_t value, uint64_t min,
                           uint64_t max) -> absl::Status {
    if (value >= min && value <= max) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrFormat("log option %s is %d, allowed are %d to %d", name, value, min, max));
  };
  if (options.file_system == nullptr) {
    return absl::InvalidArgumentError("log option file_system is missing");
  }
  if (options.interval_ms < 0 || options.idle_marker_ms < 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("log options interval_ms (%d) and idle_marker_ms (%d) must not be negative",
                        options.interval_ms, options.idle_marker_ms));
  }
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  KYRO_RETURN_IF_ERROR(in_range("segment_bytes", options.segment_bytes, 4096, kGiB));
  KYRO_RETURN_IF_ERROR(in_range("prefill_chunk_bytes", options.prefill_chunk_bytes, 0, kGiB));
  KYRO_RETURN_IF_ERROR(in_range("group_bytes_max", options.group_bytes_max, 1, uint64_t{64} << 20));
  return in_range("group_record_count_max", options.group_record_count_max, 1, 1 << 20);
}

// A commit of bytes alone.
class BytesRequest : public CommitRequest {
 public:
  explicit BytesRequest(absl::string_view record) : record_(record) {}
  absl::Status Prepare(Lsn, std::span<CommitRequest* const>) override { return absl::OkStatus(); }
  absl::string_view record() const override { return record_; }
  void Apply(Lsn) override {}

 private:
  const absl::string_view record_;
};

}  // namespace

// One caller in the queue, on its stack. It sleeps on a word of its own, so that whoever answers a
// group wakes each of its members once and none of them meets the others at a lock.
struct Log::Waiter {
  enum State : int { kWaiting, kHasTurn, kAnswered };

  CommitRequest* request = nullptr;  // null: a turn of its own, not a commit
  absl::Status status;
  Lsn lsn = 0;
  std::atomic<int> state{kWaiting};

  // The waiter may be gone as soon as the new state is stored: after that only its address is used.
  void Wake(State next) {
    state.store(next, std::memory_order_release);
    state.notify_one();
  }
};

struct Log::Metrics {
  explicit Metrics(MetricsRegistry* given)
      : registry(given != nullptr ? *given : own),
        bytes(registry.counter("kyro_wal_bytes_total", "Bytes of frames written to the log.")),
        frames(registry.counter("kyro_wal_frames_total", "Frames that hold records.")),
        commits(registry.counter("kyro_wal_commits_total", "Records written to the log.")),
        refused(registry.counter("kyro_wal_refused_commits_total",
                                 "Commits refused by validation, a limit or a full disk.")),
        syncs(registry.counter("kyro_wal_syncs_total", "Syncs of the log to the device.")),
        sync_micros(registry.histogram("kyro_wal_sync_micros", "Time that one sync took.")),
        commits_per_sync(registry.histogram("kyro_wal_commits_per_sync",
                                            "Commits that one sync made durable.")) {}

  MetricsRegistry own;
  MetricsRegistry& registry;
  Counter& bytes;
  Counter& frames;
  Counter& commits;
  Counter& refused;
  Counter& syncs;
  Histogram& sync_micros;
  Histogram& commits_per_sync;
};

Log::Log(const LogOptions& options, const RecoveryResult& recovered)
    : options_(options),
      metrics_(std::make_unique<Metrics>(options.metrics)),
      last_lsn_(recovered.last_lsn),
      synced_lsn_(recovered.last_lsn),
      visible_lsn_(recovered.last_lsn) {}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(const LogOptions& options,
                                               const RecoveryResult& recovered) {
  KYRO_RETURN_IF_ERROR(CheckOptions(options));
  if (recovered.damage.has_value()) return recovered.damage->ToStatus();
  std::unique_ptr<Log> log(new Log(options, recovered));

  SegmentWriter::Start start{.segment_id = recovered.segment_id_max + 1,
                             .epoch = recovered.epoch_max + 1,
                             .first_lsn = recovered.last_lsn + 1,
                             .synced_lsn = recovered.synced_lsn,
                             .opening = false,
                             .older = recovered.segments};
  // The records that no frame vouches for may have been read from a page cache whose sync failed:
  // written again, they are what readers will have seen.
  std::unique_ptr<SegmentWriter>& writer = log->writer_;
  const RecoveryOptions again{
      .file_system = options.file_system,
      .directory = options.directory,
      .database_id = options.database_id,
      .replay_from_lsn = std::max(recovered.synced_lsn + 1, recovered.replay_from_lsn)};
  absl::Status status;
  if (recovered.last_lsn >= again.replay_from_lsn) {
    std::string frame;
    absl::StatusOr<RecoveryResult> second =
        ReplayFrames(again, [&](const Frame& survivor) -> absl::Status {
          if (writer == nullptr) {
            start.first_lsn = survivor.header.first_lsn;
            start.opening = true;
            KYRO_ASSIGN_OR_RETURN(writer, SegmentWriter::Create(log->options_, std::move(start)));
          }
          frame.assign(kFrameHeaderBytes, '\0');
          frame.append(survivor.payload.data(), survivor.payload.size());
          return writer->Append(FrameType::kRecords, survivor.header.record_count, &frame,
                                survivor.header.wall_micros);
        });
    status = second.status();
    if (status.ok() && second->damage.has_value()) status = second->damage->ToStatus();
    if (status.ok() && second->last_lsn != recovered.last_lsn) {
      status = absl::FailedPreconditionError(
          absl::StrFormat("the log ends at lsn %d, recovery had found %d: it changed meanwhile",
                          second->last_lsn, recovered.last_lsn));
    }
  } else {
    absl::StatusOr<std::unique_ptr<SegmentWriter>> created =
        SegmentWriter::Create(log->options_, std::move(start));
    status = created.status();
    if (status.ok()) writer = *std::move(created);
  }
  if (status.ok()) status = writer->FinishOpening();
  if (!status.ok()) {
    if (writer != nullptr) writer->Abandon();
    return Annotate(status, "cannot open the log");
  }
  // Now that the new epoch stands, files of openings that failed are garbage. They cannot come back
  // to life, so it does not matter if one stays.
  for (const std::string& path : recovered.dead_files) {
    options.file_system->Remove(path).IgnoreError();
  }
  if (options.sync_mode != SyncMode::kOff &&
      (options.idle_marker_ms > 0 ||
       (options.sync_mode == SyncMode::kInterval && options.interval_ms > 0))) {
    log->background_ = std::thread([raw = log.get()] { raw->RunBackground(); });
  }
  return log;
}

Log::~Log() { StopBackground(); }

void Log::StopBackground() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    background_wake_.SignalAll();
  }
  if (background_.joinable()) background_.join();
}

bool Log::WaitForTurn(Waiter& waiter) {
  const bool is_commit = waiter.request != nullptr;
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(&waiter);
    arrived_count_ += is_commit ? 1 : 0;
    turns_waiting_ += is_commit ? 0 : 1;
    if (gather_goal_ > 0 && (arrived_count_ >= gather_goal_ || !is_commit)) gathered_.Signal();
    if (!std::exchange(turn_taken_, true)) return true;
  }
  waiter.state.wait(Waiter::kWaiting, std::memory_order_acquire);
  return waiter.state.load(std::memory_order_acquire) == Waiter::kHasTurn;
}

void Log::EndTurn(size_t count) {
  Waiter* next = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (queue_.front()->request == nullptr) {
      --turns_waiting_;
    } else {
      answered_count_ = count;
      arrived_count_ = 0;
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    turn_taken_ = !queue_.empty();
    if (turn_taken_) next = queue_.front();
  }
  if (next != nullptr) next->Wake(Waiter::kHasTurn);
}

// Each gets a copy of its own, not a reference to one that many threads count, while there is
// memory.
void Log::Refuse(std::span<Waiter* const> waiters, const absl::Status& why) {
  for (Waiter* waiter : waiters) {
    waiter->status = why;
    try {
      waiter->status = absl::Status(why.code(), why.message());
    } catch (const std::bad_alloc&) {
      // It keeps the reference.
    }
  }
}

void Log::Answer(std::span<Waiter* const> waiters, const Waiter* leader) {
  for (Waiter* waiter : waiters) {
    if (waiter != leader) waiter->Wake(Waiter::kAnswered);
  }
}

absl::Status Log::RunTurn(const std::function<absl::Status()>& function) {
  Waiter waiter;
  WaitForTurn(waiter);
  absl::Status status;
  {
    absl::MutexLock applied(&apply_mutex_);  // the group before may still be applied
    status = CatchOutOfMemory(function);
  }
  EndTurn(1);
  return status;
}

absl::StatusOr<Lsn> Log::Commit(CommitRequest* request) {
  Waiter waiter;
  waiter.request = request;
  if (WaitForTurn(waiter)) LeadGroup(waiter);
  if (!waiter.status.ok()) return waiter.status;
  return waiter.lsn;
}

absl::StatusOr<Lsn> Log::Append(absl::string_view record) {
  BytesRequest request(record);
  return Commit(&request);
}

// Writers that commit again as soon as they are answered would else form two groups that take
// turns, each of half of them: a sync would carry half of what it could. Waiting is bounded by the
// time of one sync and stops as soon as they are back. When they do not come back in time, fewer
// are waited for the next time, in the end nobody; every success raises the expectation a little.
void Log::Gather() {
  if (options_.sync_mode != SyncMode::kFull) return;
  constexpr int64_t kWaitNanosMin = 5'000;
  constexpr int64_t kWaitNanosMax = 1'000'000;
  constexpr double kShareStep = 1.0 / 32;
  const int64_t wait_nanos = std::min(sync_nanos_.load(std::memory_order_relaxed), kWaitNanosMax);
  absl::MutexLock lock(&mutex_);
  const auto answered = static_cast<double>(answered_count_);
  const auto goal = static_cast<size_t>(answered * returning_share_ + 0.5);
  const auto complete = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return arrived_count_ >= goal || turns_waiting_ > 0 || !poisoned_.ok() ||
           queue_.size() >= options_.group_record_count_max;
  };
  if (!complete() && wait_nanos >= kWaitNanosMin) {
    const absl::Time deadline = absl::Now() + absl::Nanoseconds(wait_nanos);
    gather_goal_ = goal;
    while (!complete() && !gathered_.WaitWithDeadline(&mutex_, deadline)) {
    }
    gather_goal_ = 0;
  }
  if (complete()) {
    returning_share_ = std::min(1.0, returning_share_ + kShareStep);
  } else if (wait_nanos >= kWaitNanosMin) {
    returning_share_ = static_cast<double>(arrived_count_) / answered;
  }
}

void Log::Forget(size_t count) {
  absl::MutexLock lock(&unapplied_mutex_);
  unapplied_.resize(unapplied_.size() - count);
}

// Throws, with nothing done, when there is no memory to begin with.
absl::Status Log::TakeGroup(std::vector<Waiter*>* group) {
  absl::MutexLock lock(&mutex_);
  // While the disk is full, each commit stands or falls by its own size.
  const size_t count_max = writer_->disk_is_full() ? 1 : options_.group_record_count_max;
  for (Waiter* waiter : queue_) {
    if (waiter->request == nullptr || group->size() == count_max) break;
    group->push_back(waiter);
  }
  return poisoned_;
}

// Likewise. A request that there is no memory for is refused alone.
void Log::PrepareGroup(std::vector<Waiter*>* group, std::vector<Waiter*>* prepared) {
  const Lsn first_lsn = writer_->next_lsn();
  prepared->reserve(group->size());
  frame_.assign(kFrameHeaderBytes, '\0');
  absl::MutexLock lock(&unapplied_mutex_);
  unapplied_.reserve(unapplied_.size() + group->size());
  const auto prepare = [&](CommitRequest* request) -> absl::Status {
    KYRO_RETURN_IF_ERROR(request->Prepare(first_lsn + prepared->size(), unapplied_));
    const absl::string_view record = request->record();
    if (record.size() > kRecordBytesMax) {
      return absl::ResourceExhaustedError(absl::StrFormat(
          "a commit of %d bytes is larger than %d, the largest that the log takes; split it",
          record.size(), kRecordBytesMax));
    }
    AppendRecord(record, &frame_);
    return absl::OkStatus();
  };
  size_t taken = 0;
  while (taken < group->size() && frame_.size() < kFrameHeaderBytes + options_.group_bytes_max) {
    Waiter* waiter = (*group)[taken++];
    const size_t frame_bytes = frame_.size();
    waiter->status = CatchOutOfMemory([&] { return prepare(waiter->request); });
    if (!waiter->status.ok()) {
      frame_.resize(frame_bytes);  // half a record may be there
      continue;
    }
    prepared->push_back(waiter);
    unapplied_.push_back(waiter->request);
  }
  group->resize(taken);
}

void Log::LeadGroup(Waiter& leader) {
  Gather();
  std::vector<Waiter*> group;
  std::vector<Waiter*> prepared;
  absl::Status read_only;
  try {
    read_only = TakeGroup(&group);
    if (read_only.ok()) PrepareGroup(&group, &prepared);
  } catch (const std::bad_alloc&) {
    // The others try it for themselves.
    leader.status = OutOfMemoryError();
    EndTurn(1);
    return;
  }
  if (!read_only.ok()) {
    Refuse(group, read_only);
    EndTurn(group.size());
    Answer(group, &leader);
    return;
  }
  const Lsn first_lsn = writer_->next_lsn();
  const size_t taken = group.size();
  metrics_->refused.Add(taken - prepared.size());
  if (prepared.empty()) {
    EndTurn(taken);
    Answer(group, &leader);
    return;
  }

  const uint64_t frame_bytes = frame_.size();
  absl::Status status = WithWriter([&] {
    return writer_->Append(FrameType::kRecords, static_cast<uint32_t>(prepared.size()), &frame_);
  });
  const bool refused = absl::IsResourceExhausted(status);
  if (status.ok() && options_.sync_mode == SyncMode::kFull) {
    status = SyncInTurn();
    if (status.ok()) metrics_->commits_per_sync.Observe(prepared.size());
  }
  if (frame_.capacity() > 2 * options_.group_bytes_max + kFrameHeaderBytes) {
    frame_ = std::string();  // one huge record should not keep its memory
  }
  if (!status.ok()) {
    Forget(prepared.size());
    if (refused) {
      metrics_->refused.Add(prepared.size());
    } else {
      Poison(status);
      status = OutcomeUnknown(status);
    }
    Refuse(prepared, status);
    EndTurn(taken);
    Answer(group, &leader);
    return;
  }
  metrics_->frames.Add();
  metrics_->commits.Add(prepared.size());
  metrics_->bytes.Add(frame_bytes);
  ApplyGroup(first_lsn, prepared, taken);
  Answer(group, &leader);
}

// From here on the next group is written, and synced, beside this one's application.
void Log::ApplyGroup(Lsn first_lsn, std::span<Waiter* const> prepared, size_t taken) {
  const Lsn synced = writer_->synced_lsn();
  apply_mutex_.Lock();
  EndTurn(taken);
  size_t applied = 0;
  // A commit that is in the log and cannot be applied ends this log: what readers see stays as it
  // was before, and reopening applies it. Nothing behind it is applied either.
  try {
    for (; applied < prepared.size() && !is_apply_broken_; ++applied) {
      prepared[applied]->lsn = first_lsn + applied;
      prepared[applied]->request->Apply(first_lsn + applied);
    }
  } catch (const std::bad_alloc&) {
    is_apply_broken_ = true;
    Poison(apply_starved_);
  }
  Refuse(prepared.subspan(applied), outcome_unknown_);
  if (applied > 0) {
    last_lsn_.store(first_lsn + applied - 1, std::memory_order_release);
    PublishSynced(synced);
    PublishVisible();
  }
  {
    absl::MutexLock lock(&unapplied_mutex_);
    unapplied_.erase(unapplied_.begin(),
                     unapplied_.begin() + static_cast<std::ptrdiff_t>(prepared.size()));
  }
  apply_mutex_.Unlock();
}

absl::Status Log::SyncInTurn() {
  const int64_t begin = options_.clock->SteadyNanos();
  KYRO_RETURN_IF_ERROR(WithWriter([this] { return writer_->Sync(); }));
  NoteSync(begin);
  return absl::OkStatus();
}

void Log::NoteSync(int64_t begin_nanos) {
  const int64_t nanos = std::max<int64_t>(0, options_.clock->SteadyNanos() - begin_nanos);
  metrics_->syncs.Add();
  metrics_->sync_micros.Observe(static_cast<uint64_t>(nanos) / 1000);
  const int64_t before = sync_nanos_.load(std::memory_order_relaxed);
  sync_nanos_.store(before + (nanos - before) / 8, std::memory_order_relaxed);
}

void Log::PublishSynced(Lsn lsn) {
  absl::MutexLock lock(&mutex_);
  if (lsn > synced_lsn()) synced_lsn_.store(lsn, std::memory_order_release);
}

void Log::PublishVisible() {
  absl::MutexLock lock(&mutex_);
  const Lsn last = last_lsn();
  const Lsn visible = options_.sync_mode == SyncMode::kOff ? last : std::min(last, synced_lsn());
  if (visible > visible_lsn()) visible_lsn_.store(visible, std::memory_order_release);
  visible_changed_.SignalAll();
  if (!background_work_) {
    background_work_ = true;
    background_wake_.Signal();
  }
}

void Log::Poison(const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  if (!poisoned_.ok()) return;
  poisoned_ = read_only_;
  try {
    poisoned_ =
        absl::FailedPreconditionError(absl::StrCat(read_only_.message(), ": ", cause.message()));
  } catch (const std::bad_alloc&) {
    // Without the cause, then.
  }
}

absl::Status Log::OutcomeUnknown(const absl::Status& cause) const {
  try {
    return absl::UnavailableError(absl::StrCat(outcome_unknown_.message(), ": ", cause.message()));
  } catch (const std::bad_alloc&) {
    return outcome_unknown_;
  }
}

absl::Status Log::WithWriter(absl::FunctionRef<absl::Status()> step) const {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return writer_starved_;
  }
}

absl::Status Log::status() const {
  absl::MutexLock lock(&mutex_);
  return poisoned_;
}

// The turn is held only to learn what there is to sync: commits go on beside the sync itself.
absl::Status Log::Sync() {
  absl::MutexLock one_at_a_time(&sync_call_mutex_);
  std::optional<SegmentWriter::PendingSync> pending;
  KYRO_RETURN_IF_ERROR(RunTurn([&]() -> absl::Status {
    KYRO_RETURN_IF_ERROR(status());
    pending = writer_->BeginSync();
    return absl::OkStatus();
  }));
  if (!pending.has_value()) return absl::OkStatus();
  const int64_t begin = options_.clock->SteadyNanos();
  absl::Status failed = WithWriter([&] { return writer_->FinishSync(*pending); });
  if (!failed.ok()) {
    Poison(failed);
    return failed;
  }
  NoteSync(begin);
  PublishSynced(pending->lsn);
  PublishVisible();
  return absl::OkStatus();
}

absl::Status Log::WriteSyncMarker() {
  return RunTurn([this]() -> absl::Status {
    KYRO_RETURN_IF_ERROR(status());
    absl::Status failed;
    if (writer_->synced_lsn() < last_lsn()) {
      failed = SyncInTurn();
      if (failed.ok()) {
        PublishSynced(writer_->synced_lsn());
        PublishVisible();
      }
    }
    if (failed.ok() && writer_->recorded_synced_lsn() < last_lsn()) {
      std::string frame(kFrameHeaderBytes, '\0');
      failed = WithWriter([&] { return writer_->Append(FrameType::kMarker, 0, &frame); });
      if (absl::IsResourceExhausted(failed)) return failed;
      if (failed.ok()) failed = SyncInTurn();
    }
    if (!failed.ok()) Poison(failed);
    return failed;
  });
}

absl::Status Log::RotateSegment() {
  return RunTurn([this]() -> absl::Status {
    KYRO_RETURN_IF_ERROR(status());
    absl::Status failed = WithWriter([this] { return writer_->Rotate(); });
    if (failed.ok()) {
      PublishSynced(writer_->synced_lsn());
      PublishVisible();
    } else if (!absl::IsResourceExhausted(failed)) {
      Poison(failed);
    }
    return failed;
  });
}

void Log::RunExclusive(const std::function<void(Lsn)>& function) {
  bool is_starved = false;
  RunTurn([&] {
    try {
      function(last_lsn());
    } catch (const std::bad_alloc&) {
      is_starved = true;
    }
    return absl::OkStatus();
  }).IgnoreError();
  if (is_starved) throw std::bad_alloc();
}

absl::StatusOr<std::vector<SegmentInfo>> Log::DurableSegments() {
  std::vector<SegmentInfo> segments;
  KYRO_RETURN_IF_ERROR(RunTurn([&]() -> absl::Status {
    KYRO_RETURN_IF_ERROR(status());
    if (absl::Status failed = SyncInTurn(); !failed.ok()) {
      Poison(failed);
      return failed;
    }
    PublishSynced(writer_->synced_lsn());
    PublishVisible();
    segments = writer_->segments();
    return absl::OkStatus();
  }));
  return segments;
}

absl::Status Log::DropSegmentsBefore(Lsn lsn, uint64_t archive_bytes_max) {
  if (archive_bytes_max > 0 && options_.archive_directory.empty()) {
    return absl::InvalidArgumentError("the log was opened without an archive_directory");
  }
  return writer_->DropBefore(lsn, archive_bytes_max);
}

absl::Status Log::Close() {
  StopBackground();
  absl::Status status = WriteSyncMarker();
  return RunTurn([&]() -> absl::Status {
    // A full disk is no reason to fail: the marker only helps to recognise damage.
    if (absl::IsResourceExhausted(status)) status = absl::OkStatus();
    status.Update(writer_->Close());
    absl::MutexLock lock(&mutex_);
    if (poisoned_.ok()) poisoned_ = absl::FailedPreconditionError("the log is closed");
    return status;
  });
}

bool Log::WaitForVisible(Lsn lsn, absl::Time deadline) const {
  if (visible_lsn() >= lsn) return true;
  absl::MutexLock lock(&mutex_);
  while (visible_lsn() < lsn) {
    if (visible_changed_.WaitWithDeadline(&mutex_, deadline)) return visible_lsn() >= lsn;
  }
  return true;
}

std::vector<SegmentInfo> Log::segments() const { return writer_->segments(); }

Lsn Log::oldest_lsn() const { return segments().front().begin_lsn; }

uint64_t Log::size_bytes() const {
  uint64_t size_bytes = 0;
  for (const SegmentInfo& segment : segments()) size_bytes += segment.size_bytes;
  return size_bytes;
}

uint64_t Log::epoch() const { return writer_->epoch(); }

void Log::RunBackground() {
  const bool interval = options_.sync_mode == SyncMode::kInterval && options_.interval_ms > 0;
  const absl::Duration pause =
      absl::Milliseconds(interval ? options_.interval_ms : options_.idle_marker_ms);
  absl::MutexLock lock(&mutex_);
  while (true) {
    while (!stopping_ && !background_work_) background_wake_.Wait(&mutex_);
    if (stopping_) return;
    background_work_ = false;
    const absl::Time until = absl::Now() + pause;
    while (!stopping_ && !background_wake_.WaitWithDeadline(&mutex_, until)) {
    }
    if (stopping_) return;
    const bool idle = !background_work_;
    mutex_.Unlock();
    // Failures poison the log, which is where the next caller meets them.
    if (idle && options_.idle_marker_ms > 0) {
      CatchOutOfMemory([this] { return WriteSyncMarker(); }).IgnoreError();
    } else if (interval) {
      CatchOutOfMemory([this] { return Sync(); }).IgnoreError();
    }
    mutex_.Lock();
  }
}

}  // namespace kyrodb::wal
