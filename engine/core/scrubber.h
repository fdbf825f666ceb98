// Reads all pages of all runs again and again, slowly, so that damage is found while there is still
// a backup to restore from, and not by the reader who needs the page years later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/core/space_table.h"
#include "engine/database.h"

namespace kyrodb::engine {

class Run;

struct ScrubberContext {
  const SpaceTable* spaces = nullptr;
  const Clock* clock = nullptr;
  MetricsRegistry* metrics = nullptr;
  const Knob* bytes_per_second = nullptr;  // 0: rest
  const Knob* pause_seconds = nullptr;     // between two cycles
  // Told of each damage once, from the scrubber's thread. May be empty.
  std::function<void(absl::string_view message)> on_damage;
};

// A cycle looks at the runs that were there when it began, those that go meanwhile left out. It
// holds none of them longer than one read. Pages are read past the buffer pool: what is in memory
// was checked when it came. What the operating system has cached is not read from the device.
//
// Units:          at most `bytes_per_second` by the clock, and one read of 128 KiB more.
// Thread-safety:  `Start` and `Stop` once, by one thread; `findings` from any; `Step` from one
//                 thread at a time, and only without `Start`.
class Scrubber {
 public:
  explicit Scrubber(const ScrubberContext& context);
  ~Scrubber() { Stop(); }
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  // Begins with the first pause, or after a minute when that is longer.
  void Start();
  // Waits for a read that is under way.
  void Stop();

  // Does one read if the clock allows it; else returns how long it will take until that.
  absl::Duration Step();

  // What was found and is not gone with its file, oldest first.
  std::vector<DamageFinding> findings() const;

 private:
  void RunThread();
  // The next run of this cycle that is still there; null at the end of the cycle.
  std::shared_ptr<const Run> NextRun();
  void BeginCycle();
  void EndCycle();
  void Report(const std::string& file, const absl::Status& status);

  const ScrubberContext context_;
  Counter& pages_;
  Counter& damaged_pages_;
  Counter& cycles_;
  Counter& failures_;

  // Of the thread that calls Step.
  bool in_cycle_ = false;
  int64_t next_cycle_nanos_ = 0;
  int64_t last_nanos_ = 0;  // when the tokens were last counted
  double tokens_ = 0;       // bytes that may be read
  std::vector<std::weak_ptr<const Run>> runs_;
  size_t run_ = 0;
  uint64_t page_ = 0;  // the next one of runs_[run_]
  std::string buffer_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<DamageFinding> findings_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace kyrodb::engine
