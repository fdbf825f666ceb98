// The last mile: from the bound that a model predicts to the position itself.
#pragma once

#include <cstdint>
#include <span>

#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {

// Returns the position of the first key in keys[bound.begin, bound.end) that is not less than
// `key`, or `bound.end`. Compares whole cache lines, first the one in the middle of the bound,
// where the model expects the key, then outward; reads nothing outside the bound. Runs on the
// widest vector unit that the CPU has; the answer is the same on all.
//
// Shape:          keys[bound.begin, bound.end) is readable and strictly increasing.
// Cost:           one or two cache lines for the bounds of a model; O(log width) for wide ones.
// Thread-safety:  pure.
uint64_t LowerBound(const uint64_t* keys, SearchBound bound, uint64_t key);

// Writes `LowerBound(keys, bounds[i], probes[i])` to `positions[i]` for every i, fetching the
// cache lines of later probes while it searches the earlier ones. The three spans are equally
// long.
void LowerBoundBatch(const uint64_t* keys, std::span<const SearchBound> bounds,
                     std::span<const uint64_t> probes, std::span<uint64_t> positions);

// The vector units that `LowerBound` has an implementation for.
enum class SearchUnit { kPortable, kAvx2, kAvx512 };

// The one that `LowerBound` uses on this machine.
SearchUnit BestSearchUnit();
// Whether this machine can run `unit`; the portable one always runs.
bool IsSupported(SearchUnit unit);
// `LowerBound` on a given unit, which must be supported: for tests and benchmarks.
uint64_t LowerBoundOn(SearchUnit unit, const uint64_t* keys, SearchBound bound, uint64_t key);

}  // namespace kyrodb::learned_index
