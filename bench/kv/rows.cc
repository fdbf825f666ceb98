#include "bench/kv/rows.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/base/random.h"

namespace kyrodb::bench {

Key KeyOf(uint64_t number) {
  const uint64_t words[2] = {SplitMix64(number), SplitMix64(~number)};
  Key key;
  std::memcpy(key.bytes, words, kKeyBytes);
  return key;
}

Value ValueOf(uint64_t number, uint64_t version) {
  Value value;
  const uint64_t start = SplitMix64(number) + SplitMix64(version << 32);
  for (size_t at = 0; at < kValueBytes; at += 8) {
    const uint64_t word = SplitMix64(start + at);
    std::memcpy(value.bytes + at, &word, std::min<size_t>(8, kValueBytes - at));
  }
  return value;
}

void Rows::Add(uint64_t number, uint64_t version) {
  const Key key = KeyOf(number);
  const Value value = ValueOf(number, version);
  bytes_.append(key.bytes, kKeyBytes);
  bytes_.append(value.bytes, kValueBytes);
}

std::vector<uint64_t> NumbersInKeyOrder(uint64_t begin, uint64_t end) {
  // The first eight bytes decide: SplitMix64 is a bijection, so that no two numbers share them.
  std::vector<std::pair<uint64_t, uint64_t>> pairs;
  pairs.reserve(end - begin);
  for (uint64_t number = begin; number < end; ++number) {
    uint64_t word;
    std::memcpy(&word, KeyOf(number).bytes, 8);
    pairs.emplace_back(__builtin_bswap64(word), number);
  }
  std::sort(pairs.begin(), pairs.end());
  std::vector<uint64_t> numbers;
  numbers.reserve(pairs.size());
  for (const auto& [prefix, number] : pairs) numbers.push_back(number);
  return numbers;
}

std::vector<uint64_t> NumbersInRandomOrder(uint64_t begin, uint64_t end, uint64_t seed) {
  std::vector<uint64_t> numbers(end - begin);
  std::iota(numbers.begin(), numbers.end(), begin);
  Random random(seed);
  std::shuffle(numbers.begin(), numbers.end(), random);
  return numbers;
}

Rows RowsOf(const std::vector<uint64_t>& numbers) {
  Rows rows;
  rows.Reserve(numbers.size());
  for (const uint64_t number : numbers) rows.Add(number, 0);
  return rows;
}

}  // namespace kyrodb::bench
