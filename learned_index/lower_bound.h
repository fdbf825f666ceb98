// The last mile: from the bound that a model predicts to the position itself.
#pragma once

#include <cstdint>
#include <span>

#include "learned_index/search_bound.h"

namespace kyrodb::learned_index {

// Returns the position of the first key in keys[bound.begin, bound.end) that is not less than
// `key`, or `bound.end`. Counts the smaller keys of the whole bound, eight at a time and without a
// branch that depends on a key: while a look-up waits for its keys, the CPU goes on with the next
// one. Reads nothing outside the bound. Runs on the widest vector unit that the CPU has; the
// answer is the same on all.
//
// Shape:          keys[bound.begin, bound.end) is readable and strictly increasing.
// Cost:           O(width) up to 64 keys; O(log width) above.
// Thread-safety:  pure.
uint64_t LowerBound(const uint64_t* keys, SearchBound bound, uint64_t key);

// Writes `LowerBound(keys, bounds[i], probes[i])` to `positions[i]` for every i, fetching the
// cache lines of later probes while it searches the earlier ones. The three spans are equally
// long.
void LowerBoundBatch(const uint64_t* keys, std::span<const SearchBound> bounds,
                     std::span<const uint64_t> probes, std::span<uint64_t> positions);

}  // namespace kyrodb::learned_index
