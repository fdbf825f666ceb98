// Kernels for any CPU: GCC's vector extension over four floats, which becomes SSE2 on x86-64 and
// NEON on ARM, and plain code elsewhere. Four accumulators hide the latency of the additions.
#include <cstring>

#include "vector/kernels/instruction_sets.h"

namespace kyrodb::vector::kernels {
namespace {

using Lanes = float __attribute__((vector_size(16)));

inline Lanes Load(const float* p) {
  Lanes lanes;
  std::memcpy(&lanes, p, sizeof(lanes));
  return lanes;
}

inline float Sum(Lanes a, Lanes b, Lanes c, Lanes d) {
  const Lanes sum = (a + b) + (c + d);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float SquaredL2(const float* a, const float* b, size_t size) {
  Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {};
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    const Lanes d0 = Load(a + i) - Load(b + i);
    const Lanes d1 = Load(a + i + 4) - Load(b + i + 4);
    const Lanes d2 = Load(a + i + 8) - Load(b + i + 8);
    const Lanes d3 = Load(a + i + 12) - Load(b + i + 12);
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  float sum = Sum(s0, s1, s2, s3);
  for (; i < size; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

float Dot(const float* a, const float* b, size_t size) {
  Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {};
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    s0 += Load(a + i) * Load(b + i);
    s1 += Load(a + i + 4) * Load(b + i + 4);
    s2 += Load(a + i + 8) * Load(b + i + 8);
    s3 += Load(a + i + 12) * Load(b + i + 12);
  }
  float sum = Sum(s0, s1, s2, s3);
  for (; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

void SquaredL2Batch(const float* query, const float* const* rows, size_t row_count, size_t size,
                    float* out) {
  for (size_t r = 0; r < row_count; ++r) {
    if (r + 1 < row_count) PrefetchRow(rows[r + 1], size);
    out[r] = SquaredL2(query, rows[r], size);
  }
}

void DotBatch(const float* query, const float* const* rows, size_t row_count, size_t size,
              float* out) {
  for (size_t r = 0; r < row_count; ++r) {
    if (r + 1 < row_count) PrefetchRow(rows[r + 1], size);
    out[r] = Dot(query, rows[r], size);
  }
}

void AddSigned(const uint64_t* signs, int32_t weight, size_t size, int32_t* sums) {
  const uint32_t bits = static_cast<uint32_t>(weight);
  for (size_t i = 0; i < size; ++i) {
    const uint32_t flip = 0u - static_cast<uint32_t>(signs[i / 64] >> (i % 64) & 1);
    sums[i] = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + ((bits ^ flip) - flip));
  }
}

}  // namespace

const Kernels kPortableKernels = {
    InstructionSet::kPortable, SquaredL2, Dot, SquaredL2Batch, DotBatch, AddSigned};

}  // namespace kyrodb::vector::kernels
