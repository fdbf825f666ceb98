#include "learned_index/model/kernels.h"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/base/status.h"
#include "learned_index/cells.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define KYRO_X86 1
#endif

namespace kyrodb::learned_index::model {
namespace {

// How many probes of a batch go through a stage together.
constexpr size_t kGroup = 64;
// The same for a descent in a tree, where a stage is a level and asks for two lines a probe.
constexpr size_t kTreeGroup = 16;
// How many probes of a batch have their keys on the way from memory. A core keeps some tens of
// misses in flight; a bound is two or three cache lines.
constexpr size_t kAhead = 12;
// How many probes of a batch go through a stage of a map's look-up together.
constexpr size_t kMapGroup = 16;
// A wider bound is halved before its keys are counted; those of a model with a small epsilon are
// not.
constexpr uint64_t kWidthMax = 64;

void Prefetch(const uint64_t* keys, SearchBound bound) {
  __builtin_prefetch(keys + bound.begin);
  __builtin_prefetch(keys + bound.end - (bound.end > bound.begin ? 1 : 0));
}

SearchBound Narrow(const uint64_t* keys, SearchBound bound, uint64_t key) {
  while (bound.end > bound.begin + kWidthMax) {
    const uint64_t middle = bound.begin + (bound.end - bound.begin) / 2;
    if (keys[middle] < key) {
      bound.begin = middle + 1;
    } else {
      bound.end = middle;
    }
  }
  return bound;
}

SearchBound NarrowCells(const uint64_t* cells, SearchBound bound, uint64_t key) {
  while (bound.end > bound.begin + kWidthMax) {
    const uint64_t middle = bound.begin + (bound.end - bound.begin) / 2;
    if (cells[CellIndexOf(middle)] < key) {
      bound.begin = middle + 1;
    } else {
      bound.end = middle;
    }
  }
  return bound;
}

namespace portable {
#define KYRO_TARGET

inline uint32_t CountLessTail(const uint64_t* keys, uint32_t count, uint64_t key) {
  uint32_t less = 0;
  for (uint32_t i = 0; i < count; ++i) less += keys[i] < key ? 1 : 0;
  return less;
}

inline uint32_t CountLess(const uint64_t* keys, uint64_t key) {
  uint32_t less = 0;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < 8; ++i) less += keys[i] < key ? 1 : 0;
  return less;
}

inline uint32_t CountLessOrEqual(const uint64_t* keys, uint64_t key) {
  uint32_t passed = 0;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < 8; ++i) passed += keys[i] <= key ? 1 : 0;
  return passed;
}

inline uint32_t EqualMask(const uint64_t* keys, uint64_t key) {
  uint32_t mask = 0;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < 8; ++i) mask |= (keys[i] == key ? 1u : 0u) << i;
  return mask;
}

#include "learned_index/model/kernels.inc"
#undef KYRO_TARGET
}  // namespace portable

#ifdef KYRO_X86

namespace avx2 {
#define KYRO_TARGET __attribute__((target("avx2,bmi2,popcnt")))

// AVX2 compares signed integers only; flipping the top bit of both sides keeps the order.
KYRO_TARGET inline __m256i Flipped(__m256i values) {
  return _mm256_xor_si256(values, _mm256_set1_epi64x(INT64_MIN));
}
KYRO_TARGET inline __m256i FlippedKey(uint64_t key) {
  return Flipped(_mm256_set1_epi64x(static_cast<int64_t>(key)));
}
KYRO_TARGET inline __m256i FlippedFour(const uint64_t* keys) {
  return Flipped(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys)));
}
// Which of the eight lanes are all ones.
KYRO_TARGET inline uint32_t MaskOf(__m256i low, __m256i high) {
  const int bits = _mm256_movemask_pd(_mm256_castsi256_pd(low)) |
                   _mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4;
  return static_cast<uint32_t>(bits);
}
KYRO_TARGET inline uint32_t CountSet(__m256i low, __m256i high) {
  return static_cast<uint32_t>(std::popcount(MaskOf(low, high)));
}

KYRO_TARGET inline uint32_t EqualMask(const uint64_t* keys, uint64_t key) {
  const __m256i wanted = _mm256_set1_epi64x(static_cast<int64_t>(key));
  const auto* const from = reinterpret_cast<const __m256i*>(keys);
  return MaskOf(_mm256_cmpeq_epi64(wanted, _mm256_loadu_si256(from)),
                _mm256_cmpeq_epi64(wanted, _mm256_loadu_si256(from + 1)));
}

