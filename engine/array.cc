#include "engine/array.h"

#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"

namespace kyrodb::engine {
namespace {

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t FromZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

}  // namespace

Array MakeArray(std::vector<Value> elements) {
  Array array;
  if (!elements.empty()) {
    array.dimensions.push_back({static_cast<int32_t>(elements.size()), 1});
  }
  array.elements = std::move(elements);
  return array;
}

std::string EncodeArray(const Array& array) {
  std::string out;
  out.push_back(static_cast<char>(array.dimensions.size()));
  for (const ArrayDimension& dimension : array.dimensions) {
    PutVarint64(&out, static_cast<uint64_t>(dimension.length));
    PutVarint64(&out, ZigZag(dimension.lower));
  }
  for (const Value& value : array.elements) {
    if (IsNull(value)) {
      out.push_back('\0');
      continue;
    }
    out.push_back('\x01');
    if (const bool* boolean = std::get_if<bool>(&value)) {
      out.push_back(*boolean ? '\x01' : '\0');
    } else if (const int64_t* number = std::get_if<int64_t>(&value)) {
      PutFixed64(&out, static_cast<uint64_t>(*number));
    } else if (const double* real = std::get_if<double>(&value)) {
      PutFixed64(&out, std::bit_cast<uint64_t>(*real));
    } else if (const std::string* text = std::get_if<std::string>(&value)) {
      PutLengthPrefixed(&out, *text);
    } else if (const std::vector<float>* vector = std::get_if<std::vector<float>>(&value)) {
      PutVarint64(&out, vector->size());
      out.append(reinterpret_cast<const char*>(vector->data()), vector->size() * sizeof(float));
    }
  }
  return out;
}

absl::StatusOr<Array> DecodeArray(TypeId element, absl::string_view bytes) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("bytes are no array of type ", TypeName(Type{element, 0})));
  ByteReader reader(bytes);
  Array array;
  const size_t dimension_count = reader.Fixed8();
  if (!reader.ok() || dimension_count > kArrayDimensionsMax) return damaged;
  uint64_t count = dimension_count == 0 ? 0 : 1;
  for (size_t i = 0; i < dimension_count; ++i) {
    const uint64_t length = reader.Varint64();
    const int64_t lower = FromZigZag(reader.Varint64());
    if (!reader.ok() || length == 0 || length > kArrayElementsMax) return damaged;
    count *= length;
    // Every element has at least a byte.
    if (count > bytes.size()) return damaged;
    array.dimensions.push_back({static_cast<int32_t>(length), static_cast<int32_t>(lower)});
  }
  array.elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t present = reader.Fixed8();
    if (!reader.ok() || present > 1) return damaged;
    if (present == 0) {
      array.elements.emplace_back();
      continue;
    }
    switch (StorageOf(element)) {
      case Storage::kBoolean:
        array.elements.emplace_back(reader.Fixed8() != 0);
        break;
      case Storage::kInteger:
        array.elements.emplace_back(static_cast<int64_t>(reader.Fixed64()));
        break;
      case Storage::kFloat:
        array.elements.emplace_back(std::bit_cast<double>(reader.Fixed64()));
        break;
      case Storage::kFloats: {
        const uint64_t size = reader.Varint64();
        if (!reader.ok() || size > kVectorDimensionsMax) return damaged;
        const absl::string_view data = reader.Bytes(size * sizeof(float));
        if (!reader.ok()) return damaged;
        std::vector<float> vector(size);
        if (size > 0) std::memcpy(vector.data(), data.data(), data.size());
        array.elements.emplace_back(std::move(vector));
        break;
      }
      case Storage::kBytes:
        array.elements.emplace_back(std::string(reader.LengthPrefixed()));
        break;
    }
    if (!reader.ok()) return damaged;
  }
  if (!reader.rest().empty()) return damaged;
  return array;
}

}  // namespace kyrodb::engine
