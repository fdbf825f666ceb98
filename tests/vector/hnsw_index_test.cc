// Goal:   what is particular to the graph: its options, its recall, when it walks and when it
//         scans, and what a wrong estimate may cost.
// Method: `SearchStatistics` tells what a search did.
#include "vector/hnsw_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
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
  // Dead slots are mended around and used again: what is left over stays a small share.
  EXPECT_LE(index.removed_count(), 4000u / 4);
  double recall = 0;
  for (int q = 0; q < 40; ++q) {
    const Floats query = clusters_->Next();
    const auto found = index.Search(query, {.k = 10, .ef = 100});
    ASSERT_TRUE(found.ok());
    recall += Recall(*found, NearestByDefinition(Metric::kL2, vectors, query, 10)) / 40;
  }
  EXPECT_GE(recall, 0.97);
}

TEST_F(HnswIndexTest, EveryQuantizationReachesItsRecallOfEveryMetric) {
  // Recorded with a margin of .02; what falls below has broken something.
  constexpr uint64_t kFew = 4000;
  constexpr size_t kWidth = 64;
  Clusters clusters(kWidth, 100, 31);
  std::map<uint64_t, Floats> vectors;
  std::vector<uint64_t> labels;
  std::vector<float> floats;
  for (uint64_t i = 0; i < kFew; ++i) {
    const Floats& vector = vectors[i] = clusters.Next();
    labels.push_back(i);
    floats.insert(floats.end(), vector.begin(), vector.end());
  }
  std::vector<Floats> queries;
  for (int q = 0; q < 40; ++q) queries.push_back(clusters.Next());
  struct Case {
    Quantization quantization;
    Rescore rescore;
    double recall;  // at ef 64
    double bytes_a_vector_max;
  };
  constexpr double kLinkBytes = 128 + 4 + 8 + 64;
  for (const Case& c : {Case{Quantization::kNone, Rescore::kSq12, 0.97, 4 * 64 + 16 + kLinkBytes},
                        Case{Quantization::kF16, Rescore::kSq12, 0.97, 2 * 64 + 16 + kLinkBytes},
                        Case{Quantization::kSq8, Rescore::kNone, 0.95, 64 + 16 + kLinkBytes},
                        Case{Quantization::kSq8, Rescore::kSq12, 0.97, 96 + 16 + kLinkBytes},
                        Case{Quantization::kSq4, Rescore::kSq12, 0.95, 128 + 24 + kLinkBytes},
                        Case{Quantization::kRabitq, Rescore::kSq12, 0.9, 104 + 24 + kLinkBytes},
                        Case{Quantization::kRabitq, Rescore::kF32, 0.9, 328 + 24 + kLinkBytes}}) {
    for (const Metric metric : {Metric::kL2, Metric::kInnerProduct, Metric::kCosine}) {
      auto index =
          CreateHnswIndex(metric, kWidth, {.quantization = c.quantization, .rescore = c.rescore});
      ASSERT_TRUE(index.ok());
      ASSERT_TRUE((*index)->AddMany(labels, floats, 2).ok());
      ASSERT_EQ((*index)->size(), kFew);
      double recall = 0;
      for (const Floats& query : queries) {
        SearchStatistics statistics;
        const auto found = (*index)->Search(query, {.k = 10, .ef = 64}, &statistics);
        ASSERT_TRUE(found.ok());
        EXPECT_FALSE(statistics.exact);
        recall += Recall(*found, NearestByDefinition(metric, vectors, query, 10)) / 40;
      }
      EXPECT_GE(recall, metric == Metric::kInnerProduct ? c.recall - 0.1 : c.recall)
          << QuantizationName(c.quantization) << " " << RescoreName(c.rescore) << " "
          << MetricName(metric);
      EXPECT_LE(static_cast<double>((*index)->memory_bytes()) / kFew, c.bytes_a_vector_max)
          << QuantizationName(c.quantization) << " " << RescoreName(c.rescore);
    }
  }
}

TEST_F(HnswIndexTest, CalibrationPicksAnEffortThatReachesTheRecall) {
  for (const Quantization quantization : {Quantization::kNone, Quantization::kSq8}) {
    auto index = CreateHnswIndex(Metric::kL2, kDimensions, {.m = 8, .quantization = quantization});
    ASSERT_TRUE(index.ok());
    std::map<uint64_t, Floats> vectors;
    for (uint64_t i = 0; i < 6000; ++i) {
      vectors[i] = vectors_->at(i);
      ASSERT_TRUE((*index)->Add(i, vectors[i]).ok());
      if (i == 500) {
        (*index)->Calibrate();  // nothing to measure yet
        EXPECT_EQ((*index)->EffortFor(0.9), std::nullopt);
      }
    }
    (*index)->Calibrate();
    const size_t low = (*index)->EffortFor(0.80).value_or(0);
    const size_t high = (*index)->EffortFor(0.98).value_or(0);
    EXPECT_GE(low, 10u);
    EXPECT_LT(low, high);
    double recall = 0;
    for (int q = 0; q < 60; ++q) {
      const Floats query = clusters_->Next();
      const auto found = (*index)->Search(query, {.k = 10, .ef = high});
      ASSERT_TRUE(found.ok());
      recall += Recall(*found, NearestByDefinition(Metric::kL2, vectors, query, 10)) / 60;
    }
    EXPECT_GE(recall, 0.96) << "at ef " << high;
  }
}

