// The look-up path as functions that exist once for each vector unit and are chosen at run time.
#pragma once

#include <cstdint>
#include <span>

#include "learned_index/model/router.h"
#include "learned_index/model/segment.h"
#include "learned_index/model/tree_levels.h"
#include "learned_index/search_bound.h"

namespace kyrodb::learned_index::model {

// All that a look-up reads of a model.
//
// Lifetime:  borrows the arrays of the table and of the router.
struct View {
  View(const SegmentTable& segments, const Router& router)
      : models(router.models()),
        cells(router.cells()),
        first_keys(segments.first_keys()),
        lines(segments.lines()),
        last(segments.last()),
        over(segments.over()),
        under(segments.under()) {}

  const AffineModel* models;
  const uint32_t* cells;
  const uint64_t* first_keys;
  const Line* lines;
  // The number of the last segment.
  uint32_t last;
  uint32_t over;
  uint32_t under;
};

// All that a look-up reads of an InMemoryMap: cells, and a model or a tree that says where to
// begin.
struct MapView {
  View model;
  TreeView tree;
  // A cell of padding ends them.
  const uint64_t* cells;
};

// One form of map. The key ~0 is not asked.
struct MapKernels {
  // Returns the cell in which the search for `key` begins.
  uint64_t (*start)(const MapView& map, uint64_t key);
  // Returns the place of the word that belongs to `key`, or null.
  const uint64_t* (*find)(const MapView& map, uint64_t key);
  void (*find_batch)(const MapView& map, std::span<const uint64_t> probes,
                     std::span<const uint64_t*> found);
};

// Every unit gives the same answers.
struct Kernels {
  // Returns the last segment whose first key is <= `key`, or 0.
  uint32_t (*route)(const View& view, uint64_t key);
  // From a key to its bound.
  SearchBound (*find)(const View& view, uint64_t key);
  void (*find_batch)(const View& view, std::span<const uint64_t> probes,
                     std::span<SearchBound> bounds);
  // From a bound to the position. Nothing outside the bound is read.
  uint64_t (*search)(const uint64_t* keys, SearchBound bound, uint64_t key);
  void (*search_batch)(const uint64_t* keys, std::span<const SearchBound> bounds,
                       std::span<const uint64_t> probes, std::span<uint64_t> positions);
  // The same over cells (cells.h). No cell is read but those that cover the bound.
  uint64_t (*search_cells)(const uint64_t* cells, SearchBound bound, uint64_t key);
  void (*search_cells_batch)(const uint64_t* cells, std::span<const SearchBound> bounds,
                             std::span<const uint64_t> probes, std::span<uint64_t> positions);
  // How many leaf keys of `tree` are <= `key`.
  uint64_t (*count_in_tree)(const TreeView& tree, uint64_t key);
  void (*count_in_tree_batch)(const TreeView& tree, std::span<const uint64_t> probes,
                              std::span<uint64_t> counts);
  // The forms of a map: dense cells under a model whose positions are keys; gapped cells under one
  // whose positions are cells; dense cells under a tree.
  MapKernels dense;
  MapKernels gapped;
  MapKernels tree;
};

enum class Unit { kPortable, kAvx2, kAvx512 };
inline constexpr Unit kUnits[] = {Unit::kPortable, Unit::kAvx2, Unit::kAvx512};

// Whether this machine can run `unit`; the portable one always runs.
bool IsSupported(Unit unit);
// The kernels of `unit`, which must be supported.
const Kernels& KernelsOf(Unit unit);
// Those of the widest unit that this machine has.
const Kernels& BestKernels();

}  // namespace kyrodb::learned_index::model
