// Goal:   every implementation of `VectorIndex` keeps what vector_index.h promises.
// Method: one suite, run for each kind under each metric, against the answer by definition. What is
//         approximate in the graph is held to a recall; everything else is exact.
#include "vector/vector_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "tests/vector/index_test_data.h"
#include "vector/flat_index.h"
#include "vector/hnsw_index.h"

namespace kyrodb::vector {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

struct Kind {
  const char* test_name;
  const char* name;
  absl::StatusOr<std::unique_ptr<VectorIndex>> (*create)(Metric metric, size_t dimensions);
  absl::StatusOr<std::unique_ptr<VectorIndex>> (*load)(absl::string_view bytes);
  bool exact;
  // Keeps codes rather than floats, so that distances are off by their rounding.
  bool rounded;
};

template <Quantization kQuantization, Rescore kRescore>
absl::StatusOr<std::unique_ptr<VectorIndex>> CreateQuantized(Metric metric, size_t dimensions) {
  return CreateHnswIndex(metric, dimensions, {.quantization = kQuantization, .rescore = kRescore});
}

constexpr Kind kKinds[] = {
    {"flat", "flat", CreateFlatIndex, LoadFlatIndex, true, false},
    {"hnsw", "hnsw",
     [](Metric metric, size_t dimensions) { return CreateHnswIndex(metric, dimensions); },
     LoadHnswIndex, false, false},
    {"hnsw_sq8_f32", "hnsw", CreateQuantized<Quantization::kSq8, Rescore::kF32>, LoadHnswIndex,
     false, false},
    {"hnsw_sq4", "hnsw", CreateQuantized<Quantization::kSq4, Rescore::kSq12>, LoadHnswIndex, false,
     true},
};

std::vector<Neighbor> SearchOrDie(const VectorIndex& index, const Floats& query,
                                  const SearchParameters& parameters,
                                  SearchStatistics* statistics = nullptr) {
  auto found = index.Search(query, parameters, statistics);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : std::vector<Neighbor>();
}

void ExpectSame(const std::vector<Neighbor>& found, const std::vector<Neighbor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].label, expected[i].label) << "at rank " << i;
    if (std::isnan(expected[i].distance)) {
      EXPECT_TRUE(std::isnan(found[i].distance)) << "at rank " << i;
    } else {
      EXPECT_EQ(found[i].distance, expected[i].distance) << "at rank " << i;
    }
  }
}

class VectorIndexTest : public testing::TestWithParam<std::tuple<Kind, Metric>> {
 protected:
  const Kind& kind() const { return std::get<0>(GetParam()); }
  Metric metric() const { return std::get<1>(GetParam()); }

  void Make(size_t dimensions) {
    auto created = kind().create(metric(), dimensions);
    ASSERT_TRUE(created.ok()) << created.status();
    index_ = std::move(created).value();
  }
  void Add(uint64_t label, const Floats& vector) {
    ASSERT_TRUE(index_->Add(label, vector).ok());
    vectors_[label] = vector;
  }
  void Remove(uint64_t label) {
    ASSERT_TRUE(index_->Remove(label).ok());
    vectors_.erase(label);
  }
  // Labels that are neither dense nor small.
  static uint64_t Label(uint64_t i) { return i * 0x9E3779B97F4A7C15u; }

  std::unique_ptr<VectorIndex> index_;
  std::map<uint64_t, Floats> vectors_;
};

TEST_P(VectorIndexTest, AnEmptyIndexFindsNothing) {
  Make(3);
  EXPECT_EQ(index_->size(), 0u);
  EXPECT_EQ(index_->metric(), metric());
  EXPECT_EQ(index_->dimensions(), 3u);
  EXPECT_EQ(index_->kind(), kind().name);
  EXPECT_THAT(SearchOrDie(*index_, {1, 2, 3}, {.k = 5}), IsEmpty());
}

TEST_P(VectorIndexTest, SmallIndexesAreExactIncludingTies) {
  Make(2);
  // A grid has many equal distances; labels decide.
  for (uint64_t i = 0; i < 100; ++i) {
    Add(Label(i), {static_cast<float>(i % 10), static_cast<float>(i / 10)});
  }
  for (const size_t k : {1u, 3u, 10u, 99u}) {
    for (const Floats& query : {Floats{4.5f, 4.5f}, Floats{0, 0}, Floats{-3, 20}}) {
      ExpectSame(SearchOrDie(*index_, query, {.k = k}),
                 NearestByDefinition(metric(), vectors_, query, k));
    }
  }
}

