// Arrays as one value: dimensions with their lower bounds, and the elements in row-major order.
//
// Layout of the bytes: u8 dimension count; for each dimension a varint length and a zigzag varint
// lower bound; then for each element 0 for null, or 1 and the element: boolean 1 byte, integers,
// dates and times 8 bytes, floats 8, vectors a varint count and 4 bytes an element, everything
// else a varint length and its bytes. An empty array has no dimension.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::engine {

inline constexpr size_t kArrayDimensionsMax = 6;
inline constexpr size_t kArrayElementsMax = size_t{1} << 26;

struct ArrayDimension {
  int32_t length = 0;
  int32_t lower = 1;
  friend bool operator==(const ArrayDimension&, const ArrayDimension&) = default;
};

// Shape:  as many `elements` as the product of the lengths; none without dimensions.
struct Array {
  std::vector<ArrayDimension> dimensions;
  std::vector<Value> elements;
};

// One dimension from 1; no dimension for no element.
Array MakeArray(std::vector<Value> elements);

std::string EncodeArray(const Array& array);
// `DataLoss` when the bytes are no array of such elements.
absl::StatusOr<Array> DecodeArray(TypeId element, absl::string_view bytes);

}  // namespace kyrodb::engine
