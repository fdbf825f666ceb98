// The write-ahead log: records (opaque bytes) become durable in commit order, many at a time.
// A commit queues; the first in the queue leads: it prepares everybody's record, writes them as one
// frame, syncs once, hands the lead on, and applies and answers while the next group is synced.
//
// Source: log_format.md in this folder for the bytes; DeWitt et al., "Implementation Techniques for
// Main Memory Database Systems" (SIGMOD 1984) for group commit; Rebello et al., "Can Applications
// Recover from fsync Failures?" (USENIX ATC 2020) for never retrying a sync.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/base/metrics.h"
#include "wal/recovery.h"

namespace kyrodb::wal {

class SegmentWriter;

// When a commit is answered.
enum class SyncMode {
  kFull,      // after its frame is on the device
  kInterval,  // after its frame is written; the device follows every `interval_ms`
  kOff,       // after its frame is written; the device follows at rotation and `Close`
};

// No record may be longer; `Commit` refuses it with `ResourceExhausted`.
inline constexpr uint64_t kRecordBytesMax = uint64_t{64} << 20;

struct LogOptions {
  FileSystem* file_system = nullptr;
  std::string directory;  // must exist
  uint64_t database_id = 0;

  SyncMode sync_mode = SyncMode::kFull;
  // kInterval: time between two syncs; 0 = only explicit `Sync` calls (for tests).
  int64_t interval_ms = 100;

  // A segment takes no further frame that would make it longer, except for its first: 4 KiB … 1
  // GiB.
  uint64_t segment_bytes = uint64_t{64} << 20;
  // Zeros are written ahead of the frames in chunks of this size, so that a sync need not journal
  // a new file size, and so that there is room left when the disk is full. 0 = off.
  uint64_t prefill_chunk_bytes = uint64_t{1} << 20;
  // A group stops growing when its records reach this many bytes or this many records.
  uint64_t group_bytes_max = uint64_t{1} << 20;
  uint64_t group_record_count_max = 4096;
  // While the disk is full, commits up to this size still succeed in the room already filled with
  // zeros (deletes, say); larger ones are refused at once, so that they do not use it up.
  uint64_t disk_full_record_bytes_max = uint64_t{64} << 10;

  // A background thread writes a sync marker when no commit came for this long, so that even damage
  // to the very last frame is recognised. 0 = off (`WriteSyncMarker` and `Close` still do).
  int64_t idle_marker_ms = 5;

  // Where `DropSegmentsBefore` moves segments that are to be kept; made when it is needed. It must
  // be on the same device as `directory`.
  std::string archive_directory;

  const Clock* clock = &Clock::System();
  MetricsRegistry* metrics = nullptr;  // not owned; may be null
};

// One commit, alive on its caller's stack until `Log::Commit` returns.
//
// Thread-safety:  the methods run in the leader's thread, which may be another caller's; those of
//                 one request one at a time, and so the `Prepare` of all requests and the `Apply`
//                 of all requests. But one request's `Prepare` may run beside another's `Apply`.
//                 The log orders them with everything that the caller did before and after.
class CommitRequest {
 public:
  virtual ~CommitRequest() = default;

