// A random rotation in O(n log n): spreads what a vector holds in few elements over all of them, so
// that few bits an element lose little, whatever the data looks like.
// Source: Ailon and Chazelle, "The Fast Johnson-Lindenstrauss Transform and Approximate Nearest
// Neighbors" (2009): random signs and Walsh-Hadamard transforms; for sizes that are no power of two
// the transform runs over the first and the last power of two in turn, with a step of Kac's walk
// (pairs of elements turned by 45 degrees) between, as RaBitQ's authors do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kyrodb::vector::index {

// Orthogonal: lengths and inner products stay what they are.
//
// Thread-safety:  immutable.
class Rotation {
 public:
  // The same for the same arguments, on every machine.
  Rotation(size_t size, uint64_t seed);
  // In place, `size` elements.
  void Apply(float* values) const;

 private:
  const size_t size_;
  size_t block_ = 1;  // the largest power of two up to size_
  size_t rounds_ = 3;
  std::vector<float> signs_;  // rounds_ times size_: 1 or -1
};

}  // namespace kyrodb::vector::index
