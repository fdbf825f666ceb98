#include "vector/hnsw_index.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <new>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "vector/index/exact_scan.h"
#include "vector/index/hnsw_graph.h"
#include "vector/index/save_stream.h"

namespace kyrodb::vector {
namespace {

using index::HnswGraph;

constexpr absl::string_view kMagic = "KYROHNSW";
constexpr uint32_t kVersion = 1;
constexpr uint64_t kFirstCapacity = 1024;

// The two costs that a search weighs, counted in distances: a walk looks at about this many nodes
// for each candidate it keeps, and an exact scan asks the filter about this many labels in the time
// of one distance (labels lie side by side, rows do not).
constexpr double kVisitsPerCandidate = 12;
constexpr double kLabelTestsPerDistance = 32;
// Labels tested to estimate how many match, when the filter cannot tell.
constexpr uint64_t kSampleSize = 256;

// Node n of the graph belongs to labels_[n]. A removed node stays in the graph as a stepping stone.
class HnswIndex final : public VectorIndex {
 public:
  static absl::StatusOr<std::unique_ptr<HnswIndex>> Create(Metric metric, size_t dimensions,
                                                           const HnswOptions& options,
                                                           uint64_t capacity) {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<HnswGraph> graph,
                          HnswGraph::Create(metric, dimensions, options, capacity));
    try {
      return std::unique_ptr<HnswIndex>(
          new HnswIndex(metric, dimensions, options, std::move(graph)));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("out of memory for an hnsw index of %d vectors", capacity));
    }
  }

  absl::string_view kind() const override { return "hnsw"; }

  absl::Status Remove(uint64_t label) override {
    absl::MutexLock writer(&writer_mutex_);
    absl::MutexLock lock(&labels_mutex_);
    const auto found = nodes_by_label_.find(label);
    if (found == nodes_by_label_.end()) {
      return absl::NotFoundError(absl::StrFormat("label %d is not in the index", label));
    }
    // Atomic, so that searches need not be waited for.
    removed_[found->second].store(true, std::memory_order_release);
    nodes_by_label_.erase(found);
    live_count_.store(nodes_by_label_.size(), std::memory_order_release);
    return absl::OkStatus();
  }

  bool Contains(uint64_t label) const override {
    absl::MutexLock lock(&labels_mutex_);
    return nodes_by_label_.contains(label);
  }

  size_t size() const override { return live_count_.load(std::memory_order_acquire); }

  size_t removed_count() const override {
    absl::MutexLock writer(&writer_mutex_);
    return published_.load(std::memory_order_relaxed) - size();
  }

  size_t memory_bytes() const override {
    absl::ReaderMutexLock capacity(&capacity_mutex_);
    absl::MutexLock lock(&labels_mutex_);
    return sizeof(*this) + graph_->memory_bytes() + labels_.size() * sizeof(uint64_t) +
           labels_.size() * sizeof(removed_[0]) +
           nodes_by_label_.capacity() * (sizeof(*nodes_by_label_.begin()) + 1);
  }

  absl::Status Save(absl::FunctionRef<absl::Status(absl::string_view)> sink) const override {
    // Nothing changes while writers are kept out, so searches need not wait for the sink.
    absl::MutexLock writer(&writer_mutex_);
    const uint64_t count = published_.load(std::memory_order_relaxed);
    index::SaveStream stream(sink, kMagic, kVersion);
    std::string* const out = stream.buffer();
    out->push_back(static_cast<char>(metric()));
    PutFixed32(out, static_cast<uint32_t>(dimensions()));
    PutFixed32(out, static_cast<uint32_t>(options_.m));
    PutFixed32(out, static_cast<uint32_t>(options_.ef_construction));
    PutFixed64(out, options_.seed);
    PutFixed64(out, count);
    PutFixed32(out, count == 0 ? 0 : graph_->entry_node());
    for (uint32_t node = 0; node < count && stream.ok(); ++node) {
      const int level = graph_->level(node);
      PutFixed64(out, LabelOf(node));
      out->push_back(static_cast<char>(IsRemoved(node)));
      out->push_back(static_cast<char>(level));
      stream.PutFloats(graph_->vector(node));
      for (int l = 0; l <= level; ++l) {
        const std::vector<uint32_t> links = graph_->Links(node, l);
        out->push_back(static_cast<char>(links.size()));
        for (const uint32_t link : links) PutFixed32(out, link);
      }
      stream.FlushIfFull();
    }
    return stream.Finish();
  }

