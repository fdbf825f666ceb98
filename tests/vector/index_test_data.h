// Vectors for tests, and the answer by definition.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/base/random.h"
#include "vector/vector_index.h"

namespace kyrodb::vector {

using Floats = std::vector<float>;

// Points around `cluster_count` centres: what embeddings look like.
class Clusters {
 public:
  Clusters(size_t dimensions, size_t cluster_count, uint64_t seed)
      : dimensions_(dimensions), random_(seed) {
    for (size_t c = 0; c < cluster_count; ++c) {
      Floats& center = centers_.emplace_back(dimensions);
      for (float& value : center) value = static_cast<float>(random_.Normal());
    }
  }
  Floats Next() {
    Floats point = centers_[random_.Uniform(centers_.size())];
    for (float& value : point) value += static_cast<float>(0.4 * random_.Normal());
    return point;
  }
  Random& random() { return random_; }

 private:
  const size_t dimensions_;
  Random random_;
  std::vector<Floats> centers_;
};

// A filter by predicate that says how many match only when told.
class TestFilter final : public LabelFilter {
 public:
  explicit TestFilter(std::function<bool(uint64_t)> matches,
                      std::optional<uint64_t> match_count = std::nullopt)
      : matches_(std::move(matches)), match_count_(match_count) {}
  bool Matches(uint64_t label) const override { return matches_(label); }
  std::optional<uint64_t> match_count() const override { return match_count_; }

 private:
  std::function<bool(uint64_t)> matches_;
  std::optional<uint64_t> match_count_;
};

// The first k by definition: distances of all, sorted.
inline std::vector<Neighbor> NearestByDefinition(Metric metric,
                                                 const std::map<uint64_t, Floats>& vectors,
                                                 const Floats& query, size_t k,
                                                 const LabelFilter* filter = nullptr) {
  std::vector<Neighbor> all;
  for (const auto& [label, vector] : vectors) {
    if (filter == nullptr || filter->Matches(label)) {
      all.push_back({label, Distance(metric, query, vector)});
    }
  }
  std::sort(all.begin(), all.end(), NeighborLess);
  all.resize(std::min(k, all.size()));
  return all;
}

// How many of `expected` are in `found`, as a fraction.
inline double Recall(const std::vector<Neighbor>& found, const std::vector<Neighbor>& expected) {
  absl::flat_hash_set<uint64_t> labels;
  for (const Neighbor& neighbor : found) labels.insert(neighbor.label);
  size_t hits = 0;
  for (const Neighbor& neighbor : expected) hits += labels.contains(neighbor.label);
  return expected.empty() ? 1 : static_cast<double>(hits) / static_cast<double>(expected.size());
}

inline std::string SaveToString(const VectorIndex& index) {
  std::string bytes;
  const absl::Status saved = index.Save([&](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  return saved.ok() ? bytes : std::string();
}

}  // namespace kyrodb::vector
