// What a model answers.
#pragma once

#include <cstdint>

namespace kyrodb::learned_index {

// A half-open range of positions, 0 <= begin <= end <= key_count, such that
//   begin <= lower_bound(key) <= end,
// that is, `std::lower_bound` over keys[begin, end) stops at the same position as over the whole
// run. A key that is present stands inside, at a position < end: who only asks whether a key is
// there never has to look outside the bound.
struct SearchBound {
  uint64_t begin = 0;
  uint64_t end = 0;
};

}  // namespace kyrodb::learned_index
