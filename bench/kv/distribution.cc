#include "bench/kv/distribution.h"

#include <algorithm>
#include <cmath>

namespace kyrodb::bench {

void Zipf::Grow(uint64_t count) {
  for (; count_ < count; ++count_) {
    zeta_ += 1 / std::pow(static_cast<double>(count_ + 1), kZipfSkew);
  }
  const double zeta2 = 1 + std::pow(0.5, kZipfSkew);
  eta_ = (1 - std::pow(2 / static_cast<double>(count_), 1 - kZipfSkew)) / (1 - zeta2 / zeta_);
}

uint64_t Zipf::Next(Random& random) const {
  const double unit = random.Unit();
  const double weight = unit * zeta_;
  if (weight < 1) return 0;
  if (weight < 1 + std::pow(0.5, kZipfSkew)) return 1;
  const double rank =
      static_cast<double>(count_) * std::pow(eta_ * unit - eta_ + 1, 1 / (1 - kZipfSkew));
  return std::min(static_cast<uint64_t>(rank), count_ - 1);
}

uint64_t RowPicker::Next(Random& random) const {
  switch (distribution_) {
    case Distribution::kUniform:
      return random.Uniform(zipf_.count());
    case Distribution::kZipfian:
      return SplitMix64(zipf_.Next(random)) % zipf_.count();
    case Distribution::kLatest:
      return zipf_.count() - 1 - zipf_.Next(random);
  }
  return 0;
}

}  // namespace kyrodb::bench
