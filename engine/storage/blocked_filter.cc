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

bool ProbePortable(const uint64_t* block, uint32_t low) {
  // No early way out: the branches would be mispredicted more often than words are saved.
  uint64_t all = 1;
  for (uint64_t i = 0; i < kFilterBlockWords; ++i) all &= block[i] >> FilterView::BitOf(low, i);
  return (all & 1) != 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) bool ProbeAvx2(const uint64_t* block, uint32_t low) {
  const __m256i salts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFilterSalts));
  const __m256i products = _mm256_mullo_epi32(_mm256_set1_epi32(static_cast<int>(low)), salts);
  const __m256i bits = _mm256_srli_epi32(products, 26);
  const __m256i ones = _mm256_set1_epi64x(1);
  const __m256i front =
      _mm256_sllv_epi64(ones, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(bits)));
  const __m256i back =
      _mm256_sllv_epi64(ones, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(bits, 1)));
  const auto* const halves = reinterpret_cast<const __m256i*>(block);
  return (_mm256_testc_si256(_mm256_loadu_si256(halves), front) &
          _mm256_testc_si256(_mm256_loadu_si256(halves + 1), back)) != 0;
}

auto BestProbe() { return __builtin_cpu_supports("avx2") != 0 ? ProbeAvx2 : ProbePortable; }
#else
auto BestProbe() { return ProbePortable; }
#endif

}  // namespace

FilterView::FilterView(std::span<const uint64_t> words)
    : words_(words.data()), block_count_(words.size() / kFilterBlockWords), probe_(BestProbe()) {}

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
