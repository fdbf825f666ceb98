// The scan that flat search and the graph's fallback share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vector/index/nearest_set.h"
#include "vector/kernels.h"
#include "vector/kernels/formula.h"

namespace kyrodb::vector::index {

// A query with what is computed once for it.
struct Query {
  Query(Metric the_metric, std::span<const float> the_vector)
      : metric(the_metric),
        vector(the_vector),
        squared_length(metric == Metric::kCosine
                           ? BestKernels().dot(vector.data(), vector.data(), vector.size())
                           : 0) {}
  Metric metric;
  std::span<const float> vector;
  float squared_length;
};

// Gathers rows and ranks them a batch at a time.
//
// Order:  distances equal `Distance(metric, query, row)` bit by bit.
class ExactScan {
 public:
  ExactScan(const Query& query, size_t k) : query_(query), nearest_(k) {}

  // `row` must stay where it is until the next `Flush`; `squared_length` matters to kCosine only.
  void Offer(uint64_t label, const float* row, float squared_length) {
    labels_[size_] = label;
    rows_[size_] = row;
    squared_lengths_[size_] = squared_length;
    if (++size_ == kBatch) Flush();
  }

  void Flush() {
    const Kernels& kernels = BestKernels();
    const auto batch = query_.metric == Metric::kL2 ? kernels.squared_l2_batch : kernels.dot_batch;
    float sums[kBatch];
    batch(query_.vector.data(), rows_, size_, query_.vector.size(), sums);
    for (size_t i = 0; i < size_; ++i) {
      nearest_.Offer(
          {labels_[i], kernels::DistanceFromSum(query_.metric, sums[i], query_.squared_length,
                                                squared_lengths_[i])});
    }
    offered_ += size_;
    size_ = 0;
  }

  std::vector<Neighbor> TakeSorted() {
    Flush();
    return nearest_.TakeSorted();
  }
  // Rows ranked so far; complete after `TakeSorted`.
  uint64_t distance_count() const { return offered_; }

 private:
  static constexpr size_t kBatch = 64;
  const Query& query_;
  NearestSet nearest_;
  size_t size_ = 0;
  uint64_t offered_ = 0;
  uint64_t labels_[kBatch];
  const float* rows_[kBatch];
  float squared_lengths_[kBatch];
};

}  // namespace kyrodb::vector::index
