// Which way a search of the graph index goes: through the graph, over the codes of what matches, or
// first the one and then the other.
#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "absl/strings/str_format.h"
#include "vector/index/graph_index.h"
#include "vector/index/nearest_set.h"
#include "vector/index/nearest_visits.h"
#include "vector/index/state_lease.h"

namespace kyrodb::vector::index {
namespace {

// Costs are counted in rows that a walk compares, one here and one there. A scan compares rows that
// lie side by side, and asks a filter about labels that lie side by side.
constexpr double kVisitsPerCandidate = 12;
constexpr double kScanCost = 0.35;
constexpr double kLabelTestsPerVisit = 32;
// Looking a label up.
constexpr double kLookUpCost = 0.3;
// Labels tested to estimate how many match, when the filter cannot tell.
constexpr uint64_t kSampleSize = 256;
// Nodes after which a filtered walk trusts the share that was accepted around the query.
constexpr uint64_t kLocalShareCount = 128;
// From this share of matching labels on, they are filtered after the walk.
constexpr double kPostFilterShare = 0.8;
// Candidates a filtered walk keeps for each neighbour wanted, besides its share of ef.
constexpr double kFilteredCandidates = 1.3;

// How many candidates are ranked by their finest rows.
size_t RescoreCount(size_t k) { return k + std::max<size_t>(k / 4, 6); }

}  // namespace

std::vector<Neighbor> GraphIndex::SearchFew(std::span<const float> query,
                                            const SearchParameters& parameters,
                                            SearchStatistics& statistics) const {
  const Query prepared(metric(), query);
  ExactScan scan(prepared, parameters.k);
  const Kernels& kernels = BestKernels();
  for (size_t i = 0; i < few_labels_.size(); ++i) {
    if (parameters.filter != nullptr && !parameters.filter->Matches(few_labels_[i])) {
      ++statistics.filtered_count;
      continue;
    }
    const float* const row = &few_[i * dimensions()];
    scan.Offer(few_labels_[i], row,
               metric() == Metric::kCosine ? kernels.dot(row, row, dimensions()) : 0);
  }
  std::vector<Neighbor> neighbors = scan.TakeSorted();
  statistics.distance_count = scan.distance_count();
  statistics.exact = true;
  return neighbors;
}

uint64_t GraphIndex::EstimateMatches(const LabelFilter* filter) const {
  const uint64_t live = graph_->live_count();
  if (filter == nullptr) return live;
  if (!filter->matching_labels().empty()) {
    return std::min<uint64_t>(filter->matching_labels().size(), live);
  }
  if (const std::optional<uint64_t> known = filter->match_count()) return std::min(*known, live);
  const uint64_t node_count = graph_->node_count();
  const uint64_t sample_size = std::min(kSampleSize, node_count);
  uint64_t matched = 0;
  for (uint64_t i = 0; i < sample_size; ++i) {
    const uint32_t node = static_cast<uint32_t>(i * node_count / sample_size);
    matched += IsLive(node) && filter->Matches(LabelOf(node));
  }
  return sample_size == 0 ? 0 : matched * node_count / sample_size;
}

std::vector<Neighbor> GraphIndex::RankFound(size_t k, WalkState& state) const {
  std::vector<Visit>& found = state.found;
  found.erase(std::remove_if(found.begin(), found.end(),
                             [&](const Visit& visit) { return !IsLive(visit.node); }),
              found.end());
  if (found.size() > RescoreCount(k)) found.resize(RescoreCount(k));
  for (const Visit& visit : found) graph_->PrefetchRest(visit.node);
  std::vector<Neighbor> neighbors;
  neighbors.reserve(found.size());
  for (const Visit& visit : found) {
    neighbors.push_back({LabelOf(visit.node), graph_->Distance(state.query, visit.node)});
  }
  std::sort(neighbors.begin(), neighbors.end(), NeighborLess);
  if (neighbors.size() > k) neighbors.resize(k);
  return neighbors;
}

std::vector<Neighbor> GraphIndex::ScanGraph(const SearchParameters& parameters, WalkState& state,
                                            SearchStatistics& statistics) const {
  statistics.exact = true;
  const LabelFilter* const filter = parameters.filter;
  const uint64_t live = graph_->live_count();
  const size_t k = std::min<uint64_t>(parameters.k, live + 64);
  // Ranks by codes are off by a little: enough are kept that none of the k nearest is lost.
  NearestVisits nearest(4 * k + 32, state.found);
  constexpr size_t kPiece = 64;
  uint32_t nodes[kPiece];
  float ranks[kPiece];
  size_t count = 0;
  const auto flush = [&] {
    graph_->ScoreBase(state.query, {nodes, count}, ranks);
    state.distance_count += count;
    for (size_t i = 0; i < count; ++i) nearest.Offer({ranks[i], nodes[i]});
    count = 0;
  };
  if (filter != nullptr && !filter->matching_labels().empty()) {
    absl::ReaderMutexLock lock(&labels_mutex_);
    for (const uint64_t label : filter->matching_labels()) {
      const auto node = nodes_by_label_.find(label);
      if (node == nodes_by_label_.end()) continue;
      nodes[count++] = node->second;
      if (count == kPiece) flush();
    }
  } else {
    const uint64_t node_count = graph_->node_count();
    for (uint32_t node = 0; node < node_count; ++node) {
      if (!IsLive(node)) continue;
      if (filter != nullptr && !filter->Matches(LabelOf(node))) {
        ++statistics.filtered_count;
        continue;
      }
      nodes[count++] = node;
      if (count == kPiece) flush();
    }
  }
  flush();
  nearest.Sort();
  return RankFound(k, state);
}

std::vector<Neighbor> GraphIndex::SearchGraph(const SearchParameters& parameters, WalkState& state,
                                              SearchStatistics& statistics) const {
  const uint64_t live = graph_->live_count();
  const size_t k = parameters.k, ef = std::max(parameters.ef, k);
  // k may be as large as the caller likes.
  if (static_cast<double>(live) * kScanCost <= kVisitsPerCandidate * static_cast<double>(ef)) {
    return ScanGraph(parameters, state, statistics);
  }
  // Removed nodes take up places among the candidates.
  const uint64_t share = live == 0 ? 0 : ef * graph_->dead_count() / live;
  graph_->Walk(ef + share, state);
  std::vector<Neighbor> neighbors = RankFound(k, state);
  return neighbors.size() < std::min<uint64_t>(k, live) ? ScanGraph(parameters, state, statistics)
                                                        : neighbors;
}

std::vector<Neighbor> GraphIndex::SearchFiltered(const SearchParameters& parameters,
                                                 WalkState& state,
                                                 SearchStatistics& statistics) const {
  const LabelFilter& filter = *parameters.filter;
  const uint64_t node_count = graph_->node_count();
  const uint64_t matches = EstimateMatches(&filter);
  const bool listed = !filter.matching_labels().empty();
  const double scan_cost = static_cast<double>(matches) * (kScanCost + (listed ? kLookUpCost : 0)) +
                           (listed ? 0 : static_cast<double>(node_count) / kLabelTestsPerVisit);
  const double k = static_cast<double>(parameters.k);
  const double ef = static_cast<double>(std::max(parameters.ef, parameters.k));
  // To find the k nearest that match is to find the k / share nearest: by itself that takes the
  // walk as far as a larger ef would, so little of ef is needed on top.
  const auto candidates = [&](double share) {
    return std::clamp(share * ef + kFilteredCandidates * k, std::min(k + 2, ef), ef);
  };
  const auto walk_cost = [&](double share) {
    return kVisitsPerCandidate * candidates(share) / share;
  };
  const double share = std::max(static_cast<double>(matches), 0.5) /
                       static_cast<double>(std::max<uint64_t>(node_count, 1));
  if (scan_cost <= walk_cost(share)) return ScanGraph(parameters, state, statistics);
  if (share >= kPostFilterShare) {
    // Nearly all match: walk as if all did, and drop what does not.
    graph_->Walk(static_cast<size_t>(ef / share) + parameters.k / 8, state);
    const size_t met = state.found.size();
    std::erase_if(state.found, [&](const Visit& visit) {
      const bool refused = !IsLive(visit.node) || !filter.Matches(LabelOf(visit.node));
      statistics.filtered_count += refused;
      return refused;
    });
    const bool as_expected = static_cast<double>(state.found.size()) >=
                             kPostFilterShare * share * static_cast<double>(met);
    if (as_expected && state.found.size() >= parameters.k) return RankFound(parameters.k, state);
  }

  // The estimate may be wrong, or what matches may lie far from the query: a walk that has cost as
  // much as the scan would, or is sure to, gives up, so that both together cost twice the scan.
  const auto accept = [&](uint32_t node) {
    if (!IsLive(node)) return false;
    if (filter.Matches(LabelOf(node))) return true;
    ++statistics.filtered_count;
    return false;
  };
  const auto step = [&](uint64_t visited, uint64_t accepted) -> size_t {
    if (static_cast<double>(visited) > scan_cost) return 0;
    double here = share;
    if (visited >= kLocalShareCount) {
      here = (static_cast<double>(accepted) + 0.5) / static_cast<double>(visited);
      if (walk_cost(here) > 4 * scan_cost) return 0;
    }
    return static_cast<size_t>(candidates(here));
  };
  if (graph_->WalkFiltered({accept, step}, state)) {
    std::vector<Neighbor> neighbors = RankFound(parameters.k, state);
    if (neighbors.size() >= parameters.k) return neighbors;
  }
  return ScanGraph(parameters, state, statistics);
}

std::vector<Neighbor> GraphIndex::SearchWithoutDirection(const SearchParameters& parameters,
                                                         WalkState& state) const {
  NearestSet nearest(parameters.k);
  const bool exact = graph_->codec().exact();
  const uint64_t node_count = graph_->node_count();
  for (uint32_t node = 0; node < node_count; ++node) {
    if (!IsLive(node)) continue;
    const uint64_t label = LabelOf(node);
    if (parameters.filter != nullptr && !parameters.filter->Matches(label)) continue;
    nearest.Offer({label, exact ? graph_->Distance(state.query, node)
                                : std::numeric_limits<double>::quiet_NaN()});
  }
  return nearest.TakeSorted();
}

void GraphIndex::MergeWithoutDirection(std::span<const float> query,
                                       const SearchParameters& parameters,
                                       std::vector<Neighbor>& neighbors) const {
  absl::ReaderMutexLock lock(&labels_mutex_);
  if (without_direction_.empty()) return;
  for (const auto& [label, vector] : without_direction_) {
    if (parameters.filter != nullptr && !parameters.filter->Matches(label)) continue;
    neighbors.push_back({label, vector::Distance(metric(), query, vector)});
  }
  std::sort(neighbors.begin(), neighbors.end(), NeighborLess);
  if (neighbors.size() > parameters.k) neighbors.resize(parameters.k);
}

absl::StatusOr<std::vector<Neighbor>> GraphIndex::SearchChecked(
    std::span<const float> query, const SearchParameters& parameters,
    SearchStatistics& statistics) const {
  try {
    absl::ReaderMutexLock layout(&layout_mutex_);
    if (graph_ == nullptr) return SearchFew(query, parameters, statistics);
    std::vector<Neighbor> neighbors;
    {
      StateLease state(*this);
      graph_->codec().Prepare(query, state->query);
      if (!graph_->codec().HasDirection(query)) {
        statistics.exact = true;
        neighbors = SearchWithoutDirection(parameters, *state);
      } else if (parameters.filter == nullptr) {
        neighbors = SearchGraph(parameters, *state, statistics);
      } else {
        neighbors = SearchFiltered(parameters, *state, statistics);
      }
      statistics.distance_count = state->distance_count;
    }
    MergeWithoutDirection(query, parameters, neighbors);
    return neighbors;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("out of memory for %d neighbours", parameters.k));
  }
}

}  // namespace kyrodb::vector::index
