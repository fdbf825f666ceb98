#include "learned_index/model/z_codec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kyrodb::learned_index::model {
namespace {

uint64_t Spread(uint64_t value, uint64_t mask) {
  uint64_t result = 0;
  for (; mask != 0; mask &= mask - 1, value >>= 1) {
    if ((value & 1) != 0) result |= mask & -mask;
  }
  return result;
}

uint64_t Gather(uint64_t value, uint64_t mask) {
  uint64_t result = 0;
  for (uint64_t bit = 1; mask != 0; mask &= mask - 1, bit <<= 1) {
    if ((value & mask & -mask) != 0) result |= bit;
  }
  return result;
}

constexpr ZCodec kPortable = {.spread = Spread, .gather = Gather};

#if defined(__x86_64__)
__attribute__((target("bmi2"))) uint64_t SpreadBmi2(uint64_t value, uint64_t mask) {
  return _pdep_u64(value, mask);
}
__attribute__((target("bmi2"))) uint64_t GatherBmi2(uint64_t value, uint64_t mask) {
  return _pext_u64(value, mask);
}
constexpr ZCodec kBmi2 = {.spread = SpreadBmi2, .gather = GatherBmi2};
#endif

}  // namespace

const ZCodec& PortableZCodec() { return kPortable; }

const ZCodec& BestZCodec() {
#if defined(__x86_64__)
  static const bool has_bmi2 = __builtin_cpu_supports("bmi2") != 0;
  if (has_bmi2) return kBmi2;
#endif
  return kPortable;
}

}  // namespace kyrodb::learned_index::model
