// Goal:   the same seed gives the same numbers everywhere, and the distributions are what they say.
// Method: the published outputs of splitmix64, a restatement of xoshiro256** from its paper, and
//         counts against bounds of five or more standard deviations.
#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace kyrodb {
namespace {

TEST(RandomTest, SplitMixHasItsPublishedFirstOutputs) {
  // The generator of Vigna's splitmix64.c, started at 0: each step adds the golden gamma.
  EXPECT_EQ(SplitMix64(0), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(SplitMix64(0x9E3779B97F4A7C15u), 0x6E789E6AA1B965F4u);
}

TEST(RandomTest, FollowsXoshiro256StarStar) {
  uint64_t s[4];
  for (uint64_t i = 0; i < 4; ++i) s[i] = SplitMix64(42 + i * 0x9E3779B97F4A7C15u);
  Random random(42);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t five = s[1] * 5;
    const uint64_t expected = ((five << 7) | (five >> 57)) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    ASSERT_EQ(random.Next(), expected);
  }
}

TEST(RandomTest, SameSeedGivesTheSameNumbersAndAnotherDoesNot) {
  Random a(5);
  Random b(5);
  Random c(6);
  int equal_count = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    EXPECT_EQ(value, b.Next());
    if (value == c.Next()) ++equal_count;
  }
  EXPECT_EQ(equal_count, 0);
}

TEST(RandomTest, UniformIsInRangeAndEven) {
  Random random(3);
  for (uint64_t end : {1u, 2u, 3u, 7u, 10u}) {
    std::vector<int> counts(end, 0);
    constexpr int kDraws = 70000;
    for (int i = 0; i < kDraws; ++i) {
      const uint64_t value = random.Uniform(end);
      ASSERT_LT(value, end);
      ++counts[value];
    }
    const double expected = static_cast<double>(kDraws) / static_cast<double>(end);
    for (int count : counts) EXPECT_NEAR(count, expected, 6 * std::sqrt(expected));
  }
}

TEST(RandomTest, UniformHasNoModuloBias) {
  // For end = 3 * 2^62, `Next() % end` would fall into the first third half of the time, and the
  // high half of a product without redrawing would be a multiple of three half of the time.
  Random random(4);
  constexpr uint64_t kEnd = uint64_t{3} << 62;
  constexpr int kDraws = 30000;
  int thirds[3] = {};
  int remainders[3] = {};
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t value = random.Uniform(kEnd);
    ++thirds[value / (kEnd / 3)];
    ++remainders[value % 3];
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(thirds[i], kDraws / 3, 500);
    EXPECT_NEAR(remainders[i], kDraws / 3, 500);
  }
}

TEST(RandomTest, UnitAndNormalHaveTheirMoments) {
  Random random(5);
  constexpr int kDraws = 100000;
  double unit_sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double unit = random.Unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    unit_sum += unit;
    const double normal = random.Normal();
    ASSERT_TRUE(std::isfinite(normal));
    normal_sum += normal;
    normal_squares += normal * normal;
  }
  EXPECT_NEAR(unit_sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(normal_sum / kDraws, 0.0, 0.02);
  EXPECT_NEAR(normal_squares / kDraws, 1.0, 0.03);
}

}  // namespace
}  // namespace kyrodb
