// The inner loops: sums over two arrays of floats, one implementation per instruction set, chosen
// at run time. Most callers want metric.h; indexes, tests and benchmarks come here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace kyrodb::vector {

enum class InstructionSet {
  kPortable,    // plain C++, any CPU
  kAvx2,        // AVX2, FMA, F16C and POPCNT
  kAvx512,      // AVX-512 F
  kAvx512Vnni,  // AVX-512 F, BW, VL, VNNI and VPOPCNTDQ; new kernels over codes only
};

// `portable`, `avx2`, `avx512`, `avx512_vnni`.
absl::string_view InstructionSetName(InstructionSet instruction_set);

// One instruction set's functions. They read `size` floats from each array, need no alignment, and
// accept every value (NaN and infinity propagate as in plain arithmetic).
//
// Order:          the batch forms give bit for bit what the single forms give, row by row.
// Thread-safety:  pure functions.
struct Kernels {
  InstructionSet instruction_set;
  // Sum of squared differences.
  float (*squared_l2)(const float* a, const float* b, size_t size);
  // Sum of products.
  float (*dot)(const float* a, const float* b, size_t size);
  // `out[i]` is the single form of `query` and `rows[i]`; rows are prefetched ahead.
  void (*squared_l2_batch)(const float* query, const float* const* rows, size_t row_count,
                           size_t size, float* out);
  void (*dot_batch)(const float* query, const float* const* rows, size_t row_count, size_t size,
                    float* out);
  // sums[i] += (bit i of `signs`) ? -weight : weight, for i in [0, size); `signs` has
  // ceil(size / 64) words, bit 0 first. Wraps on overflow. The embedder's inner loop.
  void (*add_signed)(const uint64_t* signs, int32_t weight, size_t size, int32_t* sums);
};

// The instruction sets that this CPU and operating system can run, worst first; never empty.
std::span<const InstructionSet> AvailableInstructionSets();
// `instruction_set` must be one of the available ones.
const Kernels& KernelsFor(InstructionSet instruction_set);
// The best available.
const Kernels& BestKernels();

}  // namespace kyrodb::vector
