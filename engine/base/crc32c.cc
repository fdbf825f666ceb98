// Source: RFC 3720 appendix B.4 for the polynomial and the test vectors; Kounavis and Berry,
// "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation" (2008) for slicing by
// eight; Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (2011)
// for running three CRCs side by side.
#include "engine/base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace kyrodb {
namespace {

// 0x1EDC6F41 with its bits reversed: bit 0 is the highest power.
constexpr uint32_t kPolynomial = 0x82F63B78u;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// tables[k][b]: what byte `b` does to the register when `k` more bytes follow.
constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint32_t AddByte(uint32_t crc, unsigned char byte) {
  return (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xFF];
}

#if defined(__x86_64__)
// Moving the register over n zero bytes is linear in the register, so four 256-entry tables, one
// per byte of the register, hold it.
using ShiftTables = std::array<std::array<uint32_t, 256>, 4>;
using Matrix = std::array<uint32_t, 32>;  // column i: the image of bit i

constexpr uint32_t Apply(const Matrix& matrix, uint32_t bits) {
  uint32_t result = 0;
  for (size_t i = 0; bits != 0; ++i, bits >>= 1) {
    if ((bits & 1) != 0) result ^= matrix[i];
  }
  return result;
}

constexpr ShiftTables MakeShiftTables(int byte_count_log2) {
  Matrix matrix{};
  for (size_t i = 0; i < 32; ++i) {
    const uint32_t bit = uint32_t{1} << i;
    matrix[i] = (bit >> 8) ^ kTables[0][bit & 0xFF];
  }
  for (int i = 0; i < byte_count_log2; ++i) {
    Matrix twice{};
    for (size_t column = 0; column < 32; ++column) twice[column] = Apply(matrix, matrix[column]);
    matrix = twice;
  }
  ShiftTables tables{};
  for (size_t k = 0; k < 4; ++k) {
    for (uint32_t byte = 0; byte < 256; ++byte) tables[k][byte] = Apply(matrix, byte << (8 * k));
  }
  return tables;
}

// The crc32 instruction takes three cycles but a new one may start in each, so three independent
// streams keep it busy. Long streams for blocks of files, short ones for records.
constexpr int kLongStreamLog2 = 11;
constexpr int kShortStreamLog2 = 8;
constexpr ShiftTables kLongShift = MakeShiftTables(kLongStreamLog2);
constexpr ShiftTables kShortShift = MakeShiftTables(kShortStreamLog2);

uint32_t Shift(const ShiftTables& tables, uint32_t crc) {
  return tables[0][crc & 0xFF] ^ tables[1][(crc >> 8) & 0xFF] ^ tables[2][(crc >> 16) & 0xFF] ^
         tables[3][crc >> 24];
}

uint64_t LoadWord(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

template <int kStreamLog2>
__attribute__((target("sse4.2"))) uint32_t ExtendThreeStreams(uint32_t crc, const char*& p,
                                                              size_t& size,
                                                              const ShiftTables& shift) {
  constexpr size_t kStream = size_t{1} << kStreamLog2;
  while (size >= 3 * kStream) {
    uint64_t a = crc;
    uint64_t b = 0;
    uint64_t c = 0;
    for (const char* const end = p + kStream; p != end; p += 8) {
      a = __builtin_ia32_crc32di(a, LoadWord(p));
      b = __builtin_ia32_crc32di(b, LoadWord(p + kStream));
      c = __builtin_ia32_crc32di(c, LoadWord(p + 2 * kStream));
    }
    crc = Shift(shift, static_cast<uint32_t>(a)) ^ static_cast<uint32_t>(b);
    crc = Shift(shift, crc) ^ static_cast<uint32_t>(c);
    p += 2 * kStream;
    size -= 3 * kStream;
  }
  return crc;
}

__attribute__((target("sse4.2"))) uint32_t ExtendSse42(uint32_t initial, absl::string_view bytes) {
  const char* p = bytes.data();
  size_t size = bytes.size();
  uint32_t crc = ~initial;
  crc = ExtendThreeStreams<kLongStreamLog2>(crc, p, size, kLongShift);
  crc = ExtendThreeStreams<kShortStreamLog2>(crc, p, size, kShortShift);
  uint64_t wide = crc;
  for (; size >= 8; p += 8, size -= 8) wide = __builtin_ia32_crc32di(wide, LoadWord(p));
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; ++p, --size) {
    crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(*p));
  }
  return ~crc;
}
#endif

using ExtendFunction = uint32_t (*)(uint32_t, absl::string_view);

ExtendFunction ChooseExtend() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return &ExtendSse42;
#endif
  return &ExtendCrc32cPortable;
}

}  // namespace

uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view bytes) {
  const char* p = bytes.data();
  size_t size = bytes.size();
  crc = ~crc;
  for (; size >= 8; p += 8, size -= 8) {
    uint32_t low;
    uint32_t high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 0xFF] ^ kTables[6][(low >> 8) & 0xFF] ^ kTables[5][(low >> 16) & 0xFF] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^ kTables[2][(high >> 8) & 0xFF] ^
          kTables[1][(high >> 16) & 0xFF] ^ kTables[0][high >> 24];
  }
  for (; size > 0; ++p, --size) crc = AddByte(crc, static_cast<unsigned char>(*p));
  return ~crc;
}

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes) {
  static const ExtendFunction extend = ChooseExtend();
  return extend(crc, bytes);
}

uint32_t Crc32c(absl::string_view bytes) { return ExtendCrc32c(0, bytes); }

}  // namespace kyrodb
