// Adding, removing and the labels of the graph index; graph_search.cc searches it and
// graph_format.cc saves and loads it.
#include "vector/index/graph_index.h"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "vector/index/state_lease.h"

namespace kyrodb::vector::index {
namespace {

constexpr uint64_t kFirstCapacity = 2 * kGraphCountMin;
// Nodes whose links an Add or Remove looks at while there is something to mend.
constexpr size_t kMendBudget = 16;
// Vectors that training looks at.
constexpr size_t kSampleSizeMax = 10000;

}  // namespace

GraphIndex::GraphIndex(Metric metric, size_t dimensions, const HnswOptions& options)
    : VectorIndex(metric, dimensions), options_(options) {}

bool GraphIndex::IsTaken(uint64_t label) const {
  absl::ReaderMutexLock lock(&labels_mutex_);
  return nodes_by_label_.contains(label) || without_direction_.contains(label);
}

bool GraphIndex::Contains(uint64_t label) const { return IsTaken(label); }

size_t GraphIndex::removed_count() const {
  absl::ReaderMutexLock layout(&layout_mutex_);
  return graph_ == nullptr ? 0 : graph_->dead_count();
}

size_t GraphIndex::memory_bytes() const {
  absl::ReaderMutexLock layout(&layout_mutex_);
  absl::ReaderMutexLock lock(&labels_mutex_);
  return sizeof(*this) + few_.capacity() * sizeof(float) + few_labels_.capacity() * 8 +
         (graph_ == nullptr ? 0
                            : graph_->memory_bytes() + graph_->node_count() * sizeof(uint64_t)) +
         nodes_by_label_.capacity() * (sizeof(*nodes_by_label_.begin()) + 1) +
         without_direction_.size() * (64 + dimensions() * sizeof(float));
}

absl::Status GraphIndex::Grow(uint64_t capacity) {
  if (capacity > Graph::kNodeCountMax) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("hnsw index has %d vectors, removed ones included, the most it can hold "
                        "is %d",
                        graph_->node_count(), Graph::kNodeCountMax));
  }
  absl::WriterMutexLock layout(&layout_mutex_);
  KYRO_RETURN_IF_ERROR(graph_->Reserve(capacity));
  labels_.reserve(capacity);
  return absl::OkStatus();
}

absl::Status GraphIndex::BeginGraph(std::span<const float* const> more) {
  std::vector<const float*> sample(more.begin(), more.end());
  for (size_t i = 0; i < few_labels_.size(); ++i) sample.push_back(&few_[i * dimensions()]);
  auto graph = std::make_unique<Graph>(
      VectorCodec(metric(), dimensions(), options_,
                  VectorCodec::Train(metric(), dimensions(), options_, sample)),
      options_);
  KYRO_RETURN_IF_ERROR(graph->Reserve(kFirstCapacity));
  // Built aside: searches go on over the few vectors meanwhile.
  std::vector<uint64_t> labels;
  absl::btree_map<uint64_t, std::vector<float>> without_direction;
  WalkState state;
  for (size_t i = 0; i < few_labels_.size(); ++i) {
    const std::span<const float> vector(&few_[i * dimensions()], dimensions());
    if (!graph->codec().HasDirection(vector)) {
      without_direction[few_labels_[i]].assign(vector.begin(), vector.end());
      continue;
    }
    const uint32_t node = graph->TakeSlot();
    labels.push_back(few_labels_[i]);
    graph->Put(node, vector);
    graph->Link(node, state);
  }
  absl::WriterMutexLock layout(&layout_mutex_);
  absl::MutexLock lock(&labels_mutex_);
  nodes_by_label_.clear();
  for (uint32_t node = 0; node < labels.size(); ++node) nodes_by_label_[labels[node]] = node;
  labels_ = std::move(labels);
  labels_.reserve(kFirstCapacity);
  without_direction_ = std::move(without_direction);
  graph_ = std::move(graph);
  few_labels_ = {};
  few_ = {};
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> GraphIndex::PutNode(uint64_t label, std::span<const float> vector) {
  const uint32_t node = graph_->TakeSlot();
  if (node < labels_.size()) {
    // Nobody reads the label of a free slot.
    labels_[node] = label;
  } else {
    labels_.push_back(label);  // never past what `Grow` reserved, so it does not move
  }
  graph_->Put(node, vector);
  return node;
}

absl::Status GraphIndex::AddNode(uint64_t label, std::span<const float> vector) {
  if (!graph_->HasRoom()) {
    KYRO_RETURN_IF_ERROR(Grow(
        std::max(graph_->capacity() + 1, std::min(2 * graph_->capacity(), Graph::kNodeCountMax))));
  }
  {
    absl::ReaderMutexLock layout(&layout_mutex_);
    StateLease state(*this);
    KYRO_ASSIGN_OR_RETURN(const uint32_t node, PutNode(label, vector));
    graph_->Link(node, *state);
    absl::MutexLock lock(&labels_mutex_);
    nodes_by_label_[label] = node;
  }
  live_count_.fetch_add(1, std::memory_order_release);
  MendSome();
  return absl::OkStatus();
}

void GraphIndex::MendSome() {
  bool done;
  {
    StateLease state(*this);
    done = graph_->Mend(kMendBudget, *state);
  }
  if (!done) return;
  // No running search may still stand on a slot that is given away.
  absl::WriterMutexLock layout(&layout_mutex_);
  graph_->ReleaseLeft();
}

absl::Status GraphIndex::AddChecked(uint64_t label, std::span<const float> vector) {
  absl::MutexLock writer(&writer_mutex_);
  if (IsTaken(label)) {
    return absl::AlreadyExistsError(absl::StrFormat("label %d is in the index already", label));
  }
  try {
    if (graph_ == nullptr && few_labels_.size() < kGraphCountMin) {
      absl::WriterMutexLock layout(&layout_mutex_);
      absl::MutexLock lock(&labels_mutex_);
      few_.insert(few_.end(), vector.begin(), vector.end());
      nodes_by_label_[label] = static_cast<uint32_t>(few_labels_.size());
      few_labels_.push_back(label);
      live_count_.store(few_labels_.size(), std::memory_order_release);
      return absl::OkStatus();
    }
    if (graph_ == nullptr) KYRO_RETURN_IF_ERROR(BeginGraph({}));
    if (!graph_->codec().HasDirection(vector)) {
      absl::MutexLock lock(&labels_mutex_);
      without_direction_[label].assign(vector.begin(), vector.end());
      live_count_.fetch_add(1, std::memory_order_release);
      return absl::OkStatus();
    }
    return AddNode(label, vector);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("out of memory at %d vectors of %d dimensions", size(), dimensions()));
  }
}