  // Runs in commit order. Everything committed before is already applied, except for the requests
  // in `unapplied`: they are prepared with the LSNs just before `lsn`, in that order, some are
  // perhaps being applied at this moment, all will be before this one, and none is answered before
  // this returns. So conflicts are validated against the applied state and against those. On OK
  // `record()` must be ready. An error refuses the commit: it gets no LSN and its caller gets the
  // error. A prepared request may still fail (disk full, device error) and is then never applied,
  // so nothing outside the request may depend on it before `Apply`.
  virtual absl::Status Prepare(Lsn lsn, std::span<CommitRequest* const> unapplied) = 0;
  // Valid from a successful `Prepare` on.
  virtual absl::string_view record() const = 0;
  // Runs in LSN order once the frame is durable (kFull) or written (the other modes), before the
  // caller is answered.
  virtual void Apply(Lsn lsn) = 0;
};

// Order:          LSNs are gap-free; frames, `Prepare` and `Apply` follow LSN order.
// Errors:         A failed write or sync *poisons* the log. The commits whose frame it was get
//                 `Unavailable` ("outcome unknown": a later recovery may find them or not); every
//                 later commit gets `FailedPrecondition` ("read-only"); the way on is to close, run
//                 `Recover` and open again. A full disk does not poison: the commit is refused with
//                 `ResourceExhausted`, nothing of it stays in the file, and small commits go on
//                 while there is zero-filled room.
//                 Without memory a commit is refused, with `ResourceExhausted`, as long as nothing
//                 of it is written; behind that the log is poisoned as by a failed write.
//                 std::bad_alloc leaves `Commit` and the other methods only when nothing has
//                 happened.
// Thread-safety:  all methods may be called from any thread, but not from within `Prepare`, `Apply`
//                 or `RunExclusive`'s function, and not during or after `Close`.
// Lifetime:       the destructor stops the background thread and closes without syncing, as a crash
//                 of the process would; `Close` is the clean way.
class Log {
 public:
  // Starts a new segment and a new epoch after what `recovered` found, writes its records after
  // `synced_lsn` again, and makes all of that durable; recovered segments are never appended to.
  // A crash or error at any point leaves a log that recovers to the same records.
  // `DataLoss` when `recovered.damage` is set, `InvalidArgument` for options out of range.
  static absl::StatusOr<std::unique_ptr<Log>> Open(const LogOptions& options,
                                                   const RecoveryResult& recovered);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Makes one record part of the log; returns its LSN after `Apply`.
  absl::StatusOr<Lsn> Commit(CommitRequest* request);
  // The same for bytes that need no validation and no application.
  absl::StatusOr<Lsn> Append(absl::string_view record);

  // Makes everything committed so far durable (for kInterval and kOff).
  absl::Status Sync();
  // Syncs, then records durably that everything so far is durable, unless the last frame says so.
  absl::Status WriteSyncMarker();
  // Goes on in a new segment, unless the current one has no record yet.
  absl::Status RotateSegment();
  // Runs `function(last_lsn())` while no commit is between `Prepare` and the end of `Apply`.
  // Commits wait meanwhile, so keep it short. Works on a poisoned log too.
  void RunExclusive(const std::function<void(Lsn last_lsn)>& function);

  // Makes everything committed so far durable and tells which segments hold it: those before the
  // last do not change any more, of the last the first `size_bytes` do not.
  absl::StatusOr<std::vector<SegmentInfo>> DurableSegments();

  // Removes whole segments in which every LSN is below `lsn`, oldest first; the current one stays.
  // Call it only after a manifest that makes `lsn` the checkpoint is durable.
  // With `archive_bytes_max` they are moved to `archive_directory` instead, where the oldest are
  // removed until all take no more than that.
  absl::Status DropSegmentsBefore(Lsn lsn, uint64_t archive_bytes_max = 0);

  // Stops background work, writes a sync marker and closes. Call once, when no commit is running.
  absl::Status Close();

  // The last LSN that was applied.
  Lsn last_lsn() const { return last_lsn_.load(std::memory_order_acquire); }
  // Everything up to here is on the device.
  Lsn synced_lsn() const { return synced_lsn_.load(std::memory_order_acquire); }
  // How far cursors may read: applied and durable; in kOff mode: applied.
  Lsn visible_lsn() const { return visible_lsn_.load(std::memory_order_acquire); }
  // Waits until `visible_lsn() >= lsn` (true) or `deadline` has passed (false).
  bool WaitForVisible(Lsn lsn, absl::Time deadline) const;

  // OK, or why the log is read-only (`FailedPrecondition`).
  absl::Status status() const;

  // The live segments in order; the last is the current one and grows.
  std::vector<SegmentInfo> segments() const;
  // The oldest LSN that is still in the log, or the next one when it holds none.
  Lsn oldest_lsn() const;
  // Bytes of frames in all live segments, without zeros ahead.
  uint64_t size_bytes() const;
  uint64_t epoch() const;
  const LogOptions& options() const { return options_; }

 private:
  struct Waiter;
  struct Metrics;

