#include "vector/kernels.h"

#include "engine/base/status.h"
#include "vector/kernels/code_tables.h"
#include "vector/kernels/instruction_sets.h"

namespace kyrodb::vector {
namespace {

constexpr InstructionSet kWorstFirst[] = {InstructionSet::kPortable, InstructionSet::kAvx2,
                                          InstructionSet::kAvx512, InstructionSet::kAvx512Vnni};

size_t AvailableCount() {
#if defined(__x86_64__)
  // The compiler's run-time support asks the operating system too (XCR0).
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c") || !__builtin_cpu_supports("popcnt")) {
    return 1;
  }
  if (!__builtin_cpu_supports("avx512f")) return 2;
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq")
             ? 4
             : 3;
#else
  return 1;
#endif
}

}  // namespace

absl::string_view InstructionSetName(InstructionSet instruction_set) {
  switch (instruction_set) {
    case InstructionSet::kPortable:
      return "portable";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx512Vnni:
      return "avx512_vnni";
  }
  return "unknown";
}

std::span<const InstructionSet> AvailableInstructionSets() {
  static const size_t count = AvailableCount();
  return std::span(kWorstFirst).first(count);
}

const Kernels& KernelsFor(InstructionSet instruction_set) {
  KYRO_CHECK(instruction_set <= AvailableInstructionSets().back());
#if defined(__x86_64__)
  if (instruction_set == InstructionSet::kAvx512Vnni) return kernels::kVnniKernels;
  if (instruction_set == InstructionSet::kAvx512) return kernels::kAvx512Kernels;
  if (instruction_set == InstructionSet::kAvx2) return kernels::kAvx2Kernels;
#endif
  return kernels::kPortableKernels;
}

const Kernels& BestKernels() {
  static const Kernels& best = KernelsFor(AvailableInstructionSets().back());
  return best;
}

const CodeKernels& CodeKernelsFor(InstructionSet instruction_set) {
  KYRO_CHECK(instruction_set <= AvailableInstructionSets().back());
#if defined(__x86_64__)
  if (instruction_set == InstructionSet::kAvx512Vnni) return kernels::kVnniCodeKernels;
  if (instruction_set != InstructionSet::kPortable) return kernels::kAvx2CodeKernels;
#endif
  return kernels::kPortableCodeKernels;
}

const CodeKernels& BestCodeKernels() {
  static const CodeKernels& best = CodeKernelsFor(AvailableInstructionSets().back());
  return best;
}

}  // namespace kyrodb::vector
