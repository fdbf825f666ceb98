// The cells of an InMemoryMap, dense or gapped, and what leads to them.
#pragma once

#include <cstdint>
#include <span>

#include "learned_index/model/huge_page_allocator.h"
#include "learned_index/model/segment.h"
#include "learned_index/model/tree_levels.h"

namespace kyrodb::learned_index::model {

using Cells = HugePageVector<uint64_t>;

// A free slice; no key of a map's cells is this one.
inline constexpr uint64_t kFreeSlice = ~uint64_t{0};

// Full cells, and a free one behind them. `keys` are strictly increasing and below kFreeSlice, and
// there are as many values.
Cells DenseCells(std::span<const uint64_t> keys, std::span<const uint64_t> values);

// A tree over the first keys of the dense cells of `keys`.
TreeLevels TreeOfCells(std::span<const uint64_t> keys);

// The same segments, counting gapped cells where they counted keys: a cell for every six, so that
// most keys fit where they are predicted.
SegmentTable GappedSegments(const SegmentTable& segments);

// Cells in which every key stands in the cell that `segments`, from `GappedSegments`, predict for
// it, or in the next one that had room; free slices are behind the keys of each cell, and a free
// cell is behind all.
Cells GappedCells(const SegmentTable& segments, std::span<const uint64_t> keys,
                  std::span<const uint64_t> values);

}  // namespace kyrodb::learned_index::model
