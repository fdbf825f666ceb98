#include "engine/base/coding.h"

namespace kyrodb {

void PutFixed32(std::string* out, uint32_t value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(bytes));
}

void PutFixed64(std::string* out, uint64_t value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(bytes));
}

void PutVarint64(std::string* out, uint64_t value) {
  char bytes[kVarintBytesMax];
  out->append(bytes, static_cast<size_t>(EncodeVarint64(value, bytes) - bytes));
}

void PutLengthPrefixed(std::string* out, absl::string_view bytes) {
  PutVarint64(out, bytes.size());
  out->append(bytes.data(), bytes.size());
}

absl::string_view ByteReader::Bytes(uint64_t size) {
  if (!ok_ || size > rest_.size()) {
    ok_ = false;
    rest_ = absl::string_view();
    return absl::string_view();
  }
  const absl::string_view result = rest_.substr(0, static_cast<size_t>(size));
  rest_.remove_prefix(static_cast<size_t>(size));
  return result;
}

uint8_t ByteReader::Fixed8() {
  const absl::string_view bytes = Bytes(1);
  return bytes.empty() ? uint8_t{0} : static_cast<uint8_t>(bytes[0]);
}

uint32_t ByteReader::Fixed32() {
  const absl::string_view bytes = Bytes(sizeof(uint32_t));
  return bytes.empty() ? 0 : LoadFixed32(bytes.data());
}

uint64_t ByteReader::Fixed64() {
  const absl::string_view bytes = Bytes(sizeof(uint64_t));
  return bytes.empty() ? 0 : LoadFixed64(bytes.data());
}

uint64_t ByteReader::Varint64() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint64_t byte = Fixed8();
    if (!ok_) return 0;
    // The tenth byte has room for one bit only.
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  ok_ = false;
  rest_ = absl::string_view();
  return 0;
}

absl::string_view ByteReader::LengthPrefixed() {
  const uint64_t size = Varint64();
  return Bytes(size);
}

}  // namespace kyrodb
