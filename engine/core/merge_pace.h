// How fast merges may go, and when they must give up.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/knobs.h"

namespace kyrodb::engine {

// A bucket that fills by `rate` bytes a second and holds a tenth of a second. Takers may go into
// debt and have to wait until it is paid.
//
// Thread-safety:  one thread at a time.
class TokenBucket {
 public:
  // Takes `bytes` at the time `now_nanos`, which never goes back; returns until when the taker has
  // to wait. A rate of 0 is no limit.
  int64_t Take(uint64_t bytes, uint64_t rate, int64_t now_nanos) {
    if (rate == 0) return now_nanos;
    constexpr int64_t kBurstNanos = 100'000'000;
    paid_until_nanos_ = std::max(paid_until_nanos_, now_nanos - kBurstNanos);
    paid_until_nanos_ +=
        static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate));
    return std::max(paid_until_nanos_, now_nanos);
  }

 private:
  int64_t paid_until_nanos_ = INT64_MIN / 2;
};

// Thread-safety:  `Spend` by one thread at a time; `Cancel` from any.
class MergePace {
 public:
  MergePace(const Clock* clock, const Knob* bytes_per_second)
      : clock_(clock), bytes_per_second_(bytes_per_second) {}

  // A merge has come `bytes` further. Waits as long as the knob demands, not at all for 0 bytes;
  // `Cancelled` after `Cancel`.
  absl::Status Spend(uint64_t bytes) {
    const auto rate = static_cast<uint64_t>(bytes_per_second_->value());
    const int64_t until_nanos = bucket_.Take(bytes, rate, clock_->SteadyNanos());
    for (;;) {
      if (cancelled_.load(std::memory_order_relaxed)) {
        return absl::CancelledError("merge was given up because the database closes");
      }
      const int64_t wait_nanos = until_nanos - clock_->SteadyNanos();
      if (wait_nanos <= 0 || bytes == 0) return absl::OkStatus();
      // A knob that was set meanwhile sets it free: what was owed was owed at the old rate.
      if (static_cast<uint64_t>(bytes_per_second_->value()) != rate) {
        bucket_ = TokenBucket();
        return absl::OkStatus();
      }
      absl::MutexLock lock(&mutex_);
      constexpr absl::Duration kLookAgain = absl::Milliseconds(50);
      mutex_.AwaitWithTimeout(
          absl::Condition(
              +[](std::atomic<bool>* cancelled) { return cancelled->load(); }, &cancelled_),
          std::min(absl::Nanoseconds(wait_nanos), kLookAgain));
    }
  }

  void Cancel() {
    absl::MutexLock lock(&mutex_);
    cancelled_.store(true);
  }

 private:
  const Clock* const clock_;
  const Knob* const bytes_per_second_;
  TokenBucket bucket_;
  absl::Mutex mutex_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kyrodb::engine
