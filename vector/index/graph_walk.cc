// Walking through the graph: the loops that searches and insertions spend their time in.
#include <algorithm>
#include <limits>

#include "vector/index/graph.h"

namespace kyrodb::vector::index {
namespace {

constexpr size_t kLinksMax = 200;  // lowest lists hold 2 m links, and m is at most 100

struct NearerOnTop {
  bool operator()(const Visit& a, const Visit& b) const { return a.rank > b.rank; }
};
struct FartherOnTop {
  bool operator()(const Visit& a, const Visit& b) const { return a.rank < b.rank; }
};

// Sums of very large numbers may give infinity or NaN: these are far.
inline float Ordered(float rank) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return rank < kMax ? rank : kMax;
}

inline void Prefetch(const void* address, size_t bytes) {
  const char* const begin = static_cast<const char*>(address);
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(begin + at);
}

}  // namespace

Visit Graph::Descend(const PreparedQuery& query, Visit start, int level, WalkState& state) const {
  uint32_t links[kLinksMax];
  float ranks[kLinksMax];
  const size_t first_bytes = std::min<size_t>(base_.stride(), 256);
  for (bool moved = true; moved;) {
    moved = false;
    const size_t count = CopyList(start.node, level, links);
    for (size_t i = 0; i < count; ++i) Prefetch(base_.row(links[i]), first_bytes);
    ScoreBase(query, {links, count}, ranks);
    state.distance_count += count;
    for (size_t i = 0; i < count; ++i) {
      if (ranks[i] < start.rank) {
        start = {ranks[i], links[i]};
        moved = true;
      }
    }
  }
  return start;
}

// By walk rows: the ranks are rougher, and a way down need not be the best.
uint32_t Graph::DescendRoughly(const PreparedQuery& query, uint32_t start, int level,
                               WalkState& state) const {
  uint32_t links[kLinksMax];
  float ranks[kLinksMax];
  float best;
  ScoreWalk(query, {&start, 1}, &best);
  best = Ordered(best);
  for (; level > 0; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const size_t count = CopyList(start, level, links);
      for (size_t i = 0; i < count; ++i) Prefetch(walk_.row(links[i]), walk_.stride());
      ScoreWalk(query, {links, count}, ranks);
      state.distance_count += count;
      for (size_t i = 0; i < count; ++i) {
        if (ranks[i] < best) {
          best = ranks[i];
          start = links[i];
          moved = true;
        }
      }
    }
  }
  return start;
}

Visit Graph::Enter(const PreparedQuery& query, WalkState& state, int& level) const {
  const uint64_t entry = entry_.load(std::memory_order_acquire);
  level = static_cast<int>(entry >> 32);
  Visit visit{0, static_cast<uint32_t>(entry)};
  if (visit.node == kNoNode) return visit;
  ScoreBase(query, {&visit.node, 1}, &visit.rank);
  visit.rank = Ordered(visit.rank);
  ++state.distance_count;
  return visit;
}

template <bool kRefine>
void Graph::WalkLayer(const PreparedQuery& query, Visit start, int level, size_t ef,
                      WalkState& state) const {
  Beam& beam = state.beam;
  VisitedSet& visited = state.visited;
  visited.Fit(capacity_);
  beam.Reset(ef);
  if constexpr (kRefine) {
    state.found.clear();
    ScoreWalk(query, {&start.node, 1}, &start.rank);
    start.rank = Ordered(start.rank);
  }
  visited.Insert(start.node);
  beam.Insert(start.rank, start.node);
  const MappedRows& rows = kRefine ? walk_ : base_;
  // The first two lines of a row; the kernel asks for the rest as it goes.
  const size_t first_bytes = std::min<size_t>(rows.stride(), 128);

  uint32_t fresh[kLinksMax];
  float ranks[kLinksMax];
  const size_t list_capacity = ListCapacity(level);
  uint64_t distance_count = 0;
  while (beam.HasNext()) {
    const Visit current = beam.TakeNext();
    // Most likely the one after this.
    if (beam.HasNext())
      Prefetch(MutableList(beam.PeekNext(), level), list_capacity * sizeof(uint32_t));
    uint32_t* const list = MutableList(current.node, level);
    size_t count = 0;
    for (size_t i = 0; i < list_capacity; ++i) {
      const uint32_t link = std::atomic_ref<uint32_t>(list[i]).load(std::memory_order_acquire);
      if (link == kNoNode) break;
      if (!visited.Insert(link)) continue;
      Prefetch(rows.row(link), first_bytes);
      fresh[count++] = link;
    }
    if constexpr (kRefine) {
      ScoreWalk(query, {fresh, count}, ranks);
    } else {
      ScoreBase(query, {fresh, count}, ranks);
    }
    distance_count += count;
    for (size_t i = 0; i < count; ++i) {
      const float rank = Ordered(ranks[i]);
      if (beam.Accepts(rank)) beam.Insert(rank, fresh[i]);
    }
    // What is gone through next, and its links, come while the rest of this step is done.
    if (beam.HasNext()) {
      const uint32_t next = beam.PeekNext();
      Prefetch(MutableList(next, level), list_capacity * sizeof(uint32_t));
      if constexpr (kRefine) Prefetch(base_.row(next), base_.stride());
    }
    if constexpr (kRefine) {
      float rank;
      ScoreBase(query, {&current.node, 1}, &rank);
      state.found.push_back({Ordered(rank), current.node});
      ++distance_count;
    }
  }
  state.distance_count += distance_count;
  visited.Clear();
}

