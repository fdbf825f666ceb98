// Goal:   codes keep all bits and the order of each coordinate; the next point in a box is the next
//         one; the ranges of a box hold all of its points, within their number, and say truly
//         whether they hold others.
//         A visit of a run meets the points in the box, each once.
// Method: brute force over every code of small grids and random boxes in two, three and four
//         dimensions; small boxes anywhere in the large grid, whose points can be listed; the
//         portable codec against the dispatched one. KYRO_TEST_SEED replays a failure.

#include "learned_index/zorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/base/random.h"
#include "learned_index/model/z_codec.h"

namespace kyrodb::learned_index {
namespace {

uint64_t TestSeed() {
  const char* const text = std::getenv("KYRO_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240619;
}

class ZCurveTest : public testing::TestWithParam<uint32_t> {
 protected:
  ZCurveTest() : curve_(GetParam()), random_(TestSeed()) {}
  void SetUp() override { RecordProperty("seed", std::to_string(TestSeed())); }

  // The least and the greatest coordinates of a box.
  struct Corners {
    ZPoint low = {};
    ZPoint high = {};
  };

  ZBox BoxOf(const Corners& corners) { return *curve_.BoxOf(corners.low, corners.high); }

  // A box anywhere in the grid of coordinates below `side`.
  Corners RandomBox(uint32_t side) {
    Corners box;
    for (uint32_t d = 0; d < GetParam(); ++d) {
      const auto a = static_cast<uint32_t>(random_.Uniform(side));
      const auto b = static_cast<uint32_t>(random_.Uniform(side));
      box.low[d] = std::min(a, b);
      box.high[d] = std::max(a, b);
    }
    return box;
  }

  // A box of a few points in each dimension, anywhere in the whole grid.
  Corners SmallBoxAnywhere() {
    Corners box;
    for (uint32_t d = 0; d < GetParam(); ++d) {
      const uint64_t width = random_.Uniform(GetParam() == 2 ? 20 : 6);
      box.low[d] = static_cast<uint32_t>(random_.Uniform(curve_.coordinate_max() - width + 1));
      // Often across a high bit, where codes jump.
      if (random_.OneIn(2)) {
        const uint32_t middle = 1u << (4 + random_.Uniform(curve_.bits() - 4));
        box.low[d] = middle - std::min(middle, static_cast<uint32_t>(width / 2));
      }
      box.high[d] = box.low[d] + static_cast<uint32_t>(width);
    }
    return box;
  }

  std::vector<uint64_t> CodesOf(const Corners& box) {
    std::vector<uint64_t> codes;
    ZPoint point = box.low;
    while (true) {
      codes.push_back(curve_.Interleave(point));
      uint32_t d = 0;
      while (d < GetParam() && point[d] == box.high[d]) {
        point[d] = box.low[d];
        ++d;
      }
      if (d == GetParam()) break;
      ++point[d];
    }
    std::sort(codes.begin(), codes.end());
    return codes;
  }

  void ExpectNext(const ZBox& box, const std::vector<uint64_t>& codes, uint64_t code) {
    const auto expected = std::lower_bound(codes.begin(), codes.end(), code);
    const auto next = curve_.NextInBox(box, code);
    ASSERT_EQ(next.has_value(), expected != codes.end()) << code;
    const bool is_inside = expected != codes.end() && *expected == code;
    ASSERT_EQ(curve_.Contains(box, code), is_inside) << code;
    if (next.has_value()) {
      ASSERT_EQ(*next, *expected) << code;
    }
  }

  void ExpectRanges(const ZBox& box, const std::vector<uint64_t>& codes, uint32_t max) {
    const std::vector<ZRange> ranges = curve_.Decompose(box, max);
    ASSERT_GE(ranges.size(), 1u);
    ASSERT_LE(ranges.size(), std::max(max, 1u));
    uint64_t inside = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      const ZRange& range = ranges[i];
      ASSERT_LE(range.first, range.last);
      if (i > 0) {
        ASSERT_GT(range.first, ranges[i - 1].last);
      }
      const auto count =
          static_cast<uint64_t>(std::upper_bound(codes.begin(), codes.end(), range.last) -
                                std::lower_bound(codes.begin(), codes.end(), range.first));
      // Ranges end with points of the box, and are inside exactly when there are no others.
      ASSERT_TRUE(curve_.Contains(box, range.first) && curve_.Contains(box, range.last));
      ASSERT_EQ(range.is_inside, range.last - range.first + 1 == count);
      inside += count;
    }
    ASSERT_EQ(inside, codes.size());
  }

  ZCurve curve_;
  Random random_;
};

TEST_P(ZCurveTest, CodesKeepAllBitsOfEveryCoordinate) {
  EXPECT_EQ(curve_.bits(), 64 / GetParam());
  for (int i = 0; i < 10'000; ++i) {
    ZPoint point = {};
    for (uint32_t d = 0; d < GetParam(); ++d) {
      point[d] = static_cast<uint32_t>(random_.Next()) & curve_.coordinate_max();
    }
    ASSERT_EQ(curve_.Deinterleave(curve_.Interleave(point)), point);
  }
}

TEST_P(ZCurveTest, CodesGrowWithEveryCoordinateAndTheFirstDimensionWeighsMost) {
  ZPoint low = {};
  for (uint32_t d = 0; d < GetParam(); ++d) {
    ZPoint point = {};
    point[d] = 1;
    EXPECT_EQ(curve_.Interleave(point), uint64_t{1} << (GetParam() - 1 - d));
  }
  for (int i = 0; i < 10'000; ++i) {
    for (uint32_t d = 0; d < GetParam(); ++d) {
      low[d] = static_cast<uint32_t>(random_.Uniform(curve_.coordinate_max()));
    }
    ZPoint high = low;
    ++high[random_.Uniform(GetParam())];
    ASSERT_LT(curve_.Interleave(low), curve_.Interleave(high));
  }
}

TEST_P(ZCurveTest, TheNextPointInABoxIsTheNextOneOfAll) {
  const uint32_t side = GetParam() == 2 ? 16 : GetParam() == 3 ? 8 : 4;
  const uint64_t code_count = uint64_t{1} << (GetParam() == 3 ? 9 : 8);
  for (int round = 0; round < 400; ++round) {
    const Corners corners = RandomBox(side);
    const ZBox box = BoxOf(corners);
    const std::vector<uint64_t> codes = CodesOf(corners);
    for (uint64_t code = 0; code < code_count + 2; ++code) {
      ASSERT_NO_FATAL_FAILURE(ExpectNext(box, codes, code)) << "round " << round;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectNext(box, codes, ~uint64_t{0}));
  }
}

TEST_P(ZCurveTest, TheNextPointIsFoundAnywhereInTheGrid) {
  for (int round = 0; round < 300; ++round) {
    const Corners corners = SmallBoxAnywhere();
    const ZBox box = BoxOf(corners);
    const std::vector<uint64_t> codes = CodesOf(corners);
    for (int i = 0; i < 30; ++i) {
      const uint64_t code = codes[random_.Uniform(codes.size())];
      for (const uint64_t probe : {code - 1, code, code + 1, random_.Next()}) {
        ASSERT_NO_FATAL_FAILURE(ExpectNext(box, codes, probe)) << "round " << round;
      }
    }
  }
}

TEST_P(ZCurveTest, RangesHoldEveryPointOfTheBoxAndKnowWhatElse) {
  for (int round = 0; round < 300; ++round) {
    const Corners corners =
        round % 2 == 0 ? RandomBox(GetParam() == 2 ? 40 : 8) : SmallBoxAnywhere();
    const ZBox box = BoxOf(corners);
    const std::vector<uint64_t> codes = CodesOf(corners);
    for (const uint32_t max : {0u, 1u, 2u, 3u, 8u, 50u, 100'000u}) {
      ASSERT_NO_FATAL_FAILURE(ExpectRanges(box, codes, max)) << "round " << round;
    }
    for (const ZRange& range : curve_.Decompose(box, 100'000)) ASSERT_TRUE(range.is_inside);
  }
}

TEST_P(ZCurveTest, AVisitMeetsEveryPointOfTheBoxOnceAndInOrder) {
  for (int round = 0; round < 300; ++round) {
    const Corners corners =
        round % 2 == 0 ? RandomBox(GetParam() == 2 ? 40 : 8) : SmallBoxAnywhere();
    const ZBox box = BoxOf(corners);
    // Some points of the box, and others around them and anywhere.
    std::vector<uint64_t> run;
    std::vector<uint64_t> expected;
    for (const uint64_t code : CodesOf(corners)) {
      if (random_.OneIn(3)) run.push_back(code);
      if (random_.OneIn(3)) run.push_back(code + random_.Uniform(10));
      if (random_.OneIn(3)) run.push_back(code ^ (uint64_t{1} << random_.Uniform(63)));
    }
    if (random_.OneIn(2)) run.push_back(~uint64_t{0});
    std::sort(run.begin(), run.end());
    run.erase(std::unique(run.begin(), run.end()), run.end());
    for (const uint64_t code : run) {
      if (curve_.Contains(box, code)) expected.push_back(code);
    }
    const auto lower_bound = [&](uint64_t code) {
      return static_cast<uint64_t>(std::lower_bound(run.begin(), run.end(), code) - run.begin());
    };
    for (const uint64_t scan_max : {0u, 1u, 4u, 1000u}) {
      std::vector<uint64_t> met;
      VisitBox(curve_, box, scan_max, run.size(), lower_bound,
               [&](uint64_t begin, uint64_t end, bool is_inside) {
                 ASSERT_LT(begin, end);
                 ASSERT_TRUE(is_inside || end - begin <= scan_max);
                 for (uint64_t i = begin; i < end; ++i) {
                   const bool contains = curve_.Contains(box, run[i]);
                   ASSERT_TRUE(contains || !is_inside);
                   if (contains) met.push_back(run[i]);
                 }
               });
      ASSERT_EQ(met, expected) << "round " << round << ", " << scan_max;
    }
  }
}

TEST_P(ZCurveTest, TheWholeGridIsOneRange) {
  Corners grid;
  for (uint32_t d = 0; d < GetParam(); ++d) grid.high[d] = curve_.coordinate_max();
  const uint64_t last = GetParam() == 3 ? ~uint64_t{0} >> 1 : ~uint64_t{0};
  EXPECT_TRUE(ZCurve::IsWhole(BoxOf(grid)));
  EXPECT_EQ(curve_.Decompose(BoxOf(grid), 10),
            (std::vector<ZRange>{{.first = 0, .last = last, .is_inside = true}}));
  EXPECT_EQ(curve_.NextInBox(BoxOf(grid), last), last);
  // A grid that lacks one slab needs more ranges than it may have.
  grid.low[0] = 1;
  EXPECT_FALSE(ZCurve::IsWhole(BoxOf(grid)));
  EXPECT_LE(curve_.Decompose(BoxOf(grid), 5).size(), 5u);
}

TEST_P(ZCurveTest, ABoxOfNoPointsIsNone) {
  Corners box;
  box.low[GetParam() - 1] = 1;
  EXPECT_EQ(curve_.BoxOf(box.low, box.high), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Dimensions, ZCurveTest, testing::Values(2u, 3u, 4u));

TEST(ZCodecTest, BothCodecsAgree) {
  Random random(TestSeed());
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = random.Next();
    const uint64_t mask = random.Next() & random.Next();
    const uint64_t spread = model::PortableZCodec().spread(value, mask);
    ASSERT_EQ(spread & ~mask, 0u);
    ASSERT_EQ(model::BestZCodec().spread(value, mask), spread);
    ASSERT_EQ(model::PortableZCodec().gather(value, mask), model::BestZCodec().gather(value, mask));
    ASSERT_EQ(model::PortableZCodec().spread(model::PortableZCodec().gather(value, mask), mask),
              value & mask);
  }
}

}  // namespace
}  // namespace kyrodb::learned_index
