#include "learned_index/model/map_cells.h"

#include <algorithm>

#include "learned_index/cells.h"

namespace kyrodb::learned_index::model {
namespace {

// How many keys of a gapped cell the model aims at.
constexpr uint64_t kGappedCellKeys = 6;

void AppendFreeCell(Cells* cells) {
  cells->resize(cells->size() + kCellSlices, kFreeSlice);
  cells->resize(cells->size() + kCellSlices, 0);
}

}  // namespace

Cells DenseCells(std::span<const uint64_t> keys, std::span<const uint64_t> values) {
  const uint64_t cell_count = (keys.size() + kCellSlices - 1) / kCellSlices + 1;
  Cells cells;
  cells.reserve(cell_count * kCellWords);
  for (uint64_t cell = 0; cell < cell_count; ++cell) {
    AppendFreeCell(&cells);
    const uint64_t begin = cell * kCellSlices;
    const uint64_t end = std::min<uint64_t>(begin + kCellSlices, keys.size());
    for (uint64_t i = begin; i < end; ++i) {
      cells[CellIndexOf(i)] = keys[i];
      cells[CellIndexOf(i) + kCellSlices] = values[i];
    }
  }
  return cells;
}

SegmentTable GappedSegments(const SegmentTable& segments) {
  SegmentTable gapped;
  gapped.Clear();
  uint32_t cell = 0;
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const Line line = segments.lines()[i];
    const uint64_t length = segments.lines()[i + 1].position - line.position;
    gapped.Append(segments.first_keys()[i],
                  {.slope = line.slope / static_cast<float>(kGappedCellKeys), .position = cell});
    cell += static_cast<uint32_t>((length + kGappedCellKeys - 1) / kGappedCellKeys);
  }
  gapped.set_error(0, 0);
  gapped.Seal(cell);
  return gapped;
}

Cells GappedCells(const SegmentTable& segments, std::span<const uint64_t> keys,
                  std::span<const uint64_t> values) {
  Cells cells;
  cells.reserve((segments.key_count() + 16) * kCellWords);
  // A prediction never decreases from key to key, so nothing ever has to move.
  uint64_t cell = 0;
  uint64_t used = 0;
  AppendFreeCell(&cells);
  uint32_t segment = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    while (segment < segments.last() && segments.first_keys()[segment + 1] <= keys[i]) ++segment;
    const Line line = segments.lines()[segment];
    const uint64_t predicted =
        line.position + PredictOffset(keys[i] - segments.first_keys()[segment], line.slope,
                                      segments.lines()[segment + 1].position - line.position);
    if (predicted > cell || used == kCellSlices) {
      const uint64_t next = std::max(predicted, cell + 1);
      for (; cell < next; ++cell) AppendFreeCell(&cells);
      used = 0;
    }
    uint64_t* const at = &cells[cell * kCellWords + used++];
    at[0] = keys[i];
    at[kCellSlices] = values[i];
  }
  // Look-ups begin at the key count of the segments at the latest, and end in a free cell.
  for (; cell <= segments.key_count(); ++cell) AppendFreeCell(&cells);
  AppendFreeCell(&cells);
  return cells;
}

TreeLevels TreeOfCells(std::span<const uint64_t> keys) {
  Cells first_keys;
  first_keys.reserve(keys.size() / kCellSlices + 1);
  for (size_t i = 0; i < keys.size(); i += kCellSlices) first_keys.push_back(keys[i]);
  return TreeLevels(first_keys);
}

}  // namespace kyrodb::learned_index::model
