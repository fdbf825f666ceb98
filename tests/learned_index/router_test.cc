// Goal:   routing finds the last segment whose first key is <= the key, whatever the first keys
//         are, and in a bounded number of steps.
// Method: tables with random, crowded, geometric and nested-cluster first keys against
//         std::upper_bound; the depth limit and its halving search reached on purpose.

#include "learned_index/model/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "learned_index/model/kernels.h"
#include "tests/learned_index/bound_check.h"

namespace kyrodb::learned_index::model {
namespace {

SegmentTable TableOf(const std::vector<uint64_t>& first_keys) {
  SegmentTable table;
  table.Clear();
  for (uint32_t i = 0; i < first_keys.size(); ++i) {
    table.Append(first_keys[i], {.slope = 0, .position = i});
  }
  table.Seal(static_cast<uint32_t>(first_keys.size()));
  return table;
}

void ExpectRoutesEveryProbe(const std::vector<uint64_t>& first_keys) {
  const SegmentTable table = TableOf(first_keys);
  const Router router(table);
  const View view(table, router);
  EXPECT_LE(router.depth(), Router::kModelDepthMax + 1);
  for (const uint64_t probe : ProbesAround(first_keys)) {
    const auto after = std::upper_bound(first_keys.begin(), first_keys.end(), probe);
    const auto expected =
        static_cast<uint32_t>(std::max<ptrdiff_t>(after - first_keys.begin() - 1, 0));
    for (const Unit unit : kUnits) {
      if (!IsSupported(unit)) continue;
      ASSERT_EQ(KernelsOf(unit).route(view, probe), expected)
          << "key " << probe << ", unit " << static_cast<int>(unit);
    }
  }
}

// Clusters within clusters: each level has ten children, of which the first is a hundred times
// denser than the others, so that every model has a crowded cell.
std::vector<uint64_t> NestedClusters(uint32_t levels, uint64_t base, uint64_t range) {
  std::vector<uint64_t> keys;
  for (uint32_t level = 0; level < levels && range > 1000; ++level) {
    for (uint64_t i = 1; i <= 40; ++i) keys.push_back(base + range / 41 * i);
    range /= 4000;
  }
  for (uint64_t i = 0; i < std::min<uint64_t>(range, 30); ++i) keys.push_back(base + i);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

TEST(RouterTest, FirstKeysOfEveryDistributionAreFound) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    for (const uint64_t count : {1u, 2u, 8u, 9u, 10u, 17u, 100u, 20'000u}) {
      ExpectRoutesEveryProbe(MakeKeys(distribution, count, count));
    }
  }
}

TEST(RouterTest, EvenFirstKeysNeedOneModel) {
  EXPECT_EQ(Router(TableOf(MakeKeys(Distribution::kDense, 10'000, 1))).depth(), 1u);
}

TEST(RouterTest, CrowdedCellsGetModelsOfTheirOwn) {
  const std::vector<uint64_t> keys = NestedClusters(2, 1000, uint64_t{1} << 62);
  EXPECT_GT(Router(TableOf(keys)).depth(), 1u);
  ExpectRoutesEveryProbe(keys);
}

TEST(RouterTest, BelowTheDepthLimitCrowdedCellsAreHalved) {
  const std::vector<uint64_t> keys = NestedClusters(8, 1000, uint64_t{1} << 63);
  EXPECT_EQ(Router(TableOf(keys)).depth(), Router::kModelDepthMax + 1);
  ExpectRoutesEveryProbe(keys);
}

TEST(RouterTest, RandomMixturesOfScalesAreFound) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    std::vector<uint64_t> keys(1 + random.Uniform(400));
    for (uint64_t& key : keys) {
      key = random.OneIn(3) ? ~(random.Next() >> random.Uniform(64))
                            : random.Next() >> random.Uniform(64);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    ASSERT_NO_FATAL_FAILURE(ExpectRoutesEveryProbe(keys));
  }
}

}  // namespace
}  // namespace kyrodb::learned_index::model
