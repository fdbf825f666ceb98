#include "vector/index/hnsw_graph.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <queue>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "vector/kernels.h"

// hnswlib's headers define functions that are not inline, and choose by macros that a program may
// set differently elsewhere: under a name of our own they meet no other copy. Without its own
// vectorisation it defines no kernels and does not read past its lists in order to prefetch.
#define NO_MANUAL_VECTORIZATION
#define hnswlib kyrodb_private_hnswlib
#include <hnswlib/hnswlib.h>
#undef hnswlib

namespace kyrodb::vector::index {
namespace {

namespace hnsw = ::kyrodb_private_hnswlib;

// What is stored for a node: its floats and, for kCosine, the inverse of its length and its squared
// length. A query is laid out the same way, so that hnswlib's heuristic and the walk share `Score`.
struct Measure {
  Metric metric;
  size_t dimensions;

  size_t float_count() const { return dimensions + (metric == Metric::kCosine ? 2 : 0); }

  void Encode(std::span<const float> vector, float* out) const {
    std::copy(vector.begin(), vector.end(), out);
    if (metric != Metric::kCosine) return;
    const float squared = BestKernels().dot(vector.data(), vector.data(), dimensions);
    const float inverse = 1 / std::sqrt(squared);
    // 0 marks a vector without a direction.
    out[dimensions] = std::isnormal(inverse) && std::isnormal(squared) ? inverse : 0;
    out[dimensions + 1] = squared;
  }

  // From a kernel's sum to the rank: smaller is nearer, never NaN.
  float Rank(float sum, const float* a, const float* b) const {
    float rank = metric == Metric::kL2 ? sum : -sum;
    if (metric == Metric::kCosine) {
      const float scale = a[dimensions] * b[dimensions];
      rank = scale > 0 ? 1 - sum * scale : std::numeric_limits<float>::max();
    }
    return rank == rank ? rank : std::numeric_limits<float>::max();
  }

  float Score(const float* a, const float* b) const {
    const Kernels& kernels = BestKernels();
    const auto kernel = metric == Metric::kL2 ? kernels.squared_l2 : kernels.dot;
    return Rank(kernel(a, b, dimensions), a, b);
  }

  void ScoreBatch(const float* query, const float* const* rows, size_t count, float* out) const {
    const Kernels& kernels = BestKernels();
    const auto kernel = metric == Metric::kL2 ? kernels.squared_l2_batch : kernels.dot_batch;
    kernel(query, rows, count, dimensions, out);
    for (size_t i = 0; i < count; ++i) out[i] = Rank(out[i], query, rows[i]);
  }
};

float ScoreForLibrary(const void* a, const void* b, const void* measure) {
  return static_cast<const Measure*>(measure)->Score(static_cast<const float*>(a),
                                                     static_cast<const float*>(b));
}

class Space final : public hnsw::SpaceInterface<float> {
 public:
  explicit Space(Measure measure) : measure_(measure) {}
  size_t get_data_size() override { return measure_.float_count() * sizeof(float); }
  hnsw::DISTFUNC<float> get_dist_func() override { return ScoreForLibrary; }
  void* get_dist_func_param() override { return &measure_; }

 private:
  Measure measure_;
};

using Library = hnsw::HierarchicalNSW<float>;
using Visit = HnswGraph::Visit;
struct FartherFirst {
  bool operator()(const Visit& a, const Visit& b) const { return a.distance < b.distance; }
};
struct NearerFirst {
  bool operator()(const Visit& a, const Visit& b) const { return a.distance > b.distance; }
};

// Upper lists hold m links, lowest ones 2 m, and m is at most 100.
constexpr size_t kLinksMax = 200;

}  // namespace

struct HnswGraph::Impl {
  Impl(Metric metric, size_t dimensions, const HnswOptions& the_options, uint64_t capacity)
      : options(the_options),
        measure{metric, dimensions},
        space(measure),
        library(&space, capacity, options.m, options.ef_construction) {
    // These lock updates in place, which we never do; they take 2.6 MB.
    std::vector<std::mutex>().swap(library.link_list_update_locks_);
  }

  const float* Row(uint32_t node) const {
    return reinterpret_cast<const float*>(library.getDataByInternalId(node));
  }

  // Copies a neighbour list; returns its length. Every list is read and written under the lock of
  // its node.
  size_t CopyLinks(uint32_t node, int level, uint32_t* out) const {
    std::lock_guard<std::mutex> lock(library.link_list_locks_[node]);
    const char* list = reinterpret_cast<const char*>(library.get_linklist_at_level(node, level));
    uint16_t count;
    std::memcpy(&count, list, sizeof(count));
    std::memcpy(out, list + sizeof(uint32_t), count * sizeof(uint32_t));
    return count;
  }

