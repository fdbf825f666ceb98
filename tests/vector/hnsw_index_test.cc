// Goal:   what is particular to the graph: its options, its recall, when it walks and when it
//         scans, and what a wrong estimate may cost.
// Method: `SearchStatistics` tells what a search did.
#include "vector/hnsw_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/vector/index_test_data.h"

namespace kyrodb::vector {
namespace {

using testing::HasSubstr;

class HnswIndexTest : public testing::Test {
 protected:
  static constexpr uint64_t kCount = 20000;
  static constexpr size_t kDimensions = 24;

  static void SetUpTestSuite() {
    clusters_ = new Clusters(kDimensions, 300, 21);
    auto created = CreateHnswIndex(Metric::kL2, kDimensions, {.m = 12, .ef_construction = 48});
    index_ = std::move(created).value().release();
    vectors_ = new std::map<uint64_t, Floats>();
    for (uint64_t i = 0; i < kCount; ++i) {
      Floats& vector = (*vectors_)[i] = clusters_->Next();
      ASSERT_TRUE(index_->Add(i, vector).ok());
    }
  }
  static void TearDownTestSuite() {
    delete clusters_;
    delete index_;
    delete vectors_;
  }

  // Mean recall@10 over fresh queries; adds up the statistics.
  static double MeasureRecall(size_t ef, const LabelFilter* filter, SearchStatistics& total) {
    constexpr int kQueries = 40;
    double recall = 0;
    for (int q = 0; q < kQueries; ++q) {
      const Floats query = clusters_->Next();
      SearchStatistics statistics;
      const auto found = index_->Search(query, {.k = 10, .ef = ef, .filter = filter}, &statistics);
      EXPECT_TRUE(found.ok());
      recall += Recall(*found, NearestByDefinition(Metric::kL2, *vectors_, query, 10, filter));
      total.distance_count += statistics.distance_count;
      total.exact |= statistics.exact;
    }
    total.distance_count /= kQueries;
    return recall / kQueries;
  }

