// A navigable graph over coded vectors, in flat arrays: a row per node and kind, links of a fixed
// number. Nodes are numbered; a number is used again once its node is gone.
// Source: Malkov and Yashunin (hnsw_index.h) for layers and selection; Singh et al., "FreshDiskANN"
// (2021) and Xu et al., "In-Place Updates of a Graph Index for Streaming Approximate Nearest
// Neighbor Search" (2025) for mending around what was removed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "vector/index/mapped_rows.h"
#include "vector/index/vector_codec.h"
#include "vector/index/walk_state.h"

namespace kyrodb::vector::index {

enum class NodeState : uint8_t {
  kLive = 0,
  kDead = 1,     // removed; still a stepping stone
  kLeaving = 2,  // removed; links to it are being replaced
  kFree = 3,     // no node, no links to it
};

// Thread-safety:  `Link` may run beside other `Link`s and beside walks; everything else that
// changes
//                 the graph needs to be the only writer, and `Reserve`, `ReleaseLeft` and
//                 `Restore…` the only user. Walks read links while these change: a list may be seen
//                 half old and half new, and every entry of it is a node.
class Graph {
 public:
  // Upper layers stop here: enough for 2^31 nodes at m = 2.
  static constexpr int kLevelMax = 31;
  static constexpr uint64_t kNodeCountMax = 0x7FFFFFFF;
  static constexpr uint32_t kNoNode = 0xFFFFFFFFu;

  Graph(VectorCodec codec, const HnswOptions& options);

  const VectorCodec& codec() const { return codec_; }
  uint64_t node_count() const { return node_count_.load(std::memory_order_acquire); }
  uint64_t capacity() const { return capacity_; }
  uint64_t live_count() const { return live_count_.load(std::memory_order_acquire); }
  // Removed nodes that are still in the graph.
  uint64_t dead_count() const { return dead_count_.load(std::memory_order_acquire); }
  NodeState state(uint32_t node) const {
    return std::atomic_ref<NodeState>(StateOf(node)).load(std::memory_order_acquire);
  }
  // Bytes of rows that hold nodes.
  uint64_t memory_bytes() const;

  // Room for `capacity` nodes in all.
  absl::Status Reserve(uint64_t capacity);

  bool HasRoom() const { return !free_.empty() || node_count() < capacity_; }
  // Picks the number of the next node: a free one, or a new one. There must be room.
  uint32_t TakeSlot();
  // Writes the rows of a taken slot and makes it live, without links.
  void Put(uint32_t node, std::span<const float> vector);
  // Finds the neighbours of a node that was put and links it with them.
  void Link(uint32_t node, WalkState& state);

  void Remove(uint32_t node);
  // Mends around removed nodes when they are enough to bother: `budget` nodes' links are looked at.
  // True when the last of a round was: `ReleaseLeft` then frees the slots.
  bool Mend(size_t budget, WalkState& state);
  void ReleaseLeft();

  // Walks towards `state.query` and leaves the nodes it met, nearest first, in `state.found`: `ef`
  // of them or a few more, removed ones among them. Ranks are those of base rows.
  void Walk(size_t ef, WalkState& state) const;

  // As `Walk`, but keeps accepted nodes only, and walks through the others. `step(visited,
  // accepted)`, asked after each step, says how many to keep from now on; 0 gives up.
  struct FilteredWalk {
    absl::FunctionRef<bool(uint32_t node)> accept;
    absl::FunctionRef<size_t(uint64_t visited, uint64_t accepted)> step;
  };
  bool WalkFiltered(const FilteredWalk& filtered, WalkState& state) const;

  // Ranks by base rows.
  void ScoreBase(const PreparedQuery& query, std::span<const uint32_t> nodes, float* ranks) const;
  // Ranks by the coarsest rows there are.
  void ScoreWalk(const PreparedQuery& query, std::span<const uint32_t> nodes, float* ranks) const;
  double Distance(PreparedQuery& query, uint32_t node) const;
  void PrepareNear(uint32_t node, float radius, std::span<const float> noise,
                   PreparedQuery& query) const {
    codec_.PrepareNear(base_.row(node), rest_.row(node), radius, noise, query);
  }
  void PrefetchRest(uint32_t node) const;