  // Writes a list of a node that no walk can reach yet.
  void StoreLinks(uint32_t node, int level, std::span<const uint32_t> links) {
    char* list = reinterpret_cast<char*>(library.get_linklist_at_level(node, level));
    const uint16_t count = static_cast<uint16_t>(links.size());
    std::memcpy(list, &count, sizeof(count));
    std::copy(links.begin(), links.end(), reinterpret_cast<uint32_t*>(list + sizeof(uint32_t)));
  }

  // Where walks begin. Only written when a node of a new highest layer has been linked.
  std::pair<uint32_t, int> Entry() const {
    std::lock_guard<std::mutex> lock(library.global);
    return {library.enterpoint_node_, library.maxlevel_};
  }
  void SetEntry(uint32_t node, int level) {
    std::lock_guard<std::mutex> lock(library.global);
    library.enterpoint_node_ = node;
    library.maxlevel_ = level;
  }

  // Goes to the nearest node on layer `level` from `start`, by steps to nearer neighbours.
  Visit Descend(const float* query, Visit start, int level, uint64_t& distance_count) const {
    uint32_t links[kLinksMax];
    const float* rows[kLinksMax];
    float distances[kLinksMax];
    for (bool moved = true; moved;) {
      moved = false;
      const size_t count = CopyLinks(start.node, level, links);
      for (size_t i = 0; i < count; ++i) rows[i] = Row(links[i]);
      measure.ScoreBatch(query, rows, count, distances);
      distance_count += count;
      for (size_t i = 0; i < count; ++i) {
        if (distances[i] < start.distance) {
          start = {distances[i], links[i]};
          moved = true;
        }
      }
    }
    return start;
  }

  // The walk on one layer: keeps the `ef` nearest accepted nodes as a heap, farthest first.
  template <typename Accept, typename GiveUp>
  std::vector<Visit> WalkLayer(const float* query, Visit start, int level, size_t ef,
                               const Accept& accept, const GiveUp& give_up,
                               uint64_t& distance_count, bool& gave_up) const {
    hnsw::VisitedList* visited = library.visited_list_pool_->getFreeVisitedList();
    absl::Cleanup release = [&] { library.visited_list_pool_->releaseVisitedList(visited); };
    hnsw::vl_type* const marks = visited->mass;
    const hnsw::vl_type mark = visited->curV;

    std::vector<Visit> best, open;
    best.reserve(std::min<size_t>(ef, 1024) + 1);
    open.reserve(256);
    marks[start.node] = mark;
    open.push_back(start);
    if (accept(start.node)) best.push_back(start);

    uint32_t links[kLinksMax];
    const float* rows[kLinksMax];
    float distances[kLinksMax];
    while (!open.empty()) {
      const Visit current = open.front();
      if (best.size() >= ef && current.distance > best.front().distance) break;
      std::pop_heap(open.begin(), open.end(), NearerFirst());
      open.pop_back();

      const size_t link_count = CopyLinks(current.node, level, links);
      for (size_t i = 0; i < link_count; ++i) __builtin_prefetch(marks + links[i]);
      size_t fresh = 0;
      for (size_t i = 0; i < link_count; ++i) {
        const uint32_t node = links[i];
        if (marks[node] == mark) continue;
        marks[node] = mark;
        links[fresh] = node;
        rows[fresh++] = Row(node);
      }
      measure.ScoreBatch(query, rows, fresh, distances);
      distance_count += fresh;
      for (size_t i = 0; i < fresh; ++i) {
        const Visit visit{distances[i], links[i]};
        if (best.size() >= ef && visit.distance >= best.front().distance) continue;
        open.push_back(visit);
        std::push_heap(open.begin(), open.end(), NearerFirst());
        if (!accept(visit.node)) continue;
        if (best.size() >= ef) {
          std::pop_heap(best.begin(), best.end(), FartherFirst());
          best.pop_back();
        }
        best.push_back(visit);
        std::push_heap(best.begin(), best.end(), FartherFirst());
      }
      if (give_up(distance_count)) {
        gave_up = true;
        break;
      }
    }
    return best;
  }

