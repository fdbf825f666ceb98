// Changing the graph: inserting nodes and mending around removed ones.
#include <algorithm>
#include <functional>

#include "vector/index/graph.h"

namespace kyrodb::vector::index {
namespace {

constexpr size_t kLinksMax = 200;
// Links to copies of the node itself: more would crowd out the ways to elsewhere.
constexpr size_t kCopiesMax = 4;
// Mending begins when one in so many nodes was removed.
constexpr uint64_t kMendShare = 8;
constexpr uint64_t kMendCountMin = 32;

bool Nearer(const Visit& a, const Visit& b) { return a.rank < b.rank; }

}  // namespace

void Graph::Select(std::span<const Visit> candidates, float offset, size_t count, WalkState& state,
                   std::vector<uint32_t>& selected) const {
  selected.clear();
  constexpr size_t kPiece = 4;
  float ranks[kPiece];
  size_t copies = 0;
  for (const Visit& candidate : candidates) {
    if (selected.size() == count) break;
    const float distance = candidate.rank + offset;
    if (codec_.metric() != Metric::kInnerProduct && distance <= 1e-6f * offset &&
        ++copies > kCopiesMax) {
      continue;
    }
    if (!selected.empty()) codec_.PrepareStored(base_.row(candidate.node), state.pair);
    bool hidden = false;
    for (size_t at = 0; at < selected.size() && !hidden; at += kPiece) {
      const size_t piece = std::min(kPiece, selected.size() - at);
      ScoreBase(state.pair, {selected.data() + at, piece}, ranks);
      for (size_t i = 0; i < piece; ++i) hidden |= ranks[i] + state.pair.offset < distance;
    }
    if (!hidden) selected.push_back(candidate.node);
  }
}

void Graph::AddBackLink(uint32_t node, uint32_t link, int level, WalkState& state) {
  std::lock_guard<std::mutex> lock(LockOf(node));
  uint32_t links[kLinksMax + 1];
  const size_t capacity = ListCapacity(level);
  size_t count = CopyList(node, level, links);
  if (std::find(links, links + count, link) != links + count) return;
  if (count < capacity) {
    std::atomic_ref<uint32_t>(MutableList(node, level)[count])
        .store(link, std::memory_order_release);
    return;
  }
  links[count++] = link;
  // Full: the list is selected anew. `pair` is free here, and its offset is read before it changes.
  codec_.PrepareStored(base_.row(node), state.pair);
  const float offset = state.pair.offset;
  float ranks[kLinksMax + 1];
  ScoreBase(state.pair, {links, count}, ranks);
  Visit visits[kLinksMax + 1];
  for (size_t i = 0; i < count; ++i) visits[i] = {ranks[i], links[i]};
  std::sort(visits, visits + count, Nearer);
  std::vector<uint32_t> kept;
  kept.reserve(capacity);
  Select({visits, count}, offset, capacity, state, kept);
  StoreList(node, level, kept);
}

void Graph::LinkLayer(uint32_t node, int level, std::span<const uint32_t> selected,
                      WalkState& state) {
  {
    std::lock_guard<std::mutex> lock(LockOf(node));
    // A node that is linked meanwhile may have linked itself here already.
    uint32_t links[kLinksMax];
    size_t count = CopyList(node, level, links);
    for (const uint32_t link : selected) {
      if (count == ListCapacity(level)) break;
      if (std::find(links, links + count, link) == links + count) links[count++] = link;
    }
    StoreList(node, level, {links, count});
  }
  for (const uint32_t link : selected) AddBackLink(link, node, level, state);
}

void Graph::Link(uint32_t node, WalkState& state) {
  const int node_level = LevelOf(node);
  codec_.PrepareStored(base_.row(node), state.query);
  const float offset = state.query.offset;
  int entry_level = 0;
  Visit visit = Enter(state.query, state, entry_level);
  if (visit.node == kNoNode) {
    std::lock_guard<std::mutex> lock(entry_mutex_);
    if (entry_node() == kNoNode) {
      entry_.store(node | static_cast<uint64_t>(node_level) << 32, std::memory_order_release);
      return;
    }
    visit = Enter(state.query, state, entry_level);
  }
  for (int level = entry_level; level > node_level; --level) {
    visit = Descend(state.query, visit, level, state);
  }
  const int top = std::min(node_level, entry_level);
  std::vector<std::vector<uint32_t>> selected(static_cast<size_t>(top) + 1);
  for (int level = top; level >= 0; --level) {
    WalkLayer<false>(state.query, visit, level, options_.ef_construction, state);
    visit = state.beam[0];
    state.candidates.clear();
    for (size_t i = 0; i < state.beam.size(); ++i) {
      const Visit candidate = state.beam[i];
      if (candidate.node != node && this->state(candidate.node) == NodeState::kLive) {
        state.candidates.push_back(candidate);
      }
    }
    if (state.candidates.empty() && level == 0 && live_count() > 1) {
      // All around here was removed: go on to what was not.
      const auto accept = [&](uint32_t other) {
        return other != node && this->state(other) == NodeState::kLive;
      };
      const auto step = [&](uint64_t, uint64_t) { return options_.m; };
      WalkFiltered({accept, step}, state);
      state.candidates = state.found;
    }
    Select(state.candidates, offset, ListCapacity(level), state,
           selected[static_cast<size_t>(level)]);
  }
  // From the lowest layer up: a walk that comes by an upper one finds the way on.
  for (int level = 0; level <= top; ++level) {
    LinkLayer(node, level, selected[static_cast<size_t>(level)], state);
  }
  if (selected[0].empty() && live_count() == 1) {
    // Nothing else lives here: what comes next must find this one.
    entry_.store(node | static_cast<uint64_t>(node_level) << 32, std::memory_order_release);
    return;
  }
  if (node_level > entry_level) {
    std::lock_guard<std::mutex> lock(entry_mutex_);
    if (node_level > static_cast<int>(entry_.load() >> 32)) {
      entry_.store(node | static_cast<uint64_t>(node_level) << 32, std::memory_order_release);
    }
  }
}

void Graph::ChooseEntry() {
  uint64_t best = kNoNode;
  int best_level = -1;
  const uint64_t count = node_count();
  for (uint32_t node = 0; node < count; ++node) {
    if (state(node) != NodeState::kLive) continue;
    const int level = LevelOf(node);
    if (level > best_level) {
      best_level = level;
      best = node | static_cast<uint64_t>(level) << 32;
    }
  }
  entry_.store(best, std::memory_order_release);
}

// Each link to a node that leaves is replaced by the nearest of that node's own links.
void Graph::MendNode(uint32_t node, WalkState& state) {
  uint32_t links[kLinksMax], beyond[kLinksMax];
  float ranks[kLinksMax];
  for (int level = 0; level <= LevelOf(node); ++level) {
    const size_t count = CopyList(node, level, links);
    bool prepared = false;
    size_t kept = 0;
    std::vector<uint32_t> leaving;
    for (size_t i = 0; i < count; ++i) {
      if (this->state(links[i]) == NodeState::kLeaving) {
        leaving.push_back(links[i]);
      } else {
        links[kept++] = links[i];
      }
    }
    if (leaving.empty()) continue;
    for (const uint32_t gone : leaving) {
      size_t beyond_count = CopyList(gone, level, beyond), live = 0;
      for (size_t i = 0; i < beyond_count; ++i) {
        if (beyond[i] != node && this->state(beyond[i]) == NodeState::kLive &&
            std::find(links, links + kept, beyond[i]) == links + kept) {
          beyond[live++] = beyond[i];
        }
      }
      if (live == 0) continue;
      if (!prepared) codec_.PrepareStored(base_.row(node), state.query);
      prepared = true;
      ScoreBase(state.query, {beyond, live}, ranks);
      const size_t nearest = static_cast<size_t>(std::min_element(ranks, ranks + live) - ranks);
      links[kept++] = beyond[nearest];
      // The way back, where there is room for it.
      uint32_t* const other = MutableList(beyond[nearest], level);
      uint32_t others[kLinksMax];
      const size_t other_count = CopyList(beyond[nearest], level, others);
      if (other_count < ListCapacity(level) &&
          std::find(others, others + other_count, node) == others + other_count) {
        std::atomic_ref<uint32_t>(other[other_count]).store(node, std::memory_order_release);
      }
    }
    StoreList(node, level, {links, kept});
  }
}

bool Graph::Mend(size_t budget, WalkState& state) {
  const uint64_t count = node_count();
  if (mend_cursor_ == kNotMending) {
    const uint64_t dead = dead_count();
    if (dead < kMendCountMin || dead * kMendShare < live_count()) return false;
    for (uint32_t node = 0; node < count; ++node) {
      if (this->state(node) == NodeState::kDead) SetState(node, NodeState::kLeaving);
    }
    const uint32_t entry = entry_node();
    if (entry == kNoNode || this->state(entry) != NodeState::kLive) ChooseEntry();
    mend_cursor_ = 0;
  }
  for (; budget > 0 && mend_cursor_ < count; --budget, ++mend_cursor_) {
    const uint32_t node = static_cast<uint32_t>(mend_cursor_);
    const NodeState node_state = this->state(node);
    if (node_state == NodeState::kLive || node_state == NodeState::kDead) MendNode(node, state);
  }
  return mend_cursor_ >= count;
}

void Graph::ReleaseLeft() {
  const uint64_t count = node_count();
  uint64_t released = 0;
  for (uint32_t node = 0; node < count; ++node) {
    if (state(node) != NodeState::kLeaving) continue;
    for (int level = 0; level <= LevelOf(node); ++level) StoreList(node, level, {});
    SetState(node, NodeState::kFree);
    free_.push_back(node);
    ++released;
  }
  std::make_heap(free_.begin(), free_.end(), std::greater<>());
  dead_count_.fetch_sub(released, std::memory_order_release);
  mend_cursor_ = kNotMending;
}

}  // namespace kyrodb::vector::index
