#include "bench/ann/data_set.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "engine/base/random.h"
#include "vector/kernels.h"

namespace kyrodb::bench {
namespace {

// Ranks by the best kernel: squared distance, or minus the (normalised) product.
class ExactRanker {
 public:
  explicit ExactRanker(const DataSet& data) : data_(data), inverse_(data.base_count(), 1.0f) {
    if (data.metric != vector::Metric::kCosine) return;
    for (size_t i = 0; i < data.base_count(); ++i) {
      const float* const row = data.base_row(i);
      inverse_[i] = 1 / std::sqrt(vector::BestKernels().dot(row, row, data.dimensions));
    }
  }
  float Rank(const float* query, size_t i) const {
    const vector::Kernels& kernels = vector::BestKernels();
    if (data_.metric == vector::Metric::kL2) {
      return kernels.squared_l2(query, data_.base_row(i), data_.dimensions);
    }
    return -kernels.dot(query, data_.base_row(i), data_.dimensions) * inverse_[i];
  }

 private:
  const DataSet& data_;
  std::vector<float> inverse_;
};

}  // namespace

std::vector<uint32_t> ExactNeighbors(const DataSet& data, size_t k,
                                     const std::vector<std::vector<uint32_t>>& matching_of_query) {
  const ExactRanker ranker(data);
  std::vector<uint32_t> neighbors(data.query_count() * k, ~uint32_t{0});
  const auto work = [&](size_t begin, size_t end) {
    std::vector<std::pair<float, uint32_t>> ranks;
    for (size_t q = begin; q < end; ++q) {
      ranks.clear();
      if (matching_of_query.empty()) {
        for (uint32_t i = 0; i < data.base_count(); ++i) {
          ranks.emplace_back(ranker.Rank(data.query(q), i), i);
        }
      } else {
        for (const uint32_t i : matching_of_query[q % matching_of_query.size()]) {
          ranks.emplace_back(ranker.Rank(data.query(q), i), i);
        }
      }
      const size_t count = std::min(k, ranks.size());
      std::partial_sort(ranks.begin(), ranks.begin() + static_cast<ptrdiff_t>(count), ranks.end());
      for (size_t i = 0; i < count; ++i) neighbors[q * k + i] = ranks[i].second;
    }
  };
  const size_t half = data.query_count() / 2;
  std::jthread other(work, size_t{0}, half);
  work(half, data.query_count());
  return neighbors;
}

void FillTruth(DataSet& data, size_t query_count) {
  data.queries.resize(std::min(data.query_count(), query_count) * data.dimensions);
  data.truth_width = 100;
  data.truth = ExactNeighbors(data, data.truth_width, {});
}

void FillGroups(DataSet& data, size_t group_count) {
  // The nearest of some base vectors drawn at random.
  Random random(41);
  std::vector<size_t> centers;
  for (size_t g = 0; g < group_count; ++g) centers.push_back(random.Uniform(data.base_count()));
  const ExactRanker ranker(data);
  const auto group_of = [&](const float* vector) {
    uint32_t best = 0;
    float best_rank = std::numeric_limits<float>::max();
    for (uint32_t g = 0; g < group_count; ++g) {
      const float rank = ranker.Rank(vector, centers[g]);
      if (rank < best_rank) {
        best_rank = rank;
        best = g;
      }
    }
    return best;
  };
  for (size_t i = 0; i < data.base_count(); ++i) {
    data.base_groups.push_back(group_of(data.base_row(i)));
  }
  for (size_t q = 0; q < data.query_count(); ++q) {
    data.query_groups.push_back(group_of(data.query(q)));
  }
}

}  // namespace kyrodb::bench