KYRO_TARGET inline uint32_t CountLess(const uint64_t* keys, uint64_t key) {
  const __m256i wanted = FlippedKey(key);
  return CountSet(_mm256_cmpgt_epi64(wanted, FlippedFour(keys)),
                  _mm256_cmpgt_epi64(wanted, FlippedFour(keys + 4)));
}

KYRO_TARGET inline uint32_t CountLessOrEqual(const uint64_t* keys, uint64_t key) {
  const __m256i wanted = FlippedKey(key);
  return 8 - CountSet(_mm256_cmpgt_epi64(FlippedFour(keys), wanted),
                      _mm256_cmpgt_epi64(FlippedFour(keys + 4), wanted));
}

KYRO_TARGET inline uint32_t CountLessTail(const uint64_t* keys, uint32_t count, uint64_t key) {
  const __m256i wanted = FlippedKey(key);
  const __m256i counts = _mm256_set1_epi64x(count);
  const __m256i low_lanes = _mm256_cmpgt_epi64(counts, _mm256_setr_epi64x(0, 1, 2, 3));
  const __m256i high_lanes = _mm256_cmpgt_epi64(counts, _mm256_setr_epi64x(4, 5, 6, 7));
  const auto* const from = reinterpret_cast<const long long*>(keys);
  const __m256i low = Flipped(_mm256_maskload_epi64(from, low_lanes));
  const __m256i high = Flipped(_mm256_maskload_epi64(from + 4, high_lanes));
  return CountSet(_mm256_and_si256(_mm256_cmpgt_epi64(wanted, low), low_lanes),
                  _mm256_and_si256(_mm256_cmpgt_epi64(wanted, high), high_lanes));
}

#include "learned_index/model/kernels.inc"
#undef KYRO_TARGET
}  // namespace avx2

namespace avx512 {
#define KYRO_TARGET __attribute__((target("avx512f,bmi2,popcnt")))

KYRO_TARGET inline uint32_t CountLess(const uint64_t* keys, uint64_t key) {
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(key));
  const uint32_t less = _mm512_cmplt_epu64_mask(_mm512_loadu_si512(keys), wanted);
  return static_cast<uint32_t>(std::popcount(less));
}

KYRO_TARGET inline uint32_t CountLessOrEqual(const uint64_t* keys, uint64_t key) {
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(key));
  const uint32_t passed = _mm512_cmple_epu64_mask(_mm512_loadu_si512(keys), wanted);
  return static_cast<uint32_t>(std::popcount(passed));
}

KYRO_TARGET inline uint32_t CountLessTail(const uint64_t* keys, uint32_t count, uint64_t key) {
  const auto lanes = static_cast<__mmask8>(_bzhi_u32(0xFF, count));
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(key));
  const uint32_t less =
      _mm512_mask_cmplt_epu64_mask(lanes, _mm512_maskz_loadu_epi64(lanes, keys), wanted);
  return static_cast<uint32_t>(std::popcount(less));
}

KYRO_TARGET inline uint32_t EqualMask(const uint64_t* keys, uint64_t key) {
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(key));
  return _mm512_cmpeq_epu64_mask(_mm512_loadu_si512(keys), wanted);
}

#include "learned_index/model/kernels.inc"
#undef KYRO_TARGET
}  // namespace avx512

#endif  // KYRO_X86

}  // namespace

bool IsSupported(Unit unit) {
#ifdef KYRO_X86
  const bool has_bits =
      __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  if (unit == Unit::kAvx512) return has_bits && __builtin_cpu_supports("avx512f") != 0;
  if (unit == Unit::kAvx2) return has_bits && __builtin_cpu_supports("avx2") != 0;
#endif
  return unit == Unit::kPortable;
}

const Kernels& KernelsOf(Unit unit) {
  KYRO_CHECK(IsSupported(unit));
#ifdef KYRO_X86
  if (unit == Unit::kAvx512) return avx512::kKernels;
  if (unit == Unit::kAvx2) return avx2::kKernels;
#endif
  return portable::kKernels;
}

const Kernels& BestKernels() {
  static const Kernels& best = KernelsOf(IsSupported(Unit::kAvx512) ? Unit::kAvx512
                                         : IsSupported(Unit::kAvx2) ? Unit::kAvx2
                                                                    : Unit::kPortable);
  return best;
}

}  // namespace kyrodb::learned_index::model
