// The rows that every store gets: a key of 16 random bytes and a value of 100, both functions of a
// row number, so that nothing needs to be kept in order to check an answer. Keys share no prefix
// and their order has nothing to do with their numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kyrodb::bench {

inline constexpr size_t kKeyBytes = 16;
inline constexpr size_t kValueBytes = 100;
// Numbers from here on are never written.
inline constexpr uint64_t kAbsentNumber = uint64_t{1} << 40;

struct Key {
  char bytes[kKeyBytes];
  operator absl::string_view() const { return {bytes, kKeyBytes}; }  // NOLINT: is one
};
Key KeyOf(uint64_t number);

struct Value {
  char bytes[kValueBytes];
  operator absl::string_view() const { return {bytes, kValueBytes}; }  // NOLINT: is one
};
// Each `version` of a row has another value.
Value ValueOf(uint64_t number, uint64_t version);

// Touches both ends of a value, which is what a reader that uses it would at least do.
inline uint64_t Digest(absl::string_view value) {
  uint64_t head = 0, tail = 0;
  if (value.size() < 8) return value.size();
  std::memcpy(&head, value.data(), 8);
  std::memcpy(&tail, value.data() + value.size() - 8, 8);
  return (head ^ (tail << 1)) + value.size();
}

// Rows laid out one after the other, so that a measured load reads memory and makes nothing.
//
// Thread-safety:  share freely after the last `Add`.
class Rows {
 public:
  void Reserve(size_t count) { bytes_.reserve(count * (kKeyBytes + kValueBytes)); }
  void Add(uint64_t number, uint64_t version);
  size_t size() const { return bytes_.size() / (kKeyBytes + kValueBytes); }
  absl::string_view key(size_t i) const {
    return {bytes_.data() + i * (kKeyBytes + kValueBytes), kKeyBytes};
  }
  absl::string_view value(size_t i) const {
    return {bytes_.data() + i * (kKeyBytes + kValueBytes) + kKeyBytes, kValueBytes};
  }

 private:
  std::string bytes_;
};

// The numbers [begin, end) in the order of their keys.
std::vector<uint64_t> NumbersInKeyOrder(uint64_t begin, uint64_t end);
// The numbers [begin, end) in an order that `seed` decides.
std::vector<uint64_t> NumbersInRandomOrder(uint64_t begin, uint64_t end, uint64_t seed);

// First versions of these rows, in this order.
Rows RowsOf(const std::vector<uint64_t>& numbers);

}  // namespace kyrodb::bench
