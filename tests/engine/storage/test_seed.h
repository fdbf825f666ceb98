// The seed of a random test: from KYRO_TEST_SEED, or fixed; printed, so that a failure can be
// replayed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace kyrodb::engine {

inline uint64_t TestSeed() {
  const char* text = std::getenv("KYRO_TEST_SEED");
  const uint64_t seed = text == nullptr ? 20240611 : std::strtoull(text, nullptr, 0);
  std::printf("KYRO_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace kyrodb::engine
