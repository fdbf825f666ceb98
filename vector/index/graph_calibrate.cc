// Which effort finds how much: measured on the index itself.
#include <algorithm>
#include <cmath>

#include "engine/base/random.h"
#include "vector/index/graph_index.h"
#include "vector/index/nearest_visits.h"
#include "vector/index/state_lease.h"

namespace kyrodb::vector::index {
namespace {

constexpr size_t kQueryCount = 64;
constexpr size_t kNeighborCount = 10;
constexpr size_t kEfforts[] = {10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 450, 640, 1000};
// More than this needs no more effort.
constexpr double kEnough = 0.998;

}  // namespace

void GraphIndex::Calibrate() {
  StateLease state(*this);
  std::vector<double> hits(std::size(kEfforts), 0);
  size_t tried = std::size(kEfforts), queries = 0;
  std::vector<float> noise(dimensions());
  for (size_t q = 0; q < kQueryCount; ++q) {
    // A lock for each query: who grows the index need not wait for all of them.
    absl::ReaderMutexLock layout(&layout_mutex_);
    if (graph_ == nullptr || graph_->live_count() <= kNeighborCount) return;
    const uint64_t count = graph_->node_count();
    Random random(SplitMix64(options_.seed ^ count) + q);
    uint32_t node = static_cast<uint32_t>(random.Uniform(count));
    while (!IsLive(node)) node = static_cast<uint32_t>((node + 1) % count);
    double squared = 0;
    for (float& value : noise) {
      value = static_cast<float>(random.Normal());
      squared += static_cast<double>(value * value);
    }
    for (float& value : noise) value /= static_cast<float>(std::sqrt(squared));

    const auto scan = [&] {
      NearestVisits nearest(4 * kNeighborCount, state->found);
      constexpr uint32_t kPiece = 64;
      uint32_t nodes[kPiece];
      float ranks[kPiece];
      for (uint64_t begin = 0; begin < count; begin += kPiece) {
        size_t piece = 0;
        for (uint64_t i = begin; i < std::min<uint64_t>(count, begin + kPiece); ++i) {
          if (i != node && IsLive(static_cast<uint32_t>(i))) {
            nodes[piece++] = static_cast<uint32_t>(i);
          }
        }
        graph_->ScoreBase(state->query, {nodes, piece}, ranks);
        for (size_t i = 0; i < piece; ++i) nearest.Offer({ranks[i], nodes[i]});
      }
      nearest.Sort();
      return RankFound(kNeighborCount, *state);
    };
    // The vector itself would be found at once. A query beside it, about half as far off as its
    // nearest neighbour, is as hard as one that comes from outside.
    graph_->PrepareNear(node, 0, noise, state->query);
    const std::vector<Neighbor> around = scan();
    if (around.empty()) continue;
    double radius = std::abs(around.front().distance);
    if (metric() == Metric::kCosine) radius = std::sqrt(2 * radius);
    if (metric() == Metric::kInnerProduct || !std::isfinite(radius)) radius = 0;
    graph_->PrepareNear(node, static_cast<float>(radius / 2), noise, state->query);
    const std::vector<Neighbor> truth = scan();
    ++queries;
    for (size_t e = 0; e < tried; ++e) {
      graph_->Walk(kEfforts[e], *state);
      std::erase_if(state->found, [&](const Visit& visit) { return visit.node == node; });
      for (const Neighbor& neighbor : RankFound(kNeighborCount, *state)) {
        hits[e] += std::any_of(truth.begin(), truth.end(), [&](const Neighbor& expected) {
          return expected.label == neighbor.label;
        });
      }
      // Once a few queries agree, efforts past enough are not tried again.
      if (q >= 16 && hits[e] >= kEnough * static_cast<double>(queries * kNeighborCount)) {
        tried = e + 1;
      }
    }
  }
  if (queries == 0) return;
  std::vector<Measured> measured;
  for (size_t e = 0; e < tried; ++e) {
    measured.push_back({kEfforts[e], hits[e] / static_cast<double>(queries * kNeighborCount)});
  }
  absl::MutexLock lock(&measured_mutex_);
  measured_ = std::move(measured);
}

std::optional<size_t> GraphIndex::EffortFor(double recall) const {
  absl::MutexLock lock(&measured_mutex_);
  if (measured_.empty()) return std::nullopt;
  for (size_t i = 0; i < measured_.size(); ++i) {
    if (measured_[i].recall < recall) continue;
    if (i == 0) return measured_[0].ef;
    const Measured &below = measured_[i - 1], &above = measured_[i];
    const double part = (recall - below.recall) / (above.recall - below.recall);
    return below.ef +
           static_cast<size_t>(std::ceil(part * static_cast<double>(above.ef - below.ef)));
  }
  return measured_.back().ef;
}

}  // namespace kyrodb::vector::index
