// Goal:   the system's clock tells a plausible time in the promised units; the manual clock moves
//         only when told.
// Method: compare with the C library's time and with itself.
#include "engine/base/clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace kyrodb {
namespace {

TEST(ClockTest, SystemWallClockCountsMicrosecondsSinceTheEpoch) {
  const int64_t before = static_cast<int64_t>(std::time(nullptr)) - 1;
  const int64_t micros = Clock::System().WallMicros();
  const int64_t after = static_cast<int64_t>(std::time(nullptr)) + 1;
  EXPECT_GE(micros, before * 1'000'000);
  EXPECT_LE(micros, after * 1'000'000);
}

TEST(ClockTest, SystemSteadyClockNeverGoesBackAndDoesMove) {
  const int64_t start = Clock::System().SteadyNanos();
  int64_t last = start;
  while (last == start) {
    const int64_t now = Clock::System().SteadyNanos();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, ManualClockMovesOnlyWhenTold) {
  ManualClock clock(5);
  EXPECT_EQ(clock.WallMicros(), 5);
  EXPECT_EQ(clock.SteadyNanos(), 5000);
  clock.AdvanceMicros(7);
  EXPECT_EQ(clock.WallMicros(), 12);
  EXPECT_EQ(clock.SteadyNanos(), 12000);
}

}  // namespace
}  // namespace kyrodb
