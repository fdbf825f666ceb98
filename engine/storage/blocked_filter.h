// A Bloom filter of 512-bit blocks: whatever is asked about a key lies in one cache line.
//
// Layout: `block_count` blocks of eight 64-bit words. A key sets one bit in each word of one block.
// With h its hash: the block is (h >> 32) * block_count >> 32, the bit of word i is
// (uint32(h) * kSalts[i]) >> 26. The words are plain numbers; a file stores them little-endian.
// Source: F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom filters" (JEA
// 2009); the split of a block into words is that of Apache Parquet's filter, with longer words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kyrodb::engine {

inline constexpr uint64_t kFilterBlockWords = 8;
// Odd numbers without structure: each takes other bits of the hash to the top.
inline constexpr uint32_t kFilterSalts[kFilterBlockWords] = {
    0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1, 0xD6E8FEB9, 0xA0761D65, 0xE7037ED1};

// Measured share of absent keys that pass (the test holds it within a tenth part):
//   bits per key    8       10      12      16
//   share           3.0 %   1.1 %   0.42 %  0.1 %
inline constexpr double kFilterBitsPerKey = 10;

// How many words hold `key_count` keys; a multiple of `kFilterBlockWords`, at least one block.
uint64_t FilterWordCount(uint64_t key_count, double bits_per_key = kFilterBitsPerKey);

// The words of a filter over the keys that have these hashes.
std::vector<uint64_t> BuildFilter(std::span<const uint64_t> hashes,
                                  double bits_per_key = kFilterBitsPerKey);

// Adds one key. `words` is whole blocks, at least one.
void AddToFilter(std::span<uint64_t> words, uint64_t hash);

// A filter to ask. Copies are cheap: it borrows the words.
//
// Shape:          `words` is whole blocks, at least one, at most 2^32; aligned to 64 bytes if a
//                 question shall cost one cache line.
// Thread-safety:  immutable.
// Cost:           one cache line; about 6 ns when it is near.
class FilterView {
 public:
  FilterView() = default;
  explicit FilterView(std::span<const uint64_t> words);

  // False only when no key with this hash was added. A filter without words knows nothing: true.
  bool MayContain(uint64_t hash) const;
  // Starts to bring the block near.
  void Prefetch(uint64_t hash) const {
    if (block_count_ > 0) {
      __builtin_prefetch(words_ + BlockOf(hash, block_count_) * kFilterBlockWords);
    }
  }

  // The block that has the bits of `hash`; null when there are no words.
  const uint64_t* BlockFor(uint64_t hash) const {
    if (block_count_ == 0) return nullptr;
    return words_ + BlockOf(hash, block_count_) * kFilterBlockWords;
  }
  uint64_t word_count() const { return block_count_ * kFilterBlockWords; }

  static uint64_t BlockOf(uint64_t hash, uint64_t block_count) {
    return (hash >> 32) * block_count >> 32;
  }
  static uint32_t BitOf(uint32_t low, uint64_t word) { return low * kFilterSalts[word] >> 26; }

 private:
  const uint64_t* words_ = nullptr;
  uint64_t block_count_ = 0;
};

// Asks up to kFiltersAtOnceMax filters for one key, whose bits are worked out once: bit i of the
// answer is what filters[i] says.
inline constexpr size_t kFiltersAtOnceMax = 64;
uint64_t WhichMayContain(std::span<const FilterView> filters, uint64_t hash);

}  // namespace kyrodb::engine
