// Sorted, distinct 64-bit keys in the shapes that break learned indexes; shared by the tests and
// the benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kyrodb::learned_index {

enum class Distribution {
  kDense,              // 1000, 1001, …
  kDenseWithGaps,      // auto-increment ids of which a fifth was deleted
  kUniform,            // over all 64 bits, 0 and 2^64 - 1 among them
  kLogNormal,          // exp(N(0, 2)) * 10^9
  kClustered,          // Hilbert codes of points around towns, as in maps
  kOutliers,           // Pareto-distributed gaps and a few keys near 2^64
  kArithmeticAt2To63,  // 2^63 + 1000 i: a double cannot tell neighbours apart
  kAlternatingGaps,    // stretches of gaps 1 and of gaps 2^20, of many lengths
  kExponential,        // around every power of two
  kSnowflake,          // time in the high bits, a counter in the low ones
  kRegimes,            // exponential gaps whose mean changes now and then, as popularity does
};

inline constexpr Distribution kDistributions[] = {
    Distribution::kDense,
    Distribution::kDenseWithGaps,
    Distribution::kUniform,
    Distribution::kLogNormal,
    Distribution::kClustered,
    Distribution::kOutliers,
    Distribution::kArithmeticAt2To63,
    Distribution::kAlternatingGaps,
    Distribution::kExponential,
    Distribution::kSnowflake,
    Distribution::kRegimes,
};

// A name in lower case and underscores.
std::string NameOf(Distribution distribution);

// About `count` keys (never more), strictly increasing, the same for the same seed.
std::vector<uint64_t> MakeKeys(Distribution distribution, uint64_t count, uint64_t seed);

// `count` points on the 2^32 x 2^32 grid, in heaps around towns of which a few are large, in no
// order; the same for the same seed. The clustered keys are Hilbert codes of such points.
struct GridPoint {
  uint32_t x;
  uint32_t y;
};
std::vector<GridPoint> MakePoints(uint64_t count, uint64_t seed);

// The place of point (x, y) on the Hilbert curve through the 2^32 x 2^32 grid.
uint64_t HilbertCode(uint32_t x, uint32_t y);

}  // namespace kyrodb::learned_index
