// The vector types beside `vector`: shapes, checks with pgvector's messages, and text.
// Source: pgvector 0.8's documentation and regression suite.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

// Shape:  `indices` ascend from 0 and are below `dimensions`; no value is zero.
struct SparseVector {
  int32_t dimensions = 0;
  std::vector<int32_t> indices;
  std::vector<float> values;
};

inline constexpr int32_t kSparseDimensionsMax = 1'000'000'000;
inline constexpr int32_t kSparseElementsMax = 16'000;

std::string EncodeSparse(const SparseVector& sparse);
// Total: damaged bytes give fewer elements.
SparseVector DecodeSparse(absl::string_view bytes);

// "vector must have at least 1 dimension" and the like, with the type's name.
absl::Status CheckVectorDimensions(TypeId id, int64_t count);
absl::Status CheckVectorElement(TypeId id, float value);
absl::Status CheckSparseShape(int64_t dimensions, int64_t count);

// `[1,2,3]`, for vector and halfvec (whose elements are rounded).
absl::StatusOr<std::vector<float>> ParseVectorText(TypeId id, absl::string_view text);
std::string FormatVectorText(const std::vector<float>& vector);
// `{1:1.5,3:2}/5`, indices from 1.
absl::StatusOr<SparseVector> ParseSparseText(absl::string_view text);
std::string FormatSparseText(const SparseVector& sparse);

// A halfvec element: 22003 where a finite float is too large.
absl::StatusOr<float> ToHalf(float value);

}  // namespace kyrodb::sql
