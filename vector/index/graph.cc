// The graph's memory: rows, lists, states, slots.
#include "vector/index/graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "engine/base/random.h"
#include "engine/base/status.h"

namespace kyrodb::vector::index {

Graph::Graph(VectorCodec codec, const HnswOptions& options)
    : codec_(std::move(codec)),
      options_(options),
      level_scale_(1 / std::log(static_cast<double>(options.m))),
      walk_(codec_.row_bytes().walk),
      base_(codec_.row_bytes().base),
      rest_(codec_.row_bytes().rest),
      links_(2 * options.m * sizeof(uint32_t)),
      states_(sizeof(NodeState)),
      upper_first_(sizeof(uint32_t)),
      upper_(options.m * sizeof(uint32_t)) {}

uint64_t Graph::memory_bytes() const {
  const uint64_t node_bytes = walk_.stride() + base_.stride() + rest_.stride() + links_.stride() +
                              states_.stride() + upper_first_.stride();
  return node_count() * node_bytes + upper_count_ * upper_.stride();
}

absl::Status Graph::Reserve(uint64_t capacity) {
  for (MappedRows* rows : {&walk_, &base_, &rest_, &links_, &states_, &upper_first_}) {
    KYRO_RETURN_IF_ERROR(rows->Reserve(capacity));
  }
  // Layers are drawn by number, so what they need is known.
  uint64_t lists = upper_count_;
  for (uint64_t node = node_count(); node < capacity; ++node) {
    lists += static_cast<uint64_t>(LevelOf(static_cast<uint32_t>(node)));
  }
  KYRO_RETURN_IF_ERROR(upper_.Reserve(lists));
  upper_capacity_ = lists;
  capacity_ = capacity;
  return absl::OkStatus();
}

// The layer of a node depends on the seed and its number alone, so an index that was saved and
// loaded grows on exactly as it would have, and a slot that is used again finds its lists.
int Graph::LevelOf(uint32_t node) const {
  const uint64_t bits = SplitMix64(SplitMix64(options_.seed) ^ node);
  const double unit = (static_cast<double>(bits >> 11) + 1) * 0x1.0p-53;  // (0, 1]
  return std::min(static_cast<int>(-std::log(unit) * level_scale_), kLevelMax);
}

uint32_t* Graph::MutableList(uint32_t node, int level) const {
  if (level == 0) return reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(links_.row(node)));
  uint32_t first;
  std::memcpy(&first, upper_first_.row(node), sizeof(first));
  return reinterpret_cast<uint32_t*>(
      const_cast<uint8_t*>(upper_.row(first + static_cast<uint32_t>(level) - 1)));
}

std::span<const uint32_t> Graph::List(uint32_t node, int level) const {
  return {MutableList(node, level), ListCapacity(level)};
}

size_t Graph::CopyList(uint32_t node, int level, uint32_t* out) const {
  uint32_t* const list = MutableList(node, level);
  const size_t capacity = ListCapacity(level);
  size_t count = 0;
  for (; count < capacity; ++count) {
    out[count] = std::atomic_ref<uint32_t>(list[count]).load(std::memory_order_acquire);
    if (out[count] == kNoNode) break;
  }
  return count;
}

void Graph::StoreList(uint32_t node, int level, std::span<const uint32_t> links) {
  uint32_t* const list = MutableList(node, level);
  const size_t capacity = ListCapacity(level);
  for (size_t i = 0; i < capacity; ++i) {
    std::atomic_ref<uint32_t>(list[i]).store(i < links.size() ? links[i] : kNoNode,
                                             std::memory_order_release);
  }
}

void Graph::AllocateUpper(uint32_t node) {
  const int level = LevelOf(node);
  const uint32_t first = static_cast<uint32_t>(upper_count_);
  std::memcpy(upper_first_.row(node), &first, sizeof(first));
  const uint64_t count =
      upper_count_.fetch_add(static_cast<uint64_t>(level)) + static_cast<uint64_t>(level);
  KYRO_CHECK(count <= upper_capacity_);
  for (int l = 0; l <= level; ++l) StoreList(node, l, {});
}

