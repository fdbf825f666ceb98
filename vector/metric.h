// What "near" means: the three metrics of the SQL operators, their names, and the exact distance
// between two vectors.
// Source: pgvector 0.7, `vector.c` (the definitions of `<->`, `<#>` and `<=>`; nothing is copied).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kyrodb::vector {

// The values are part of file formats: never renumber.
enum class Metric : uint8_t {
  kL2 = 0,            // `<->`: the Euclidean distance, square root included
  kInnerProduct = 1,  // `<#>`: the *negative* inner product, so that smaller is nearer
  kCosine = 2,        // `<=>`: 1 - cosine similarity, in [0, 2]; NaN when either vector is zero
};

// The largest number of dimensions of a vector (pgvector's limit for its type).
inline constexpr size_t kDimensionsMax = 16000;

// `l2`, `inner_product`, `cosine`.
absl::string_view MetricName(Metric metric);
// The metric of that name, without regard to case; nullopt for any other name.
std::optional<Metric> ParseMetric(absl::string_view name);

// The value of the SQL operator of `metric`: sums are taken in single precision by the best kernel
// of this CPU, the final square root, division and subtraction in double precision, as pgvector
// does. Two machines with different kernels may differ in the last bits of a single-precision sum.
//
// Shape:   both vectors have the same size (checked: a caller that lets them differ is broken; use
//          `CheckVector` on what users give).
// Errors:  total. NaN for `kCosine` when either vector is all zeros (or its squared length is not a
//          normal number); infinity where the sum overflows. Order NaN after everything.
double Distance(Metric metric, std::span<const float> a, std::span<const float> b);

// OK when `vector` has `dimensions` elements and none is NaN or infinite; otherwise
// `InvalidArgument` with both numbers, or with the position (from 1) and value of the bad element.
absl::Status CheckVector(std::span<const float> vector, size_t dimensions);

}  // namespace kyrodb::vector
