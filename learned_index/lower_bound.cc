#include "learned_index/lower_bound.h"

#include <algorithm>
#include <bit>

#include "engine/base/status.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define KYRO_SEARCH_X86 1
#endif

namespace kyrodb::learned_index {
namespace {

// How many probes of a batch have their cache lines on the way. A core keeps about this many
// misses in flight; two lines a probe are asked for.
constexpr size_t kAhead = 12;

void Prefetch(const uint64_t* keys, SearchBound bound) {
  __builtin_prefetch(keys + bound.begin + (bound.end - bound.begin) / 2);
}

// Halves a wide bound until walking it line by line is cheap; the bounds of a model with a small
// epsilon are left as they are.
inline SearchBound Narrow(const uint64_t* keys, SearchBound bound, uint64_t key) {
  constexpr uint64_t kWidthMax = 256;
  while (bound.end > bound.begin + kWidthMax) [[unlikely]] {
    const uint64_t middle = bound.begin + (bound.end - bound.begin) / 2;
    if (keys[middle] < key) {
      bound.begin = middle + 1;
    } else {
      bound.end = middle;
    }
  }
  return bound;
}

namespace portable {

uint64_t Search(const uint64_t* keys, SearchBound bound, uint64_t key) {
  if (bound.begin >= bound.end) return bound.begin;
  return static_cast<uint64_t>(std::lower_bound(keys + bound.begin, keys + bound.end, key) - keys);
}

void SearchBatch(const uint64_t* keys, std::span<const SearchBound> bounds,
                 std::span<const uint64_t> probes, std::span<uint64_t> positions) {
  for (size_t i = 0; i < std::min(kAhead, probes.size()); ++i) Prefetch(keys, bounds[i]);
  for (size_t i = 0; i < probes.size(); ++i) {
    if (i + kAhead < probes.size()) Prefetch(keys, bounds[i + kAhead]);
    positions[i] = Search(keys, bounds[i], probes[i]);
  }
}

}  // namespace portable

#ifdef KYRO_SEARCH_X86

namespace avx2 {
#define KYRO_SEARCH_TARGET __attribute__((target("avx2,bmi,popcnt")))

// AVX2 compares signed integers only; flipping the top bit of both sides keeps the order.
KYRO_SEARCH_TARGET inline uint8_t LessMask(const uint64_t* address, uint8_t lanes, uint64_t key) {
  const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
  const __m256i wanted = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<int64_t>(key)), flip);
  const __m256i chosen = _mm256_set1_epi64x(lanes);
  const auto half = [&](const uint64_t* at, __m256i bits) KYRO_SEARCH_TARGET {
    const __m256i mask = _mm256_cmpeq_epi64(_mm256_and_si256(chosen, bits), bits);
    const __m256i read = _mm256_maskload_epi64(reinterpret_cast<const long long*>(at), mask);
    const __m256i less = _mm256_cmpgt_epi64(wanted, _mm256_xor_si256(read, flip));
    return static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(less)));
  };
  const uint32_t low = half(address, _mm256_setr_epi64x(1, 2, 4, 8));
  const uint32_t high = half(address + 4, _mm256_setr_epi64x(16, 32, 64, 128));
  return static_cast<uint8_t>((low | high << 4) & lanes);
}

#include "learned_index/search/outward_search.inc"
#undef KYRO_SEARCH_TARGET
}  // namespace avx2

namespace avx512 {
#define KYRO_SEARCH_TARGET __attribute__((target("avx512f,bmi,popcnt")))

KYRO_SEARCH_TARGET inline uint8_t LessMask(const uint64_t* address, uint8_t lanes, uint64_t key) {
  const __m512i read = _mm512_maskz_loadu_epi64(lanes, address);
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(key));
  return static_cast<uint8_t>(_mm512_mask_cmplt_epu64_mask(lanes, read, wanted));
}

#include "learned_index/search/outward_search.inc"
#undef KYRO_SEARCH_TARGET
}  // namespace avx512

#endif  // KYRO_SEARCH_X86

using SearchFunction = uint64_t (*)(const uint64_t*, SearchBound, uint64_t);
using BatchFunction = void (*)(const uint64_t*, std::span<const SearchBound>,
                               std::span<const uint64_t>, std::span<uint64_t>);

struct Functions {
  SearchFunction search;
  BatchFunction batch;
};

Functions FunctionsOf(SearchUnit unit) {
  switch (unit) {
#ifdef KYRO_SEARCH_X86
    case SearchUnit::kAvx512:
      return {avx512::Search, avx512::SearchBatch};
    case SearchUnit::kAvx2:
      return {avx2::Search, avx2::SearchBatch};
#else
    case SearchUnit::kAvx512:
    case SearchUnit::kAvx2:
#endif
    case SearchUnit::kPortable:
      break;
  }
  return {portable::Search, portable::SearchBatch};
}

const Functions& Best() {
  static const Functions functions = FunctionsOf(BestSearchUnit());
  return functions;
}

}  // namespace

bool IsSupported(SearchUnit unit) {
#ifdef KYRO_SEARCH_X86
  switch (unit) {
    case SearchUnit::kAvx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("bmi") != 0;
    case SearchUnit::kAvx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0;
    case SearchUnit::kPortable:
      break;
  }
#endif
  return unit == SearchUnit::kPortable;
}

SearchUnit BestSearchUnit() {
  for (const SearchUnit unit : {SearchUnit::kAvx512, SearchUnit::kAvx2}) {
    if (IsSupported(unit)) return unit;
  }
  return SearchUnit::kPortable;
}

uint64_t LowerBound(const uint64_t* keys, SearchBound bound, uint64_t key) {
  return Best().search(keys, bound, key);
}

void LowerBoundBatch(const uint64_t* keys, std::span<const SearchBound> bounds,
                     std::span<const uint64_t> probes, std::span<uint64_t> positions) {
  KYRO_CHECK(bounds.size() == probes.size() && positions.size() == probes.size());
  Best().batch(keys, bounds, probes, positions);
}

uint64_t LowerBoundOn(SearchUnit unit, const uint64_t* keys, SearchBound bound, uint64_t key) {
  KYRO_CHECK(IsSupported(unit));
  return FunctionsOf(unit).search(keys, bound, key);
}

}  // namespace kyrodb::learned_index
