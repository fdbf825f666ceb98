// Goal:   the bound of every possible key contains its lower bound, for every run of keys; wrong
//         input is refused by name; the streaming builder gives the same model as `Train`.
// Method: ten distributions chosen to break learned indexes, probed at every key, beside every
//         key, inside every gap, at the ends of the universe and at random; every subset of small
//         universes with every probe; seeded random runs with hostile gaps. The oracle is
//         std::lower_bound. KYRO_TEST_SEED replays a failure.

#include "learned_index/recursive_model_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "tests/learned_index/bound_check.h"

namespace kyrodb::learned_index {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

uint64_t TestSeed() {
  const char* const text = std::getenv("KYRO_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240611;
}

RecursiveModelIndex TrainOrDie(const std::vector<uint64_t>& keys, uint32_t epsilon = 16) {
  auto index = RecursiveModelIndex::Train(keys, {.epsilon = epsilon});
  EXPECT_TRUE(index.ok()) << index.status();
  return *std::move(index);
}

std::string Encoded(const RecursiveModelIndex& index) {
  std::string bytes;
  index.Encode(&bytes);
  return bytes;
}

class DistributionTest : public testing::TestWithParam<Distribution> {};

TEST_P(DistributionTest, BoundHoldsForEveryProbe) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (const uint32_t epsilon : {1u, 4u, 16u, 64u}) {
    const std::vector<uint64_t> keys = MakeKeys(GetParam(), 40'000, seed + epsilon);
    const RecursiveModelIndex index = TrainOrDie(keys, epsilon);
    EXPECT_EQ(index.key_count(), keys.size());
    EXPECT_EQ(index.epsilon(), epsilon);
    EXPECT_LE(index.bound_width_max(), 2 * epsilon);
    std::vector<uint64_t> probes = ProbesAround(keys);
    Random random(seed);
    for (int i = 0; i < 20'000; ++i) {
      probes.push_back(random.Next() >> random.Uniform(64));
      probes.push_back(keys.front() + random.Uniform(keys.back() - keys.front()));
    }
    std::vector<SearchBound> bounds(probes.size());
    index.FindBatch(probes, bounds);
    for (size_t i = 0; i < probes.size(); ++i) {
      const SearchBound bound = index.Find(probes[i]);
      ASSERT_TRUE(BoundHolds(keys, bound, probes[i], index.bound_width_max()))
          << "epsilon " << epsilon;
      ASSERT_EQ(bound.begin, bounds[i].begin) << probes[i];
      ASSERT_EQ(bound.end, bounds[i].end) << probes[i];
    }
  }
}

TEST_P(DistributionTest, BuilderGivesTheSameBytesAsTrain) {
  const std::vector<uint64_t> keys = MakeKeys(GetParam(), 100'000, TestSeed());
  RecursiveModelIndexBuilder builder;
  for (const uint64_t key : keys) ASSERT_TRUE(builder.Add(key).ok());
  EXPECT_EQ(builder.key_count(), keys.size());
  const auto built = builder.Finish();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(Encoded(*built), Encoded(TrainOrDie(keys)));
}

INSTANTIATE_TEST_SUITE_P(All, DistributionTest, testing::ValuesIn(kDistributions),
                         [](const auto& test) { return NameOf(test.param); });

TEST(RecursiveModelIndexTest, TheEmptyRunHasTheEmptyBound) {
  const RecursiveModelIndex untrained;
  const RecursiveModelIndex trained = TrainOrDie({});
  for (const RecursiveModelIndex* index : {&untrained, &trained}) {
    EXPECT_EQ(index->key_count(), 0u);
    EXPECT_EQ(index->segment_count(), 0u);
    EXPECT_EQ(index->depth(), 0u);
    EXPECT_EQ(index->bound_width_max(), 0u);
    for (const uint64_t probe : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, kMax}) {
      EXPECT_EQ(index->Find(probe).begin, 0u) << probe;
      EXPECT_EQ(index->Find(probe).end, 0u) << probe;
    }
  }
}

TEST(RecursiveModelIndexTest, RunsOfOneAndTwoExtremeKeysHold) {
  const std::vector<std::vector<uint64_t>> runs = {
      {0}, {kMax}, {1}, {kMax - 1}, {0, 1}, {0, kMax}, {kMax - 1, kMax}, {uint64_t{1} << 63}};
  for (const auto& keys : runs) {
    const RecursiveModelIndex index = TrainOrDie(keys, 1);
    for (const uint64_t probe : ProbesAround(keys)) {
      ASSERT_TRUE(BoundHolds(keys, index.Find(probe), probe, keys.size()));
    }
  }
}

// Every subset of a universe, every probe in it: in a small universe nothing is left to chance.
// The universes put neighbours, large gaps and both ends of the key space side by side.
TEST(RecursiveModelIndexTest, EverySubsetOfSmallUniversesHolds) {
  const std::vector<std::vector<uint64_t>> universes = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14},
      {0, 1, 2, 1000, 1001, 1002, uint64_t{1} << 32, (uint64_t{1} << 53) + 1,
       (uint64_t{1} << 53) + 2, (uint64_t{1} << 63) - 1, uint64_t{1} << 63, (uint64_t{1} << 63) + 1,
       kMax - 2, kMax - 1, kMax}};
  for (const std::vector<uint64_t>& universe : universes) {
    const std::vector<uint64_t> probes = ProbesAround(universe);
    for (uint32_t subset = 0; subset < (1u << universe.size()); ++subset) {
      std::vector<uint64_t> keys;
      for (size_t i = 0; i < universe.size(); ++i) {
        if ((subset >> i & 1) != 0) keys.push_back(universe[i]);
      }
      const RecursiveModelIndex index = TrainOrDie(keys, 1);
      for (const uint64_t probe : probes) {
        ASSERT_TRUE(BoundHolds(keys, index.Find(probe), probe, 2)) << "subset " << subset;
      }
    }
  }
}

