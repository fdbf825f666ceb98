#include "engine/base/clock.h"

#include <chrono>

namespace kyrodb {
namespace {

class SystemClock : public Clock {
 public:
  int64_t WallMicros() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  int64_t SteadyNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

const Clock& Clock::System() {
  // Never destroyed: threads may ask for the time while the process ends.
  static const Clock* const clock = new SystemClock();
  return *clock;
}

}  // namespace kyrodb