template void Graph::WalkLayer<false>(const PreparedQuery&, Visit, int, size_t, WalkState&) const;
template void Graph::WalkLayer<true>(const PreparedQuery&, Visit, int, size_t, WalkState&) const;

void Graph::Walk(size_t ef, WalkState& state) const {
  state.found.clear();
  int level = 0;
  Visit visit = Enter(state.query, state, level);
  if (visit.node == kNoNode) return;
  if (codec_.has_walk()) {
    visit.node = DescendRoughly(state.query, visit.node, level, state);
    WalkLayer<true>(state.query, visit, 0, ef, state);
    std::sort(state.found.begin(), state.found.end(),
              [](const Visit& a, const Visit& b) { return a.rank < b.rank; });
    return;
  }
  for (; level > 0; --level) visit = Descend(state.query, visit, level, state);
  WalkLayer<false>(state.query, visit, 0, ef, state);
  for (size_t i = 0; i < state.beam.size(); ++i) state.found.push_back(state.beam[i]);
}

bool Graph::WalkFiltered(const FilteredWalk& filtered, WalkState& state) const {
  state.found.clear();
  std::vector<Visit>& best = state.found;  // farthest on top
  std::vector<Visit>& open = state.open;   // nearest on top
  open.clear();
  VisitedSet& visited = state.visited;
  visited.Fit(capacity_);
  int level = 0;
  Visit start = Enter(state.query, state, level);
  if (start.node == kNoNode) return true;
  if (codec_.has_walk()) {
    start.node = DescendRoughly(state.query, start.node, level, state);
  } else {
    for (; level > 0; --level) start = Descend(state.query, start, level, state);
  }
  ScoreWalk(state.query, {&start.node, 1}, &start.rank);
  visited.Insert(start.node);
  start.rank = Ordered(start.rank);
  open.push_back(start);

  uint64_t visited_count = 1, accepted_count = 0;
  if (filtered.accept(start.node)) {
    best.push_back(start);
    ++accepted_count;
  }
  const MappedRows& rows = codec_.has_walk() ? walk_ : base_;
  const size_t first_bytes = std::min<size_t>(rows.stride(), 128);
  uint32_t fresh[kLinksMax];
  float ranks[kLinksMax];
  bool finished = true;
  size_t ef = filtered.step(visited_count, accepted_count);
  while (!open.empty()) {
    const Visit current = open.front();
    if (best.size() >= ef && current.rank > best.front().rank) break;
    std::pop_heap(open.begin(), open.end(), NearerOnTop());
    open.pop_back();
    uint32_t* const list = MutableList(current.node, 0);
    size_t count = 0;
    for (size_t i = 0; i < 2 * options_.m; ++i) {
      const uint32_t link = std::atomic_ref<uint32_t>(list[i]).load(std::memory_order_acquire);
      if (link == kNoNode) break;
      if (!visited.Insert(link)) continue;
      Prefetch(rows.row(link), first_bytes);
      fresh[count++] = link;
    }
    ScoreWalk(state.query, {fresh, count}, ranks);
    visited_count += count;
    for (size_t i = 0; i < count; ++i) {
      const Visit visit{Ordered(ranks[i]), fresh[i]};
      if (best.size() >= ef && visit.rank >= best.front().rank) continue;
      open.push_back(visit);
      std::push_heap(open.begin(), open.end(), NearerOnTop());
      if (!filtered.accept(visit.node)) continue;
      ++accepted_count;
      best.push_back(visit);
      std::push_heap(best.begin(), best.end(), FartherOnTop());
      if (best.size() > ef) {
        std::pop_heap(best.begin(), best.end(), FartherOnTop());
        best.pop_back();
      }
    }
    if (!open.empty()) Prefetch(MutableList(open.front().node, 0), links_.stride());
    const size_t wanted = filtered.step(visited_count, accepted_count);
    if (wanted == 0) {
      finished = false;
      break;
    }
    ef = wanted;
    for (; best.size() > ef; best.pop_back()) {
      std::pop_heap(best.begin(), best.end(), FartherOnTop());
    }
  }
  state.distance_count += visited_count;
  visited.Clear();
  // Walk rows order the walk; what was found is ranked by base rows, as in `Walk`.
  if (codec_.has_walk()) {
    for (Visit& visit : best) {
      ScoreBase(state.query, {&visit.node, 1}, &visit.rank);
      visit.rank = Ordered(visit.rank);
    }
  }
  std::sort(best.begin(), best.end(),
            [](const Visit& a, const Visit& b) { return a.rank < b.rank; });
  return finished;
}

}  // namespace kyrodb::vector::index