absl::Status GraphIndex::AddMany(std::span<const uint64_t> labels, std::span<const float> vectors,
                                 size_t thread_count) {
  const size_t width = dimensions();
  const auto vector_of = [&](size_t i) { return vectors.subspan(i * width, width); };
  // What one call after another does, until there is a graph.
  if (thread_count <= 1 && labels.size() < kGraphCountMin) {
    return VectorIndex::AddMany(labels, vectors, 1);
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    KYRO_RETURN_IF_ERROR(CheckVector(vector_of(i), width));
  }
  absl::MutexLock writer(&writer_mutex_);
  try {
    if (graph_ == nullptr) {
      std::vector<const float*> sample;
      const size_t step = labels.size() / kSampleSizeMax + 1;
      for (size_t i = 0; i < labels.size(); i += step) sample.push_back(vector_of(i).data());
      KYRO_RETURN_IF_ERROR(BeginGraph(sample));
    }
    if (graph_->node_count() + labels.size() > graph_->capacity()) {
      KYRO_RETURN_IF_ERROR(Grow(graph_->node_count() + labels.size()));
    }
    // Slots and rows in order, links in parallel.
    std::vector<uint32_t> nodes;
    absl::Status status;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (IsTaken(labels[i])) {
        // What was put before it is linked all the same.
        status = absl::AlreadyExistsError(
            absl::StrFormat("label %d is in the index already", labels[i]));
        break;
      }
      if (!graph_->codec().HasDirection(vector_of(i))) {
        absl::MutexLock lock(&labels_mutex_);
        without_direction_[labels[i]].assign(vector_of(i).begin(), vector_of(i).end());
      } else {
        absl::ReaderMutexLock layout(&layout_mutex_);
        KYRO_ASSIGN_OR_RETURN(const uint32_t node, PutNode(labels[i], vector_of(i)));
        nodes.push_back(node);
        absl::MutexLock lock(&labels_mutex_);
        nodes_by_label_[labels[i]] = node;
      }
      live_count_.fetch_add(1, std::memory_order_release);
    }
    std::atomic<size_t> next{0};
    const auto work = [&] {
      StateLease state(*this);
      for (;;) {
        const size_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= nodes.size()) break;
        absl::ReaderMutexLock layout(&layout_mutex_);
        graph_->Link(nodes[i], *state);
      }
    };
    std::vector<std::jthread> threads;
    for (size_t t = 1; t < thread_count; ++t) threads.emplace_back(work);
    work();
    threads.clear();
    return status;
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(absl::StrFormat("adding %d vectors of %d dimensions: %s",
                                                        labels.size(), width, error.what()));
  }
}

absl::Status GraphIndex::Remove(uint64_t label) {
  absl::MutexLock writer(&writer_mutex_);
  uint32_t node;
  {
    absl::MutexLock lock(&labels_mutex_);
    if (without_direction_.erase(label) != 0) {
      live_count_.fetch_sub(1, std::memory_order_release);
      return absl::OkStatus();
    }
    const auto found = nodes_by_label_.find(label);
    if (found == nodes_by_label_.end()) {
      return absl::NotFoundError(absl::StrFormat("label %d is not in the index", label));
    }
    node = found->second;
    if (graph_ != nullptr) {
      nodes_by_label_.erase(found);
      graph_->Remove(node);
      live_count_.fetch_sub(1, std::memory_order_release);
    }
  }
  if (graph_ != nullptr) {
    MendSome();
    return absl::OkStatus();
  }
  // The last of the few takes its place.
  absl::WriterMutexLock layout(&layout_mutex_);
  absl::MutexLock lock(&labels_mutex_);
  const size_t last = few_labels_.size() - 1;
  nodes_by_label_.erase(label);
  if (node != last) {
    std::copy_n(few_.begin() + static_cast<ptrdiff_t>(last * dimensions()), dimensions(),
                few_.begin() + static_cast<ptrdiff_t>(node * dimensions()));
    few_labels_[node] = few_labels_[last];
    nodes_by_label_[few_labels_[node]] = node;
  }
  few_labels_.pop_back();
  few_.resize(last * dimensions());
  live_count_.store(last, std::memory_order_release);
  return absl::OkStatus();
}

}  // namespace kyrodb::vector::index
