// Goal:   the model replays from its seed and bends the way an engine does.
// Method: run windows at different sizes and compare costs.
#include "tuner/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kyrodb::tuner {
namespace {

constexpr int64_t kMiB = 1 << 20;

double MeanCost(Simulator& simulator, int warm, int measured) {
  double sum = 0;
  for (int i = 0; i < warm + measured; ++i) {
    EXPECT_TRUE(simulator.Observe().ok());
    if (i >= warm) sum += simulator.true_cost_micros_per_operation();
  }
  return sum / measured;
}

TEST(SimulatorTest, EqualSeedsGiveEqualWindowsAndOtherSeedsOthers) {
  Simulator a({.seed = 5});
  Simulator b({.seed = 5});
  Simulator c({.seed = 6});
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const Observation seen = *a.Observe();
    const Observation same = *b.Observe();
    EXPECT_EQ(seen.pool_misses, same.pool_misses);
    EXPECT_EQ(seen.cost_micros_per_operation, same.cost_micros_per_operation);
    differs |= seen.pool_misses != c.Observe()->pool_misses;
  }
  EXPECT_TRUE(differs);
}

TEST(SimulatorTest, ALargerPoolMakesReadsCheaper) {
  const Phase reads{.read_share = 1.0};
  Simulator small({.allocation = {8 * kMiB, 8 * kMiB}, .phase = reads});
  Simulator large({.allocation = {8 * kMiB, 64 * kMiB}, .phase = reads});
  EXPECT_GT(MeanCost(small, 40, 20), 1.2 * MeanCost(large, 40, 20));
}

TEST(SimulatorTest, ALargerWriteBufferMakesWritesCheaper) {
  const Phase writes{.read_share = 0.0};
  Simulator small({.allocation = {2 * kMiB, 8 * kMiB}, .phase = writes});
  Simulator large({.allocation = {24 * kMiB, 8 * kMiB}, .phase = writes});
  EXPECT_GT(MeanCost(small, 100, 200), 1.2 * MeanCost(large, 100, 200));
}

TEST(SimulatorTest, GhostHitsForecastWhatAGrowthSaves) {
  SimulatorOptions options{.allocation = {8 * kMiB, 16 * kMiB}, .phase = {.read_share = 1.0}};
  Simulator simulator(options);
  options.allocation.buffer_pool_bytes += options.ghost_bytes;
  Simulator grown(options);
  uint64_t misses = 0, forecast = 0, grown_misses = 0;
  for (int i = 0; i < 100; ++i) {
    const Observation seen = *simulator.Observe();
    const Observation larger = *grown.Observe();
    if (i < 40) continue;
    misses += seen.pool_misses;
    forecast += seen.pool_ghost_hits;
    grown_misses += larger.pool_misses;
  }
  // Both read the same pages, so the forecast is exact.
  EXPECT_EQ(misses - forecast, grown_misses);
}

TEST(SimulatorTest, AnAllocationBelowAPageIsRefused) {
  Simulator simulator({});
  const Allocation before = simulator.allocation();
  const absl::Status status = simulator.SetAllocation({.write_buffer_bytes = 100});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("write buffer of 100 and buffer pool of 0 bytes"));
  EXPECT_TRUE(simulator.allocation() == before);
}

}  // namespace
}  // namespace kyrodb::tuner
