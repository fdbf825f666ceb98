// Kernels over codes for AVX2, FMA, F16C and POPCNT. Bytes are widened to 16 bits before they are
// multiplied: the instruction that multiplies bytes saturates.
#if defined(__x86_64__)
#include <immintrin.h>

#include "vector/kernels/code_tables.h"

#define KYRO_TARGET __attribute__((target("avx2,fma,f16c,popcnt")))
#define KYRO_INLINE __attribute__((target("avx2,fma,f16c,popcnt"), always_inline)) inline

namespace kyrodb::vector::kernels {
namespace {

KYRO_INLINE int32_t Sum(__m256i lanes) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
}

KYRO_INLINE float Sum(__m256 lanes) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

KYRO_INLINE __m128i Load16(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}

KYRO_INLINE int32_t DotU8(const int8_t* query, const uint8_t* code, size_t size) {
  __m256i s0 = _mm256_setzero_si256(), s1 = s0;
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(_mm256_cvtepi8_epi16(Load16(query + i)),
                                                _mm256_cvtepu8_epi16(Load16(code + i))));
    s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(_mm256_cvtepi8_epi16(Load16(query + i + 16)),
                                                _mm256_cvtepu8_epi16(Load16(code + i + 16))));
  }
  int32_t sum = Sum(_mm256_add_epi32(s0, s1));
  for (; i < size; ++i) sum += query[i] * code[i];
  return sum;
}

KYRO_INLINE int32_t DotU4(const int8_t* query, const uint8_t* code, size_t size) {
  __m256i s0 = _mm256_setzero_si256(), s1 = s0;
  const __m256i low = _mm256_set1_epi16(0x0F0F);
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    // Sixteen bytes become sixteen words, each with its two halves as bytes in their order.
    const __m256i words = _mm256_cvtepu8_epi16(Load16(code + i / 2));
    const __m256i bytes =
        _mm256_and_si256(_mm256_or_si256(words, _mm256_slli_epi16(words, 4)), low);
    s0 = _mm256_add_epi32(s0,
                          _mm256_madd_epi16(_mm256_cvtepi8_epi16(Load16(query + i)),
                                            _mm256_cvtepu8_epi16(_mm256_castsi256_si128(bytes))));
    s1 = _mm256_add_epi32(
        s1, _mm256_madd_epi16(_mm256_cvtepi8_epi16(Load16(query + i + 16)),
                              _mm256_cvtepu8_epi16(_mm256_extracti128_si256(bytes, 1))));
  }
  int32_t sum = Sum(_mm256_add_epi32(s0, s1));
  for (; i < size; ++i) sum += query[i] * (i % 2 == 0 ? code[i / 2] & 15 : code[i / 2] >> 4);
  return sum;
}

KYRO_INLINE int32_t DotU1(const int8_t* query, const uint8_t* code, size_t size) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i spread =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  __m256i sums = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= size; i += 32) {
    int32_t word;
    std::memcpy(&word, code + i / 8, sizeof(word));
    const __m256i each = _mm256_shuffle_epi8(_mm256_set1_epi32(word), spread);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(each, bit), bit);
    const __m256i q =
        _mm256_and_si256(set, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(query + i)));
    // maddubs takes unsigned times signed: one times q, two of which always fit.
    sums = _mm256_add_epi32(sums,
                            _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), q), ones));
  }
  int32_t sum = Sum(sums);
  for (; i < size; ++i) sum += query[i] & -(code[i / 8] >> (i % 8) & 1);
  return sum;
}

// The next eight halves, of which the first `count` are there.
KYRO_INLINE __m256 LoadHalves(const uint16_t* halves, size_t count) {
  if (count >= 8) return _mm256_cvtph_ps(Load16(halves));
  uint16_t padded[8] = {};
  for (size_t i = 0; i < count; ++i) padded[i] = halves[i];
  return _mm256_cvtph_ps(Load16(padded));
}
KYRO_INLINE __m256 LoadFloats(const float* floats, size_t count) {
  if (count >= 8) return _mm256_loadu_ps(floats);
  float padded[8] = {};
  for (size_t i = 0; i < count; ++i) padded[i] = floats[i];
  return _mm256_loadu_ps(padded);
}

KYRO_INLINE float DotHalf(const float* query, const uint16_t* halves, size_t size) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0;
  size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_cvtph_ps(Load16(halves + i)), s0);
    s1 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), _mm256_cvtph_ps(Load16(halves + i + 8)),
                         s1);
  }
  for (; i < size; i += 8) {
    s0 = _mm256_fmadd_ps(LoadFloats(query + i, size - i), LoadHalves(halves + i, size - i), s0);
  }
  return Sum(_mm256_add_ps(s0, s1));
}

KYRO_TARGET float SquaredL2Half(const float* query, const uint16_t* halves, size_t size) {
  __m256 s0 = _mm256_setzero_ps();
  for (size_t i = 0; i < size; i += 8) {
    const __m256 difference =
        _mm256_sub_ps(LoadFloats(query + i, size - i), LoadHalves(halves + i, size - i));
    s0 = _mm256_fmadd_ps(difference, difference, s0);
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
  for (size_t i = 0; i < size; i += 8) {
    uint16_t out[8];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm256_cvtps_ph(LoadFloats(values + i, size - i), _MM_FROUND_TO_NEAREST_INT));
    std::memcpy(halves + i, out, (size - i < 8 ? size - i : 8) * sizeof(uint16_t));
  }
}

KYRO_TARGET void FromHalves(const uint16_t* halves, size_t size, float* values) {
  for (size_t i = 0; i < size; i += 8) {
    float out[8];
    _mm256_storeu_ps(out, LoadHalves(halves + i, size - i));
    std::memcpy(values + i, out, (size - i < 8 ? size - i : 8) * sizeof(float));
  }
}

KYRO_INLINE uint64_t Word(const uint8_t* bytes, size_t count) {
  uint64_t word = 0;
  if (count >= 8) {
    std::memcpy(&word, bytes, 8);
  } else {
    std::memcpy(&word, bytes, count);
  }
  return word;
}

KYRO_TARGET uint64_t Hamming(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint64_t count = 0;
  for (size_t i = 0; i < bytes; i += 8) {
    count += static_cast<uint64_t>(
        __builtin_popcountll(Word(a + i, bytes - i) ^ Word(b + i, bytes - i)));
  }
  return count;
}

KYRO_TARGET SharedBits Shared(const uint8_t* a, const uint8_t* b, size_t bytes) {
  SharedBits shared;
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t x = Word(a + i, bytes - i), y = Word(b + i, bytes - i);
    shared.both += static_cast<uint64_t>(__builtin_popcountll(x & y));
    shared.either += static_cast<uint64_t>(__builtin_popcountll(x | y));
  }
  return shared;
}

KYRO_TARGET void Hadamard(float* values, size_t size) { HadamardLoops(values, size); }

KYRO_TARGET void Join(const uint8_t* high, const uint8_t* low, float step, size_t size,
                      float* values) {
  JoinLoops(high, low, step, size, values);
}

}  // namespace

const CodeKernels kAvx2CodeKernels = {.instruction_set = InstructionSet::kAvx2,
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
