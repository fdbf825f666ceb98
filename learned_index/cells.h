// The last mile over cells: slices and what belongs to them side by side, so that the cache line
// that ends a search has its words in the next one.
#pragma once

#include <cstdint>
#include <span>

#include "learned_index/search_bound.h"

namespace kyrodb::learned_index {

// A cell is sixteen 64-bit numbers: eight ascending slices and then the eight words that belong to
// them. Position p is slice p % 8 of cell p / 8. The last cell of an array is padded with slices
// of ~0.
inline constexpr uint64_t kCellSlices = 8;
inline constexpr uint64_t kCellWords = 16;
inline constexpr uint64_t kCellBytes = kCellWords * sizeof(uint64_t);

// Where slice `position` of an array of cells stands, in words; its own word is kCellSlices later.
constexpr uint64_t CellIndexOf(uint64_t position) {
  return position / kCellSlices * kCellWords + position % kCellSlices;
}

// Returns the position of the first slice in [bound.begin, bound.end) that is not less than `key`,
// or `bound.end`. Begins in the cell in the middle of the bound, where a model expects the key,
// compares its eight slices at once, and walks outward. Runs on the widest vector unit that the
// CPU has; the answer is the same on all.
//
// Shape:          `cells` holds whole cells, aligned to 8 bytes (64 is faster), and the slices of
//                 those that cover the bound are ascending; equal ones are allowed.
// Units:          positions count slices.
// Thread-safety:  pure.
// Cost:           one cell where the model is right, O(width / 8) cells up to 64 slices, O(log
//                 width) above. Reads slices only, of no cell but those that cover the bound.
uint64_t LowerBoundCells(const uint64_t* cells, SearchBound bound, uint64_t key);

// Writes `LowerBoundCells(cells, bounds[i], probes[i])` to `positions[i]` for every i, fetching the
// cells of later probes while it searches the earlier ones. The three spans are equally long.
void LowerBoundCellsBatch(const uint64_t* cells, std::span<const SearchBound> bounds,
                          std::span<const uint64_t> probes, std::span<uint64_t> positions);

// Asks for the cell in which the search of `bound` will begin, slices and words, and does not wait.
// For a caller that interleaves many look-ups of its own; harmless on any address.
inline void PrefetchCells(const uint64_t* cells, SearchBound bound) {
  const uint64_t* const cell =
      cells + (bound.begin + (bound.end - bound.begin) / 2) / kCellSlices * kCellWords;
  __builtin_prefetch(cell);
  __builtin_prefetch(cell + kCellSlices);
}

}  // namespace kyrodb::learned_index
