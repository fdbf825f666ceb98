// A small, fast, seeded generator, the same on every machine.
// Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (xoshiro256**),
// and Vigna's splitmix64 for seeding.
#pragma once

#include <cstdint>

namespace kyrodb {

// One step of splitmix64: a good 64-bit mixer, also used to derive seeds.
constexpr uint64_t SplitMix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Satisfies UniformRandomBitGenerator.
//
// Thread-safety:  one thread at a time.
class Random {
 public:
  using result_type = uint64_t;
  explicit Random(uint64_t seed);
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() { return Next(); }

  uint64_t Next();
  // Uniform in [0, end); `end` > 0.
  uint64_t Uniform(uint64_t end);
  // Uniform in [0, 1).
  double Unit();
  // Mean 0, variance 1.
  double Normal();
  bool OneIn(uint64_t n) { return Uniform(n) == 0; }

 private:
  uint64_t state_[4];
};

}  // namespace kyrodb