  // The layer of a node depends on the seed and its number alone, so an index that was saved and
  // loaded grows on exactly as it would have.
  int DrawLevel(uint32_t node) const {
    const uint64_t bits = SplitMix64(SplitMix64(options.seed) ^ node);
    const double unit = (static_cast<double>(bits >> 11) + 1) * 0x1.0p-53;  // (0, 1]
    return std::min(static_cast<int>(-std::log(unit) * library.mult_), kLevelMax);
  }

  // Allocates a node without links. Only the node count tells that it is there.
  void Allocate(uint32_t node, std::span<const float> vector, int level) {
    char* const memory =
        library.data_level0_memory_ + uint64_t{node} * library.size_data_per_element_;
    std::memset(memory, 0, library.size_data_per_element_);
    measure.Encode(vector, reinterpret_cast<float*>(memory + library.offsetData_));
    library.setExternalLabel(node, node);
    library.linkLists_[node] = nullptr;
    if (level > 0) {
      void* const lists = std::calloc(static_cast<size_t>(level), library.size_links_per_element_);
      if (lists == nullptr) throw std::bad_alloc();
      library.linkLists_[node] = static_cast<char*>(lists);
      upper_bytes += static_cast<size_t>(level) * library.size_links_per_element_;
    }
    library.element_levels_[node] = level;
    ++library.cur_element_count;
    node_count.store(library.cur_element_count, std::memory_order_release);
  }

  void Link(uint32_t node, int node_level) {
    const auto [entry, entry_level] = Entry();
    const float* const row = Row(node);
    uint64_t distance_count = 0;
    bool gave_up = false;
    Visit nearest{measure.Score(row, Row(entry)), entry};
    for (int level = entry_level; level > node_level; --level) {
      nearest = Descend(row, nearest, level, distance_count);
    }
    for (int level = std::min(node_level, entry_level); level >= 0; --level) {
      const std::vector<Visit> candidates = WalkLayer(
          row, nearest, level, options.ef_construction, [](uint32_t) { return true; },
          [](uint64_t) { return false; }, distance_count, gave_up);
      // Never empty, for `nearest` is in it, and never with `node`, which no list of this layer
      // names yet: hnswlib relies on both.
      std::vector<std::pair<float, hnsw::tableint>> pairs;
      pairs.reserve(candidates.size());
      for (const Visit& visit : candidates) {
        pairs.emplace_back(visit.distance, visit.node);
        if (visit.distance < nearest.distance) nearest = visit;
      }
      std::priority_queue<std::pair<float, hnsw::tableint>,
                          std::vector<std::pair<float, hnsw::tableint>>, Library::CompareByFirst>
          queue(Library::CompareByFirst(), std::move(pairs));
      // The node may be reachable from the layer above by now, so its own list needs its lock too.
      // Locks are taken from higher to lower numbers only: no two insertions, no cycle.
      std::lock_guard<std::mutex> lock(library.link_list_locks_[node]);
      library.mutuallyConnectNewElement(row, node, queue, level, false);
    }
    if (node_level > entry_level) SetEntry(node, node_level);
  }

  const HnswOptions options;
  const Measure measure;
  Space space;
  // `mutable`: the locks in it are taken by readers.
  mutable Library library;
  std::atomic<uint64_t> node_count{0};
  std::atomic<uint64_t> upper_bytes{0};
  bool broken = false;
};

HnswGraph::HnswGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HnswGraph::~HnswGraph() = default;

absl::StatusOr<std::unique_ptr<HnswGraph>> HnswGraph::Create(Metric metric, size_t dimensions,
                                                             const HnswOptions& options,
                                                             uint64_t capacity) {
  try {
    return std::unique_ptr<HnswGraph>(
        new HnswGraph(std::make_unique<Impl>(metric, dimensions, options, capacity)));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "hnsw index of %d dimensions for %d vectors: %s", dimensions, capacity, error.what()));
  }
}

uint64_t HnswGraph::node_count() const { return impl_->node_count.load(std::memory_order_acquire); }

uint64_t HnswGraph::capacity() const { return impl_->library.max_elements_; }

absl::Status HnswGraph::Grow(uint64_t capacity) {
  if (capacity > kNodeCountMax) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "hnsw index has %d vectors, removed ones included, the most it can hold is %d",
        node_count(), kNodeCountMax));
  }
  try {
    impl_->library.resizeIndex(capacity);
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("growing the hnsw index to %d vectors: %s", capacity, error.what()));
  }
}

