// Goal:   limits say exactly which splits are allowed and bring every other one into them.
// Method: hand-picked cases, then random limits and splits.
#include "tuner/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace kyrodb::tuner {
namespace {

using ::testing::HasSubstr;

TEST(LimitsTest, ForBudgetIsValidAndLeavesEachOneItsFloor) {
  for (const int64_t budget : {int64_t{2}, int64_t{16}, int64_t{1000}, int64_t{1} << 40}) {
    const Limits limits = Limits::ForBudget(budget);
    EXPECT_TRUE(limits.Validate().ok()) << budget << ": " << limits.Validate();
    EXPECT_LE(limits.write_buffer_bytes_max + limits.buffer_pool_bytes_min, budget);
    EXPECT_LE(limits.buffer_pool_bytes_max + limits.write_buffer_bytes_min, budget);
  }
}

TEST(LimitsTest, ImpossibleLimitsAreRefusedWithTheirValues) {
  const auto message = [](const Limits& limits) {
    EXPECT_EQ(limits.Validate().code(), absl::StatusCode::kInvalidArgument);
    return std::string(limits.Validate().message());
  };
  EXPECT_THAT(message({}), HasSubstr("budget is 0 bytes"));
  Limits limits = Limits::ForBudget(1600);
  limits.write_buffer_bytes_min = 0;
  EXPECT_THAT(message(limits), HasSubstr("write_buffer has floor 0"));
  limits = Limits::ForBudget(1600);
  limits.buffer_pool_bytes_max = 50;
  EXPECT_THAT(message(limits), HasSubstr("buffer_pool has floor 100 and ceiling 50"));
  limits = Limits::ForBudget(1600);
  limits.write_buffer_bytes_min = limits.write_buffer_bytes_max = INT64_MAX;
  EXPECT_THAT(message(limits), HasSubstr("above the budget of 1600"));
}

TEST(LimitsTest, FitReturnsWhatIsAllowedUnchangedAndBringsTheRestWithin) {
  Random random(20261120);
  int outside = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto up_to = [&](int64_t end) {
      return static_cast<int64_t>(random.Uniform(static_cast<uint64_t>(end)));
    };
    const int64_t budget = 2 + up_to(1000);
    Limits limits = Limits::ForBudget(budget);
    limits.write_buffer_bytes_min = 1 + up_to(budget - 1);
    limits.buffer_pool_bytes_min = 1 + up_to(budget - limits.write_buffer_bytes_min);
    limits.write_buffer_bytes_max = limits.write_buffer_bytes_min + up_to(budget * 2);
    limits.buffer_pool_bytes_max = limits.buffer_pool_bytes_min + up_to(budget * 2);
    ASSERT_TRUE(limits.Validate().ok()) << limits.Validate();
    const Allocation wanted{.write_buffer_bytes = up_to(2 * budget),
                            .buffer_pool_bytes = up_to(2 * budget)};
    const Allocation fitted = limits.Fit(wanted);
    ASSERT_TRUE(limits.Contains(fitted))
        << "case " << i << ": " << fitted.write_buffer_bytes << " + " << fitted.buffer_pool_bytes;
    if (limits.Contains(wanted)) {
      ASSERT_TRUE(fitted == wanted) << "case " << i;
    } else {
      ++outside;
    }
  }
  EXPECT_GT(outside, 1000);
}

}  // namespace
}  // namespace kyrodb::tuner