  // Saving and loading. Lists of `level` hold `ListCapacity` numbers, unused ones kNoNode.
  int LevelOf(uint32_t node) const;
  size_t ListCapacity(int level) const { return level == 0 ? 2 * options_.m : options_.m; }
  std::span<const uint32_t> List(uint32_t node, int level) const;
  const uint8_t* WalkRow(uint32_t node) const { return walk_.row(node); }
  const uint8_t* BaseRow(uint32_t node) const { return base_.row(node); }
  const uint8_t* RestRow(uint32_t node) const { return rest_.row(node); }
  uint64_t mend_cursor() const { return mend_cursor_; }
  uint32_t entry_node() const { return static_cast<uint32_t>(entry_.load()); }
  // Adds the next node with its rows and its lists, from the lowest.
  void RestoreNode(NodeState state, const uint8_t* rows, std::span<const uint32_t> lists);
  // False when a list leads nowhere or the entry is no node; call last.
  bool FinishRestore(uint32_t entry_node, uint64_t mend_cursor);

 private:
  static constexpr size_t kLockCount = 1024;

  NodeState& StateOf(uint32_t node) const {
    return const_cast<NodeState&>(reinterpret_cast<const NodeState&>(*states_.row(node)));
  }
  void SetState(uint32_t node, NodeState state) {
    std::atomic_ref<NodeState>(StateOf(node)).store(state, std::memory_order_release);
  }
  uint32_t* MutableList(uint32_t node, int level) const;
  // Copies a list; returns its length.
  size_t CopyList(uint32_t node, int level, uint32_t* out) const;
  void StoreList(uint32_t node, int level, std::span<const uint32_t> links);
  std::mutex& LockOf(uint32_t node) const { return locks_[node % kLockCount]; }
  void AllocateUpper(uint32_t node);

  Visit Enter(const PreparedQuery& query, WalkState& state, int& level) const;
  Visit Descend(const PreparedQuery& query, Visit start, int level, WalkState& state) const;
  uint32_t DescendRoughly(const PreparedQuery& query, uint32_t start, int level,
                          WalkState& state) const;
  // Fills `state.beam`. With kRefine the walk compares walk rows and collects the base ranks of the
  // nodes it went through in `state.found`.
  template <bool kRefine>
  void WalkLayer(const PreparedQuery& query, Visit start, int level, size_t ef,
                 WalkState& state) const;
  // Chooses from `candidates`, nearest first, at most `count` that lie in different directions.
  void Select(std::span<const Visit> candidates, float offset, size_t count, WalkState& state,
              std::vector<uint32_t>& selected) const;
  void LinkLayer(uint32_t node, int level, std::span<const uint32_t> selected, WalkState& state);
  void AddBackLink(uint32_t node, uint32_t link, int level, WalkState& state);
  void MendNode(uint32_t node, WalkState& state);
  void ChooseEntry();

  const VectorCodec codec_;
  const HnswOptions options_;
  const double level_scale_;
  uint64_t capacity_ = 0;
  std::atomic<uint64_t> node_count_{0}, live_count_{0}, dead_count_{0};

  MappedRows walk_, base_, rest_, links_, states_;
  // First list of a node above the lowest layer, by number; lists of one node lie together.
  MappedRows upper_first_, upper_;
  std::atomic<uint64_t> upper_count_{0};
  uint64_t upper_capacity_ = 0;

  // Node and layer (high half) where walks begin; kNoNode when there is none.
  std::atomic<uint64_t> entry_{kNoNode};
  std::mutex entry_mutex_;
  // By node, for whoever changes a list.
  mutable std::array<std::mutex, kLockCount> locks_;

  std::vector<uint32_t> free_;  // a heap, the lowest number first
  // Nodes below it have been mended in this round; kNotMending between rounds.
  static constexpr uint64_t kNotMending = ~uint64_t{0};
  uint64_t mend_cursor_ = kNotMending;
};

}  // namespace kyrodb::vector::index
