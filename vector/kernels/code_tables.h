// The tables behind code_kernels.h, one translation unit each, and what they share.
#pragma once

#include <cmath>
#include <cstring>

#include "vector/code_kernels.h"

namespace kyrodb::vector::kernels {

extern const CodeKernels kPortableCodeKernels;
#if defined(__x86_64__)
extern const CodeKernels kAvx2CodeKernels;
extern const CodeKernels kVnniCodeKernels;
#endif

// Rows asked for ahead of the one that is scored.
inline constexpr size_t kRowsAhead = 2;

inline const uint8_t* RowOf(const CodeRows& table, uint32_t row) {
  return table.base + size_t{row} * table.stride;
}

__attribute__((always_inline)) inline void PrefetchCode(const uint8_t* row, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i);
}

__attribute__((always_inline)) inline float RankOf(const CodeQuery& query, const uint8_t* row,
                                                   float sum) {
  float header[2];
  std::memcpy(header, row, sizeof(header));
  return header[1] + header[0] * (query.scale * sum + query.shift);
}

// Plain loops: each translation unit inlines them, and so compiles them for its instruction set.
__attribute__((always_inline)) inline void HadamardLoops(float* values, size_t size) {
  for (size_t half = 1; half < size; half *= 2) {
    for (size_t begin = 0; begin < size; begin += 2 * half) {
      float* const a = values + begin;
      float* const b = a + half;
      for (size_t i = 0; i < half; ++i) {
        const float sum = a[i] + b[i], difference = a[i] - b[i];
        a[i] = sum;
        b[i] = difference;
      }
    }
  }
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  for (size_t i = 0; i < size; ++i) values[i] *= scale;
}

__attribute__((always_inline)) inline void JoinLoops(const uint8_t* high, const uint8_t* low,
                                                     float step, size_t size, float* values) {
  if (low == nullptr) {
    for (size_t i = 0; i < size; ++i) values[i] = step * static_cast<float>(high[i] - 128);
    return;
  }
  for (size_t i = 0; i + 2 <= size; i += 2) {
    const int even = 16 * high[i] + (low[i / 2] & 15), odd = 16 * high[i + 1] + (low[i / 2] >> 4);
    values[i] = step * (static_cast<float>(even) - 2055.5f);
    values[i + 1] = step * (static_cast<float>(odd) - 2055.5f);
  }
  if (size % 2 == 1) {
    const int last = 16 * high[size - 1] + (low[size / 2] & 15);
    values[size - 1] = step * (static_cast<float>(last) - 2055.5f);
  }
}

}  // namespace kyrodb::vector::kernels
