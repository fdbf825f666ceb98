// Goal:   segments cover the run without holes, each key within epsilon of its prediction, and
//         no segment is longer than the fitter can hold.
// Method: the table is checked key by key against the keys it was made of.

#include "learned_index/model/segment_fitter.h"

#include <gtest/gtest.h>

#include <vector>

#include "learned_index/distributions.h"

namespace kyrodb::learned_index::model {
namespace {

SegmentTable Fit(const std::vector<uint64_t>& keys, uint32_t epsilon) {
  SegmentFitter fitter(epsilon);
  for (const uint64_t key : keys) fitter.Add(key);
  EXPECT_EQ(fitter.key_count(), keys.size());
  return fitter.Finish();
}

TEST(SegmentFitterTest, EveryKeyIsWithinEpsilonOfItsPrediction) {
  for (const Distribution distribution : kDistributions) {
    for (const uint32_t epsilon : {1u, 2u, 16u, 1000u}) {
      SCOPED_TRACE(testing::Message() << NameOf(distribution) << ", epsilon " << epsilon);
      const std::vector<uint64_t> keys = MakeKeys(distribution, 150'000, epsilon);
      const SegmentTable table = Fit(keys, epsilon);
      ASSERT_EQ(table.key_count(), keys.size());
      ASSERT_LE(table.over(), epsilon);
      ASSERT_LT(table.under(), epsilon);
      uint64_t covered = 0;
      for (uint32_t s = 0; s < table.size(); ++s) {
        const Line line = table.lines()[s];
        const uint64_t length = table.lines()[s + 1].position - line.position;
        ASSERT_EQ(line.position, covered);
        ASSERT_EQ(table.first_keys()[s], keys[covered]);
        ASSERT_GE(length, 1u);
        ASSERT_LE(length, SegmentFitter::kSegmentKeysMax);
        for (uint64_t i = 0; i < length; ++i) {
          const uint64_t predicted =
              PredictOffset(keys[covered + i] - keys[covered], line.slope, length);
          ASSERT_LE(predicted, i + table.over()) << "position " << covered + i;
          ASSERT_GE(predicted + table.under(), i) << "position " << covered + i;
        }
        covered += length;
      }
      ASSERT_EQ(covered, keys.size());
    }
  }
}

TEST(SegmentFitterTest, NoKeysMakeOnePlaceholder) {
  const SegmentTable table = Fit({}, 16);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.last(), 0u);
  EXPECT_EQ(table.key_count(), 0u);
}

TEST(SegmentFitterTest, ASegmentHoldsAtLeastEpsilonKeys) {
  // What bounds the size of a model against keys chosen to defeat it.
  for (const Distribution distribution : kDistributions) {
    const std::vector<uint64_t> keys = MakeKeys(distribution, 50'000, 5);
    EXPECT_LE(Fit(keys, 16).size(), keys.size() / 16 + 1) << NameOf(distribution);
  }
}

TEST(PredictOffsetTest, NeverDecreasesAndNeverPassesTheLength) {
  for (const float slope : {0.0f, 1e-30f, 1e-19f, 0.3f, 1.0f, 65536.0f, 3e38f}) {
    uint64_t previous = 0;
    for (uint64_t distance = 0; distance < ~uint64_t{0} / 3; distance += distance / 7 + 1) {
      const uint64_t offset = PredictOffset(distance, slope, 65536);
      ASSERT_GE(offset, previous) << slope << " " << distance;
      ASSERT_LE(offset, 65536u);
      previous = offset;
    }
    ASSERT_LE(PredictOffset(~uint64_t{0}, slope, 7), 7u);
    ASSERT_EQ(PredictOffset(0, slope, 7), 0u);
  }
}

}  // namespace
}  // namespace kyrodb::learned_index::model
