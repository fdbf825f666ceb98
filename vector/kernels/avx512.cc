// Kernels for AVX-512 F: four accumulators of sixteen floats, masked loads at the end.
#if defined(__x86_64__)
#include <immintrin.h>

#include "vector/kernels/instruction_sets.h"

#define KYRO_TARGET __attribute__((target("avx512f")))
#define KYRO_INLINE __attribute__((target("avx512f"), always_inline)) inline

namespace kyrodb::vector::kernels {
namespace {

KYRO_INLINE __m512 AddSquare(__m512 a, __m512 b, __m512 sum) {
  const __m512 difference = _mm512_sub_ps(a, b);
  return _mm512_fmadd_ps(difference, difference, sum);
}

KYRO_INLINE float Sum(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512d sum = _mm512_castps_pd(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
  // The masked forms: GCC 12 warns of an uninitialised value inside the plain ones.
  const __m256 half = _mm256_add_ps(_mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xF, sum, 0)),
                                    _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xF, sum, 1)));
  __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

// The mask of the first `count` (0..15) lanes.
KYRO_INLINE __mmask16 FirstLanes(size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

KYRO_INLINE float SquaredL2Inline(const float* a, const float* b, size_t size) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 64 <= size; i += 64) {
    s0 = AddSquare(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = AddSquare(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = AddSquare(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = AddSquare(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + 16 <= size; i += 16) {
    s0 = AddSquare(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    s1 = AddSquare(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return Sum(s0, s1, s2, s3);
}

KYRO_INLINE float DotInline(const float* a, const float* b, size_t size) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 64 <= size; i += 64) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + 16 <= size; i += 16) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  }
  if (i < size) {
    const __mmask16 mask = FirstLanes(size - i);
    s1 =
        _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
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
  const __m512i weights = _mm512_set1_epi32(weight);
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 minus = static_cast<__mmask16>(signs[i / 64] >> (i % 64));
    const __mmask16 lanes = size - i >= 16 ? static_cast<__mmask16>(0xFFFF) : FirstLanes(size - i);
    const __m512i sum = _mm512_maskz_loadu_epi32(lanes, sums + i);
    const __m512i plus = _mm512_add_epi32(sum, weights);
    _mm512_mask_storeu_epi32(sums + i, lanes, _mm512_mask_sub_epi32(plus, minus, sum, weights));
  }
}

}  // namespace

const Kernels kAvx512Kernels = {InstructionSet::kAvx512, SquaredL2, Dot,
                                SquaredL2Batch,          DotBatch,  AddSigned};
const Kernels kVnniKernels = {
    InstructionSet::kAvx512Vnni, SquaredL2, Dot, SquaredL2Batch, DotBatch, AddSigned};

}  // namespace kyrodb::vector::kernels
#endif
