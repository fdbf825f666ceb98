// The exact index: every vector side by side, every search a scan. The right choice below some ten
// thousand vectors, and the judge of all other indexes.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vector/vector_index.h"

namespace kyrodb::vector {

// An empty index. `InvalidArgument` when `dimensions` is not in [1, kDimensionsMax].
//
// Cost:  Add O(dimensions), Remove O(1), Search O(size x dimensions); 4 bytes a dimension and about
//        40 a vector. Writers wait for the searches that run.
absl::StatusOr<std::unique_ptr<VectorIndex>> CreateFlatIndex(Metric metric, size_t dimensions);

// What `Save` of a flat index wrote. `DataLoss` when the bytes are damaged (with the offset),
// `FailedPrecondition` when a newer version wrote them. Bytes that pass may come from anywhere:
// everything is checked before it is believed.
absl::StatusOr<std::unique_ptr<VectorIndex>> LoadFlatIndex(absl::string_view bytes);

}  // namespace kyrodb::vector
