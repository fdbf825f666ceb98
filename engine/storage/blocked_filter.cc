#include "engine/storage/blocked_filter.h"

#include <algorithm>
#include <cmath>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr double kBlockBits = kFilterBlockWords * 64;
constexpr uint64_t kBlockCountMax = uint64_t{1} << 32;

}  // namespace

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