TEST_F(HnswIndexTest, NamesOfOptionsAreReadAsTheyAreWritten) {
  for (int i = 0; i <= 4; ++i) {
    const auto quantization = static_cast<Quantization>(i);
    EXPECT_EQ(ParseQuantization(QuantizationName(quantization)), quantization);
  }
  for (int i = 0; i <= 2; ++i) {
    EXPECT_EQ(ParseRescore(RescoreName(static_cast<Rescore>(i))), static_cast<Rescore>(i));
  }
  EXPECT_EQ(ParseQuantization("RaBitQ"), Quantization::kRabitq);
  EXPECT_EQ(ParseQuantization("sq"), std::nullopt);
  EXPECT_EQ(ParseRescore(""), std::nullopt);
}

TEST_F(HnswIndexTest, DamageToASavedGraphIsFoundOrHarmless) {
  auto index = CreateHnswIndex(Metric::kL2, 4, {.m = 4, .quantization = Quantization::kSq4});
  ASSERT_TRUE(index.ok());
  Clusters clusters(4, 20, 32);
  for (uint64_t i = 0; i < 1300; ++i) ASSERT_TRUE((*index)->Add(i, clusters.Next()).ok());
  // Some removed, some mended around, some slots used again: every state is in the file.
  for (uint64_t i = 0; i < 300; ++i) ASSERT_TRUE((*index)->Remove(i).ok());
  const std::string bytes = SaveToString(**index);
  ASSERT_TRUE(LoadHnswIndex(bytes).ok());
  Random random(33);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes;
    const size_t at = random.Uniform(bytes.size());
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.Uniform(8)));
    ASSERT_EQ(LoadHnswIndex(damaged).status().code(), absl::StatusCode::kDataLoss) << at;
    damaged = bytes.substr(0, random.Uniform(bytes.size()));
    ASSERT_EQ(LoadHnswIndex(damaged).status().code(), absl::StatusCode::kDataLoss);
  }
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    // Under a checksum that fits.
    std::string damaged = bytes.substr(0, bytes.size() - 4);
    for (uint64_t n = 1 + random.Uniform(3); n > 0; --n) {
      const size_t at = 12 + random.Uniform(round % 2 == 0 ? 120 : damaged.size() - 12);
      damaged[at] = static_cast<char>(random.OneIn(2) ? random.Next() : damaged[at] ^ 1);
    }
    PutFixed32(&damaged, Crc32c(damaged));
    auto loaded = LoadHnswIndex(damaged);
    if (!loaded.ok()) {
      ++refused;
      EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << loaded.status();
      continue;
    }
    const Floats query((*loaded)->dimensions(), 1);
    const auto found = (*loaded)->Search(query, {.k = 5, .ef = 8});
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->size(), 5u);
    EXPECT_TRUE((*loaded)->Add(7777, query).ok());
  }
  EXPECT_GT(refused, 50);
}

TEST_F(HnswIndexTest, AGraphOfAnOlderFormatIsRefusedPolitely) {
  std::string bytes = "KYROHNSW";
  PutFixed32(&bytes, 1);
  PutFixed32(&bytes, Crc32c(bytes));
  const absl::Status status = LoadHnswIndex(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 1 is no longer read"));
}

TEST_F(HnswIndexTest, ListedLabelsAreScannedAndNoOtherIsAskedAbout) {
  class Listed final : public LabelFilter {
   public:
    bool Matches(uint64_t) const override {
      ++asked;
      return false;
    }
    std::span<const uint64_t> matching_labels() const override { return labels; }
    std::vector<uint64_t> labels = {5, 77, 1234, 19999, 1u << 30};
    mutable int asked = 0;
  };
  const Listed listed;
  SearchStatistics statistics;
  const auto found =
      index_->Search(clusters_->Next(), {.k = 10, .ef = 64, .filter = &listed}, &statistics);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size(), 4u);
  EXPECT_EQ(statistics.distance_count, 4u);
  EXPECT_TRUE(statistics.exact);
  EXPECT_EQ(listed.asked, 0);
}

TEST_F(HnswIndexTest, EverythingRemovedAndAddedAgainIsFoundAgain) {
  auto index = CreateHnswIndex(Metric::kL2, kDimensions, {.quantization = Quantization::kSq8});
  ASSERT_TRUE(index.ok());
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 1500; ++i) {
      ASSERT_TRUE((*index)->Add(round * 10000 + i, vectors_->at(i)).ok());
    }
    double recall = 0;
    for (uint64_t i = 0; i < 1500; i += 15) {
      const auto found = (*index)->Search(vectors_->at(i), {.k = 1, .ef = 40});
      ASSERT_TRUE(found.ok());
      ASSERT_EQ(found->size(), 1u);
      recall += found->front().label == round * 10000 + i ? 0.01 : 0;
    }
    EXPECT_GE(recall, 0.97) << "round " << round;
    for (uint64_t i = 0; i < 1500; ++i) {
      ASSERT_TRUE((*index)->Remove(round * 10000 + i).ok());
    }
    EXPECT_EQ((*index)->size(), 0u);
    EXPECT_TRUE((*index)->Search(vectors_->at(0), {.k = 1})->empty());
  }
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
