#include "vector/index/rotation.h"

#include <bit>

#include "engine/base/random.h"
#include "vector/code_kernels.h"

namespace kyrodb::vector::index {

Rotation::Rotation(size_t size, uint64_t seed) : size_(size), block_(std::bit_floor(size)) {
  // Where the transform covers a part only, each part has its turn twice.
  if (block_ != size) rounds_ = 4;
  Random random(seed);
  signs_.resize(rounds_ * size);
  for (float& sign : signs_) sign = random.OneIn(2) ? 1.0f : -1.0f;
}

void Rotation::Apply(float* values) const {
  const CodeKernels& kernels = BestCodeKernels();
  for (size_t round = 0; round < rounds_; ++round) {
    const float* const signs = signs_.data() + round * size_;
    for (size_t i = 0; i < size_; ++i) values[i] *= signs[i];
    kernels.hadamard(round % 2 == 0 ? values : values + (size_ - block_), block_);
    if (block_ == size_) continue;
    constexpr float kHalfRoot = 0.70710678f;
    const size_t half = size_ / 2;
    float* const other = values + (size_ - half);
    for (size_t i = 0; i < half; ++i) {
      const float a = values[i], b = other[i];
      values[i] = (a + b) * kHalfRoot;
      other[i] = (a - b) * kHalfRoot;
    }
  }
}

}  // namespace kyrodb::vector::index