  static Clusters* clusters_;
  static VectorIndex* index_;
  static std::map<uint64_t, Floats>* vectors_;
};
Clusters* HnswIndexTest::clusters_;
VectorIndex* HnswIndexTest::index_;
std::map<uint64_t, Floats>* HnswIndexTest::vectors_;

TEST_F(HnswIndexTest, RecallGrowsWithEffortAndTheWalkStaysSmall) {
  SearchStatistics small, large;
  const double recall_small = MeasureRecall(16, nullptr, small);
  const double recall_large = MeasureRecall(200, nullptr, large);
  EXPECT_GE(recall_large, 0.98);
  EXPECT_GE(recall_small, 0.70);
  EXPECT_LT(recall_small, recall_large);
  EXPECT_FALSE(small.exact);
  EXPECT_FALSE(large.exact);
  EXPECT_LT(small.distance_count, kCount / 20);
  EXPECT_LT(large.distance_count, kCount / 4);
  EXPECT_LT(small.distance_count, large.distance_count);
}

TEST_F(HnswIndexTest, HalfMatchingIsWalkedAndFewMatchingAreScanned) {
  SearchStatistics half, few;
  const TestFilter even([](uint64_t label) { return label % 2 == 0; });
  EXPECT_GE(MeasureRecall(64, &even, half), 0.95);
  EXPECT_FALSE(half.exact);
  EXPECT_LT(half.distance_count, kCount / 8);
  const TestFilter hundredth([](uint64_t label) { return label % 100 == 0; });
  EXPECT_EQ(MeasureRecall(64, &hundredth, few), 1);
  EXPECT_TRUE(few.exact);
  EXPECT_LE(few.distance_count, kCount / 100);
}

TEST_F(HnswIndexTest, AWrongEstimateCostsTwiceTheScanAtMost) {
  // The filter claims that half match; one in 2000 does.
  const TestFilter liar([](uint64_t label) { return label % 2000 == 0; }, kCount / 2);
  SearchStatistics statistics;
  EXPECT_EQ(MeasureRecall(64, &liar, statistics), 1);
  EXPECT_TRUE(statistics.exact);
  // The estimated scan cost, plus one step of the walk, plus the true matches.
  EXPECT_LE(statistics.distance_count, kCount / 2 + kCount / 32 + 100 + kCount / 2000);
}

TEST_F(HnswIndexTest, TheSameOrderOfAddsGivesTheSameBytes) {
  std::string bytes[3];
  for (size_t run = 0; run < 3; ++run) {
    auto index = CreateHnswIndex(Metric::kCosine, kDimensions, {.seed = run == 2 ? 1u : 0u});
    ASSERT_TRUE(index.ok());
    for (uint64_t i = 0; i < 1500; ++i) ASSERT_TRUE((*index)->Add(i, vectors_->at(i)).ok());
    bytes[run] = SaveToString(**index);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_NE(bytes[0], bytes[2]);
}

TEST_F(HnswIndexTest, ChurnKeepsRecall) {
  auto created = CreateHnswIndex(Metric::kL2, kDimensions);
  ASSERT_TRUE(created.ok());
  VectorIndex& index = **created;
  std::map<uint64_t, Floats> vectors;
  uint64_t next = 0;
  for (; next < 4000; ++next) {
    vectors[next] = clusters_->Next();
    ASSERT_TRUE(index.Add(next, vectors[next]).ok());
  }
  // Half of it is replaced.
  for (uint64_t i = 0; i < 2000; ++i, ++next) {
    ASSERT_TRUE(index.Remove(i).ok());
    vectors.erase(i);
    vectors[next] = clusters_->Next();
    ASSERT_TRUE(index.Add(next, vectors[next]).ok());
  }
  EXPECT_EQ(index.size(), 4000u);
  EXPECT_EQ(index.removed_count(), 2000u);
  double recall = 0;
  for (int q = 0; q < 40; ++q) {
    const Floats query = clusters_->Next();
    const auto found = index.Search(query, {.k = 10, .ef = 100});
    ASSERT_TRUE(found.ok());
    recall += Recall(*found, NearestByDefinition(Metric::kL2, vectors, query, 10)) / 40;
  }
  EXPECT_GE(recall, 0.97);
}

TEST(HnswOptionsTest, EveryOptionHasARangeAndTheErrorNamesIt) {
  const auto message = [](const HnswOptions& options) {
    const absl::Status status = CreateHnswIndex(Metric::kL2, 4, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message({.m = 1}), HasSubstr("m is 1, expected 2 to 100"));
  EXPECT_THAT(message({.m = 101, .ef_construction = 500}), HasSubstr("m is 101"));
  EXPECT_THAT(message({.m = 16, .ef_construction = 31}),
              HasSubstr("ef_construction is 31, expected 32"));
  EXPECT_THAT(message({.m = 2, .ef_construction = 3}), HasSubstr("expected 4"));
  EXPECT_THAT(message({.ef_construction = 1001}), HasSubstr("ef_construction is 1001"));
}

class HnswExtremesTest : public testing::TestWithParam<HnswOptions> {};

TEST_P(HnswExtremesTest, ExtremeOptionsBuildAGraphThatAnswers) {
  auto created = CreateHnswIndex(Metric::kL2, 8, GetParam());
  ASSERT_TRUE(created.ok()) << created.status();
  Clusters clusters(8, 40, 22);
  std::map<uint64_t, Floats> vectors;
  for (uint64_t i = 0; i < 3000; ++i) {
    vectors[i] = clusters.Next();
    ASSERT_TRUE((*created)->Add(i, vectors[i]).ok());
  }
  auto loaded = LoadHnswIndex(SaveToString(**created));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  double recall = 0;
  for (int q = 0; q < 40; ++q) {
    const Floats query = clusters.Next();
    const auto found = (*loaded)->Search(query, {.k = 10, .ef = 150});
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 10u);
    recall += Recall(*found, NearestByDefinition(Metric::kL2, vectors, query, 10)) / 40;
  }
  EXPECT_GE(recall, GetParam().m == 2 ? 0.3 : 0.97);
}

INSTANTIATE_TEST_SUITE_P(Options, HnswExtremesTest,
                         testing::Values(HnswOptions{.m = 2, .ef_construction = 4},
                                         HnswOptions{.m = 5, .ef_construction = 10},
                                         HnswOptions{.m = 100, .ef_construction = 200}),
                         [](const auto& instance) {
                           return "m" + std::to_string(instance.param.m);
                         });

}  // namespace
}  // namespace kyrodb::vector
