// Goal:   both implementations give CRC-32C, for every length and alignment, in one piece or many.
// Method: the vectors of RFC 3720 B.4; a bit-at-a-time reference written here; each implementation
//         against the other over lengths around the fast path's stream sizes.
#include "engine/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/base/random.h"

namespace kyrodb {
namespace {

uint32_t Reference(absl::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

std::string RandomBytes(size_t size, uint64_t seed) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

struct Vector {
  std::string bytes;
  uint32_t crc;
};

TEST(Crc32cTest, KnownVectorsComeOut) {
  std::string up(32, '\0');
  std::string down(32, '\0');
  for (size_t i = 0; i < 32; ++i) {
    up[i] = static_cast<char>(i);
    down[i] = static_cast<char>(31 - i);
  }
  const std::string iscsi_read(
      "\x01\xC0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x14\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x14\x00\x00\x00\x18"
      "\x28\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00",
      48);
  const Vector vectors[] = {
      {"", 0},
      {"123456789", 0xE3069283u},
      {std::string(32, '\0'), 0x8A9136AAu},
      {std::string(32, '\xFF'), 0x62A8AB43u},
      {up, 0x46DD794Eu},
      {down, 0x113FDB5Cu},
      {iscsi_read, 0xD9963A56u},
  };
  for (const Vector& vector : vectors) {
    EXPECT_EQ(Crc32c(vector.bytes), vector.crc);
    EXPECT_EQ(ExtendCrc32cPortable(0, vector.bytes), vector.crc);
    EXPECT_EQ(Reference(vector.bytes), vector.crc);
  }
}

TEST(Crc32cTest, ImplementationsAgreeAtEveryLengthAndAlignment) {
  const std::string bytes = RandomBytes(3 * 2048 + 3 * 256 + 64, 7);
  for (size_t size = 0; size <= 1000; ++size) {
    const absl::string_view part = absl::string_view(bytes).substr(size % 9, size);
    const uint32_t expected = Reference(part);
    ASSERT_EQ(Crc32c(part), expected) << size;
    ASSERT_EQ(ExtendCrc32cPortable(0, part), expected) << size;
  }
  for (size_t size = 3 * 2048 - 10; size <= bytes.size(); ++size) {
    const absl::string_view part = absl::string_view(bytes).substr(0, size);
    ASSERT_EQ(Crc32c(part), ExtendCrc32cPortable(0, part)) << size;
  }
  const std::string block = RandomBytes(1 << 20, 8);
  EXPECT_EQ(Crc32c(block), Reference(block));
}

TEST(Crc32cTest, PiecesGiveTheChecksumOfTheWhole) {
  const std::string bytes = RandomBytes(20000, 9);
  const uint32_t whole = Crc32c(bytes);
  Random random(10);
  for (int round = 0; round < 200; ++round) {
    uint32_t crc = 0;
    for (size_t at = 0; at < bytes.size();) {
      const auto size = static_cast<size_t>(random.Uniform(8000));
      const absl::string_view part = absl::string_view(bytes).substr(at, size);
      crc = random.OneIn(2) ? ExtendCrc32c(crc, part) : ExtendCrc32cPortable(crc, part);
      at += part.size();
    }
    ASSERT_EQ(crc, whole);
  }
}

TEST(Crc32cTest, EverySingleBitFlipIsSeen) {
  std::string bytes = RandomBytes(600, 11);
  const uint32_t crc = Crc32c(bytes);
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
    ASSERT_NE(Crc32c(bytes), crc) << i;
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
  }
}

}  // namespace
}  // namespace kyrodb
