// The promise of a learned index, in a form that tests can ask for one key at a time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "learned_index/lower_bound.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::learned_index {

// Whether `bound` is one that `Find(probe)` may return for a run of `keys`.
inline testing::AssertionResult BoundHolds(std::span<const uint64_t> keys, SearchBound bound,
                                           uint64_t probe, uint64_t width_max) {
  const auto answer =
      static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), probe) - keys.begin());
  const auto fail = [&](const char* why) {
    return testing::AssertionFailure()
           << why << ": probe " << probe << ", lower bound " << answer << ", found [" << bound.begin
           << ", " << bound.end << "), " << keys.size() << " keys, width limit " << width_max;
  };
  if (bound.begin > bound.end || bound.end > keys.size()) return fail("not a range of the run");
  if (bound.end - bound.begin > width_max) return fail("too wide");
  const auto inside = std::lower_bound(keys.begin() + static_cast<ptrdiff_t>(bound.begin),
                                       keys.begin() + static_cast<ptrdiff_t>(bound.end), probe);
  if (static_cast<uint64_t>(inside - keys.begin()) != answer) return fail("wrong answer inside");
  const bool is_present = answer < keys.size() && keys[answer] == probe;
  if (is_present && answer >= bound.end) return fail("a present key outside");
  if (LowerBound(keys.data(), bound, probe) != answer) return fail("wrong last mile");
  return testing::AssertionSuccess();
}

// Every key, its neighbours, the middle of every gap, and the ends of the universe.
inline std::vector<uint64_t> ProbesAround(std::span<const uint64_t> keys) {
  std::vector<uint64_t> probes = {0, 1, ~uint64_t{0}, ~uint64_t{0} - 1, uint64_t{1} << 63};
  for (size_t i = 0; i < keys.size(); ++i) {
    probes.insert(probes.end(), {keys[i] - 1, keys[i], keys[i] + 1});
    if (i > 0) probes.push_back(keys[i - 1] + (keys[i] - keys[i - 1]) / 2);
  }
  return probes;
}

}  // namespace kyrodb::learned_index