uint32_t Graph::TakeSlot() {
  if (!free_.empty()) {
    std::pop_heap(free_.begin(), free_.end(), std::greater<>());
    const uint32_t node = free_.back();
    free_.pop_back();
    return node;
  }
  const uint64_t node = node_count_.load(std::memory_order_relaxed);
  KYRO_CHECK(node < capacity_);
  SetState(static_cast<uint32_t>(node), NodeState::kFree);
  AllocateUpper(static_cast<uint32_t>(node));
  node_count_.store(node + 1, std::memory_order_release);
  return static_cast<uint32_t>(node);
}

void Graph::Put(uint32_t node, std::span<const float> vector) {
  codec_.Encode(vector, walk_.row(node), base_.row(node), rest_.row(node));
  SetState(node, NodeState::kLive);
  live_count_.fetch_add(1, std::memory_order_release);
}

void Graph::Remove(uint32_t node) {
  SetState(node, NodeState::kDead);
  live_count_.fetch_sub(1, std::memory_order_release);
  dead_count_.fetch_add(1, std::memory_order_release);
}

void Graph::ScoreBase(const PreparedQuery& query, std::span<const uint32_t> nodes,
                      float* ranks) const {
  codec_.score_base()(query.base, {base_.base(), base_.stride()}, nodes.data(), nodes.size(),
                      ranks);
}

void Graph::ScoreWalk(const PreparedQuery& query, std::span<const uint32_t> nodes,
                      float* ranks) const {
  if (!codec_.has_walk()) return ScoreBase(query, nodes, ranks);
  codec_.score_walk()(query.walk, {walk_.base(), walk_.stride()}, nodes.data(), nodes.size(),
                      ranks);
}

double Graph::Distance(PreparedQuery& query, uint32_t node) const {
  return codec_.Distance(query, base_.row(node), rest_.row(node));
}

void Graph::PrefetchRest(uint32_t node) const {
  const uint8_t* const row = rest_.row(node);
  for (size_t at = 0; at < rest_.stride(); at += 64) __builtin_prefetch(row + at);
}

void Graph::RestoreNode(NodeState state, const uint8_t* rows, std::span<const uint32_t> lists) {
  const uint32_t node = static_cast<uint32_t>(node_count_.load(std::memory_order_relaxed));
  KYRO_CHECK(node < capacity_);
  AllocateUpper(node);
  for (MappedRows* kind : {&walk_, &base_, &rest_}) {
    std::memcpy(kind->row(node), rows, kind->stride());
    rows += kind->stride();
  }
  size_t at = 0;
  for (int level = 0; level <= LevelOf(node); ++level) {
    const std::span<const uint32_t> list = lists.subspan(at, ListCapacity(level));
    StoreList(node, level, list);
    at += list.size();
  }
  SetState(node, state);
  if (state == NodeState::kLive) live_count_.fetch_add(1, std::memory_order_relaxed);
  if (state == NodeState::kDead || state == NodeState::kLeaving) {
    dead_count_.fetch_add(1, std::memory_order_relaxed);
  }
  if (state == NodeState::kFree) free_.push_back(node);
  node_count_.store(node + uint64_t{1}, std::memory_order_release);
}

bool Graph::FinishRestore(uint32_t entry_node, uint64_t mend_cursor) {
  const uint64_t count = node_count();
  std::make_heap(free_.begin(), free_.end(), std::greater<>());
  bool leaving = false;
  for (uint32_t node = 0; node < count; ++node) {
    const NodeState node_state = state(node);
    leaving |= node_state == NodeState::kLeaving;
    if (node_state == NodeState::kFree) continue;
    for (int level = 0; level <= LevelOf(node); ++level) {
      bool ended = false;
      for (const uint32_t link : List(node, level)) {
        if (link == kNoNode) {
          ended = true;
        } else if (ended || link >= count || link == node || LevelOf(link) < level ||
                   state(link) == NodeState::kFree) {
          return false;
        }
      }
    }
  }
  if (mend_cursor != kNotMending && mend_cursor > count) return false;
  if (mend_cursor == kNotMending && leaving) return false;
  mend_cursor_ = mend_cursor;
  if (entry_node == kNoNode) return live_count() == 0;
  if (entry_node >= count || state(entry_node) == NodeState::kFree) return false;
  entry_.store(entry_node | static_cast<uint64_t>(LevelOf(entry_node)) << 32);
  return true;
}

}  // namespace kyrodb::vector::index
