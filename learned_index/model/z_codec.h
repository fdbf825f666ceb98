// Spreading the bits of a number over a mask and gathering them again.
#pragma once

#include <cstdint>

namespace kyrodb::learned_index::model {

struct ZCodec {
  // Puts the low bits of `value` where `mask` has ones, lowest first.
  uint64_t (*spread)(uint64_t value, uint64_t mask);
  // The reverse: takes the bits where `mask` has ones.
  uint64_t (*gather)(uint64_t value, uint64_t mask);
};

// In portable C++, one bit at a time.
const ZCodec& PortableZCodec();
// In one instruction each where the CPU has BMI2.
const ZCodec& BestZCodec();

}  // namespace kyrodb::learned_index::model
