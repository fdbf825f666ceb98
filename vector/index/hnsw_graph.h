// The layered graph over numbered nodes: storage and neighbour selection are hnswlib's, insertion,
// walk and locking are ours. hnswlib itself is seen by hnsw_graph.cc only.
//
// Why not hnswlib's own insertion and search: version 0.6.2 has no filter, reads neighbour lists
// without locks while an insertion changes them, and reads past the end of a full upper list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vector/hnsw_index.h"
#include "vector/index/exact_scan.h"
#include "vector/metric.h"

namespace kyrodb::vector::index {

// Nodes are numbered from 0 in the order of `Append`; none is ever taken out.
//
// Thread-safety:  one writer at a time. `Append` may run beside any number of `Walk`s and of reads
//                 of nodes that were appended before; `Grow` and `RestoreNode` may not.
// Errors:         exceptions of hnswlib and of the allocator end here as `ResourceExhausted`. After
//                 a failed `Append` the graph takes no more nodes; walks stay possible.
class HnswGraph {
 public:
  // Upper layers stop here: enough for 2^31 nodes at m = 2.
  static constexpr int kLevelMax = 31;
  static constexpr uint64_t kNodeCountMax = 0x7FFFFFFF;

  struct Visit {
    float distance = 0;  // in the graph's own measure; see `Walk`
    uint32_t node = 0;
  };
  struct WalkResult {
    // Accepted nodes, at most ef of them, in no particular order.
    std::vector<uint32_t> nodes;
    uint64_t distance_count = 0;
    // The walk stopped because `give_up` said so.
    bool gave_up = false;
  };

  static absl::StatusOr<std::unique_ptr<HnswGraph>> Create(Metric metric, size_t dimensions,
                                                           const HnswOptions& options,
                                                           uint64_t capacity);
  ~HnswGraph();

  uint64_t node_count() const;
  uint64_t capacity() const;
  // Makes room for `capacity` nodes in all.
  absl::Status Grow(uint64_t capacity);
  // Adds node `node_count()` and links it.
  absl::Status Append(std::span<const float> vector);

  std::span<const float> vector(uint32_t node) const;
  float squared_length(uint32_t node) const;  // of the vector; kCosine only, else 0
  int level(uint32_t node) const;
  // Neighbours of `node` on `level`, which is at most the node's. Not beside `Append`.
  std::vector<uint32_t> Links(uint32_t node, int level) const;
  uint32_t entry_node() const;

  // Collects the `ef` nearest nodes for which `accept` is true, walking through those that are not
  // accepted as well. Nodes are ranked by squared distance, by -dot or by 1 - cosine in single
  // precision, where a NaN counts as the farthest. `give_up(distance_count)` is asked after each
  // step.
  WalkResult Walk(const Query& query, size_t ef, absl::FunctionRef<bool(uint32_t node)> accept,
                  absl::FunctionRef<bool(uint64_t distance_count)> give_up) const;

  // Loading: adds the next node with its links as they were saved; false when a link list is longer
  // than this graph allows. Links are not followed until `FinishRestore` has checked them.
  absl::StatusOr<bool> RestoreNode(std::span<const float> vector,
                                   std::span<const std::vector<uint32_t>> links_by_level);
  // False when a link leads nowhere, to its own node or to a node below its layer, or when the
  // entry is not a node of the highest layer.
  bool FinishRestore(uint32_t entry_node);

  size_t memory_bytes() const;

 private:
  struct Impl;
  explicit HnswGraph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kyrodb::vector::index
