// Kernels over codes for AVX-512 with BW, VNNI and VPOPCNTDQ: four products of bytes a lane and
// instruction; a one-bit code is the mask of a load.
#if defined(__x86_64__)
#include <immintrin.h>

#include "vector/kernels/code_tables.h"

#define KYRO_FEATURES "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq"
#define KYRO_TARGET __attribute__((target(KYRO_FEATURES)))
#define KYRO_INLINE __attribute__((target(KYRO_FEATURES), always_inline)) inline

namespace kyrodb::vector::kernels {
namespace {

// The first `count` (0..63) bits.
KYRO_INLINE __mmask64 FirstBits(size_t count) { return (uint64_t{1} << count) - 1; }

// The masked forms: GCC 12 warns of an uninitialised value inside the plain ones.
KYRO_INLINE int32_t Sum(__m512i lanes) {
  const __m256i half = _mm256_add_epi32(_mm512_maskz_extracti64x4_epi64(0xF, lanes, 0),
                                        _mm512_maskz_extracti64x4_epi64(0xF, lanes, 1));
  __m128i quarter = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  quarter = _mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0xB1)));
}

KYRO_INLINE uint64_t Sum64(__m512i lanes) {
  uint64_t out[8];
  _mm512_storeu_si512(out, lanes);
  return ((out[0] + out[1]) + (out[2] + out[3])) + ((out[4] + out[5]) + (out[6] + out[7]));
}

KYRO_INLINE float Sum(__m512 lanes) {
  const __m512d sum = _mm512_castps_pd(lanes);
  const __m256 half = _mm256_add_ps(_mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xF, sum, 0)),
                                    _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xF, sum, 1)));
  __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

KYRO_INLINE int32_t DotU8(const int8_t* query, const uint8_t* code, size_t size) {
  __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 256 <= size; i += 256) {
    s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(code + i), _mm512_loadu_si512(query + i));
    s1 = _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(code + i + 64),
                             _mm512_loadu_si512(query + i + 64));
    s2 = _mm512_dpbusd_epi32(s2, _mm512_loadu_si512(code + i + 128),
                             _mm512_loadu_si512(query + i + 128));
    s3 = _mm512_dpbusd_epi32(s3, _mm512_loadu_si512(code + i + 192),
                             _mm512_loadu_si512(query + i + 192));
  }
  for (; i + 64 <= size; i += 64) {
    s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(code + i), _mm512_loadu_si512(query + i));
  }
  if (i < size) {
    const __mmask64 mask = FirstBits(size - i);
    s1 = _mm512_dpbusd_epi32(s1, _mm512_maskz_loadu_epi8(mask, code + i),
                             _mm512_maskz_loadu_epi8(mask, query + i));
  }
  return Sum(_mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(s2, s3)));
}

// Thirty-two bytes become as many words, each with its two halves as bytes in their order.
KYRO_INLINE __m512i SpreadHalves(__m256i packed) {
  const __m512i words = _mm512_cvtepu8_epi16(packed);
  return _mm512_and_si512(_mm512_or_si512(words, _mm512_slli_epi16(words, 4)),
                          _mm512_set1_epi16(0x0F0F));
}

KYRO_INLINE int32_t DotU4(const int8_t* query, const uint8_t* code, size_t size) {
  __m512i s0 = _mm512_setzero_si512(), s1 = s0;
  size_t i = 0;
  for (; i + 128 <= size; i += 128) {
    const uint8_t* const at = code + i / 2;
    s0 = _mm512_dpbusd_epi32(s0,
                             SpreadHalves(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))),
                             _mm512_loadu_si512(query + i));
    s1 = _mm512_dpbusd_epi32(
        s1, SpreadHalves(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32))),
        _mm512_loadu_si512(query + i + 64));
  }
  for (; i < size; i += 64) {
    const size_t left = size - i < 64 ? size - i : 64;
    const __mmask32 bytes = static_cast<__mmask32>(FirstBits((left + 1) / 2));
    const __mmask64 lanes = left == 64 ? ~__mmask64{0} : FirstBits(left);
    s0 = _mm512_dpbusd_epi32(s0, SpreadHalves(_mm256_maskz_loadu_epi8(bytes, code + i / 2)),
                             _mm512_maskz_loadu_epi8(lanes, query + i));
  }
  return Sum(_mm512_add_epi32(s0, s1));
}

