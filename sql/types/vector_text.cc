#include "sql/types/vector_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/half.h"
#include "sql/error.h"
#include "sql/types/number_text.h"

namespace kyrodb::sql {
namespace {

absl::Status BadSyntax(TypeId id, absl::string_view text) {
  return Error(
      sqlstate::kInvalidTextRepresentation, 0,
      absl::StrCat("invalid input syntax for type ", BaseTypeName(id), ": \"", text, "\""));
}

absl::Status OutOfRange(TypeId id, absl::string_view number) {
  return Error(sqlstate::kNumericValueOutOfRange, 0,
               absl::StrCat("\"", number, "\" is out of range for type ", BaseTypeName(id)));
}

// Takes one element from the front of `rest`.
absl::StatusOr<float> TakeElement(TypeId id, absl::string_view whole, absl::string_view* rest) {
  const absl::string_view before = *rest;
  float value = 0;
  bool out_of_range = false;
  if (!TakeFloat(rest, &value, &out_of_range)) return BadSyntax(id, whole);
  const absl::string_view number = before.substr(0, before.size() - rest->size());
  if (out_of_range && std::isinf(value)) return OutOfRange(id, number);
  if (id == TypeId::kHalfvec && std::isfinite(value)) {
    value = engine::RoundToHalf(value);
    if (std::isinf(value)) return OutOfRange(id, number);
  }
  KYRO_RETURN_IF_ERROR(CheckVectorElement(id, value));
  return value;
}

void SkipBlanks(absl::string_view* text) { *text = absl::StripLeadingAsciiWhitespace(*text); }

// Takes a whole number as strtol does, kept within 32 bits.
bool TakeInteger(absl::string_view* text, int64_t* value) {
  SkipBlanks(text);
  absl::string_view digits = *text;
  if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  if (result.ec == std::errc::invalid_argument) return false;
  const bool negative = digits[0] == '-';
  if (result.ec == std::errc::result_out_of_range) {
    *value =
        negative ? std::numeric_limits<int32_t>::min() + 1 : std::numeric_limits<int32_t>::max();
  }
  *value = std::clamp<int64_t>(*value, std::numeric_limits<int32_t>::min() + 1,
                               std::numeric_limits<int32_t>::max());
  digits.remove_prefix(static_cast<size_t>(result.ptr - digits.data()));
  *text = digits;
  return true;
}

}  // namespace

std::string EncodeSparse(const SparseVector& sparse) {
  std::string out;
  PutFixed32(&out, static_cast<uint32_t>(sparse.dimensions));
  PutFixed32(&out, static_cast<uint32_t>(sparse.indices.size()));
  for (const int32_t index : sparse.indices) PutFixed32(&out, static_cast<uint32_t>(index));
  for (const float value : sparse.values) PutFixed32(&out, std::bit_cast<uint32_t>(value));
  return out;
}

SparseVector DecodeSparse(absl::string_view bytes) {
  SparseVector sparse;
  if (bytes.size() < 8) return sparse;
  sparse.dimensions = static_cast<int32_t>(LoadFixed32(bytes.data()));
  const size_t count = std::min<size_t>(LoadFixed32(bytes.data() + 4), (bytes.size() - 8) / 8);
  sparse.indices.resize(count);
  sparse.values.resize(count);
  for (size_t i = 0; i < count; ++i) {
    sparse.indices[i] = static_cast<int32_t>(LoadFixed32(bytes.data() + 8 + 4 * i));
    sparse.values[i] = std::bit_cast<float>(LoadFixed32(bytes.data() + 8 + 4 * (count + i)));
  }
  return sparse;
}

absl::Status CheckVectorDimensions(TypeId id, int64_t count) {
  const absl::string_view name = id == TypeId::kHalfvec ? "halfvec" : "vector";
  if (count < 1) {
    return Error(sqlstate::kDataException, 0,
                 absl::StrCat(name, " must have at least 1 dimension"));
  }
  if (count > engine::kVectorDimensionsMax) {
    return Error(
        sqlstate::kProgramLimitExceeded, 0,
        absl::StrCat(name, " cannot have more than ", engine::kVectorDimensionsMax, " dimensions"));
  }
  return absl::OkStatus();
}

absl::Status CheckVectorElement(TypeId id, float value) {
  if (std::isnan(value)) {
    return Error(sqlstate::kDataException, 0,
                 absl::StrCat("NaN not allowed in ", BaseTypeName(id)));
  }
  if (std::isinf(value)) {
    return Error(sqlstate::kDataException, 0,
                 absl::StrCat("infinite value not allowed in ", BaseTypeName(id)));
  }
  return absl::OkStatus();
}

absl::Status CheckSparseShape(int64_t dimensions, int64_t count) {
  if (dimensions < 1) {
    return Error(sqlstate::kDataException, 0, "sparsevec must have at least 1 dimension");
  }
  if (dimensions > kSparseDimensionsMax) {
    return Error(
        sqlstate::kProgramLimitExceeded, 0,
        absl::StrCat("sparsevec cannot have more than ", kSparseDimensionsMax, " dimensions"));
  }
  if (count < 0) {
    return Error(sqlstate::kDataException, 0, "sparsevec cannot have negative number of elements");
  }
  if (count > kSparseElementsMax) {
    return Error(
        sqlstate::kProgramLimitExceeded, 0,
        absl::StrCat("sparsevec cannot have more than ", kSparseElementsMax, " non-zero elements"));
  }
  if (count > dimensions) {
    return Error(sqlstate::kDataException, 0,
                 "sparsevec cannot have more elements than dimensions");
  }
  return absl::OkStatus();
}

// pgvector's reader: blanks are allowed around numbers and brackets, and its messages are kept.
absl::StatusOr<std::vector<float>> ParseVectorText(TypeId id, absl::string_view text) {
  const auto bad = [&](absl::string_view detail) {
    return WithDetail(BadSyntax(id, text), detail);
  };
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  if (rest.empty() || rest[0] != '[') return bad("Vector contents must start with \"[\".");
  rest.remove_prefix(1);
  SkipBlanks(&rest);
  std::vector<float> elements;
  if (!rest.empty() && rest[0] == ']') return CheckVectorDimensions(id, 0);
  while (true) {
    SkipBlanks(&rest);
    if (elements.size() == engine::kVectorDimensionsMax) {
      return CheckVectorDimensions(id, static_cast<int64_t>(elements.size()) + 1);
    }
    KYRO_ASSIGN_OR_RETURN(const float value, TakeElement(id, text, &rest));
    elements.push_back(value);
    SkipBlanks(&rest);
    if (rest.empty() || (rest[0] != ',' && rest[0] != ']')) return BadSyntax(id, text);
    const bool last = rest[0] == ']';
    rest.remove_prefix(1);
    if (last) break;
  }
  SkipBlanks(&rest);
  if (!rest.empty()) return bad("Junk after closing right brace.");
  return elements;
}

std::string FormatVectorText(const std::vector<float>& vector) {
  std::string out = "[";
  for (const float element : vector) {
    if (out.size() > 1) out.push_back(',');
    out += FormatShortest(element, 6);
  }
  out.push_back(']');
  return out;
}

absl::StatusOr<SparseVector> ParseSparseText(absl::string_view text) {
  const TypeId id = TypeId::kSparsevec;
  const auto bad = [&](absl::string_view detail) {
    return WithDetail(BadSyntax(id, text), detail);
  };
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  const auto element_count = static_cast<int64_t>(std::count(rest.begin(), rest.end(), ',')) + 1;
  if (element_count > kSparseElementsMax)
    return CheckSparseShape(kSparseDimensionsMax, element_count);
  if (rest.empty() || rest[0] != '{') return bad("Vector contents must start with \"{\".");
  rest.remove_prefix(1);
  SkipBlanks(&rest);
  std::vector<int64_t> indices;
  std::vector<float> values;
  if (!rest.empty() && rest[0] == '}') {
    rest.remove_prefix(1);
  } else {
    while (true) {
      SkipBlanks(&rest);
      if (rest.empty()) return BadSyntax(id, text);
      int64_t index = 0;
      if (!TakeInteger(&rest, &index)) return BadSyntax(id, text);
      SkipBlanks(&rest);
      if (rest.empty() || rest[0] != ':') return BadSyntax(id, text);
      rest.remove_prefix(1);
      SkipBlanks(&rest);
      KYRO_ASSIGN_OR_RETURN(const float value, TakeElement(id, text, &rest));
      if (value != 0) {
        indices.push_back(index - 1);
        values.push_back(value);
      }
      SkipBlanks(&rest);
      if (rest.empty() || (rest[0] != ',' && rest[0] != '}')) return BadSyntax(id, text);
      const bool last = rest[0] == '}';
      rest.remove_prefix(1);
      if (last) break;
    }
  }
  SkipBlanks(&rest);
  if (rest.empty() || rest[0] != '/') return bad("Unexpected end of input.");
  rest.remove_prefix(1);
  int64_t dimensions = 0;
  if (!TakeInteger(&rest, &dimensions)) return BadSyntax(id, text);
  SkipBlanks(&rest);
  if (!rest.empty()) return bad("Junk after closing.");
  if (dimensions < 1 || dimensions > kSparseDimensionsMax) return CheckSparseShape(dimensions, 0);
  std::vector<size_t> order(indices.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return indices[a] < indices[b]; });
  SparseVector sparse;
  sparse.dimensions = static_cast<int32_t>(dimensions);
  for (const size_t at : order) {
    if (indices[at] < 0 || indices[at] >= dimensions) {
      return Error(sqlstate::kDataException, 0, "sparsevec index out of bounds");
    }
    if (!sparse.indices.empty() && sparse.indices.back() == indices[at]) {
      return Error(sqlstate::kDataException, 0, "sparsevec indices must not contain duplicates");
    }
    sparse.indices.push_back(static_cast<int32_t>(indices[at]));
    sparse.values.push_back(values[at]);
  }
  return sparse;
}

std::string FormatSparseText(const SparseVector& sparse) {
  std::string out = "{";
  for (size_t i = 0; i < sparse.indices.size(); ++i) {
    absl::StrAppend(&out, i > 0 ? "," : "", sparse.indices[i] + 1, ":",
                    FormatShortest(sparse.values[i], 6));
  }
  absl::StrAppend(&out, "}/", sparse.dimensions);
  return out;
}

absl::StatusOr<float> ToHalf(float value) {
  const float half = engine::RoundToHalf(value);
  if (std::isinf(half) && !std::isinf(value)) {
    return OutOfRange(TypeId::kHalfvec, FormatShortest(value, 6));
  }
  return half;
}

}  // namespace kyrodb::sql
