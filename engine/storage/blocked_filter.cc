#include "engine/storage/blocked_filter.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr double kBlockBits = kFilterBlockWords * 64;
constexpr uint64_t kBlockCountMax = uint64_t{1} << 32;

uint64_t WhichPortable(std::span<const FilterView> filters, uint64_t hash) {
  uint64_t which = 0;
  for (size_t f = 0; f < filters.size(); ++f) {
    const uint64_t* const block = filters[f].BlockFor(hash);
    // No early way out: the branches would be mispredicted more often than words are saved.
    uint64_t all = 1;
    for (uint64_t i = 0; block != nullptr && i < kFilterBlockWords; ++i) {
      all &= block[i] >> FilterView::BitOf(static_cast<uint32_t>(hash), i);
    }
    which |= (all & 1) << f;
  }
  return which;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) uint64_t WhichAvx2(std::span<const FilterView> filters,
                                                   uint64_t hash) {
  const __m256i salts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFilterSalts));
  const __m256i low = _mm256_set1_epi32(static_cast<int>(static_cast<uint32_t>(hash)));
  const __m256i bits = _mm256_srli_epi32(_mm256_mullo_epi32(low, salts), 26);
  const __m256i ones = _mm256_set1_epi64x(1);
  const __m256i front =
      _mm256_sllv_epi64(ones, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(bits)));
  const __m256i back =
      _mm256_sllv_epi64(ones, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(bits, 1)));
  uint64_t which = 0;
  for (size_t f = 0; f < filters.size(); ++f) {
    const auto* const block = reinterpret_cast<const __m256i*>(filters[f].BlockFor(hash));
    const bool all =
        block == nullptr || (_mm256_testc_si256(_mm256_loadu_si256(block), front) &
                             _mm256_testc_si256(_mm256_loadu_si256(block + 1), back)) != 0;
    which |= uint64_t{all} << f;
  }
  return which;
}

__attribute__((target("avx512f"))) uint64_t WhichAvx512(std::span<const FilterView> filters,
                                                        uint64_t hash) {
  const __m256i salts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFilterSalts));
  const __m256i low = _mm256_set1_epi32(static_cast<int>(static_cast<uint32_t>(hash)));
  const __m256i bits = _mm256_srli_epi32(_mm256_mullo_epi32(low, salts), 26);
  const __m512i wanted =
      _mm512_maskz_sllv_epi64(0xFF, _mm512_set1_epi64(1), _mm512_maskz_cvtepu32_epi64(0xFF, bits));
  uint64_t which = 0;
  for (size_t f = 0; f < filters.size(); ++f) {
    const uint64_t* const block = filters[f].BlockFor(hash);
    const bool all =
        block == nullptr ||
        _mm512_cmpneq_epi64_mask(_mm512_and_si512(_mm512_loadu_si512(block), wanted), wanted) == 0;
    which |= uint64_t{all} << f;
  }
  return which;
}

auto BestWhich() {
  if (__builtin_cpu_supports("avx512f") != 0) return WhichAvx512;
  return __builtin_cpu_supports("avx2") != 0 ? WhichAvx2 : WhichPortable;
}
#else
auto BestWhich() { return WhichPortable; }
#endif

}  // namespace

FilterView::FilterView(std::span<const uint64_t> words)
    : words_(words.data()), block_count_(words.size() / kFilterBlockWords) {}

bool FilterView::MayContain(uint64_t hash) const {
  return (WhichMayContain({this, 1}, hash) & 1) != 0;
}

uint64_t WhichMayContain(std::span<const FilterView> filters, uint64_t hash) {
  KYRO_DCHECK(filters.size() <= kFiltersAtOnceMax);
  static const auto which = BestWhich();
  return which(filters, hash);
}

uint64_t FilterWordCount(uint64_t key_count, double bits_per_key) {
  const double blocks = std::ceil(static_cast<double>(key_count) * bits_per_key / kBlockBits);
  const auto block_count = static_cast<uint64_t>(std::max(blocks, 1.0));
  return std::min(block_count, kBlockCountMax) * kFilterBlockWords;
}

void AddToFilter(std::span<uint64_t> words, uint64_t hash) {
  KYRO_DCHECK(!words.empty() && words.size() % kFilterBlockWords == 0);
  uint64_t* block = words.data() +
                    FilterView::BlockOf(hash, words.size() / kFilterBlockWords) * kFilterBlockWords;
  const auto low = static_cast<uint32_t>(hash);
  for (uint64_t i = 0; i < kFilterBlockWords; ++i) {
    block[i] |= uint64_t{1} << FilterView::BitOf(low, i);
  }
}

std::vector<uint64_t> BuildFilter(std::span<const uint64_t> hashes, double bits_per_key) {
  std::vector<uint64_t> words(FilterWordCount(hashes.size(), bits_per_key));
  // Far enough ahead for a block to arrive from memory.
  constexpr size_t kAhead = 16;
  const FilterView view(words);
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (i + kAhead < hashes.size()) view.Prefetch(hashes[i + kAhead]);
    AddToFilter(words, hashes[i]);
  }
  return words;
}

}  // namespace kyrodb::engine
