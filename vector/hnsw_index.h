// The graph index: a hierarchy of small-world graphs in which a search walks towards the query.
// Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs" (2018), over codes; vector/README.md has the other
// sources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vector/vector_index.h"

namespace kyrodb::vector {

// What a walk through the graph compares. The values are part of the file format.
enum class Quantization : uint8_t {
  kNone = 0,    // the floats themselves
  kF16 = 1,     // half floats
  kSq8 = 2,     // 8 bits a dimension, a scale for each vector
  kSq4 = 3,     // 4 bits a dimension, and 8 to rank what was found
  kRabitq = 4,  // 1 bit a dimension, and 8 for the nodes that the walk goes through; below 64
                // dimensions as kSq8
};
// `none`, `f16`, `sq8`, `sq4`, `rabitq`.
absl::string_view QuantizationName(Quantization quantization);
std::optional<Quantization> ParseQuantization(absl::string_view name);

// What the last candidates are ranked by. The values are part of the file format.
enum class Rescore : uint8_t {
  kNone = 0,  // what the walk or the graph holds, 8 bits at best: the least memory
  kSq12 = 1,  // 12 bits a dimension: half a byte more; of kNone and kF16 no more than these
  kF32 = 2,   // the floats: distances are exact, bit by bit
};
// `none`, `sq12`, `f32`.
absl::string_view RescoreName(Rescore rescore);
std::optional<Rescore> ParseRescore(absl::string_view name);

// Names, defaults and ranges of m and ef_construction are those of pgvector's `WITH (m = …,
// ef_construction = …)`.
struct HnswOptions {
  // Links a node keeps on each upper layer (twice as many on the lowest); 2 to 100.
  size_t m = 16;
  // Candidates kept while a new node looks for its neighbours; 4 to 1000, at least 2 m.
  size_t ef_construction = 64;
  // Draws the layers: the same seed and the same order of Adds give the same graph (on CPUs with
  // the same kernels).
  uint64_t seed = 0;
  Quantization quantization = Quantization::kNone;
  Rescore rescore = Rescore::kSq12;
};

// Vectors that are kept as they are and searched exactly, before there is a graph: enough for a
// sample to train on, few enough to scan.
inline constexpr size_t kGraphCountMin = 1000;

// An empty index. `InvalidArgument` when `dimensions` is not in [1, kDimensionsMax] or an option is
// out of its range.
//
// Order:  approximate: recall grows with `SearchParameters::ef`. Exact when k reaches the size of
//         the index, when a filter leaves few labels, and whenever the walk comes home short; with
//         quantised vectors "exact" is up to their rounding, distances included. Until there are
//         `kGraphCountMin` vectors everything is exact.
// Cost:   Add and Search O(log size) distances, some hundreds at ef 64; a search that is filtered
//         costs at most about twice the cheaper of walk and exact scan. Remove marks; once an
//         eighth of the nodes is dead, each Add and Remove mends some neighbourhoods, and then the
//         dead slots are used again. Growing (capacity doubles) and the end of mending wait for
//         running searches; nothing else does.
absl::StatusOr<std::unique_ptr<VectorIndex>> CreateHnswIndex(Metric metric, size_t dimensions,
                                                             const HnswOptions& options = {});

// What `Save` of an HNSW index wrote; the same errors as `LoadFlatIndex`.
absl::StatusOr<std::unique_ptr<VectorIndex>> LoadHnswIndex(absl::string_view bytes);

}  // namespace kyrodb::vector