TEST_P(VectorIndexTest, MoreThanAllGivesAllInOrder) {
  Make(8);
  Clusters clusters(8, 20, 5);
  for (uint64_t i = 0; i < 3000; ++i) Add(Label(i), clusters.Next());
  const Floats query = clusters.Next();
  for (const size_t k : {3000u, 3001u, 100000u}) {
    const auto found = SearchOrDie(*index_, query, {.k = k});
    const auto expected = NearestByDefinition(metric(), vectors_, query, k);
    if (!kind().rounded) {
      ExpectSame(found, expected);
    } else {
      EXPECT_EQ(Recall(found, expected), 1);
      EXPECT_EQ(found.size(), 3000u);
    }
  }
  EXPECT_THAT(SearchOrDie(*index_, query, {.k = 0}), IsEmpty());
  EXPECT_EQ(SearchOrDie(*index_, query, {.k = std::numeric_limits<size_t>::max()}).size(), 3000u);
}

TEST_P(VectorIndexTest, FindsTheNearestInALargeIndex) {
  Make(32);
  Clusters clusters(32, 200, 6);
  for (uint64_t i = 0; i < 6000; ++i) Add(Label(i), clusters.Next());
  double recall = 0;
  constexpr int kQueries = 100;
  for (int q = 0; q < kQueries; ++q) {
    const Floats query = clusters.Next();
    const auto expected = NearestByDefinition(metric(), vectors_, query, 10);
    const auto found = SearchOrDie(*index_, query, {.k = 10, .ef = 200});
    recall += Recall(found, expected) / kQueries;
    if (kind().exact) ExpectSame(found, expected);
    ASSERT_EQ(found.size(), 10u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), NeighborLess));
    for (const Neighbor& neighbor : found) {
      const double distance = Distance(metric(), query, vectors_[neighbor.label]);
      EXPECT_NEAR(neighbor.distance, distance,
                  kind().rounded ? 2e-3 * (1 + std::abs(distance)) : 0);
    }
  }
  EXPECT_GE(recall, 0.95);
}

TEST_P(VectorIndexTest, AFilterNeverStarvesTheAnswer) {
  Make(16);
  Clusters clusters(16, 50, 7);
  constexpr uint64_t kCount = 5000;
  for (uint64_t i = 0; i < kCount; ++i) Add(i, clusters.Next());
  // From nearly all down to none, with and without a known count, right or wrong.
  for (const uint64_t every : {1u, 2u, 10u, 100u, 1000u, 4999u, 100000u}) {
    const auto matches = [&](uint64_t label) { return label % every == every - 1; };
    const uint64_t match_count = kCount / every;
    for (const std::optional<uint64_t> told :
         {std::optional<uint64_t>(), std::optional(match_count), std::optional(kCount),
          std::optional<uint64_t>(0)}) {
      const TestFilter filter(matches, told);
      double recall = 0;
      constexpr int kQueries = 10;
      for (int q = 0; q < kQueries; ++q) {
        const Floats query = clusters.Next();
        const auto expected = NearestByDefinition(metric(), vectors_, query, 10, &filter);
        const auto found = SearchOrDie(*index_, query, {.k = 10, .ef = 100, .filter = &filter});
        ASSERT_EQ(found.size(), std::min<uint64_t>(10, match_count)) << "one in " << every;
        for (const Neighbor& neighbor : found) EXPECT_TRUE(matches(neighbor.label));
        recall += Recall(found, expected) / kQueries;
        if (kind().exact) ExpectSame(found, expected);
      }
      // Under the inner product, which is no distance, a graph leads astray more often: walks that
      // a wrong match count forces are worse than the scan that would have been chosen.
      const bool misled = told.has_value() && *told > match_count;
      EXPECT_GE(recall, metric() == Metric::kInnerProduct && misled ? 0.8 : 0.95)
          << "one in " << every;
    }
  }
}

TEST_P(VectorIndexTest, FiltersFarFromTheQueryStillFillTheAnswer) {
  // All matching vectors lie in one far corner: a walk near the query meets none of them.
  Make(4);
  Random random(8);
  for (uint64_t i = 0; i < 4000; ++i) {
    const float offset = i % 8 == 0 ? 100.0f : 1.0f;
    Floats vector(4);
    for (float& value : vector) value = offset + static_cast<float>(random.Normal());
    if (offset > 1) vector[0] = -vector[0];
    Add(i, vector);
  }
  const TestFilter far([](uint64_t label) { return label % 8 == 0; });
  const Floats query = {1, 1, 1, 1};
  const auto expected = NearestByDefinition(metric(), vectors_, query, 20, &far);
  const auto found = SearchOrDie(*index_, query, {.k = 20, .ef = 64, .filter = &far});
  ASSERT_EQ(found.size(), 20u);
  EXPECT_GE(Recall(found, expected), 0.9);
}

