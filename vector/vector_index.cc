#include "vector/vector_index.h"

#include "engine/base/status.h"

namespace kyrodb::vector {

absl::Status VectorIndex::AddMany(std::span<const uint64_t> labels, std::span<const float> vectors,
                                  size_t /*thread_count*/) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (absl::Status added = Add(labels[i], vectors.subspan(i * dimensions_, dimensions_));
        !added.ok()) {
      return added;
    }
  }
  return absl::OkStatus();
}

absl::Status VectorIndex::Add(uint64_t label, std::span<const float> vector) {
  KYRO_RETURN_IF_ERROR(CheckVector(vector, dimensions_));
  return AddChecked(label, vector);
}

absl::StatusOr<std::vector<Neighbor>> VectorIndex::Search(std::span<const float> query,
                                                          const SearchParameters& parameters,
                                                          SearchStatistics* statistics) const {
  SearchStatistics local;
  SearchStatistics& filled = statistics != nullptr ? *statistics : local;
  filled = SearchStatistics();
  KYRO_RETURN_IF_ERROR(CheckVector(query, dimensions_));
  if (parameters.k == 0) return std::vector<Neighbor>();
  return SearchChecked(query, parameters, filled);
}

}  // namespace kyrodb::vector
