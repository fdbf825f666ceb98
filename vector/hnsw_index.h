// The graph index: a hierarchy of small-world graphs in which a search walks towards the query.
// Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs" (2018); storage and neighbour selection by hnswlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vector/vector_index.h"

namespace kyrodb::vector {

// Names, defaults and ranges are those of pgvector's `WITH (m = …, ef_construction = …)`.
struct HnswOptions {
  // Links a node keeps on each upper layer (twice as many on the lowest); 2 to 100.
  size_t m = 16;
  // Candidates kept while a new node looks for its neighbours; 4 to 1000, at least 2 m.
  size_t ef_construction = 64;
  // Draws the layers: the same seed and the same order of Adds give the same graph (on CPUs with
  // the same kernels).
  uint64_t seed = 0;
};

// An empty index. `InvalidArgument` when `dimensions` is not in [1, kDimensionsMax] or an option is
// out of its range.
//
// Order:  approximate: recall grows with `SearchParameters::ef`. Exact when k reaches the size of
//         the index, when a filter leaves few labels, and whenever the walk comes home short.
// Cost:   Add and Search O(log size) distances, some hundreds at ef 64; a search that is filtered
//         costs at most about twice the cheaper of walk and exact scan. Remove marks only. Growing
//         (capacity doubles) and Remove wait for running searches; nothing else does.
absl::StatusOr<std::unique_ptr<VectorIndex>> CreateHnswIndex(Metric metric, size_t dimensions,
                                                             const HnswOptions& options = {});

// What `Save` of an HNSW index wrote; the same errors as `LoadFlatIndex`.
absl::StatusOr<std::unique_ptr<VectorIndex>> LoadHnswIndex(absl::string_view bytes);

}  // namespace kyrodb::vector
