// Goal:   merges keep the number of runs bounded at a logarithmic cost, and deletes give space
// back. Method: chosen lists of sizes; a simulation of ten thousand flushes.
#include "engine/storage/compaction_policy.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace kyrodb::engine {
namespace {

std::vector<RunSize> Sizes(const std::vector<uint64_t>& bytes) {
  std::vector<RunSize> runs;
  for (const uint64_t b : bytes) {
    runs.push_back({.file_bytes = b, .entry_count = b, .tombstone_count = 0});
  }
  return runs;
}

TEST(CompactionPolicyTest, NothingIsMergedUpToTheLimit) {
  EXPECT_FALSE(PickCompaction({}).has_value());
  EXPECT_FALSE(PickCompaction(Sizes({1})).has_value());
  EXPECT_FALSE(PickCompaction(Sizes({1, 1, 1, 1})).has_value());
  EXPECT_FALSE(PickCompaction(Sizes({9, 1, 1, 1})).has_value());
}

TEST(CompactionPolicyTest, TheNewestRunsAreMergedUntilALargerOne) {
  const auto pick = PickCompaction(Sizes({1, 1, 12, 60, 400}));
  ASSERT_TRUE(pick.has_value());
  EXPECT_EQ(pick->begin, 0u);
  EXPECT_EQ(pick->end, 2u);
}

TEST(CompactionPolicyTest, RunsOfSimilarSizeAreMergedTogether) {
  EXPECT_EQ(PickCompaction(Sizes({1, 1, 1, 1, 1}))->end, 5u);
  EXPECT_EQ(PickCompaction(Sizes({1, 1, 2, 4, 100}))->end, 4u);
}

TEST(CompactionPolicyTest, TheLimitHoldsAfterOneMerge) {
  const auto pick = PickCompaction(Sizes({1, 10, 100, 1000, 10000, 100000, 1000000}), 4);
  ASSERT_TRUE(pick.has_value());
  EXPECT_EQ(pick->end, 4u);  // 7 runs become 1 + 3
  EXPECT_EQ(PickCompaction(Sizes({1, 10, 100}), 1)->end, 3u);
}

TEST(CompactionPolicyTest, ManyYoungDeletesMergeEverything) {
  std::vector<RunSize> runs = Sizes({30, 100});
  runs[0].tombstone_count = 27;
  const auto pick = PickCompaction(runs);
  ASSERT_TRUE(pick.has_value());
  EXPECT_EQ(pick->end, 2u);
  runs[0].tombstone_count = 26;
  EXPECT_FALSE(PickCompaction(runs).has_value());
}

TEST(CompactionPolicyTest, WhatYoungRunsReplaceCountsAsDead) {
  std::vector<RunSize> runs = Sizes({30, 100});
  runs[0].replaced_count = 26;
  EXPECT_EQ(DeadCount(runs), 26u);
  EXPECT_FALSE(PickCompaction(runs).has_value());
  EXPECT_TRUE(PickCompaction(runs, kRunCountMax, /*dead_percent_max=*/19).has_value());
  EXPECT_FALSE(PickCompaction(runs, kRunCountMax, /*dead_percent_max=*/100).has_value());
  runs[0].replaced_count = 20;
  runs[0].tombstone_count = 7;
  EXPECT_EQ(PickCompaction(runs)->end, 2u);
}

TEST(CompactionPolicyTest, DeletesThatHadToBeKeptDoNotMergeForEver) {
  std::vector<RunSize> runs = Sizes({1, 100});
  runs[1].tombstone_count = 90;
  EXPECT_FALSE(PickCompaction(runs).has_value());
  EXPECT_FALSE(PickCompaction(std::vector<RunSize>{runs[1]}).has_value());
}

TEST(CompactionPolicyTest, TenThousandFlushesRewriteEachByteAFewTimes) {
  std::vector<uint64_t> runs;
  uint64_t written = 0;
  constexpr uint64_t kFlushes = 10000;
  for (uint64_t flush = 0; flush < kFlushes; ++flush) {
    runs.insert(runs.begin(), 1);
    while (const auto pick = PickCompaction(Sizes(runs))) {
      const auto begin = runs.begin() + static_cast<std::ptrdiff_t>(pick->begin);
      const auto end = runs.begin() + static_cast<std::ptrdiff_t>(pick->end);
      const uint64_t merged = std::accumulate(begin, end, uint64_t{0});
      written += merged;
      runs.insert(runs.erase(begin, end), merged);
    }
    ASSERT_LE(runs.size(), kRunCountMax);
  }
  const double rewritten = static_cast<double>(written) / kFlushes;
  std::printf("each byte was rewritten %.1f times\n", rewritten);
  // At one merge of everything per flush it would be 5,000 times.
  EXPECT_LT(rewritten, 25);
}

}  // namespace
}  // namespace kyrodb::engine
