// The tuner's diary: every decision with what was seen, done, expected and then observed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tuner/environment.h"
#include "tuner/policy.h"

namespace kyrodb::tuner {

// Off: nothing is read or changed. Observe: decisions are written down, nothing is changed.
// Auto: decisions are carried out.
enum class Mode { kOff, kObserve, kAuto };
absl::string_view ModeName(Mode mode);
// "off", "observe" or "auto"; `InvalidArgument` otherwise.
absl::StatusOr<Mode> ParseMode(absl::string_view name);

enum class Verdict {
  kHeld,          // nothing to do
  kAdvised,       // observe mode: would have moved
  kPending,       // moved, settle windows are running
  kKept,          // moved, and the cost did not regress beyond noise
  kReverted,      // moved, regressed, and taken back
  kInconclusive,  // moved, but the workload changed before it could be judged
  kFailed         // the environment refused; nothing moved
};
absl::string_view VerdictName(Verdict verdict);

// One row of `kyro_tuner_decisions`.
struct Decision {
  uint64_t id = 0;      // from 1, without gaps
  uint64_t window = 0;  // window in which it was taken
  int64_t wall_micros = 0;
  Mode mode = Mode::kOff;
  std::string policy;
  int policy_version = 0;

  // The state in short.
  uint64_t operations = 0;
  double read_share = 0;      // of operations
  double pool_hit_ratio = 0;  // of block reads
  double cost_micros_per_operation = 0;
  Allocation before;

  std::string action;  // ActionName, or "fit limits", or "revert"
  std::string reason;
  Allocation after;  // equal to `before` unless something moved
  double predicted_micros_per_operation = 0;
  std::optional<double> observed_micros_per_operation;  // once settled
  Verdict verdict = Verdict::kHeld;
  std::string detail;  // the environment's error, or why a verdict fell

  uint64_t repeated = 0;  // further windows in a row with the same held, advised or failed decision
};

// A bounded ring, newest last, and an optional sink that stores rows durably.
//
// Thread-safety:  all methods may be called from any thread; the sink runs in the thread that
//                 writes, without a lock held.
class Journal {
 public:
  // Called with each new decision, and again with the same id when its verdict falls. Decisions
  // that repeat are reported once.
  using Sink = std::function<void(const Decision&)>;

  // Keeps the last `capacity` >= 1 decisions.
  explicit Journal(size_t capacity, Sink sink = nullptr);

  // Assigns and returns the id. A held, advised or failed decision that equals the newest row
  // (but for window, time and measured values) only adds to its `repeated` and returns its id.
  uint64_t Append(Decision decision);

  // Fills in how a decision ended. Does nothing when the row has left the ring.
  void Conclude(uint64_t id, Verdict verdict, std::optional<double> observed_micros_per_operation,
                std::string detail);

  // Oldest first, at most the last `count_max`.
  std::vector<Decision> Last(size_t count_max) const;
  // Number of decisions ever appended.
  uint64_t count() const;

 private:
  const size_t capacity_;
  const Sink sink_;
  mutable absl::Mutex mutex_;
  std::deque<Decision> rows_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace kyrodb::tuner