KYRO_INLINE int32_t DotU1(const int8_t* query, const uint8_t* code, size_t size) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i s0 = _mm512_setzero_si512(), s1 = s0;
  size_t i = 0;
  for (; i + 128 <= size; i += 128) {
    uint64_t bits[2];
    std::memcpy(bits, code + i / 8, sizeof(bits));
    s0 = _mm512_dpbusd_epi32(s0, ones, _mm512_maskz_loadu_epi8(bits[0], query + i));
    s1 = _mm512_dpbusd_epi32(s1, ones, _mm512_maskz_loadu_epi8(bits[1], query + i + 64));
  }
  for (; i < size; i += 64) {
    uint64_t bits = 0;
    if (size - i >= 64) {
      std::memcpy(&bits, code + i / 8, sizeof(bits));
    } else {
      std::memcpy(&bits, code + i / 8, (size - i + 7) / 8);
      bits &= FirstBits(size - i);
    }
    s0 = _mm512_dpbusd_epi32(s0, ones, _mm512_maskz_loadu_epi8(bits, query + i));
  }
  return Sum(_mm512_add_epi32(s0, s1));
}

KYRO_INLINE __m512 LoadHalves(const uint16_t* halves) {
  return _mm512_maskz_cvtph_ps(0xFFFF,
                               _mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
}
KYRO_INLINE __m512 LoadHalves(__mmask16 mask, const uint16_t* halves) {
  return _mm512_maskz_cvtph_ps(0xFFFF, _mm256_maskz_loadu_epi16(mask, halves));
}

KYRO_INLINE float DotHalf(const float* query, const uint16_t* halves, size_t size) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0;
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), LoadHalves(halves + i), s0);
    s1 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), LoadHalves(halves + i + 16), s1);
  }
  for (; i < size; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(size - i >= 16 ? 0xFFFF : FirstBits(size - i));
    s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, query + i), LoadHalves(mask, halves + i), s0);
  }
  return Sum(_mm512_add_ps(s0, s1));
}

KYRO_TARGET float SquaredL2Half(const float* query, const uint16_t* halves, size_t size) {
  __m512 s0 = _mm512_setzero_ps();
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(size - i >= 16 ? 0xFFFF : FirstBits(size - i));
    const __m512 difference =
        _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, query + i), LoadHalves(mask, halves + i));
    s0 = _mm512_fmadd_ps(difference, difference, s0);
  }
  return Sum(s0);
}

template <CodeKernels::IntegerSum kSum, size_t kBits>
KYRO_TARGET void Score(const CodeQuery& query, const CodeRows& table, const uint32_t* rows,
                       size_t count, float* out) {
  const size_t bytes = kCodeHeaderBytes + CodeBytes(query.size, kBits);
  for (size_t i = 0; i < count; ++i) {
    if (i + kRowsAhead < count) PrefetchCode(RowOf(table, rows[i + kRowsAhead]), bytes);
    const uint8_t* const row = RowOf(table, rows[i]);
    out[i] = RankOf(query, row,
                    static_cast<float>(kSum(query.values, row + kCodeHeaderBytes, query.size)));
  }
}

KYRO_TARGET void ScoreHalf(const CodeQuery& query, const CodeRows& table, const uint32_t* rows,
                           size_t count, float* out) {
  const size_t bytes = kCodeHeaderBytes + CodeBytes(query.size, 16);
  for (size_t i = 0; i < count; ++i) {
    if (i + kRowsAhead < count) PrefetchCode(RowOf(table, rows[i + kRowsAhead]), bytes);
    const uint8_t* const row = RowOf(table, rows[i]);
    out[i] = RankOf(query, row,
                    DotHalf(query.floats, reinterpret_cast<const uint16_t*>(row + kCodeHeaderBytes),
                            query.size));
  }
}

KYRO_TARGET int32_t DotU8Single(const int8_t* query, const uint8_t* code, size_t size) {
  return DotU8(query, code, size);
}
KYRO_TARGET int32_t DotU4Single(const int8_t* query, const uint8_t* code, size_t size) {
  return DotU4(query, code, size);
}
KYRO_TARGET int32_t DotU1Single(const int8_t* query, const uint8_t* code, size_t size) {
  return DotU1(query, code, size);
}
KYRO_TARGET float DotHalfSingle(const float* query, const uint16_t* halves, size_t size) {
  return DotHalf(query, halves, size);
}

KYRO_TARGET void ToHalves(const float* values, size_t size, uint16_t* halves) {
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(size - i >= 16 ? 0xFFFF : FirstBits(size - i));
    // The masked form, for the same warning.
    _mm256_mask_storeu_epi16(halves + i, mask,
                             _mm512_maskz_cvtps_ph(mask, _mm512_maskz_loadu_ps(mask, values + i),
                                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
}

KYRO_TARGET void FromHalves(const uint16_t* halves, size_t size, float* values) {
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(size - i >= 16 ? 0xFFFF : FirstBits(size - i));
    _mm512_mask_storeu_ps(values + i, mask, LoadHalves(mask, halves + i));
  }
}

KYRO_TARGET uint64_t Hamming(const uint8_t* a, const uint8_t* b, size_t bytes) {
  __m512i count = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += 64) {
    const __mmask64 mask = bytes - i >= 64 ? ~__mmask64{0} : FirstBits(bytes - i);
    count = _mm512_add_epi64(
        count, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, a + i),
                                                    _mm512_maskz_loadu_epi8(mask, b + i))));
  }
  return Sum64(count);
}