  Log(const LogOptions& options, const RecoveryResult& recovered);
  // Queues and waits until it is this one's turn (true) or a leader has answered it (false).
  bool WaitForTurn(Waiter& waiter);
  // Takes the first `count` off the queue and gives the turn to the next.
  void EndTurn(size_t count);
  // Waits a little for those who were just answered, if they use to come back at once.
  void Gather();
  void LeadGroup(Waiter& leader);
  // The commits that wait, as many as fit; why there is nothing to do for them when the log is
  // read-only.
  absl::Status TakeGroup(std::vector<Waiter*>* group);
  // Prepares them and puts their records into `frame_`; those behind the last that fits go off
  // `group`.
  void PrepareGroup(std::vector<Waiter*>* group, std::vector<Waiter*>* prepared);
  // Applies a durable group in LSN order, after it has handed the turn on.
  void ApplyGroup(Lsn first_lsn, std::span<Waiter* const> prepared,
                  size_t taken) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // The `count` requests that were prepared last will not be applied.
  void Forget(size_t count);
  static void Refuse(std::span<Waiter* const> waiters, const absl::Status& why);
  // Wakes all but the leader.
  static void Answer(std::span<Waiter* const> waiters, const Waiter* leader);
  // Runs `function` while nothing is between `Prepare` and the end of `Apply`.
  absl::Status RunTurn(const std::function<absl::Status()>& function);
  absl::Status SyncInTurn();
  // Runs a step of `writer_`; memory that runs out in it leaves the file in doubt, as a failed
  // write does.
  absl::Status WithWriter(absl::FunctionRef<absl::Status()> step) const;
  absl::Status OutcomeUnknown(const absl::Status& cause) const;
  void NoteSync(int64_t begin_nanos);
  void PublishSynced(Lsn lsn);
  void PublishVisible();
  void Poison(const absl::Status& cause);
  void RunBackground();
  void StopBackground();

  const LogOptions options_;
  std::unique_ptr<Metrics> metrics_;
  // Made beforehand: when they are needed there may be no memory for them.
  const absl::Status read_only_ = absl::FailedPreconditionError(
      "the log is read-only since a write or sync failed; close and reopen the database to go on");
  const absl::Status writer_starved_ =
      absl::UnavailableError("out of memory while the log was written");
  const absl::Status apply_starved_ =
      absl::UnavailableError("out of memory for a commit that is in the log");
  const absl::Status outcome_unknown_ = absl::UnavailableError(
      "outcome unknown: the log failed while this commit was written; reopening the database shows "
      "whether it happened");

  mutable absl::Mutex mutex_;
  mutable absl::CondVar visible_changed_;
  absl::CondVar background_wake_;
  // Callers in arrival order. One at a time has the turn, the front one until it takes itself off:
  // only its thread touches `writer_`. Nobody has it only when the queue is empty.
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(mutex_);
  bool turn_taken_ ABSL_GUARDED_BY(mutex_) = false;

  // See `Gather`. Commits that were in the last group, that have queued since it handed the turn
  // on, that the leader waits for (0: it does not), and the share of the former that came in time
  // of late.
  size_t answered_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t arrived_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t gather_goal_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t turns_waiting_ ABSL_GUARDED_BY(mutex_) = 0;  // in the queue and no commits
  double returning_share_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::CondVar gathered_;
  std::atomic<int64_t> sync_nanos_{0};  // what a sync takes, smoothed
  absl::Status poisoned_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool background_work_ ABSL_GUARDED_BY(mutex_) = false;

  // Prepared and not applied, in LSN order. Held during `Prepare`, so that none of them is answered
  // meanwhile.
  bool is_apply_broken_ = false;  // under `apply_mutex_`
  absl::Mutex unapplied_mutex_;
  std::vector<CommitRequest*> unapplied_ ABSL_GUARDED_BY(unapplied_mutex_);
  // Taken by a leader before it hands the turn on and held while it applies: groups are applied in
  // order, and at most one while the next is written.
  absl::Mutex apply_mutex_;
  absl::Mutex sync_call_mutex_;  // one `Sync` at a time

  std::unique_ptr<SegmentWriter> writer_;
  std::string frame_;  // the leader's buffer, kept for its capacity
  std::atomic<Lsn> last_lsn_;
  std::atomic<Lsn> synced_lsn_;
  std::atomic<Lsn> visible_lsn_;
  std::thread background_;
};

}  // namespace kyrodb::wal