  // Reads the body of the format; only for an index that nobody else has seen yet, with capacity
  // for `count` nodes.
  absl::Status LoadNodes(ByteReader& reader, uint64_t count, uint32_t entry_node) {
    absl::MutexLock writer(&writer_mutex_);
    absl::MutexLock lock(&labels_mutex_);
    std::vector<float> vector(dimensions());
    std::vector<std::vector<uint32_t>> links;
    for (uint64_t node = 0; node < count; ++node) {
      const uint64_t label = reader.Fixed64();
      const uint8_t removed = reader.Fixed8();
      const uint8_t level = reader.Fixed8();
      if (!reader.ok() || removed > 1 || level > HnswGraph::kLevelMax) {
        return Damaged("node %d of %d is cut short or has a bad header", node, count);
      }
      if (!index::ReadFloats(reader, dimensions(), vector.data())) {
        return Damaged("vector %d of %d is cut short or holds NaN or infinity", node, count);
      }
      links.assign(level + size_t{1}, {});
      for (std::vector<uint32_t>& list : links) {
        const uint8_t size = reader.Fixed8();
        const absl::string_view bytes = reader.Bytes(size * sizeof(uint32_t));
        if (!reader.ok()) return Damaged("links of node %d of %d are cut short", node, count);
        for (size_t i = 0; i < size; ++i) {
          list.push_back(LoadFixed32(bytes.data() + i * sizeof(uint32_t)));
        }
      }
      KYRO_ASSIGN_OR_RETURN(const bool restored, graph_->RestoreNode(vector, links));
      if (!restored) return Damaged("node %d of %d has too many links", node, count);
      labels_[node] = label;
      removed_[node].store(removed != 0, std::memory_order_relaxed);
      if (removed == 0 && !nodes_by_label_.emplace(label, static_cast<uint32_t>(node)).second) {
        return Damaged("node %d has label %d again", node, label);
      }
    }
    if (!reader.rest().empty()) {
      return Damaged("%d bytes follow the last of %d nodes", reader.rest().size(), count);
    }
    if (!graph_->FinishRestore(entry_node)) {
      return Damaged("a link or the entry node %d leads nowhere among %d nodes", entry_node, count);
    }
    published_.store(count, std::memory_order_release);
    live_count_.store(nodes_by_label_.size(), std::memory_order_release);
    return absl::OkStatus();
  }

 private:
  HnswIndex(Metric metric, size_t dimensions, const HnswOptions& options,
            std::unique_ptr<HnswGraph> graph)
      : VectorIndex(metric, dimensions),
        options_(options),
        graph_(std::move(graph)),
        labels_(graph_->capacity()),
        removed_(std::make_unique<std::atomic<bool>[]>(graph_->capacity())) {}

  template <typename... Values>
  static absl::Status Damaged(const absl::FormatSpec<Values...>& format, const Values&... values) {
    return absl::DataLossError("hnsw index: " + absl::StrFormat(format, values...));
  }

