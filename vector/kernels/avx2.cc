// Kernels for AVX2 with FMA: four accumulators of eight floats; the last few elements come through
// a masked load, so that no length falls back to scalar code.
#if defined(__x86_64__)
#include <immintrin.h>

#include "vector/kernels/instruction_sets.h"

#define KYRO_TARGET __attribute__((target("avx2,fma")))
#define KYRO_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace kyrodb::vector::kernels {
namespace {

alignas(32) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

// The mask of the first `count` (0..8) lanes.
KYRO_INLINE __m256i FirstLanes(size_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - count));
}

KYRO_INLINE float Sum(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 sum = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

KYRO_INLINE __m256 AddSquare(__m256 a, __m256 b, __m256 sum) {
  const __m256 difference = _mm256_sub_ps(a, b);
  return _mm256_fmadd_ps(difference, difference, sum);
}

KYRO_INLINE float SquaredL2Inline(const float* a, const float* b, size_t size) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    s0 = AddSquare(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = AddSquare(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = AddSquare(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = AddSquare(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + 8 <= size; i += 8) {
    s0 = AddSquare(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    s1 = AddSquare(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return Sum(s0, s1, s2, s3);
}

KYRO_INLINE float DotInline(const float* a, const float* b, size_t size) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + 8 <= size; i += 8) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  }
  if (i < size) {
    const __m256i mask = FirstLanes(size - i);
    s1 = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return Sum(s0, s1, s2, s3);
}

KYRO_TARGET float SquaredL2(const float* a, const float* b, size_t size) {
  return SquaredL2Inline(a, b, size);
}

KYRO_TARGET float Dot(const float* a, const float* b, size_t size) { return DotInline(a, b, size); }

KYRO_TARGET void SquaredL2Batch(const float* query, const float* const* rows, size_t row_count,
                                size_t size, float* out) {
  for (size_t r = 0; r < row_count; ++r) {
    if (r + 1 < row_count) PrefetchRow(rows[r + 1], size);
    out[r] = SquaredL2Inline(query, rows[r], size);
  }
}

KYRO_TARGET void DotBatch(const float* query, const float* const* rows, size_t row_count,
                          size_t size, float* out) {
  for (size_t r = 0; r < row_count; ++r) {
    if (r + 1 < row_count) PrefetchRow(rows[r + 1], size);
    out[r] = DotInline(query, rows[r], size);
  }
}

KYRO_TARGET void AddSigned(const uint64_t* signs, int32_t weight, size_t size, int32_t* sums) {
  const __m256i lane_bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i weights = _mm256_set1_epi32(weight);
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    const int byte = static_cast<int>(signs[i / 64] >> (i % 64) & 255);
    const __m256i set =
        _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(byte), lane_bit), lane_bit);
    const __m256i signed_weights = _mm256_sub_epi32(_mm256_xor_si256(weights, set), set);
    __m256i* out = reinterpret_cast<__m256i*>(sums + i);
    _mm256_storeu_si256(out, _mm256_add_epi32(_mm256_loadu_si256(out), signed_weights));
  }
  const uint32_t bits = static_cast<uint32_t>(weight);
  for (; i < size; ++i) {
    const uint32_t flip = 0u - static_cast<uint32_t>(signs[i / 64] >> (i % 64) & 1);
    sums[i] = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + ((bits ^ flip) - flip));
  }
}

}  // namespace

const Kernels kAvx2Kernels = {InstructionSet::kAvx2, SquaredL2, Dot,
                              SquaredL2Batch,        DotBatch,  AddSigned};

}  // namespace kyrodb::vector::kernels
#endif
