#include "sql/types/bits.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kHeaderBytes = 4;

}  // namespace

std::string MakeBits(uint32_t count) {
  std::string out;
  PutFixed32(&out, count);
  out.append((size_t{count} + 7) / 8, '\0');
  return out;
}

uint32_t BitCount(absl::string_view bits) {
  if (bits.size() < kHeaderBytes) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>(LoadFixed32(bits.data()), (bits.size() - kHeaderBytes) * 8));
}

bool GetBit(absl::string_view bits, uint32_t index) {
  return ((static_cast<uint8_t>(bits[kHeaderBytes + index / 8]) >> (7 - index % 8)) & 1) != 0;
}

void SetBit(std::string* bits, uint32_t index, bool value) {
  char& byte = (*bits)[kHeaderBytes + index / 8];
  const auto mask = static_cast<uint8_t>(0x80 >> (index % 8));
  byte = static_cast<char>(value ? static_cast<uint8_t>(byte) | mask
                                 : static_cast<uint8_t>(byte) & static_cast<uint8_t>(~mask));
}

absl::string_view BitBytes(absl::string_view bits) {
  return bits.substr(std::min(bits.size(), kHeaderBytes));
}

absl::StatusOr<std::string> ParseBits(absl::string_view text) {
  bool hexadecimal = false;
  if (!text.empty() && (text[0] == 'b' || text[0] == 'B')) {
    text.remove_prefix(1);
  } else if (!text.empty() && (text[0] == 'x' || text[0] == 'X')) {
    hexadecimal = true;
    text.remove_prefix(1);
  }
  std::string bits = MakeBits(static_cast<uint32_t>(text.size() * (hexadecimal ? 4 : 1)));
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto bad = [&](absl::string_view what) {
      size_t end = i + 1;
      while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
      return Error(
          sqlstate::kInvalidTextRepresentation, 0,
          absl::StrCat("\"", text.substr(i, end - i), "\" is not a valid ", what, " digit"));
    };
    if (!hexadecimal) {
      if (c != '0' && c != '1') return bad("binary");
      SetBit(&bits, static_cast<uint32_t>(i), c == '1');
      continue;
    }
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return bad("hexadecimal");
    const int digit = absl::ascii_isdigit(static_cast<unsigned char>(c))
                          ? c - '0'
                          : absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' + 10;
    for (uint32_t b = 0; b < 4; ++b) {
      SetBit(&bits, static_cast<uint32_t>(4 * i) + b, ((digit >> (3 - b)) & 1) != 0);
    }
  }
  return bits;
}

std::string FormatBits(absl::string_view bits) {
  const uint32_t count = BitCount(bits);
  std::string out(count, '0');
  for (uint32_t i = 0; i < count; ++i) {
    if (GetBit(bits, i)) out[i] = '1';
  }
  return out;
}

int CompareBits(absl::string_view a, absl::string_view b) {
  const int order =
      BitBytes(a).substr(0, BitBytes(b).size()).compare(BitBytes(b).substr(0, BitBytes(a).size()));
  if (order != 0) return order < 0 ? -1 : 1;
  const uint32_t x = BitCount(a);
  const uint32_t y = BitCount(b);
  return x < y ? -1 : (x > y ? 1 : 0);
}

std::string ResizeBits(absl::string_view bits, uint32_t count) {
  std::string out = MakeBits(count);
  const uint32_t shared = std::min(count, BitCount(bits));
  for (uint32_t i = 0; i < shared; ++i) {
    if (GetBit(bits, i)) SetBit(&out, i, true);
  }
  return out;
}

}  // namespace kyrodb::sql