absl::Status HnswGraph::Append(std::span<const float> vector) {
  KYRO_CHECK(node_count() < capacity());
  if (impl_->broken) {
    return absl::ResourceExhaustedError("hnsw index ran out of memory before: rebuild it");
  }
  const uint32_t node = static_cast<uint32_t>(node_count());
  try {
    const int level = impl_->DrawLevel(node);
    impl_->Allocate(node, vector, level);
    if (node == 0) {
      impl_->SetEntry(node, level);
    } else {
      impl_->Link(node, level);
    }
    return absl::OkStatus();
  } catch (const std::exception& error) {
    impl_->broken = true;
    return absl::ResourceExhaustedError(
        absl::StrFormat("adding vector %d to the hnsw index: %s", node, error.what()));
  }
}

std::span<const float> HnswGraph::vector(uint32_t node) const {
  return {impl_->Row(node), impl_->measure.dimensions};
}

float HnswGraph::squared_length(uint32_t node) const {
  const Measure& measure = impl_->measure;
  return measure.metric == Metric::kCosine ? impl_->Row(node)[measure.dimensions + 1] : 0;
}

int HnswGraph::level(uint32_t node) const { return impl_->library.element_levels_[node]; }

std::vector<uint32_t> HnswGraph::Links(uint32_t node, int level) const {
  std::vector<uint32_t> links(kLinksMax);
  links.resize(impl_->CopyLinks(node, level, links.data()));
  return links;
}

uint32_t HnswGraph::entry_node() const { return impl_->Entry().first; }

HnswGraph::WalkResult HnswGraph::Walk(const Query& query, size_t ef,
                                      absl::FunctionRef<bool(uint32_t)> accept,
                                      absl::FunctionRef<bool(uint64_t)> give_up) const {
  WalkResult result;
  const auto [entry, entry_level] = impl_->Entry();
  if (entry_level < 0) return result;
  std::vector<float> encoded(impl_->measure.float_count());
  impl_->measure.Encode(query.vector, encoded.data());
  const float* const row = encoded.data();
  Visit nearest{impl_->measure.Score(row, impl_->Row(entry)), entry};
  ++result.distance_count;
  for (int level = entry_level; level > 0; --level) {
    nearest = impl_->Descend(row, nearest, level, result.distance_count);
  }
  const std::vector<Visit> best =
      impl_->WalkLayer(row, nearest, 0, ef, accept, give_up, result.distance_count, result.gave_up);
  result.nodes.reserve(best.size());
  for (const Visit& visit : best) result.nodes.push_back(visit.node);
  return result;
}

absl::StatusOr<bool> HnswGraph::RestoreNode(std::span<const float> vector,
                                            std::span<const std::vector<uint32_t>> links_by_level) {
  KYRO_CHECK(node_count() < capacity() && !links_by_level.empty() &&
             links_by_level.size() <= kLevelMax + 1);
  for (size_t level = 0; level < links_by_level.size(); ++level) {
    const size_t links_max = impl_->options.m * (level == 0 ? 2 : 1);
    if (links_by_level[level].size() > links_max) return false;
  }
  const uint32_t node = static_cast<uint32_t>(node_count());
  try {
    impl_->Allocate(node, vector, static_cast<int>(links_by_level.size()) - 1);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("loading vector %d of the hnsw index: %s", node, error.what()));
  }
  for (size_t level = 0; level < links_by_level.size(); ++level) {
    impl_->StoreLinks(node, static_cast<int>(level), links_by_level[level]);
  }
  return true;
}

bool HnswGraph::FinishRestore(uint32_t entry_node) {
  const uint64_t count = node_count();
  if (count == 0) return true;
  if (entry_node >= count) return false;
  uint32_t links[kLinksMax];
  for (uint32_t node = 0; node < count; ++node) {
    if (level(node) > level(entry_node)) return false;
    for (int l = 0; l <= level(node); ++l) {
      const size_t link_count = impl_->CopyLinks(node, l, links);
      for (size_t i = 0; i < link_count; ++i) {
        if (links[i] >= count || links[i] == node || level(links[i]) < l) return false;
      }
    }
  }
  impl_->SetEntry(entry_node, level(entry_node));
  return true;
}

size_t HnswGraph::memory_bytes() const {
  const Library& library = impl_->library;
  // Rows beyond the node count are reserved, but no page of them has been touched.
  return sizeof(Impl) + node_count() * library.size_data_per_element_ + impl_->upper_bytes.load() +
         capacity() * (sizeof(void*) + sizeof(std::mutex) + sizeof(int) + sizeof(hnsw::vl_type));
}

}  // namespace kyrodb::vector::index