TEST_P(VectorIndexTest, RemovedLabelsNeverComeBack) {
  Make(16);
  Clusters clusters(16, 50, 9);
  for (uint64_t i = 0; i < 4000; ++i) Add(i, clusters.Next());
  for (uint64_t i = 0; i < 4000; ++i) {
    if (i % 4 != 0) Remove(i);
  }
  EXPECT_EQ(index_->size(), 1000u);
  EXPECT_FALSE(index_->Contains(1));
  EXPECT_TRUE(index_->Contains(4));
  double recall = 0;
  for (int q = 0; q < 50; ++q) {
    const Floats query = clusters.Next();
    const auto found = SearchOrDie(*index_, query, {.k = 10, .ef = 100});
    ASSERT_EQ(found.size(), 10u);
    for (const Neighbor& neighbor : found) EXPECT_EQ(neighbor.label % 4, 0u);
    recall += Recall(found, NearestByDefinition(metric(), vectors_, query, 10)) / 50;
  }
  EXPECT_GE(recall, 0.95);
  // Everything gone is everything gone.
  for (uint64_t i = 0; i < 4000; i += 4) Remove(i);
  EXPECT_EQ(index_->size(), 0u);
  EXPECT_THAT(SearchOrDie(*index_, clusters.Next(), {.k = 10}), IsEmpty());
}

TEST_P(VectorIndexTest, AWalkPassesThroughRemovedVectorsAndLeavesThemOut) {
  // Most are left, so a graph walks rather than scans.
  Make(16);
  Clusters clusters(16, 50, 16);
  for (uint64_t i = 0; i < 6000; ++i) Add(i, clusters.Next());
  for (uint64_t i = 0; i < 6000; i += 3) Remove(i);
  double recall = 0;
  for (int q = 0; q < 50; ++q) {
    const Floats query = clusters.Next();
    SearchStatistics statistics;
    const auto found = SearchOrDie(*index_, query, {.k = 10, .ef = 60}, &statistics);
    ASSERT_EQ(found.size(), 10u);
    EXPECT_EQ(statistics.exact, kind().exact);
    for (const Neighbor& neighbor : found) EXPECT_NE(neighbor.label % 3, 0u);
    recall += Recall(found, NearestByDefinition(metric(), vectors_, query, 10)) / 50;
  }
  EXPECT_GE(recall, 0.9);
}

TEST_P(VectorIndexTest, ALabelCanBeUsedAgainForAnotherVector) {
  Make(2);
  Add(7, {1, 0});
  EXPECT_EQ(index_->Add(7, Floats{0, 1}).code(), absl::StatusCode::kAlreadyExists);
  ExpectSame(SearchOrDie(*index_, {1, 0}, {.k = 2}),
             NearestByDefinition(metric(), vectors_, {1, 0}, 2));
  Remove(7);
  Add(7, {0, 1});
  EXPECT_EQ(index_->size(), 1u);
  ExpectSame(SearchOrDie(*index_, {1, 0}, {.k = 2}),
             NearestByDefinition(metric(), vectors_, {1, 0}, 2));
  EXPECT_EQ(index_->Remove(8).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(index_->Remove(8).message()), HasSubstr("label 8"));
}