  uint64_t LabelOf(uint32_t node) const ABSL_NO_THREAD_SAFETY_ANALYSIS { return labels_[node]; }
  bool IsRemoved(uint32_t node) const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return removed_[node].load(std::memory_order_acquire);
  }

  absl::Status AddChecked(uint64_t label, std::span<const float> vector) override {
    absl::MutexLock writer(&writer_mutex_);
    const uint64_t node = published_.load(std::memory_order_relaxed);
    {
      absl::MutexLock lock(&labels_mutex_);
      if (nodes_by_label_.contains(label)) {
        return absl::AlreadyExistsError(absl::StrFormat("label %d is in the index already", label));
      }
    }
    if (node == graph_->capacity()) KYRO_RETURN_IF_ERROR(Grow());
    {
      absl::ReaderMutexLock capacity(&capacity_mutex_);
      // Before the graph links the node: a search that walks by must find its label.
      labels_[node] = label;
      removed_[node].store(false, std::memory_order_relaxed);
      if (absl::Status appended = graph_->Append(vector); !appended.ok()) {
        // The graph may have linked the node before it failed.
        removed_[node].store(true, std::memory_order_release);
        return appended;
      }
    }
    published_.store(node + 1, std::memory_order_release);
    absl::MutexLock lock(&labels_mutex_);
    nodes_by_label_[label] = static_cast<uint32_t>(node);
    live_count_.store(nodes_by_label_.size(), std::memory_order_release);
    return absl::OkStatus();
  }

  absl::Status Grow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_) {
    const uint64_t old_capacity = graph_->capacity();
    const uint64_t capacity =
        std::max(old_capacity + 1, std::min(2 * old_capacity, HnswGraph::kNodeCountMax));
    try {
      auto removed = std::make_unique<std::atomic<bool>[]>(capacity);
      absl::WriterMutexLock lock(&capacity_mutex_);
      labels_.resize(capacity);
      KYRO_RETURN_IF_ERROR(graph_->Grow(capacity));
      for (uint64_t i = 0; i < old_capacity; ++i) {
        removed[i].store(removed_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
      }
      removed_ = std::move(removed);
      return absl::OkStatus();
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("out of memory growing the hnsw index to %d vectors", capacity));
    }
  }

  // How many of the `live` labels match, from the filter itself or from a sample spread evenly.
  uint64_t EstimateMatches(const LabelFilter* filter, uint64_t node_count, uint64_t live) const
      ABSL_SHARED_LOCKS_REQUIRED(capacity_mutex_) {
    if (filter == nullptr) return live;
    if (const std::optional<uint64_t> known = filter->match_count()) return std::min(*known, live);
    const uint64_t sample_size = std::min(kSampleSize, node_count);
    uint64_t matched = 0;
    for (uint64_t i = 0; i < sample_size; ++i) {
      const uint32_t node = static_cast<uint32_t>(i * node_count / sample_size);
      matched += !IsRemoved(node) && filter->Matches(labels_[node]);
    }
    return matched * node_count / sample_size;
  }

  std::vector<Neighbor> Scan(const index::Query& query, size_t k, const LabelFilter* filter,
                             SearchStatistics& statistics) const
      ABSL_SHARED_LOCKS_REQUIRED(capacity_mutex_) {
    index::ExactScan scan(query, k);
    const uint64_t node_count = published_.load(std::memory_order_acquire);
    for (uint32_t node = 0; node < node_count; ++node) {
      if (IsRemoved(node)) continue;
      if (filter != nullptr && !filter->Matches(labels_[node])) {
        ++statistics.filtered_count;
        continue;
      }
      scan.Offer(labels_[node], graph_->vector(node).data(), graph_->squared_length(node));
    }
    std::vector<Neighbor> neighbors = scan.TakeSorted();
    statistics.distance_count += scan.distance_count();
    statistics.exact = true;
    return neighbors;
  }

  absl::StatusOr<std::vector<Neighbor>> SearchChecked(std::span<const float> vector,
                                                      const SearchParameters& parameters,
                                                      SearchStatistics& statistics) const override {
    const index::Query query(metric(), vector);
    const LabelFilter* const filter = parameters.filter;
    try {
      // Shared with `Add`; only growing excludes searches.
      absl::ReaderMutexLock lock(&capacity_mutex_);
      const uint64_t live = live_count_.load(std::memory_order_acquire);
      const uint64_t node_count = published_.load(std::memory_order_acquire);
      if (node_count == 0) return std::vector<Neighbor>();
      const size_t k = parameters.k;
      const size_t ef = std::max(parameters.ef, k);

      const uint64_t matches = EstimateMatches(filter, node_count, live);
      const double scan_cost =
          static_cast<double>(matches) + static_cast<double>(node_count) / kLabelTestsPerDistance;
      const double walk_cost = kVisitsPerCandidate * static_cast<double>(ef) *
                               static_cast<double>(node_count) /
                               static_cast<double>(std::max<uint64_t>(matches, 1));
      if (scan_cost <= walk_cost) return Scan(query, k, filter, statistics);

      // The estimate may be wrong, or the matching labels may lie far from the query: a walk that
      // has cost as much as the scan would gives up, so that both together cost twice the scan.
      const HnswGraph::WalkResult walk = graph_->Walk(
          query, ef,
          [&](uint32_t node) {
            if (IsRemoved(node)) return false;
            if (filter == nullptr || filter->Matches(LabelOf(node))) return true;
            ++statistics.filtered_count;
            return false;
          },
          [&](uint64_t distance_count) { return static_cast<double>(distance_count) > scan_cost; });
      statistics.distance_count = walk.distance_count;
      if (!walk.gave_up) {
        index::ExactScan ranked(query, k);
        for (const uint32_t node : walk.nodes) {
          ranked.Offer(labels_[node], graph_->vector(node).data(), graph_->squared_length(node));
        }
        std::vector<Neighbor> neighbors = ranked.TakeSorted();
        if (neighbors.size() >= k) return neighbors;
      }
      return Scan(query, k, filter, statistics);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("out of memory for %d neighbours", parameters.k));
    }
  }

  const HnswOptions options_;
  const std::unique_ptr<HnswGraph> graph_;

  // Held by writers for their whole call, before the others.
  mutable absl::Mutex writer_mutex_ ABSL_ACQUIRED_BEFORE(capacity_mutex_);
  // Exclusive only while the arrays grow: whoever reads an element by number shares it.
  mutable absl::Mutex capacity_mutex_ ABSL_ACQUIRED_BEFORE(labels_mutex_);
  mutable absl::Mutex labels_mutex_;

  // Both as long as the graph's capacity. Element n of `labels_` is written before node n is
  // linked or published, and never again.
  std::vector<uint64_t> labels_;
  std::unique_ptr<std::atomic<bool>[]> removed_;
  // Nodes whose `Add` is complete; a scan looks at these.
  std::atomic<uint64_t> published_{0};
  std::atomic<uint64_t> live_count_{0};
  absl::flat_hash_map<uint64_t, uint32_t> nodes_by_label_ ABSL_GUARDED_BY(labels_mutex_);
};

