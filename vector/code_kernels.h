// The inner loops over compressed vectors: half floats, codes of 8, 4 and 1 bits, and bit strings.
// One implementation per instruction set, chosen at run time, as in kernels.h.
//
// A code stands for a vector of small integers c with x ~ factor * c; a query is rounded to signed
// bytes q once, and what is left per vector is the integer sum of q[i] * code[i].
// Source: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
// for Approximate Nearest Neighbor Search" (2024), for the one-bit code and its unbiased factor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/kernels.h"

namespace kyrodb::vector {

// A query prepared for rows of one kind of code. The rank of a row, smaller is nearer, is
// bias + factor * (scale * sum + shift).
struct CodeQuery {
  const int8_t* values = nullptr;  // `size` of them; integer codes
  const float* floats = nullptr;   // `size` of them; half floats
  size_t size = 0;
  float scale = 1;
  float shift = 0;
};

// Rows that lie `stride` bytes apart, each a float `factor`, a float `bias` and then its code.
// Strides are multiples of four.
struct CodeRows {
  const uint8_t* base = nullptr;
  size_t stride = 0;
};
inline constexpr size_t kCodeHeaderBytes = 8;

// Bytes of a code of `size` dimensions of `bits` (1, 4, 8, 16) each.
constexpr size_t CodeBytes(size_t size, size_t bits) { return (size * bits + 7) / 8; }

// How many bits two strings share, and how many either has: Jaccard's measure is their ratio.
struct SharedBits {
  uint64_t both = 0;
  uint64_t either = 0;
};

// Layouts, none of which needs alignment:
//   u8    one byte a dimension;
//   u4    two dimensions a byte, the first in the low half; an odd last half is never used;
//   u1    eight dimensions a byte, the lowest bit first; bits past `size` are never used;
//   half  IEEE 754 half precision.
//
// Order:          integer sums are exact, so every instruction set gives the same; the score forms
//                 give for each row what the sum forms give.
// Thread-safety:  pure functions.
struct CodeKernels {
  using IntegerSum = int32_t (*)(const int8_t* query, const uint8_t* code, size_t size);
  // out[i] = the rank of row number rows[i], which is prefetched ahead.
  using Score = void (*)(const CodeQuery& query, const CodeRows& table, const uint32_t* rows,
                         size_t count, float* out);

  InstructionSet instruction_set;
  // Sums of query[i] * code[i]; of u1, of query[i] where the bit is set. `size` up to 2^16.
  IntegerSum dot_u8, dot_u4, dot_u1;
  float (*dot_half)(const float* query, const uint16_t* halves, size_t size);
  float (*squared_l2_half)(const float* query, const uint16_t* halves, size_t size);
  Score score_u8, score_u4, score_u1, score_half;
  // Rounds to nearest even; too large becomes infinity.
  void (*to_half)(const float* values, size_t size, uint16_t* halves);
  void (*from_half)(const uint16_t* halves, size_t size, float* values);
  // Bits in which two strings of `bytes` bytes differ.
  uint64_t (*hamming)(const uint8_t* a, const uint8_t* b, size_t bytes);
  SharedBits (*shared_bits)(const uint8_t* a, const uint8_t* b, size_t bytes);
  // values[i] = step * (16 * high[i] + low half byte i - 2055.5), what the 12 bits stand for;
  // without `low`, step * (high[i] - 128).
  void (*join)(const uint8_t* high, const uint8_t* low, float step, size_t size, float* values);
  // The Walsh-Hadamard transform in place, divided by the root of `size`, a power of two.
  void (*hadamard)(float* values, size_t size);
};

// `instruction_set` must be one of `AvailableInstructionSets()`.
const CodeKernels& CodeKernelsFor(InstructionSet instruction_set);
const CodeKernels& BestCodeKernels();

}  // namespace kyrodb::vector