// Gaps of random magnitude from run to run and from stretch to stretch, at every scale: many
// segments, crowded cells, deep roots.
TEST(RecursiveModelIndexTest, RandomHostileRunsHold) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 400; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", round " << round);
    Random random(SplitMix64(seed + round));
    const uint64_t count = 1 + random.Uniform(3000);
    const auto epsilon = static_cast<uint32_t>(1 + random.Uniform(8));
    std::vector<uint64_t> keys = {random.OneIn(3) ? 0 : random.Next() >> random.Uniform(64)};
    uint64_t magnitude = random.Uniform(40);
    while (keys.size() < count) {
      if (random.OneIn(1 + random.Uniform(40)))
        magnitude = random.Uniform(random.OneIn(20) ? 60 : 40);
      const uint64_t gap = 1 + random.Uniform(uint64_t{1} << magnitude);
      if (keys.back() > kMax - gap) break;
      keys.push_back(keys.back() + gap);
    }
    if (random.OneIn(2) && keys.back() != kMax) keys.push_back(kMax);
    const RecursiveModelIndex index = TrainOrDie(keys, epsilon);
    for (const uint64_t probe : ProbesAround(keys)) {
      ASSERT_TRUE(BoundHolds(keys, index.Find(probe), probe, 2 * epsilon));
    }
  }
}

TEST(RecursiveModelIndexTest, EpsilonAtBothLimitsHolds) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kClustered, 200'000, TestSeed());
  for (const uint32_t epsilon : {1u, kEpsilonMax}) {
    const RecursiveModelIndex index = TrainOrDie(keys, epsilon);
    EXPECT_LE(index.bound_width_max(), 2 * uint64_t{epsilon});
    for (size_t i = 0; i < keys.size(); i += 7) {
      ASSERT_TRUE(BoundHolds(keys, index.Find(keys[i]), keys[i], 2 * uint64_t{epsilon}));
      ASSERT_TRUE(BoundHolds(keys, index.Find(keys[i] + 1), keys[i] + 1, 2 * uint64_t{epsilon}));
    }
  }
}

TEST(RecursiveModelIndexTest, AnArithmeticProgressionIsOneSegmentOfEachFullLength) {
  for (const uint64_t step : {uint64_t{1}, uint64_t{3}, uint64_t{1} << 40}) {
    std::vector<uint64_t> keys;
    for (uint64_t i = 0; i < 200'000; ++i) keys.push_back((uint64_t{1} << 63) + i * step);
    // 200,000 keys in segments of at most 65,536.
    EXPECT_EQ(TrainOrDie(keys).segment_count(), 4u) << step;
  }
}

TEST(RecursiveModelIndexTest, ModelIsSmallWhereKeysAreSmooth) {
  for (const Distribution distribution :
       {Distribution::kDense, Distribution::kDenseWithGaps, Distribution::kUniform}) {
    const std::vector<uint64_t> keys = MakeKeys(distribution, 200'000, TestSeed());
    EXPECT_LT(static_cast<double>(TrainOrDie(keys).size_bytes()),
              0.3 * static_cast<double>(keys.size()))
        << NameOf(distribution);
  }
}

TEST(RecursiveModelIndexTest, ADuplicateKeyIsRefusedByPositionAndValue) {
  const auto index = RecursiveModelIndex::Train(std::vector<uint64_t>{5, 7, 9, 9, 12});
  EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(index.status().message(),
              AllOf(HasSubstr("strictly increasing"), HasSubstr("key 9 at position 3 follows 9")));
}

TEST(RecursiveModelIndexTest, ADescendingKeyIsRefusedByPositionAndValue) {
  const auto index = RecursiveModelIndex::Train(std::vector<uint64_t>{kMax, 0});
  EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(index.status().message(),
              HasSubstr("key 0 at position 1 follows 18446744073709551615"));
}

TEST(RecursiveModelIndexTest, AnEpsilonOutOfRangeIsRefusedByValue) {
  for (const uint32_t epsilon : {0u, kEpsilonMax + 1}) {
    const auto index = RecursiveModelIndex::Train({}, {.epsilon = epsilon});
    EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(index.status().message(), HasSubstr("epsilon"));
    EXPECT_THAT(index.status().message(), HasSubstr(std::to_string(epsilon)));
  }
}

TEST(RecursiveModelIndexBuilderTest, TheFirstErrorSticks) {
  RecursiveModelIndexBuilder builder;
  ASSERT_TRUE(builder.Add(10).ok());
  const absl::Status first = builder.Add(10);
  EXPECT_EQ(first.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(builder.Add(11), first);
  EXPECT_EQ(builder.Finish().status(), first);
}

TEST(RecursiveModelIndexBuilderTest, ABuilderServesRunAfterRun) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kLogNormal, 10'000, TestSeed());
  RecursiveModelIndexBuilder builder;
  for (int run = 0; run < 3; ++run) {
    for (const uint64_t key : keys) ASSERT_TRUE(builder.Add(key).ok());
    const auto index = builder.Finish();
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(builder.key_count(), 0u);
    EXPECT_EQ(Encoded(*index), Encoded(TrainOrDie(keys))) << run;
  }
}

}  // namespace
}  // namespace kyrodb::learned_index