KYRO_TARGET SharedBits Shared(const uint8_t* a, const uint8_t* b, size_t bytes) {
  __m512i both = _mm512_setzero_si512(), either = both;
  for (size_t i = 0; i < bytes; i += 64) {
    const __mmask64 mask = bytes - i >= 64 ? ~__mmask64{0} : FirstBits(bytes - i);
    const __m512i x = _mm512_maskz_loadu_epi8(mask, a + i);
    const __m512i y = _mm512_maskz_loadu_epi8(mask, b + i);
    both = _mm512_add_epi64(both, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
    either = _mm512_add_epi64(either, _mm512_popcnt_epi64(_mm512_or_si512(x, y)));
  }
  return {Sum64(both), Sum64(either)};
}

// One stage within a register: each element becomes the sum with, or the difference to, its
// partner.
template <int kHalf>
KYRO_INLINE __m512 Stage(__m512 v) {
  __m512 partner;
  __mmask16 minus;
  if constexpr (kHalf == 1) {
    partner = _mm512_maskz_permute_ps(0xFFFF, v, 0xB1);
    minus = 0xAAAA;
  } else if constexpr (kHalf == 2) {
    partner = _mm512_maskz_permute_ps(0xFFFF, v, 0x4E);
    minus = 0xCCCC;
  } else if constexpr (kHalf == 4) {
    partner = _mm512_maskz_shuffle_f32x4(0xFFFF, v, v, 0xB1);
    minus = 0xF0F0;
  } else {
    partner = _mm512_maskz_shuffle_f32x4(0xFFFF, v, v, 0x4E);
    minus = 0xFF00;
  }
  return _mm512_mask_sub_ps(_mm512_add_ps(partner, v), minus, partner, v);
}

KYRO_TARGET void Hadamard(float* values, size_t size) {
  if (size < 16) return HadamardLoops(values, size);
  const __m512 scale = _mm512_set1_ps(1 / std::sqrt(static_cast<float>(size)));
  for (size_t i = 0; i < size; i += 16) {
    const __m512 v = _mm512_mul_ps(_mm512_loadu_ps(values + i), scale);
    _mm512_storeu_ps(values + i, Stage<8>(Stage<4>(Stage<2>(Stage<1>(v)))));
  }
  for (size_t half = 16; half < size; half *= 2) {
    for (size_t begin = 0; begin < size; begin += 2 * half) {
      for (size_t i = begin; i < begin + half; i += 16) {
        const __m512 a = _mm512_loadu_ps(values + i), b = _mm512_loadu_ps(values + i + half);
        _mm512_storeu_ps(values + i, _mm512_add_ps(a, b));
        _mm512_storeu_ps(values + i + half, _mm512_sub_ps(a, b));
      }
    }
  }
}

KYRO_INLINE __m512 WidenBytes(__m128i bytes) {
  return _mm512_maskz_cvtepi32_ps(0xFFFF, _mm512_maskz_cvtepu8_epi32(0xFFFF, bytes));
}

KYRO_TARGET void Join(const uint8_t* high, const uint8_t* low, float step, size_t size,
                      float* values) {
  if (low == nullptr) return JoinLoops(high, low, step, size, values);
  const __m512 steps = _mm512_set1_ps(step), steps16 = _mm512_set1_ps(16 * step);
  const __m512 center = _mm512_set1_ps(-2055.5f * step);
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    // Eight bytes become eight words, each with its two halves as bytes in their order.
    const __m128i words =
        _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(low + i / 2)));
    const __m128i halves =
        _mm_and_si128(_mm_or_si128(words, _mm_slli_epi16(words, 4)), _mm_set1_epi16(0x0F0F));
    const __m512 fine = _mm512_fmadd_ps(WidenBytes(halves), steps, center);
    const __m512 coarse = WidenBytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(high + i)));
    _mm512_storeu_ps(values + i, _mm512_fmadd_ps(coarse, steps16, fine));
  }
  if (i < size) JoinLoops(high + i, low + i / 2, step, size - i, values + i);
}

}  // namespace

const CodeKernels kVnniCodeKernels = {.instruction_set = InstructionSet::kAvx512Vnni,
                                      .dot_u8 = DotU8Single,
                                      .dot_u4 = DotU4Single,
                                      .dot_u1 = DotU1Single,
                                      .dot_half = DotHalfSingle,
                                      .squared_l2_half = SquaredL2Half,
                                      .score_u8 = Score<DotU8, 8>,
                                      .score_u4 = Score<DotU4, 4>,
                                      .score_u1 = Score<DotU1, 1>,
                                      .score_half = ScoreHalf,
                                      .to_half = ToHalves,
                                      .from_half = FromHalves,
                                      .hamming = Hamming,
                                      .shared_bits = Shared,
                                      .join = Join,
                                      .hadamard = Hadamard};

}  // namespace kyrodb::vector::kernels
#endif
