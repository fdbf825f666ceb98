// Goal:   the marginal-utility policy values a step of memory by measured cost, and moves only
//         when that is clearly worth it.
// Method: hand-made windows whose right answer can be computed on paper.
#include "tuner/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace kyrodb::tuner {
namespace {

constexpr int64_t kMiB = 1 << 20;

// 1000 operations; 100 misses of 80 us; no writes.
State ReadWindow(uint64_t window) {
  State state;
  state.window = window;
  state.limits = Limits::ForBudget(64 * kMiB);
  Observation& seen = state.observation;
  seen.reads = 1000;
  seen.pool_hits = 900;
  seen.pool_misses = 100;
  seen.miss_micros = 8000;
  seen.ghost_bytes = 2 * kMiB;
  seen.pool_ghost_hits = 20;
  seen.pool_tail_hits = 30;
  seen.stored_bytes = 1024 * kMiB;
  seen.allocation = {.write_buffer_bytes = 32 * kMiB, .buffer_pool_bytes = 32 * kMiB};
  seen.buffer_pool_bytes_used = 32 * kMiB;
  state.cost_micros_per_operation = 10;
  return state;
}

// The same with 1000 writes that cost 0.02 us per flushed byte beside the reads.
State WriteWindow(uint64_t window) {
  State state = ReadWindow(window);
  Observation& seen = state.observation;
  seen.reads = 100;
  seen.writes = 900;
  seen.pool_ghost_hits = seen.pool_tail_hits = 0;
  seen.pool_misses = 0;
  seen.miss_micros = 0;
  seen.bytes_written = 900'000;
  seen.flush_count = 1;
  seen.flushed_bytes = 900'000;
  seen.flush_micros = 18'000;
  return state;
}

TEST(MarginalUtilityTest, GhostHitsAreWorthTheMissesTheyWouldSave) {
  MarginalUtilityPolicy policy;
  const State state = ReadWindow(1);
  policy.Learn(state);
  const MarginalUtilityPolicy::Worth worth = policy.Estimate(state);
  // A step is 4 MiB: two ghost lengths. 2 * 20 misses of 80 us in 1000 operations.
  EXPECT_NEAR(worth.pool_gain, 3.2, 1e-9);
  EXPECT_NEAR(worth.pool_loss, 4.8, 1e-9);
  EXPECT_EQ(worth.write_gain, 0);
  EXPECT_EQ(worth.write_loss, 0);
}

TEST(MarginalUtilityTest, WriteCostIsWorthTheDerivativeOfTheMergeModel) {
  MarginalUtilityPolicy policy;
  const State state = WriteWindow(1);
  policy.Learn(state);
  // 18 us a write; stored / buffer = 32, so the cost falls as size^-(1 / ln 32).
  const double elasticity = 1 / std::log(32.0);
  EXPECT_NEAR(policy.Estimate(state).write_gain, 18 * (1 - std::pow(32.0 / 36, elasticity)), 0.01);
  EXPECT_NEAR(policy.Estimate(state).write_loss, 18 * (std::pow(32.0 / 28, elasticity) - 1), 0.01);
}

TEST(MarginalUtilityTest, MemoryGoesToTheConsumerThatSavesMore) {
  MarginalUtilityPolicy reads, writes;
  reads.Learn(ReadWindow(1));
  const Action to_pool = reads.Decide(ReadWindow(1));
  ASSERT_EQ(to_pool.kind, Action::Kind::kMove);
  EXPECT_EQ(ActionName(to_pool), "write_buffer -> buffer_pool");
  EXPECT_EQ(to_pool.bytes, 4 * kMiB);
  EXPECT_EQ(to_pool.released_bytes, 4 * kMiB);
  EXPECT_LT(to_pool.predicted_micros_per_operation, 0);

  writes.Learn(WriteWindow(1));
  EXPECT_EQ(ActionName(writes.Decide(WriteWindow(1))), "buffer_pool -> write_buffer");
}

TEST(MarginalUtilityTest, NothingMovesWhenNothingWouldBeSaved) {
  MarginalUtilityPolicy policy;
  State state = ReadWindow(1);
  state.observation.pool_ghost_hits = 0;
  policy.Learn(state);
  EXPECT_EQ(policy.Decide(state).kind, Action::Kind::kHold);
  EXPECT_THAT(policy.Decide(state).reason, testing::HasSubstr("neither"));
}

TEST(MarginalUtilityTest, AConsumerAtItsCeilingDoesNotGrow) {
  MarginalUtilityPolicy policy;
  State state = ReadWindow(1);
  state.limits.buffer_pool_bytes_max = 33 * kMiB;
  policy.Learn(state);
  EXPECT_EQ(policy.Decide(state).bytes, kMiB);
  state.limits.buffer_pool_bytes_max = 32 * kMiB;
  EXPECT_EQ(policy.Decide(state).kind, Action::Kind::kHold);
}

TEST(MarginalUtilityTest, AConsumerAtItsFloorGivesNothing) {
  MarginalUtilityPolicy policy;
  State state = ReadWindow(1);
  state.limits.write_buffer_bytes_min = 32 * kMiB;
  policy.Learn(state);
  EXPECT_EQ(policy.Decide(state).kind, Action::Kind::kHold);
}

TEST(MarginalUtilityTest, FreeMemoryIsUsedBeforeTheOtherIsShrunk) {
  MarginalUtilityPolicy policy;
  State state = ReadWindow(1);
  state.observation.allocation.write_buffer_bytes = 29 * kMiB;
  policy.Learn(state);
  const Action action = policy.Decide(state);
  EXPECT_EQ(action.bytes, 4 * kMiB);
  EXPECT_EQ(action.released_bytes, kMiB);
  EXPECT_EQ(Apply(state.observation.allocation, action).total_bytes(), 64 * kMiB);
}

TEST(MarginalUtilityTest, UndoingAMoveNeedsALargerAdvantage) {
  // The pool's last step is worth 4.8 us/op; the write buffer's next one is made worth 1.5 times
  // that, which is enough for a first move and too little to take one back.
  const auto mixed = [](uint64_t window, int64_t pool_bytes) {
    State state = ReadWindow(window);
    state.observation.writes = 1000;
    state.observation.pool_ghost_hits = 0;
    state.observation.pool_tail_hits = 30;
    state.observation.bytes_written = 1'000'000;
    state.observation.flushed_bytes = 1'000'000;
    state.observation.flush_micros = 215'000;
    state.observation.allocation = {.write_buffer_bytes = 64 * kMiB - pool_bytes,
                                    .buffer_pool_bytes = pool_bytes};
    state.observation.buffer_pool_bytes_used = pool_bytes;
    return state;
  };
  MarginalUtilityPolicy fresh;
  fresh.Learn(mixed(1, 32 * kMiB));
  const MarginalUtilityPolicy::Worth worth = fresh.Estimate(mixed(1, 32 * kMiB));
  ASSERT_GT(worth.write_gain, 1.2 * worth.pool_loss);
  ASSERT_LT(worth.write_gain, 2.0 * worth.pool_loss);
  EXPECT_EQ(ActionName(fresh.Decide(mixed(1, 32 * kMiB))), "buffer_pool -> write_buffer");

  MarginalUtilityPolicy moved;
  moved.Learn(mixed(1, 28 * kMiB));
  moved.Learn(mixed(2, 32 * kMiB));  // the pool has just grown
  EXPECT_EQ(moved.Decide(mixed(2, 32 * kMiB)).kind, Action::Kind::kHold);
}

TEST(MarginalUtilityTest, WithoutGhostsTheValueOfThePoolIsLearnedFromItsResizes) {
  // Misses that do not depend on the size at all: after resizes the pool is worth (almost) nothing.
  MarginalUtilityPolicy policy;
  const auto window = [](uint64_t number, int64_t pool_bytes) {
    State state = ReadWindow(number);
    state.observation.ghost_bytes = 0;
    state.observation.pool_ghost_hits = state.observation.pool_tail_hits = 0;
    state.observation.allocation.buffer_pool_bytes = pool_bytes;
    state.observation.buffer_pool_bytes_used = pool_bytes;
    return state;
  };
  uint64_t number = 0;
  policy.Learn(window(++number, 16 * kMiB));
  const double believed = policy.Estimate(window(number, 16 * kMiB)).pool_gain;
  EXPECT_GT(believed, 0.5);
  for (int64_t size = 16; size <= 32; size += 4) {
    for (int i = 0; i < 6; ++i) policy.Learn(window(++number, size * kMiB));
  }
  for (int i = 0; i < 6; ++i) policy.Learn(window(++number, 16 * kMiB));
  EXPECT_LT(policy.Estimate(window(number, 16 * kMiB)).pool_gain, believed / 4);
}

TEST(PolicyTest, PoliciesAreMadeByName) {
  for (const char* name : {"static", "marginal_utility"}) {
    const auto policy = MakePolicy(name);
    ASSERT_TRUE(policy.ok());
    EXPECT_EQ((*policy)->name(), name);
    EXPECT_GE((*policy)->version(), 1);
  }
  EXPECT_EQ(MakePolicy("dqn").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(MakePolicy("dqn").status().message()), testing::HasSubstr("\"dqn\""));
}

}  // namespace
}  // namespace kyrodb::tuner
