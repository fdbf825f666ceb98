// Reads all pages of all runs and value files again and again, slowly, so that damage is found
// while there is still a backup to restore from, and not by the reader who needs the page years
// later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
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
class ValueFile;

struct ScrubberContext {
  const SpaceTable* spaces = nullptr;
  const Clock* clock = nullptr;
  MetricsRegistry* metrics = nullptr;
  const Knob* bytes_per_second = nullptr;  // 0: rest
  const Knob* pause_seconds = nullptr;     // between two cycles
  // Told of each damage once, from the scrubber's thread. May be empty.
  std::function<void(absl::string_view message)> on_damage;
};

// A cycle looks at the files that were there when it began, those that go meanwhile left out. It
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
  // A run or a value file.
  struct File {
    std::shared_ptr<const Run> run;
    std::shared_ptr<const ValueFile> values;

    explicit operator bool() const { return run != nullptr || values != nullptr; }
    const std::string& path() const;
    uint64_t page_count() const;
    uint64_t file_bytes() const;
    absl::Status CheckPages(uint64_t begin, uint64_t end, std::string* buffer,
                            absl::FunctionRef<void(const absl::Status&)> found) const;
    absl::Status CheckTail(absl::FunctionRef<void(const absl::Status&)> found) const;
  };
  struct WeakFile {
    std::weak_ptr<const Run> run;
    std::weak_ptr<const ValueFile> values;

    File lock() const { return {.run = run.lock(), .values = values.lock()}; }
  };
  // The next file of this cycle that is still there; none at the end of the cycle.
  File NextFile();
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
  std::vector<WeakFile> files_;
  size_t file_ = 0;
  uint64_t page_ = 0;  // the next one of files_[file_]
  std::string buffer_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<DamageFinding> findings_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace kyrodb::engine
