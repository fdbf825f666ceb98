// Time, passed in: the real clock in the program, a manual one in tests.
#pragma once

#include <atomic>
#include <cstdint>

namespace kyrodb {

// Units:          microseconds since the Unix epoch (`WallMicros`) or since an arbitrary start
//                 (`SteadyNanos`, which never goes back).
// Thread-safety:  all methods may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t WallMicros() const = 0;
  virtual int64_t SteadyNanos() const = 0;

  // The operating system's clocks; lives for the whole process.
  static const Clock& System();
};

// Stands still until it is told to move.
class ManualClock : public Clock {
 public:
  explicit ManualClock(int64_t wall_micros = 0) : micros_(wall_micros) {}
  int64_t WallMicros() const override { return micros_.load(std::memory_order_relaxed); }
  int64_t SteadyNanos() const override { return micros_.load(std::memory_order_relaxed) * 1000; }
  void AdvanceMicros(int64_t micros) { micros_.fetch_add(micros, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> micros_;
};

}  // namespace kyrodb
