#include "learned_index/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/base/random.h"

namespace kyrodb::learned_index {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

void SortDistinct(std::vector<uint64_t>* keys, uint64_t count) {
  std::sort(keys->begin(), keys->end());
  keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
  if (keys->size() > count) keys->resize(count);
}

std::vector<GridPoint> Clustered(uint64_t count, Random* random) {
  const uint64_t town_count = std::max<uint64_t>(1, std::min<uint64_t>(30'000, count / 20));
  struct Town {
    double x, y, spread;
  };
  std::vector<Town> towns;
  for (uint64_t i = 0; i < town_count; ++i) {
    towns.push_back({random->Unit(), random->Unit(), 1e-5 * std::exp(random->Normal())});
  }
  const auto grid = [](double unit) {
    return static_cast<uint32_t>(std::clamp(unit, 0.0, 1.0) * 4294967295.0);
  };
  std::vector<GridPoint> points;
  points.reserve(count);
  while (points.size() < count) {
    // Squaring favours the first towns: a few are large.
    const double pick = random->Unit();
    const Town& town = towns[static_cast<size_t>(pick * pick * static_cast<double>(town_count))];
    points.push_back({.x = grid(town.x + town.spread * random->Normal()),
                      .y = grid(town.y + town.spread * random->Normal())});
  }
  return points;
}

}  // namespace

std::string NameOf(Distribution distribution) {
  switch (distribution) {
    case Distribution::kDense:
      return "dense";
    case Distribution::kDenseWithGaps:
      return "dense_with_gaps";
    case Distribution::kUniform:
      return "uniform";
    case Distribution::kLogNormal:
      return "lognormal";
    case Distribution::kClustered:
      return "clustered";
    case Distribution::kOutliers:
      return "outliers";
    case Distribution::kArithmeticAt2To63:
      return "arithmetic_at_2_to_63";
    case Distribution::kAlternatingGaps:
      return "alternating_gaps";
    case Distribution::kExponential:
      return "exponential";
    case Distribution::kSnowflake:
      return "snowflake";
    case Distribution::kRegimes:
      return "regimes";
  }
  return "unknown";
}

// Source: the iterative mapping in the Wikipedia article "Hilbert curve", from Warren,
// "Hacker's Delight", chapter 16.
uint64_t HilbertCode(uint32_t x, uint32_t y) {
  uint64_t code = 0;
  for (uint32_t side = 1u << 31; side > 0; side >>= 1) {
    const bool right = (x & side) != 0;
    const bool upper = (y & side) != 0;
    code = code << 2 | static_cast<uint64_t>((right ? 3 : 0) ^ (upper ? 1 : 0));
    if (!upper) {
      if (right) {
        x = ~x;
        y = ~y;
      }
      std::swap(x, y);
    }
  }
  return code;
}

std::vector<GridPoint> MakePoints(uint64_t count, uint64_t seed) {
  Random random(SplitMix64(seed));
  return Clustered(count, &random);
}

std::vector<uint64_t> MakeKeys(Distribution distribution, uint64_t count, uint64_t seed) {
  Random random(SplitMix64(seed) ^ static_cast<uint64_t>(distribution));
  std::vector<uint64_t> keys;
  keys.reserve(count);
  switch (distribution) {
    case Distribution::kDense:
      for (uint64_t i = 0; i < count; ++i) keys.push_back(1000 + i);
      break;
    case Distribution::kDenseWithGaps:
      for (uint64_t key = 1; keys.size() < count; ++key) {
        if (!random.OneIn(5)) keys.push_back(key);
      }
      break;
    case Distribution::kUniform:
      for (uint64_t i = 0; i < count; ++i) keys.push_back(random.Next());
      if (count > 1) keys[0] = 0, keys[1] = kMax;
      break;
    case Distribution::kLogNormal:
      for (uint64_t i = 0; i < count; ++i) {
        keys.push_back(static_cast<uint64_t>(std::exp(2 * random.Normal()) * 1e9));
      }
      break;
    case Distribution::kClustered:
      for (const GridPoint& point : Clustered(count, &random)) {
        keys.push_back(HilbertCode(point.x, point.y));
      }
      break;
    case Distribution::kOutliers: {
      uint64_t key = 1;
      while (keys.size() < count) {
        key += 1 + static_cast<uint64_t>(std::min(1e9, 4 / std::pow(1 - random.Unit(), 0.8)));
        keys.push_back(key);
      }
      for (uint64_t i = 0; i < std::min<uint64_t>(21, count / 2); ++i) {
        keys[i] = kMax - random.Uniform(uint64_t{1} << 50);
      }
      break;
    }
    case Distribution::kArithmeticAt2To63:
      for (uint64_t i = 0; i < count; ++i) keys.push_back((uint64_t{1} << 63) + 1000 * i);
      break;
    case Distribution::kAlternatingGaps:
      for (uint64_t key = 0, gap = 1, left = 1; keys.size() < count; key += gap) {
        keys.push_back(key);
        if (--left == 0) {
          gap = gap == 1 ? uint64_t{1} << 20 : 1;
          left = 1 + random.Uniform(200);
        }
      }
      break;
    case Distribution::kExponential:
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t power = uint64_t{1} << (i % 64);
        keys.push_back(power + random.Uniform(std::max<uint64_t>(1, power >> (i % 7))));
      }
      break;
    case Distribution::kSnowflake: {
      uint64_t time = uint64_t{1} << 38;
      while (keys.size() < count) {
        time += 1 + random.Uniform(1 + (keys.size() >> 12 & 15));
        const uint64_t burst = 1 + random.Uniform(3);
        for (uint64_t i = 0; i < burst; ++i) keys.push_back(time << 22 | 7 << 12 | i);
      }
      break;
    }
    case Distribution::kRegimes: {
      uint64_t key = 0;
      while (keys.size() < count) {
        // A thousandth to a tenth of the keys at a time, long stretches as likely as short ones.
        const double share = std::pow(10, -3 + 2 * random.Unit());
        const double mean = 100 * std::exp(2 * random.Normal());
        auto left = 1 + static_cast<uint64_t>(static_cast<double>(count) * share);
        for (; left > 0 && keys.size() < count; --left) {
          key += 1 + static_cast<uint64_t>(-mean * std::log(1 - random.Unit()));
          keys.push_back(key);
        }
      }
      break;
    }
  }
  SortDistinct(&keys, count);
  return keys;
}

}  // namespace kyrodb::learned_index
