// How often which row is asked for.
// Source: Cooper, Silberstein, Tam, Ramakrishnan, Sears, "Benchmarking Cloud Serving Systems with
// YCSB" (SoCC 2010), section 4; the Zipf sampler is the one of Gray, Sundaresan, Englert,
// Baclawski, Weinberger, "Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994).
#pragma once

#include <cstdint>

#include "engine/base/random.h"

namespace kyrodb::bench {

inline constexpr double kZipfSkew = 0.99;

// Ranks 0, 1, 2, ... of which the k-th is drawn in proportion to 1 / (k + 1)^0.99.
//
// Units:          `count` ranks, at least 2.
// Thread-safety:  one thread at a time.
// Cost:           the constructor and `Grow` add one power per new rank, `Next` costs one.
class Zipf {
 public:
  explicit Zipf(uint64_t count) { Grow(count); }
  // Makes room for more ranks; never shrinks.
  void Grow(uint64_t count);
  uint64_t count() const { return count_; }
  uint64_t Next(Random& random) const;

 private:
  uint64_t count_ = 0;
  double zeta_ = 0;  // the sum of all weights
  double eta_ = 0;
};

enum class Distribution {
  kUniform,  // every row alike
  kZipfian,  // a few popular rows, scattered over the whole key space
  kLatest,   // Zipfian by age: the newest row is the most popular
};

// Draws row numbers in [0, count).
//
// Thread-safety:  one thread at a time.
class RowPicker {
 public:
  RowPicker(Distribution distribution, uint64_t count)
      : distribution_(distribution), zipf_(count) {}
  // Rows were inserted at the end.
  void Grow(uint64_t count) { zipf_.Grow(count); }
  uint64_t Next(Random& random) const;

 private:
  const Distribution distribution_;
  Zipf zipf_;
};

}  // namespace kyrodb::bench
