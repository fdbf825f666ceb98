#include "engine/base/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "absl/numeric/int128.h"
#include "engine/base/status.h"

namespace kyrodb {

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    word = SplitMix64(seed);
    seed += 0x9E3779B97F4A7C15u;
  }
}

uint64_t Random::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

// Source: Lemire, "Fast Random Integer Generation in an Interval" (2019): the high half of a
// 64 x 64 bit product is uniform once the few low halves that would be counted twice are redrawn.
uint64_t Random::Uniform(uint64_t end) {
  KYRO_DCHECK(end > 0);
  absl::uint128 product = absl::uint128(Next()) * end;
  if (absl::Uint128Low64(product) < end) {
    const uint64_t surplus = (0 - end) % end;
    while (absl::Uint128Low64(product) < surplus) product = absl::uint128(Next()) * end;
  }
  return absl::Uint128High64(product);
}

double Random::Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

// Box and Muller's transform; the second value is dropped, so that the state stays four words.
double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Unit()));
  return radius * std::cos(2.0 * std::numbers::pi * Unit());
}

}  // namespace kyrodb
