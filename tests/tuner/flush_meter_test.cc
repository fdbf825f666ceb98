// Goal:   the price of a flushed byte is right over whole cycles and stands still within them.
// Method: cycles written by hand.
#include "tuner/flush_meter.h"

#include <gtest/gtest.h>

namespace kyrodb::tuner {
namespace {

Observation Window(uint64_t flushed_bytes, int64_t flush_micros, int64_t write_buffer_bytes = 100) {
  Observation window;
  window.writes = 10;
  window.bytes_written = 50;
  window.flushed_bytes = flushed_bytes;
  window.flush_micros = flush_micros;
  window.allocation.write_buffer_bytes = write_buffer_bytes;
  return window;
}

TEST(FlushMeterTest, ABurstAndItsMergingAreChargedToTheBytesThatCausedThem) {
  FlushMeter meter(0.5);
  EXPECT_FALSE(meter.Add(Window(100, 300)));
  EXPECT_FALSE(meter.Add(Window(0, 100)));
  EXPECT_TRUE(meter.Add(Window(100, 300)));
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(0), 4);
  EXPECT_FALSE(meter.Add(Window(0, 5000)));
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(0), 4) << "moved within a cycle";
  EXPECT_DOUBLE_EQ(meter.MicrosPerOperation(Window(0, 0), 0), 20);
}

TEST(FlushMeterTest, OlderCyclesFade) {
  FlushMeter meter(0.5);
  meter.Add(Window(100, 400));
  meter.Add(Window(100, 1000));
  meter.Add(Window(100, 0));
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(0), (0.5 * 400 + 1000) / (0.5 * 100 + 100));
}

TEST(FlushMeterTest, TheFirstCycleIsPricedAtWhatIsKnownOfItAndNeverBelowTheFallback) {
  FlushMeter meter(0.5);
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(3), 3);
  meter.Add(Window(100, 200));
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(3), 3);
  meter.Add(Window(0, 300));
  EXPECT_DOUBLE_EQ(meter.micros_per_byte(3), 5);
}

TEST(FlushMeterTest, ACycleBelongsToTheWriteBufferItBeganWith) {
  FlushMeter meter(0.5);
  meter.Add(Window(100, 1, 100));
  meter.Add(Window(0, 1, 200));
  meter.Add(Window(200, 1, 200));
  EXPECT_EQ(meter.last_cycle_write_buffer_bytes(), 100);
}

TEST(FlushMeterTest, AnIdleWindowCostsNothing) {
  EXPECT_EQ(FlushMeter(0.5).MicrosPerOperation({}, 7), 0);
}

}  // namespace
}  // namespace kyrodb::tuner