absl::Status CheckOptions(size_t dimensions, const HnswOptions& options) {
  if (dimensions < 1 || dimensions > kDimensionsMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a vector index of %d dimensions, expected 1 to %d", dimensions, kDimensionsMax));
  }
  if (options.m < 2 || options.m > 100) {
    return absl::InvalidArgumentError(
        absl::StrFormat("option m is %d, expected 2 to 100", options.m));
  }
  if (options.ef_construction < std::max<size_t>(4, 2 * options.m) ||
      options.ef_construction > 1000) {
    return absl::InvalidArgumentError(
        absl::StrFormat("option ef_construction is %d, expected %d (twice m, at least 4) to 1000",
                        options.ef_construction, std::max<size_t>(4, 2 * options.m)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<VectorIndex>> CreateHnswIndex(Metric metric, size_t dimensions,
                                                             const HnswOptions& options) {
  KYRO_RETURN_IF_ERROR(CheckOptions(dimensions, options));
  return HnswIndex::Create(metric, dimensions, options, kFirstCapacity);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> LoadHnswIndex(absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const absl::string_view body, index::OpenEnvelope(bytes, kMagic, kVersion));
  ByteReader reader(body);
  const uint8_t metric = reader.Fixed8();
  const uint32_t dimensions = reader.Fixed32();
  HnswOptions options;
  options.m = reader.Fixed32();
  options.ef_construction = reader.Fixed32();
  options.seed = reader.Fixed64();
  const uint64_t count = reader.Fixed64();
  const uint32_t entry_node = reader.Fixed32();
  // A node takes at least its label, two bytes, its vector and one empty list.
  const uint64_t node_bytes_min = 8 + 2 + 4 * uint64_t{dimensions} + 1;
  if (!reader.ok() || metric > static_cast<uint8_t>(Metric::kCosine) ||
      !CheckOptions(dimensions, options).ok() || count > reader.rest().size() / node_bytes_min ||
      count > HnswGraph::kNodeCountMax) {
    return absl::DataLossError(absl::StrFormat(
        "hnsw index: header names metric %d, %d dimensions, m %d, ef_construction %d, %d nodes "
        "in %d bytes",
        metric, dimensions, options.m, options.ef_construction, count, bytes.size()));
  }
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<HnswIndex> index,
                        HnswIndex::Create(static_cast<Metric>(metric), dimensions, options,
                                          std::max<uint64_t>(count, 64)));
  KYRO_RETURN_IF_ERROR(index->LoadNodes(reader, count, entry_node));
  return index;
}

}  // namespace kyrodb::vector
