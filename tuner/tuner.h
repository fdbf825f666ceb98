// The loop: observe a window, let the policy decide, move one step within hard bounds, let it
// settle, compare with what was predicted, keep or take back, and write all of it down.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "tuner/environment.h"
#include "tuner/journal.h"
#include "tuner/policy.h"

namespace kyrodb::tuner {

struct TunerOptions {
  Limits limits;
  Mode mode = Mode::kAuto;
  // Windows with fewer operations teach nothing and change nothing.
  uint64_t operations_min = 500;
  // Windows after a move in which nothing else moves; their mean is the observed effect.
  int settle_windows = 2;
  // Windows for which a move that regressed or failed is not tried again.
  int ban_windows = 40;
  // A move is taken back when every settle window, flushes and merges aside, costs more than was
  // predicted by this many standard deviations of the earlier windows …
  double regression_sigmas = 3;
  // … and by at least this part of the cost (four times as much after few earlier windows).
  double regression_part_min = 0.05;
  // The workload counts as changed when the share of reads moves by more than this.
  double context_shift_min = 0.10;
  size_t journal_capacity = 1024;
  Journal::Sink journal_sink;
};

// Thread-safety:  all methods may be called from any thread. The environment and the policy are
//                 only called from `StepOnce` or the thread that `Start` makes, one at a time.
// Lifetime:       environment and clock must outlive the tuner; the destructor stops the thread.
class Tuner {
 public:
  // `InvalidArgument` when limits or options are out of range. Touches nothing yet.
  static absl::StatusOr<std::unique_ptr<Tuner>> Create(TunerOptions options,
                                                       std::unique_ptr<Policy> policy,
                                                       Environment& environment,
                                                       const Clock& clock);
  ~Tuner();
  Tuner(const Tuner&) = delete;
  Tuner& operator=(const Tuner&) = delete;

  // Runs one window now: everything but waiting. Does nothing in mode off. Returns the error of
  // `Environment::Observe`; a move that fails is not an error here but a journal row.
  absl::Status StepOnce();

  // Calls `StepOnce` every `interval` in a thread of its own. `InvalidArgument` unless the
  // interval is positive, `FailedPrecondition` when it runs already. Errors of single windows are
  // counted and do not end the loop.
  absl::Status Start(absl::Duration interval);
  // Ends the thread after the window in progress. May be called when nothing runs.
  void Stop();

  // Takes effect with the next window. A move that is settling when the mode leaves auto is
  // recorded as inconclusive.
  void SetMode(Mode mode);
  Mode mode() const;

  // New bounds, for instance when the budget changes at run time. In auto mode the next window
  // first brings the allocation within them, however far that is, shrinking before growing.
  absl::Status SetLimits(const Limits& limits);
  Limits limits() const;

  const Journal& journal() const { return journal_; }

  // Counters since creation.
  struct Status {
    Mode mode = Mode::kOff;
    bool running = false;
    std::string policy;
    uint64_t windows = 0;
    uint64_t moves = 0;
    uint64_t reverts = 0;
    uint64_t failures = 0;                 // moves that the environment refused
    uint64_t observe_errors = 0;           // windows without an observation
    double cost_micros_per_operation = 0;  // of the last window with traffic
    Allocation allocation;                 // as last observed or set
  };
  Status status() const;

 private:
  struct Loop;
  Tuner(TunerOptions options, std::unique_ptr<Policy> policy, Environment& environment,
        const Clock& clock);
  void Run(absl::Duration interval);

  Journal journal_;
  mutable absl::Mutex mutex_;                            // guards what callers read
  absl::Mutex step_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // one window at a time
  Mode mode_ ABSL_GUARDED_BY(mutex_);
  Limits limits_ ABSL_GUARDED_BY(mutex_);
  Status status_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Loop> loop_ ABSL_PT_GUARDED_BY(step_mutex_);
  absl::Mutex thread_mutex_;  // serialises Start and Stop
  std::thread thread_ ABSL_GUARDED_BY(thread_mutex_);
};

}  // namespace kyrodb::tuner
