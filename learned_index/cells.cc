#include "learned_index/cells.h"

#include "engine/base/status.h"
#include "learned_index/model/kernels.h"

namespace kyrodb::learned_index {

uint64_t LowerBoundCells(const uint64_t* cells, SearchBound bound, uint64_t key) {
  return model::BestKernels().search_cells(cells, bound, key);
}

void LowerBoundCellsBatch(const uint64_t* cells, std::span<const SearchBound> bounds,
                          std::span<const uint64_t> probes, std::span<uint64_t> positions) {
  KYRO_CHECK(bounds.size() == probes.size() && positions.size() == probes.size());
  model::BestKernels().search_cells_batch(cells, bounds, probes, positions);
}

}  // namespace kyrodb::learned_index
