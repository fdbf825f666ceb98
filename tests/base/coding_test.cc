// Goal:   every encoding reads back, has the bytes that the formats fix, and no damaged input reads
//         past its end or is taken for a value.
// Method: golden bytes, round trips at the edges of every varint length and at random values, every
//         truncation of a valid message, and random bytes.
#include "engine/base/coding.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "engine/base/random.h"

namespace kyrodb {
namespace {

std::string Varint(uint64_t value) {
  std::string out;
  PutVarint64(&out, value);
  return out;
}

TEST(CodingTest, BytesAreLittleEndian) {
  std::string out;
  PutFixed32(&out, 0x04030201u);
  PutFixed64(&out, 0x0C0B0A0908070605u);
  EXPECT_EQ(out, std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C"));
  EXPECT_EQ(LoadFixed32(out.data()), 0x04030201u);
  EXPECT_EQ(LoadFixed64(out.data() + 4), 0x0C0B0A0908070605u);
}

TEST(CodingTest, VarintsHaveTheKnownBytes) {
  EXPECT_EQ(Varint(0), std::string("\0", 1));
  EXPECT_EQ(Varint(127), "\x7F");
  EXPECT_EQ(Varint(128), "\x80\x01");
  EXPECT_EQ(Varint(300), "\xAC\x02");
  EXPECT_EQ(Varint(std::numeric_limits<uint64_t>::max()),
            "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
}

TEST(CodingTest, VarintsReadBackAtEveryLength) {
  std::vector<uint64_t> values = {0, std::numeric_limits<uint64_t>::max()};
  for (int bit = 0; bit < 64; ++bit) {
    values.push_back(uint64_t{1} << bit);
    values.push_back((uint64_t{1} << bit) - 1);
  }
  Random random(1);
  for (int i = 0; i < 1000; ++i) values.push_back(random.Next() >> random.Uniform(64));
  std::string out;
  for (uint64_t value : values) PutVarint64(&out, value);
  ByteReader reader(out);
  for (uint64_t value : values) ASSERT_EQ(reader.Varint64(), value);
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.rest().empty());
}

TEST(CodingTest, VarintAbove64BitsIsRefused) {
  for (const char* bytes :
       {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\x01",
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint64(), 0u);
    EXPECT_FALSE(reader.ok());
    EXPECT_TRUE(reader.rest().empty());
  }
}

TEST(CodingTest, EveryTruncationFailsAndStaysFailed) {
  std::string out;
  out.push_back('\x2A');
  PutFixed32(&out, 7);
  PutFixed64(&out, 8);
  PutVarint64(&out, 900);
  PutLengthPrefixed(&out, "name");
  for (size_t size = 0; size <= out.size(); ++size) {
    ByteReader reader(absl::string_view(out).substr(0, size));
    const uint8_t a = reader.Fixed8();
    const uint32_t b = reader.Fixed32();
    const uint64_t c = reader.Fixed64();
    const uint64_t d = reader.Varint64();
    const absl::string_view e = reader.LengthPrefixed();
    ASSERT_EQ(reader.ok(), size == out.size()) << "at " << size;
    ASSERT_TRUE(reader.rest().empty());
    if (reader.ok()) {
      EXPECT_EQ(a, 0x2A);
      EXPECT_EQ(b, 7u);
      EXPECT_EQ(c, 8u);
      EXPECT_EQ(d, 900u);
      EXPECT_EQ(e, "name");
    } else {
      EXPECT_EQ(reader.Fixed8(), 0);
      EXPECT_EQ(reader.Bytes(0), "");
      EXPECT_FALSE(reader.ok());
    }
  }
}

TEST(CodingTest, LengthNearTheMaximumDoesNotWrapAround) {
  std::string out = Varint(std::numeric_limits<uint64_t>::max());
  out += "rest";
  ByteReader reader(out);
  EXPECT_EQ(reader.LengthPrefixed(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(CodingTest, RandomBytesNeverReadPastTheEnd) {
  Random random(2);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(static_cast<size_t>(random.Uniform(24)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    ByteReader reader(bytes);
    while (reader.ok() && !reader.rest().empty()) {
      const size_t before = reader.rest().size();
      switch (random.Uniform(5)) {
        case 0:
          reader.Fixed8();
          break;
        case 1:
          reader.Fixed32();
          break;
        case 2:
          reader.Fixed64();
          break;
        case 3:
          reader.Varint64();
          break;
        default:
          reader.LengthPrefixed();
      }
      ASSERT_LT(reader.rest().size(), before);
    }
  }
}

}  // namespace
}  // namespace kyrodb
