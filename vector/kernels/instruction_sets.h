// The tables behind kernels.h, one translation unit each.
#pragma once

#include "vector/kernels.h"

namespace kyrodb::vector::kernels {

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kVnniKernels;  // floats as on AVX-512 F
#endif

// Asks for the cache lines of one row of `size` floats.
inline void PrefetchRow(const float* row, size_t size) {
  const char* p = reinterpret_cast<const char*>(row);
  const char* const end = reinterpret_cast<const char*>(row + size);
  for (; p < end; p += 64) __builtin_prefetch(p);
}

}  // namespace kyrodb::vector::kernels
