// Goal:   both kinds of index keep one contract: the bound of every possible key contains its lower
//         bound, for every run of keys, and their bytes are refused when damaged and safe when
//         forged. The builder takes the kind that answers the sample faster.
// Method: one suite for both kinds: all distributions, probed at and beside every key, in every gap
//         and at random; every subset of small universes; every size around the borders of cells,
//         nodes and levels; every bit flip and truncation, and random forgeries under a right
//         checksum. Choices are made with clocks that are scripted. The oracle is
//         std::lower_bound. KYRO_TEST_SEED replays a failure.

#include "learned_index/position_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/base/coding.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "tests/learned_index/bound_check.h"

namespace kyrodb::learned_index {
namespace {

using ::testing::HasSubstr;
using Kind = PositionIndexKind;

uint64_t TestSeed() {
  const char* const text = std::getenv("KYRO_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240617;
}

PositionIndex TrainOrDie(const std::vector<uint64_t>& keys, const PositionIndexOptions& options) {
  auto index = PositionIndex::Train(keys, options);
  EXPECT_TRUE(index.ok()) << index.status();
  return *std::move(index);
}

std::string Encoded(const PositionIndex& index) {
  std::string bytes;
  index.Encode(&bytes);
  return bytes;
}

// Makes the checksum right again after the bytes were tampered with.
std::string Resealed(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  PutFixed32(&bytes, Crc32c(bytes));
  return bytes;
}

void Overwrite32(std::string* bytes, size_t offset, uint32_t value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

class PositionIndexTest : public testing::TestWithParam<Kind> {
 protected:
  PositionIndex IndexOf(const std::vector<uint64_t>& keys) {
    PositionIndex index = TrainOrDie(keys, {.kind = GetParam()});
    EXPECT_EQ(index.kind(), GetParam());
    EXPECT_EQ(index.key_count(), keys.size());
    return index;
  }

  void ExpectBounds(const std::vector<uint64_t>& keys, const std::vector<uint64_t>& probes) {
    const PositionIndex index = IndexOf(keys);
    std::vector<SearchBound> bounds(probes.size());
    index.FindBatch(probes, bounds);
    for (size_t i = 0; i < probes.size(); ++i) {
      const SearchBound bound = index.Find(probes[i]);
      ASSERT_TRUE(BoundHolds(keys, bound, probes[i], index.bound_width_max()));
      ASSERT_EQ(bound.begin, bounds[i].begin) << probes[i];
      ASSERT_EQ(bound.end, bounds[i].end) << probes[i];
    }
  }
};

TEST_P(PositionIndexTest, BoundHoldsForEveryProbeOfEveryDistribution) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    const std::vector<uint64_t> keys = MakeKeys(distribution, 40'000, seed);
    std::vector<uint64_t> probes = ProbesAround(keys);
    Random random(seed);
    for (int i = 0; i < 20'000; ++i) probes.push_back(random.Next() >> random.Uniform(64));
    ASSERT_NO_FATAL_FAILURE(ExpectBounds(keys, probes));
  }
}

TEST_P(PositionIndexTest, BoundHoldsForEverySubsetOfSmallUniverses) {
  const std::vector<uint64_t> low = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<uint64_t> high;
  for (uint64_t i = 10; i > 0; --i) high.push_back(~uint64_t{0} - (i - 1));
  for (const std::vector<uint64_t>& universe : {low, high}) {
    std::vector<uint64_t> probes = universe;
    probes.insert(probes.end(), {universe.front() - 1, universe.back() + 1, uint64_t{1} << 63});
    for (uint32_t subset = 0; subset < 1u << universe.size(); ++subset) {
      std::vector<uint64_t> keys;
      for (size_t i = 0; i < universe.size(); ++i) {
        if ((subset >> i & 1) != 0) keys.push_back(universe[i]);
      }
      ASSERT_NO_FATAL_FAILURE(ExpectBounds(keys, probes)) << "subset " << subset;
    }
  }
}

TEST_P(PositionIndexTest, BoundHoldsForSizesAroundCellsNodesAndLevels) {
  // A node covers 128 keys, a level of nodes 17 times the one below it.
  for (const uint64_t border : {8u, 128u, 128u * 17, 128u * 17 * 17}) {
    for (const uint64_t size : {border - 1, border, border + 1, border + 9}) {
      SCOPED_TRACE(size);
      for (const bool ends_at_the_top : {false, true}) {
        std::vector<uint64_t> keys;
        for (uint64_t i = 0; i < size; ++i) keys.push_back(i * 3);
        if (ends_at_the_top) keys.back() = ~uint64_t{0};
        ASSERT_NO_FATAL_FAILURE(ExpectBounds(keys, ProbesAround(keys)));
      }
    }
  }
}

TEST_P(PositionIndexTest, BoundHoldsForHostileRandomRuns) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint64_t> keys;
    const uint64_t size = random.Uniform(600);
    for (uint64_t i = 0; i < size; ++i) keys.push_back(random.Next() >> random.Uniform(64));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    ASSERT_NO_FATAL_FAILURE(ExpectBounds(keys, ProbesAround(keys))) << "round " << round;
  }
}

TEST_P(PositionIndexTest, BytesRoundTripAndKeepEveryBound) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    for (const uint64_t size : {0u, 1u, 9u, 5'000u}) {
      const std::vector<uint64_t> keys = MakeKeys(distribution, size, 3);
      const PositionIndex original = IndexOf(keys);
      std::string bytes = "prefix";
      original.Encode(&bytes);
      const auto decoded = PositionIndex::Decode(absl::string_view(bytes).substr(6));
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(decoded->kind(), GetParam());
      EXPECT_EQ(decoded->key_count(), keys.size());
      EXPECT_EQ(decoded->segment_count(), original.segment_count());
      EXPECT_EQ(decoded->bound_width_max(), original.bound_width_max());
      for (const uint64_t probe : ProbesAround(keys)) {
        ASSERT_EQ(decoded->Find(probe).begin, original.Find(probe).begin) << probe;
        ASSERT_EQ(decoded->Find(probe).end, original.Find(probe).end) << probe;
      }
    }
  }
}

TEST_P(PositionIndexTest, EveryTruncationAndEveryBitFlipIsDataLoss) {
  const std::string bytes = Encoded(IndexOf(MakeKeys(Distribution::kClustered, 600, 1)));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = PositionIndex::Decode(absl::string_view(bytes).substr(0, size));
    ASSERT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(PositionIndex::Decode(bytes + '\0').status().code(), absl::StatusCode::kDataLoss);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(PositionIndex::Decode(flipped).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
}

TEST_P(PositionIndexTest, ANewerVersionIsRefusedPolitely) {
  std::string bytes = Encoded(IndexOf({1, 2, 3}));
  Overwrite32(&bytes, 4, 2);
  const auto decoded = PositionIndex::Decode(Resealed(bytes));
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(decoded.status().message(), HasSubstr("version 2"));
}

TEST_P(PositionIndexTest, ForgeriesUnderAValidChecksumAreRefusedOrSafe) {
  const std::string bytes = Encoded(IndexOf(MakeKeys(Distribution::kOutliers, 3'000, 5)));
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  int accepted = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string forged = bytes;
    const size_t word = random.Uniform(bytes.size() / 4 - 1);
    Overwrite32(&forged, word * 4,
                random.OneIn(2) ? static_cast<uint32_t>(random.Next() >> random.Uniform(64))
                                : LoadFixed32(bytes.data() + word * 4) + 1);
    const auto decoded = PositionIndex::Decode(Resealed(forged));
    if (!decoded.ok()) {
      ASSERT_NE(decoded.status().code(), absl::StatusCode::kInternal);
      continue;
    }
    ++accepted;
    std::vector<uint64_t> probes = {0, 1, ~uint64_t{0}, uint64_t{1} << 63};
    for (int i = 0; i < 50; ++i) probes.push_back(random.Next() >> random.Uniform(64));
    std::vector<SearchBound> bounds(probes.size());
    decoded->FindBatch(probes, bounds);
    for (size_t i = 0; i < probes.size(); ++i) {
      const SearchBound bound = decoded->Find(probes[i]);
      ASSERT_LE(bound.begin, bound.end) << probes[i];
      ASSERT_LE(bound.end, decoded->key_count()) << probes[i];
      ASSERT_EQ(bound.begin, bounds[i].begin);
      ASSERT_EQ(bound.end, bounds[i].end);
    }
  }
  EXPECT_GT(accepted, 100);  // Otherwise this test would show nothing about `Find`.
}

INSTANTIATE_TEST_SUITE_P(All, PositionIndexTest,
                         testing::Values(Kind::kRecursiveModel, Kind::kSearchTree),
                         [](const testing::TestParamInfo<Kind>& test) -> std::string {
                           return test.param == Kind::kSearchTree ? "SearchTree" : "RecursiveModel";
                         });

// The format is what stands in files: a change here needs a new version and its history.
TEST(SearchTreeTest, BytesOfASmallTreeAreFixed) {
  std::string expected;
  for (const uint32_t word : {0x4552544Bu, 1u, 9u, 8u}) PutFixed32(&expected, word);
  PutFixed64(&expected, 100);
  PutFixed64(&expected, 108);
  PutFixed32(&expected, Crc32c(expected));
  const std::vector<uint64_t> keys = {100, 101, 102, 103, 104, 105, 106, 107, 108};
  EXPECT_EQ(Encoded(TrainOrDie(keys, {.kind = Kind::kSearchTree})), expected);
}

TEST(SearchTreeTest, ContradictionsUnderAValidChecksumAreDataLoss) {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 40; ++i) keys.push_back(1000 + i);
  const std::string bytes = Encoded(TrainOrDie(keys, {.kind = Kind::kSearchTree}));
  struct Change {
    const char* what;
    size_t offset;
    uint32_t value;
    const char* message;
  };
  const Change changes[] = {
      {"other cells", 12, 16, "cells of 16 keys"},
      {"a cell more", 8, 41, "40 bytes of first keys, 41 keys need 48"},
      {"a cell less", 8, 32, "40 bytes of first keys, 32 keys need 32"},
      {"first keys fall", 16 + 8, 999, "first key 999 of cell 1 follows 1000"},
      {"first keys repeat", 16 + 8, 1000, "first key 1000 of cell 1 follows 1000"},
  };
  for (const Change& change : changes) {
    std::string tampered = bytes;
    Overwrite32(&tampered, change.offset, change.value);
    const auto decoded = PositionIndex::Decode(Resealed(tampered));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << change.what;
    EXPECT_THAT(decoded.status().message(), HasSubstr(change.message)) << change.what;
  }
}

TEST(SearchTreeTest, ABoundIsOneCellAndTheTreeIsSmall) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 100'000, 1);
  const PositionIndex tree = TrainOrDie(keys, {.kind = Kind::kSearchTree});
  EXPECT_EQ(tree.bound_width_max(), 8u);
  EXPECT_EQ(tree.segment_count(), 12'500u);
  EXPECT_LT(static_cast<double>(tree.size_bytes()), 1.08 * 100'000);
  for (size_t i = 0; i < keys.size(); i += 77) {
    EXPECT_EQ(tree.Find(keys[i]).begin, i / 8 * 8);
    EXPECT_EQ(tree.Find(keys[i]).end, i / 8 * 8 + 8);
  }
}

// Gives out readings so that rounds of the model and of the tree take scripted times in turn.
class ScriptedClock : public Clock {
 public:
  ScriptedClock(int64_t model_nanos, int64_t tree_nanos) : nanos_{model_nanos, tree_nanos} {}
  int64_t WallMicros() const override { return 0; }
  int64_t SteadyNanos() const override {
    if (readings_ % 2 == 1) now_ += nanos_[readings_ / 2 % 2];
    ++readings_;
    return now_;
  }
  int readings() const { return readings_; }

 private:
  int64_t nanos_[2];
  mutable int64_t now_ = 0;
  mutable int readings_ = 0;
};

TEST(PositionIndexChoiceTest, TheFasterKindIsTakenAndTheModelWhenTheyAreClose) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 100'000, 1);
  const struct {
    int64_t model_nanos, tree_nanos;
    Kind expected;
  } cases[] = {{100, 50, Kind::kSearchTree},
               {100, 89, Kind::kSearchTree},
               {100, 90, Kind::kRecursiveModel},
               {100, 100, Kind::kRecursiveModel},
               {50, 100, Kind::kRecursiveModel}};
  for (const auto& [model_nanos, tree_nanos, expected] : cases) {
    const ScriptedClock clock(model_nanos, tree_nanos);
    EXPECT_EQ(TrainOrDie(keys, {.clock = &clock}).kind(), expected) << tree_nanos;
    EXPECT_GT(clock.readings(), 0);
  }
}

TEST(PositionIndexChoiceTest, SmallRunsAreNotTimed) {
  const ScriptedClock clock(100, 1);
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, kTimedKeyCountMin - 1, 1);
  EXPECT_EQ(TrainOrDie(keys, {.clock = &clock}).kind(), Kind::kRecursiveModel);
  EXPECT_EQ(clock.readings(), 0);
}

TEST(PositionIndexChoiceTest, WithoutAClockShortSegmentsMeanTheTree) {
  const auto kind_of = [](const std::vector<uint64_t>& keys) {
    return TrainOrDie(keys, {}).kind();
  };
  EXPECT_EQ(kind_of({}), Kind::kRecursiveModel);
  EXPECT_EQ(kind_of({7}), Kind::kRecursiveModel);
  EXPECT_EQ(kind_of(MakeKeys(Distribution::kUniform, 50'000, 1)), Kind::kRecursiveModel);
  EXPECT_EQ(kind_of(MakeKeys(Distribution::kDenseWithGaps, 50'000, 1)), Kind::kRecursiveModel);
  // Heaps of forty with nothing between them: a line covers one heap.
  std::vector<uint64_t> keys;
  Random random(1);
  for (uint64_t key = 0; keys.size() < 20'000; key += uint64_t{1} << (20 + random.Uniform(20))) {
    for (int i = 0; i < 40; ++i) keys.push_back(key++);
  }
  const PositionIndex index = TrainOrDie(keys, {});
  const PositionIndex model = TrainOrDie(keys, {.kind = Kind::kRecursiveModel});
  EXPECT_GT(model.segment_count(), keys.size() / 50);
  EXPECT_EQ(index.kind(), Kind::kSearchTree);
}

TEST(PositionIndexChoiceTest, TheRealClockChoosesAKindThatIsRight) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    const std::vector<uint64_t> keys = MakeKeys(distribution, 200'000, 1);
    const PositionIndex index = TrainOrDie(keys, {.clock = &Clock::System()});
    for (size_t i = 0; i < keys.size(); i += 13) {
      ASSERT_TRUE(BoundHolds(keys, index.Find(keys[i]), keys[i], index.bound_width_max()));
    }
  }
}

TEST(PositionIndexChoiceTest, WideModelsAreTimedInsideTheWindowsOfTheSample) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kClustered, 100'000, 1);
  const ScriptedClock clock(100, 100);
  const PositionIndex index = TrainOrDie(keys, {.epsilon = 1000, .clock = &clock});
  EXPECT_GT(clock.readings(), 0);
  EXPECT_EQ(index.kind(), Kind::kRecursiveModel);
}

TEST(PositionIndexBuilderTest, ErrorsAreThoseOfTheModelAndStick) {
  for (const std::optional<Kind> kind : {std::optional<Kind>(), std::optional(Kind::kSearchTree)}) {
    PositionIndexBuilder builder({.kind = kind});
    ASSERT_TRUE(builder.Add(5).ok());
    const absl::Status status = builder.Add(5);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("key 5 at position 1 follows 5"));
    EXPECT_EQ(builder.Add(9), status);
    EXPECT_EQ(builder.Finish().status(), status);
  }
  EXPECT_EQ(PositionIndex::Train({}, {.epsilon = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PositionIndexBuilderTest, IsReadyForAnotherRunAfterwards) {
  const ScriptedClock clock(100, 50);
  PositionIndexBuilder builder({.clock = &clock});
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 70'000 * seed, seed);
    for (const uint64_t key : keys) ASSERT_TRUE(builder.Add(key).ok());
    EXPECT_EQ(builder.key_count(), keys.size());
    const auto index = builder.Finish();
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ(Encoded(*index), Encoded(TrainOrDie(keys, {.kind = index->kind()})));
    EXPECT_EQ(index->kind(), Kind::kSearchTree);
  }
}

TEST(PositionIndexBuilderTest, TheSampleOfALongRunIsThinnedAndStaysRight) {
  // The sample checks its own answers when it is timed; 2,048 windows of 80 keys fill it.
  const uint64_t full = 2048 * 80;
  for (const uint64_t count : {full - 1, full, full + 1, 2 * full + 100, 5 * full}) {
    const ScriptedClock clock(100, 100);
    const std::vector<uint64_t> keys = MakeKeys(Distribution::kLogNormal, count, 1);
    TrainOrDie(keys, {.clock = &clock});
    EXPECT_GT(clock.readings(), 0);
  }
}

}  // namespace
}  // namespace kyrodb::learned_index
