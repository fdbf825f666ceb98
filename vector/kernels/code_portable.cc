// Kernels over codes for any CPU, and the reference that the others are tested against.
#include <bit>
#include <cstring>

#include "vector/kernels/code_tables.h"

namespace kyrodb::vector::kernels {
namespace {

int32_t DotU8(const int8_t* query, const uint8_t* code, size_t size) {
  int32_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += query[i] * code[i];
  return sum;
}

int32_t DotU4(const int8_t* query, const uint8_t* code, size_t size) {
  int32_t sum = 0;
  size_t i = 0;
  for (; i + 2 <= size; i += 2) {
    sum += query[i] * (code[i / 2] & 15) + query[i + 1] * (code[i / 2] >> 4);
  }
  if (i < size) sum += query[i] * (code[i / 2] & 15);
  return sum;
}

int32_t DotU1(const int8_t* query, const uint8_t* code, size_t size) {
  int32_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += query[i] & -(code[i / 8] >> (i % 8) & 1);
  return sum;
}

// IEEE 754 half to single: the exponent is rebased by a multiplication, which also makes
// denormals right.
float FromHalf(uint16_t half) {
  const uint32_t magnitude = half & 0x7FFFu;
  const uint32_t sign = (half & 0x8000u) << 16;
  if (magnitude >= 0x7C00) return std::bit_cast<float>(sign | 0x7F800000u | (magnitude << 13));
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

uint16_t ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) {  // NaN stays one, quiet
    return static_cast<uint16_t>(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
  }
  if (magnitude >= 0x477FF000u) return sign | 0x7C00u;  // rounds past the largest half
  if (magnitude < 0x38800000u) {
    // A denormal half: adding one half's worth of exponent lets the FPU round.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
  }
  const uint32_t odd = magnitude >> 13 & 1;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
}

float DotHalf(const float* query, const uint16_t* halves, size_t size) {
  float sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += query[i + j] * FromHalf(halves[i + j]);
  }
  for (; i < size; ++i) sums[0] += query[i] * FromHalf(halves[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

float SquaredL2Half(const float* query, const uint16_t* halves, size_t size) {
  float sums[4] = {};
  for (size_t i = 0; i < size; ++i) {
    const float difference = query[i] - FromHalf(halves[i]);
    sums[i % 4] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <CodeKernels::IntegerSum Sum, size_t kBits>
void Score(const CodeQuery& query, const CodeRows& table, const uint32_t* rows, size_t count,
           float* out) {
  const size_t bytes = kCodeHeaderBytes + CodeBytes(query.size, kBits);
  for (size_t i = 0; i < count; ++i) {
    if (i + kRowsAhead < count) PrefetchCode(RowOf(table, rows[i + kRowsAhead]), bytes);
    const uint8_t* const row = RowOf(table, rows[i]);
    out[i] = RankOf(query, row,
                    static_cast<float>(Sum(query.values, row + kCodeHeaderBytes, query.size)));
  }
}

void ScoreHalf(const CodeQuery& query, const CodeRows& table, const uint32_t* rows, size_t count,
               float* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const row = RowOf(table, rows[i]);
    out[i] = RankOf(query, row,
                    DotHalf(query.floats, reinterpret_cast<const uint16_t*>(row + kCodeHeaderBytes),
                            query.size));
  }
}

void ToHalves(const float* values, size_t size, uint16_t* halves) {
  for (size_t i = 0; i < size; ++i) halves[i] = ToHalf(values[i]);
}

void FromHalves(const uint16_t* halves, size_t size, float* values) {
  for (size_t i = 0; i < size; ++i) values[i] = FromHalf(halves[i]);
}

// The next up to eight bytes as a word.
uint64_t Word(const uint8_t* bytes, size_t count) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, count < 8 ? count : 8);
  return word;
}

uint64_t Hamming(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint64_t count = 0;
  for (size_t i = 0; i < bytes; i += 8) {
    count += static_cast<uint64_t>(std::popcount(Word(a + i, bytes - i) ^ Word(b + i, bytes - i)));
  }
  return count;
}

SharedBits Shared(const uint8_t* a, const uint8_t* b, size_t bytes) {
  SharedBits shared;
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t x = Word(a + i, bytes - i), y = Word(b + i, bytes - i);
    shared.both += static_cast<uint64_t>(std::popcount(x & y));
    shared.either += static_cast<uint64_t>(std::popcount(x | y));
  }
  return shared;
}

void Hadamard(float* values, size_t size) { HadamardLoops(values, size); }

void Join(const uint8_t* high, const uint8_t* low, float step, size_t size, float* values) {
  JoinLoops(high, low, step, size, values);
}

}  // namespace

const CodeKernels kPortableCodeKernels = {.instruction_set = InstructionSet::kPortable,
                                          .dot_u8 = DotU8,
                                          .dot_u4 = DotU4,
                                          .dot_u1 = DotU1,
                                          .dot_half = DotHalf,
                                          .squared_l2_half = SquaredL2Half,
                                          .score_u8 = Score<DotU8, 8>,
                                          .score_u4 = Score<DotU4, 4>,
                                          .score_u1 = Score<DotU1, 1>,
                                          .score_half = ScoreHalf,
                                          .to_half = ToHalves,
                                          .from_half = FromHalves,
                                          .hamming = Hamming,
                                          .shared_bits = Shared,
                                          .join = Join,
                                          .hadamard = Hadamard};

}  // namespace kyrodb::vector::kernels