TEST_P(VectorIndexTest, RefusesWhatIsNotAVectorOfItsSpace) {
  Make(3);
  Add(1, {1, 2, 3});
  const absl::Status short_vector = index_->Add(2, Floats{1, 2});
  EXPECT_EQ(short_vector.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(short_vector.message()), HasSubstr("2 dimensions, expected 3"));
  EXPECT_EQ(index_->Add(2, Floats{1, std::nanf(""), 2}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(index_->Search(Floats{}, {}).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::Status infinite =
      index_->Search(Floats{1, 2, std::numeric_limits<float>::infinity()}, {}).status();
  EXPECT_EQ(infinite.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(infinite.message()), HasSubstr("element 3 is inf"));
  EXPECT_EQ(index_->size(), 1u);
  EXPECT_EQ(kind().create(metric(), 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kind().create(metric(), kDimensionsMax + 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(VectorIndexTest, ZeroHugeAndEqualVectorsAreHandledLikeAnyOther) {
  Make(4);
  uint64_t label = 0;
  for (int i = 0; i < 1200; ++i) Add(label++, {1, 2, 3, 4});  // copies
  for (int i = 0; i < 600; ++i) Add(label++, {0, 0, 0, 0});
  for (int i = 0; i < 600; ++i) Add(label++, {3e38f, -3e38f, 3e38f, 1});
  for (int i = 0; i < 600; ++i) Add(label++, {1e-40f, 0, 0, 0});
  for (const Floats& query : {Floats{1, 2, 3, 4}, Floats{0, 0, 0, 0}, Floats{3e38f, 3e38f, 0, 0},
                              Floats{-1, 0, 1e-40f, 0}}) {
    const auto found = SearchOrDie(*index_, query, {.k = 50, .ef = 64});
    ASSERT_EQ(found.size(), 50u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), NeighborLess));
    // Codes of numbers near the largest float say nothing; what is found stays complete.
    const auto all = SearchOrDie(*index_, query, {.k = 3000});
    const auto expected = NearestByDefinition(metric(), vectors_, query, 3000);
    if (!kind().rounded) {
      ExpectSame(all, expected);
    } else {
      EXPECT_EQ(Recall(all, expected), 1);
    }
  }
}

TEST_P(VectorIndexTest, SaveAndLoadGiveTheSameIndexAndTheSameBytes) {
  Make(12);
  Clusters clusters(12, 30, 10);
  for (uint64_t i = 0; i < 3000; ++i) Add(Label(i), clusters.Next());
  for (uint64_t i = 0; i < 3000; i += 7) Remove(Label(i));
  Add(Label(7), clusters.Next());
  const std::string bytes = SaveToString(*index_);
  auto loaded = kind().load(bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->metric(), metric());
  EXPECT_EQ((*loaded)->dimensions(), 12u);
  EXPECT_EQ((*loaded)->size(), index_->size());
  EXPECT_EQ((*loaded)->removed_count(), index_->removed_count());
  EXPECT_EQ(SaveToString(**loaded), bytes);
  // The loaded index goes on exactly like the original.
  for (uint64_t i = 5000; i < 5200; ++i) {
    const Floats vector = clusters.Next();
    Add(Label(i), vector);
    ASSERT_TRUE((*loaded)->Add(Label(i), vector).ok());
  }
  EXPECT_EQ(SaveToString(**loaded), SaveToString(*index_));
  for (int q = 0; q < 30; ++q) {
    const Floats query = clusters.Next();
    ExpectSame(SearchOrDie(**loaded, query, {.k = 10}), SearchOrDie(*index_, query, {.k = 10}));
  }
  EXPECT_FALSE((*loaded)->Contains(Label(0)));
}

TEST_P(VectorIndexTest, AnEmptyIndexSavesAndLoadsAndGrows) {
  Make(2);
  auto loaded = kind().load(SaveToString(*index_));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->size(), 0u);
  ASSERT_TRUE((*loaded)->Add(1, Floats{1, 1}).ok());
  EXPECT_EQ(SearchOrDie(**loaded, {1, 1}, {.k = 1}).size(), 1u);
}

TEST_P(VectorIndexTest, SaveStopsAtTheFirstErrorOfItsSink) {
  Make(64);
  Clusters clusters(64, 30, 11);
  for (uint64_t i = 0; i < 10000; ++i) {
    if (!index_->Add(i, clusters.Next()).ok()) FAIL();
    if (kind().exact == false && i == 5000) break;
  }
  int calls = 0;
  const absl::Status status = index_->Save([&](absl::string_view) {
    ++calls;
    return calls == 2 ? absl::ResourceExhaustedError("disk full") : absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(index_->Save([&](absl::string_view) { return absl::UnavailableError("gone"); }).code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(VectorIndexTest, EveryFlippedBitAndEveryCutIsDataLoss) {
  Make(4);
  Clusters clusters(4, 4, 12);
  for (uint64_t i = 0; i < 40; ++i) Add(Label(i), clusters.Next());
  Remove(Label(3));
  const std::string bytes = SaveToString(*index_);
  ASSERT_TRUE(kind().load(bytes).ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(kind().load(absl::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << "cut at " << size;
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(kind().load(damaged).status().code(), absl::StatusCode::kDataLoss) << "bit " << bit;
  }
  EXPECT_EQ(kind().load(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST_P(VectorIndexTest, DamageUnderAValidChecksumNeverCrashes) {
  // The checksum is made right after each damage, so the checks behind it must hold.
  Make(3);
  Clusters clusters(3, 4, 13);
  for (uint64_t i = 0; i < 60; ++i) Add(Label(i), clusters.Next());
  const std::string bytes = SaveToString(*index_);
  Random random(14);
  int refused = 0;
  for (int round = 0; round < 1200; ++round) {
    std::string damaged = bytes.substr(0, bytes.size() - 4);
    for (uint64_t n = 1 + random.Uniform(3); n > 0; --n) {
      const size_t at = 8 + 4 + random.Uniform(damaged.size() - 12);
      damaged[at] = static_cast<char>(random.OneIn(2) ? random.Next() : damaged[at] ^ 1);
    }
    if (random.OneIn(10)) damaged.resize(12 + random.Uniform(damaged.size() - 12));
    PutFixed32(&damaged, Crc32c(damaged));
    auto loaded = kind().load(damaged);
    if (!loaded.ok()) {
      ++refused;
      EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << loaded.status();
      continue;
    }
    // What passes is some index: it must work.
    const Floats query((*loaded)->dimensions(), 1);
    EXPECT_EQ(SearchOrDie(**loaded, query, {.k = 5, .ef = 5}).size(),
              std::min<size_t>(5, (*loaded)->size()));
    EXPECT_TRUE((*loaded)->Add(1, query).ok() || (*loaded)->Contains(1));
  }
  EXPECT_GT(refused, 120);
}

TEST_P(VectorIndexTest, ANewerVersionIsRefusedPolitely) {
  Make(2);
  Add(1, {1, 2});
  std::string bytes = SaveToString(*index_);
  bytes.resize(bytes.size() - 4);
  bytes[8] = 9;
  PutFixed32(&bytes, Crc32c(bytes));
  const absl::Status status = kind().load(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 9"));
}

TEST_P(VectorIndexTest, SearchesRunBesideOneWriter) {
  // More than the first capacity, so that growing is part of it. TSan judges the rest.
  Make(8);
  Clusters clusters(8, 10, 15);
  constexpr uint64_t kCount = 4000;
  std::vector<Floats> vectors;
  for (uint64_t i = 0; i < kCount; ++i) vectors.push_back(clusters.Next());
  std::vector<Floats> queries;
  for (int q = 0; q < 64; ++q) queries.push_back(clusters.Next());

  std::atomic<uint64_t> added{0}, removed_below{0};
  std::atomic<bool> done{false}, failed{false};
  std::thread writer([&] {
    for (uint64_t i = 0; i < kCount; ++i) {
      if (!index_->Add(i, vectors[i]).ok()) failed = true;
      added = i + 1;
      if (i % 8 == 7) {
        // Labels below i / 8 go, one by one; the count is raised when the label is gone.
        if (!index_->Remove(i / 8).ok()) failed = true;
        removed_below = i / 8 + 1;
      }
      if (i == kCount / 2 && SaveToString(*index_).empty()) failed = true;
    }
    done = true;
  });
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      const TestFilter odd([](uint64_t label) { return label % 2 == 1; });
      for (size_t q = static_cast<size_t>(t); !done; ++q) {
        const uint64_t gone = removed_below, there = added;
        const bool filtered = q % 3 == 0;
        const auto found = index_->Search(queries[q % queries.size()],
                                          {.k = 10, .ef = 30, .filter = filtered ? &odd : nullptr});
        if (!found.ok()) {
          failed = true;
          break;
        }
        const uint64_t live_at_least = there - std::min(there, removed_below.load() + 1);
        if (!filtered && found->size() < std::min<uint64_t>(10, live_at_least)) failed = true;
        for (const Neighbor& neighbor : *found) {
          if (neighbor.label < gone || neighbor.label >= kCount) failed = true;
          if (filtered && neighbor.label % 2 == 0) failed = true;
        }
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(failed);
  EXPECT_EQ(index_->size(), kCount - kCount / 8);
}

TEST_P(VectorIndexTest, MemoryGrowsWithTheVectors) {
  Make(100);
  const size_t empty = index_->memory_bytes();
  for (uint64_t i = 0; i < 2000; ++i) Add(i, Floats(100, static_cast<float>(i + 1)));
  const size_t full = index_->memory_bytes();
  EXPECT_GE(full - empty, 2000u * 100 * sizeof(float));
  EXPECT_LE(full - empty, 2 * 2000u * (100 * sizeof(float) + 200));
}

INSTANTIATE_TEST_SUITE_P(EveryKind, VectorIndexTest,
                         testing::Combine(testing::ValuesIn(kKinds),
                                          testing::Values(Metric::kL2, Metric::kInnerProduct,
                                                          Metric::kCosine)),
                         [](const auto& instance) {
                           return absl::StrCat(std::get<0>(instance.param).test_name, "_",
                                               MetricName(std::get<1>(instance.param)));
                         });

}  // namespace
}  // namespace kyrodb::vector
