// The graph behind the interface of every index: labels, the few vectors before there is a graph,
// which way a search goes, and the file format.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/coding.h"
#include "vector/hnsw_index.h"
#include "vector/index/exact_scan.h"
#include "vector/index/graph.h"
#include "vector/vector_index.h"

namespace kyrodb::vector::index {

// Up to `kGraphCountMin` vectors are kept as floats and scanned. From then on a node of the graph
// belongs to each label; labels_[n] is that of node n.
class GraphIndex final : public VectorIndex {
 public:
  GraphIndex(Metric metric, size_t dimensions, const HnswOptions& options);
  static absl::StatusOr<std::unique_ptr<GraphIndex>> Load(absl::string_view bytes);

  absl::string_view kind() const override { return "hnsw"; }
  absl::Status AddMany(std::span<const uint64_t> labels, std::span<const float> vectors,
                       size_t thread_count) override;
  absl::Status Remove(uint64_t label) override;
  bool Contains(uint64_t label) const override;
  size_t size() const override { return live_count_.load(std::memory_order_acquire); }
  size_t removed_count() const override;
  size_t memory_bytes() const override;
  absl::Status Save(absl::FunctionRef<absl::Status(absl::string_view)> sink) const override;
  void Calibrate() override;
  std::optional<size_t> EffortFor(double recall) const override;

 private:
  // Borrows a WalkState for a scope.
  class StateLease;

  absl::Status AddChecked(uint64_t label, std::span<const float> vector) override;
  absl::StatusOr<std::vector<Neighbor>> SearchChecked(std::span<const float> query,
                                                      const SearchParameters& parameters,
                                                      SearchStatistics& statistics) const override;

  bool IsTaken(uint64_t label) const ABSL_LOCKS_EXCLUDED(labels_mutex_);
  // Makes a graph of the few vectors, trained on them and on `more`.
  absl::Status BeginGraph(std::span<const float* const> more)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status Grow(uint64_t capacity) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  // Puts a vector into a slot under its label; the caller links it.
  absl::StatusOr<uint32_t> PutNode(uint64_t label, std::span<const float> vector)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status AddNode(uint64_t label, std::span<const float> vector)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  void MendSome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);

  // Searching; all of these with `layout_mutex_` held.
  std::vector<Neighbor> SearchFew(std::span<const float> query, const SearchParameters& parameters,
                                  SearchStatistics& statistics) const;
  std::vector<Neighbor> SearchGraph(const SearchParameters& parameters, WalkState& state,
                                    SearchStatistics& statistics) const;
  std::vector<Neighbor> SearchFiltered(const SearchParameters& parameters, WalkState& state,
                                       SearchStatistics& statistics) const;
  std::vector<Neighbor> ScanGraph(const SearchParameters& parameters, WalkState& state,
                                  SearchStatistics& statistics) const;
  // The k nearest of `state.found`, which is sorted by rank.
  std::vector<Neighbor> RankFound(size_t k, WalkState& state) const;
  // For a query without a direction: its distances to what is in the graph.
  std::vector<Neighbor> SearchWithoutDirection(const SearchParameters& parameters,
                                               WalkState& state) const;
  // Merges what is beside the graph into the k nearest of it.
  void MergeWithoutDirection(std::span<const float> query, const SearchParameters& parameters,
                             std::vector<Neighbor>& neighbors) const;
  uint64_t EstimateMatches(const LabelFilter* filter) const;

  absl::Status LoadFew(ByteReader& reader);
  absl::Status LoadGraph(ByteReader& reader);

  uint64_t LabelOf(uint32_t node) const ABSL_NO_THREAD_SAFETY_ANALYSIS { return labels_[node]; }
  bool IsLive(uint32_t node) const { return graph_->state(node) == NodeState::kLive; }

  const HnswOptions options_;

  // Held by writers for their whole call, before the others.
  mutable absl::Mutex writer_mutex_ ABSL_ACQUIRED_BEFORE(layout_mutex_);
  // Shared by searches; exclusive while something moves: the few vectors change or become a graph,
  // arrays grow, slots are freed.
  mutable absl::Mutex layout_mutex_ ABSL_ACQUIRED_BEFORE(labels_mutex_);
  mutable absl::Mutex labels_mutex_;

  // Before there is a graph: few_labels_[i] has floats few_[i * dimensions].
  std::vector<uint64_t> few_labels_;
  std::vector<float> few_;

  std::unique_ptr<Graph> graph_;
  std::vector<uint64_t> labels_;
  std::atomic<uint64_t> live_count_{0};
  // Label to node, or to position among the few.
  absl::flat_hash_map<uint64_t, uint32_t> nodes_by_label_ ABSL_GUARDED_BY(labels_mutex_);
  // Beside the graph, under kCosine: vectors whose squared length is zero, infinite or next to it.
  absl::btree_map<uint64_t, std::vector<float>> without_direction_ ABSL_GUARDED_BY(labels_mutex_);

  // What `Calibrate` measured, by growing effort.
  struct Measured {
    size_t ef;
    double recall;
  };
  mutable absl::Mutex measured_mutex_;
  std::vector<Measured> measured_ ABSL_GUARDED_BY(measured_mutex_);

  mutable absl::Mutex states_mutex_;
  mutable std::vector<std::unique_ptr<WalkState>> states_ ABSL_GUARDED_BY(states_mutex_);
};

}  // namespace kyrodb::vector::index

namespace kyrodb::vector {
absl::Status CheckHnswOptions(size_t dimensions, const HnswOptions& options);
}  // namespace kyrodb::vector
