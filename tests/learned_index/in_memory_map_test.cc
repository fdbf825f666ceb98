// Goal:   a map of every form answers as a sorted array of pairs does, singly, in batches and in
//         scans, also at the ends of the universe; the form is chosen by what the clock says.
// Method: all distributions, small universes with every subset, hostile random keys, all probed at
//         and beside every key; the kernels of every vector unit over the same cells. The oracle is
//         std::lower_bound. KYRO_TEST_SEED replays a failure.

#include "learned_index/in_memory_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/distributions.h"
#include "learned_index/model/segment_fitter.h"
#include "tests/learned_index/bound_check.h"
#include "tests/learned_index/units.h"

namespace kyrodb::learned_index {
namespace {

using ::testing::HasSubstr;
using Form = InMemoryMapForm;

uint64_t TestSeed() {
  const char* const text = std::getenv("KYRO_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240618;
}

std::vector<uint64_t> ValuesOf(const std::vector<uint64_t>& keys) {
  std::vector<uint64_t> values;
  for (const uint64_t key : keys) values.push_back(SplitMix64(key));
  return values;
}

InMemoryMap BuildOrDie(const std::vector<uint64_t>& keys, const InMemoryMapOptions& options) {
  auto map = InMemoryMap::Build(keys, ValuesOf(keys), options);
  EXPECT_TRUE(map.ok()) << map.status();
  return *std::move(map);
}

void ExpectAnswers(const InMemoryMap& map, const std::vector<uint64_t>& keys,
                   const std::vector<uint64_t>& probes) {
  ASSERT_EQ(map.key_count(), keys.size());
  std::vector<const uint64_t*> found(probes.size());
  map.FindBatch(probes, found);
  std::vector<InMemoryMap::Entry> entries(20);
  for (size_t i = 0; i < probes.size(); ++i) {
    const uint64_t probe = probes[i];
    const auto at = std::lower_bound(keys.begin(), keys.end(), probe);
    const bool is_present = at != keys.end() && *at == probe;
    const uint64_t* const value = map.Find(probe);
    ASSERT_EQ(value != nullptr, is_present) << probe;
    ASSERT_EQ(found[i], value) << probe;
    if (is_present) {
      ASSERT_EQ(*value, SplitMix64(probe)) << probe;
    }
    const auto first = map.LowerBound(probe);
    ASSERT_EQ(first.has_value(), at != keys.end()) << probe;
    if (first.has_value()) {
      ASSERT_EQ(first->key, *at) << probe;
      ASSERT_EQ(first->value, SplitMix64(*at)) << probe;
    }
    if (i % 17 == 0) {
      const auto left = static_cast<size_t>(keys.end() - at);
      ASSERT_EQ(map.Scan(probe, entries), std::min(left, entries.size())) << probe;
      for (size_t j = 0; j < std::min(left, entries.size()); ++j) {
        ASSERT_EQ(entries[j].key, *(at + static_cast<ptrdiff_t>(j))) << probe;
        ASSERT_EQ(entries[j].value, SplitMix64(entries[j].key)) << probe;
      }
    }
  }
}

class InMemoryMapTest : public testing::TestWithParam<Form> {
 protected:
  void ExpectMapAnswers(const std::vector<uint64_t>& keys, const std::vector<uint64_t>& probes) {
    const InMemoryMap map = BuildOrDie(keys, {.form = GetParam()});
    EXPECT_EQ(map.form(), GetParam());
    ASSERT_NO_FATAL_FAILURE(ExpectAnswers(map, keys, probes));
  }
};

TEST_P(InMemoryMapTest, AnswersAsASortedArrayDoesForEveryDistribution) {
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    for (const uint64_t count : {0u, 1u, 7u, 8u, 9u, 1'000u, 30'000u}) {
      const std::vector<uint64_t> keys = MakeKeys(distribution, count, TestSeed());
      ASSERT_NO_FATAL_FAILURE(ExpectMapAnswers(keys, ProbesAround(keys))) << count;
    }
  }
}

TEST_P(InMemoryMapTest, AnswersForEverySubsetOfTheEndsOfTheUniverse) {
  std::vector<uint64_t> universe = {0, 1, 2, 3, 4};
  for (uint64_t i = 5; i > 0; --i) universe.push_back(~uint64_t{0} - (i - 1));
  std::vector<uint64_t> probes = universe;
  probes.insert(probes.end(), {5, uint64_t{1} << 63, ~uint64_t{0} - 5});
  for (uint32_t subset = 0; subset < 1u << universe.size(); ++subset) {
    std::vector<uint64_t> keys;
    for (size_t i = 0; i < universe.size(); ++i) {
      if ((subset >> i & 1) != 0) keys.push_back(universe[i]);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectMapAnswers(keys, probes)) << "subset " << subset;
  }
}

TEST_P(InMemoryMapTest, AnswersForHostileRandomKeys) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> keys;
    const uint64_t size = random.Uniform(700);
    while (keys.size() < size) {
      // Heaps of neighbours at random places: models err in every direction.
      const uint64_t start = random.Next() >> random.Uniform(64);
      for (uint64_t i = random.Uniform(60); i > 0; --i) keys.push_back(start + i);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    ASSERT_NO_FATAL_FAILURE(ExpectMapAnswers(keys, ProbesAround(keys))) << "round " << round;
  }
}

TEST_P(InMemoryMapTest, AnswersOfAMapOutliveItsMove) {
  const std::vector<uint64_t> keys = {1, 5, ~uint64_t{0}};
  InMemoryMap map = BuildOrDie(keys, {.form = GetParam()});
  const uint64_t* const of_five = map.Find(5);
  const uint64_t* const of_top = map.Find(~uint64_t{0});
  const InMemoryMap moved = std::move(map);
  EXPECT_EQ(moved.Find(5), of_five);
  EXPECT_EQ(moved.Find(~uint64_t{0}), of_top);
  EXPECT_EQ(*of_top, SplitMix64(~uint64_t{0}));
}

TEST_P(InMemoryMapTest, SizesAreThoseOfTheForm) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 100'000, 1);
  const InMemoryMap map = BuildOrDie(keys, {.form = GetParam()});
  const double data = GetParam() == Form::kGapped ? 21.6 : 16.01;
  const double index = GetParam() == Form::kTree ? 1.08 : 0.1;
  EXPECT_LT(static_cast<double>(map.index_bytes()), index * 100'000);
  EXPECT_LT(static_cast<double>(map.size_bytes()), (data + index) * 100'000);
  EXPECT_EQ(map.segment_count() == 0, GetParam() == Form::kTree);
}

INSTANTIATE_TEST_SUITE_P(All, InMemoryMapTest,
                         testing::Values(Form::kDense, Form::kGapped, Form::kTree),
                         [](const testing::TestParamInfo<Form>& test) -> std::string {
                           return std::string(NameOf(test.param));
                         });

class MapKernelsTest : public testing::TestWithParam<model::Unit> {};

TEST_P(MapKernelsTest, EveryFormFindsEveryKeyAndNoOther) {
  if (!model::IsSupported(GetParam())) GTEST_SKIP() << "this CPU does not have the unit";
  const model::Kernels& kernels = model::KernelsOf(GetParam());
  for (const Distribution distribution : kDistributions) {
    SCOPED_TRACE(NameOf(distribution));
    std::vector<uint64_t> keys = MakeKeys(distribution, 10'000, 1);
    if (keys.back() == ~uint64_t{0}) keys.pop_back();
    const std::vector<uint64_t> values = ValuesOf(keys);
    model::SegmentFitter fitter(16);
    for (const uint64_t key : keys) fitter.Add(key);
    const model::SegmentTable segments = fitter.Finish();
    const model::SegmentTable gapped = model::GappedSegments(segments);
    const model::Router router(segments);
    const model::TreeLevels tree = model::TreeOfCells(keys);
    const model::Cells dense_cells = model::DenseCells(keys, values);
    const model::Cells gapped_cells = model::GappedCells(gapped, keys, values);

    std::vector<uint64_t> probes = ProbesAround(keys);
    std::erase(probes, ~uint64_t{0});
    std::vector<const uint64_t*> found(probes.size());
    const auto expect = [&](const model::MapKernels& form, const model::MapView& view) {
      form.find_batch(view, probes, found);
      for (size_t i = 0; i < probes.size(); ++i) {
        const uint64_t* const value = form.find(view, probes[i]);
        const bool is_present = std::binary_search(keys.begin(), keys.end(), probes[i]);
        ASSERT_EQ(value != nullptr, is_present) << probes[i];
        ASSERT_EQ(found[i], value) << probes[i];
        if (is_present) {
          ASSERT_EQ(*value, SplitMix64(probes[i]));
        }
      }
    };
    const model::View dense_view(segments, router);
    expect(kernels.dense, {dense_view, tree.view(), dense_cells.data()});
    expect(kernels.tree, {dense_view, tree.view(), dense_cells.data()});
    expect(kernels.gapped, {model::View(gapped, router), tree.view(), gapped_cells.data()});
  }
}

INSTANTIATE_TEST_SUITE_P(All, MapKernelsTest, testing::ValuesIn(model::kUnits), UnitName());

// Gives out readings so that challenger and holder of each comparison take scripted times in turn.
// Gapped challenges dense first; then the tree challenges the winner.
class ScriptedClock : public Clock {
 public:
  ScriptedClock(int64_t dense, int64_t gapped, int64_t tree)
      : nanos_{gapped, dense, tree, std::min(dense, gapped)} {}
  int64_t WallMicros() const override { return 0; }
  int64_t SteadyNanos() const override {
    if (readings_ % 2 == 1) {
      const int comparison = readings_ >= kReadings ? 2 : 0;
      now_ += nanos_[comparison + readings_ / 8 % 2];
    }
    ++readings_;
    return now_;
  }
  int readings() const { return readings_; }

 private:
  // Of one comparison: five rounds of two turns, two slices of single look-ups and two of batches.
  static constexpr int kReadings = 80;
  int64_t nanos_[4];
  mutable int64_t now_ = 0;
  mutable int readings_ = 0;
};

TEST(InMemoryMapChoiceTest, AFormHasToEarnItsMemory) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 70'000, 1);
  const struct {
    int64_t dense, gapped, tree;
    Form expected;
  } cases[] = {{100, 90, 90, Form::kGapped}, {100, 96, 95, Form::kDense},
               {100, 94, 80, Form::kTree},   {100, 94, 93, Form::kGapped},
               {100, 200, 89, Form::kTree},  {100, 200, 90, Form::kDense}};
  for (const auto& [dense, gapped, tree, expected] : cases) {
    const ScriptedClock clock(dense, gapped, tree);
    EXPECT_EQ(BuildOrDie(keys, {.clock = &clock}).form(), expected)
        << dense << " " << gapped << " " << tree;
    EXPECT_EQ(clock.readings(), 160);
  }
}

// The same, but look-ups in batches take other times than single ones: of two slices each.
class TwoWayClock : public Clock {
 public:
  // The model is as fast dense as gapped.
  TwoWayClock(int64_t model_single, int64_t model_batched, int64_t tree_single,
              int64_t tree_batched)
      : nanos_{{model_single, model_batched}, {tree_single, tree_batched}} {}
  int64_t WallMicros() const override { return 0; }
  int64_t SteadyNanos() const override {
    if (readings_ % 2 == 1) {
      const bool is_tree = readings_ >= 80 && readings_ / 8 % 2 == 0;
      now_ += nanos_[is_tree ? 1 : 0][readings_ / 4 % 2];
    }
    ++readings_;
    return now_;
  }

 private:
  int64_t nanos_[2][2];
  mutable int64_t now_ = 0;
  mutable int readings_ = 0;
};

TEST(InMemoryMapChoiceTest, AModelMayNotBeMuchSlowerThanTheTreeInEitherWay) {
  const std::vector<uint64_t> keys = MakeKeys(Distribution::kUniform, 70'000, 1);
  const auto form_of = [&](const TwoWayClock& clock) {
    return BuildOrDie(keys, {.clock = &clock}).form();
  };
  EXPECT_EQ(form_of(TwoWayClock(100, 100, 150, 90)), Form::kDense);
  EXPECT_EQ(form_of(TwoWayClock(100, 100, 150, 85)), Form::kTree);
  EXPECT_EQ(form_of(TwoWayClock(100, 100, 85, 150)), Form::kTree);
  EXPECT_EQ(form_of(TwoWayClock(100, 100, 88, 88)), Form::kTree);
}

TEST(InMemoryMapChoiceTest, WithoutAClockAndForFewKeysTheSegmentsDecide) {
  EXPECT_EQ(BuildOrDie({}, {}).form(), Form::kGapped);
  EXPECT_EQ(BuildOrDie(MakeKeys(Distribution::kUniform, 30'000, 1), {}).form(), Form::kGapped);
  std::vector<uint64_t> heaps;
  for (uint64_t i = 0; i < 4'000; ++i) heaps.push_back((i / 40) * (i / 40) * 1'000'000 + i);
  const ScriptedClock clock(1, 100, 100);
  EXPECT_EQ(BuildOrDie(heaps, {.clock = &clock}).form(), Form::kTree);
  EXPECT_EQ(clock.readings(), 0);
}

TEST(InMemoryMapChoiceTest, TheRealClockChoosesAFormThatIsRight) {
  for (const Distribution distribution : {Distribution::kUniform, Distribution::kClustered}) {
    const std::vector<uint64_t> keys = MakeKeys(distribution, 200'000, 1);
    const InMemoryMap map = BuildOrDie(keys, {.clock = &Clock::System()});
    for (size_t i = 0; i < keys.size(); i += 7) {
      ASSERT_NE(map.Find(keys[i]), nullptr);
      ASSERT_EQ(*map.Find(keys[i]), SplitMix64(keys[i]));
    }
  }
}

TEST(InMemoryMapBuildTest, KeysOutOfOrderAreRefused) {
  constexpr uint64_t kTop = ~uint64_t{0};
  for (const std::vector<uint64_t>& keys :
       {std::vector<uint64_t>{3, 2}, {3, 3}, {kTop, 1}, {1, kTop, kTop}, {kTop, kTop}}) {
    const auto map = InMemoryMap::Build(keys, keys);
    EXPECT_EQ(map.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(map.status().message(), HasSubstr("strictly increasing"));
  }
}

}  // namespace
}  // namespace kyrodb::learned_index
