#include "learned_index/lower_bound.h"

#include "engine/base/status.h"
#include "learned_index/model/kernels.h"

namespace kyrodb::learned_index {

uint64_t LowerBound(const uint64_t* keys, SearchBound bound, uint64_t key) {
  return model::BestKernels().search(keys, bound, key);
}

void LowerBoundBatch(const uint64_t* keys, std::span<const SearchBound> bounds,
                     std::span<const uint64_t> probes, std::span<uint64_t> positions) {
  KYRO_CHECK(bounds.size() == probes.size() && positions.size() == probes.size());
  model::BestKernels().search_batch(keys, bounds, probes, positions);
}

}  // namespace kyrodb::learned_index
