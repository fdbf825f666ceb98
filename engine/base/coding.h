// Bytes in and out: little-endian fixed-width integers, varints, and length-prefixed strings for
// file formats. (Order-preserving key encoding lives in the engine.)
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb {

static_assert(std::endian::native == std::endian::little, "KyroDB's formats are little-endian");

void PutFixed32(std::string* out, uint32_t value);
void PutFixed64(std::string* out, uint64_t value);
void PutVarint64(std::string* out, uint64_t value);
// Writes the varint to `out`, at most `kVarintBytesMax` bytes, and returns its end.
inline constexpr uint64_t kVarintBytesMax = 10;
inline char* EncodeVarint64(uint64_t value, char* out) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}
// A varint length, then the bytes.
void PutLengthPrefixed(std::string* out, absl::string_view bytes);

inline uint32_t LoadFixed32(const char* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}
inline uint64_t LoadFixed64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// Reads from the front of a byte range that may be damaged. The first failure sticks: every later
// call fails too, so a reader may take several fields and check `ok()` once.
//
// Lifetime:  borrows the bytes.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : rest_(bytes) {}
  uint8_t Fixed8();
  uint32_t Fixed32();
  uint64_t Fixed64();
  uint64_t Varint64();
  absl::string_view Bytes(uint64_t size);
  absl::string_view LengthPrefixed();
  bool ok() const { return ok_; }
  // What has not been read yet; empty after a failure.
  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace kyrodb
