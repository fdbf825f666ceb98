#include "sql/functions/md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "engine/base/coding.h"

namespace kyrodb::sql {
namespace {

constexpr std::array<int, 16> kShifts = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

std::array<uint32_t, 64> MakeConstants() {
  std::array<uint32_t, 64> constants;
  for (size_t i = 0; i < 64; ++i) {
    constants[i] = static_cast<uint32_t>(
        std::floor(std::fabs(std::sin(static_cast<double>(i + 1))) * 4294967296.0));
  }
  return constants;
}

void AddBlock(const char* block, std::array<uint32_t, 4>* state) {
  static const std::array<uint32_t, 64> kConstants = MakeConstants();
  auto [a, b, c, d] = *state;
  for (uint32_t i = 0; i < 64; ++i) {
    uint32_t mixed;
    uint32_t word;
    if (i < 16) {
      mixed = (b & c) | (~b & d);
      word = i;
    } else if (i < 32) {
      mixed = (d & b) | (~d & c);
      word = (5 * i + 1) % 16;
    } else if (i < 48) {
      mixed = b ^ c ^ d;
      word = (3 * i + 5) % 16;
    } else {
      mixed = c ^ (b | ~d);
      word = (7 * i) % 16;
    }
    mixed += a + kConstants[i] + LoadFixed32(block + word * 4);
    a = d;
    d = c;
    c = b;
    b += std::rotl(mixed, kShifts[i / 16 * 4 + i % 4]);
  }
  (*state)[0] += a;
  (*state)[1] += b;
  (*state)[2] += c;
  (*state)[3] += d;
}

}  // namespace

std::string Md5Hex(absl::string_view bytes) {
  std::array<uint32_t, 4> state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
  size_t at = 0;
  for (; at + 64 <= bytes.size(); at += 64) AddBlock(bytes.data() + at, &state);
  std::string tail(bytes.substr(at));
  tail.push_back('\x80');
  while (tail.size() % 64 != 56) tail.push_back('\0');
  PutFixed64(&tail, static_cast<uint64_t>(bytes.size()) * 8);
  for (size_t i = 0; i < tail.size(); i += 64) AddBlock(tail.data() + i, &state);
  std::string digest;
  for (const uint32_t word : state) PutFixed32(&digest, word);
  return absl::BytesToHexString(digest);
}

}  // namespace kyrodb::sql
