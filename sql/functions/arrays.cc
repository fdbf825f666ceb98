// Arrays: construction, subscripts, operators and functions.
// Source: PostgreSQL 15 documentation, sections 8.15 and 9.19.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "sql/format.h"
#include "sql/functions/function.h"
#include "sql/functions/set_function.h"
#include "sql/types/array_text.h"

namespace kyrodb::sql {
namespace {

using engine::Array;
using engine::ArrayDimension;

constexpr TypeId kA = kAnyArrayId;
constexpr TypeId kE = kAnyElementId;
constexpr absl::string_view kSubscriptError = "2202E";

Array Load(FunctionContext& context, Arguments a, size_t i) {
  return LoadArray(ElementOf(context.argument_types[i].id), *a[i]);
}

bool Store(const Array& array, Value* result) {
  *result = engine::EncodeArray(array);
  return true;
}

bool Same(TypeId id, const Value& a, const Value& b) {
  if (IsNull(a) || IsNull(b)) return IsNull(a) && IsNull(b);
  return CompareValues(id, a, b) == 0;
}

bool TooLarge(FunctionContext& context, size_t elements) {
  if (elements <= engine::kArrayElementsMax) return false;
  context.Fail(sqlstate::kProgramLimitExceeded, "array size exceeds the maximum allowed");
  return true;
}

// ARRAY[…]: of scalars one dimension, of arrays one more than they have.
bool Construct(FunctionContext& context, Arguments a, Value* result) {
  if (a.empty() || !IsArray(context.argument_types[0].id)) {
    std::vector<Value> elements;
    for (const Value* value : a) elements.push_back(*value);
    return Store(engine::MakeArray(std::move(elements)), result);
  }
  Array out;
  size_t kept = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (IsNull(*a[i])) continue;
    Array inner = Load(context, a, i);
    if (inner.dimensions.empty()) continue;
    if (kept == 0) {
      out.dimensions = inner.dimensions;
    } else if (inner.dimensions != out.dimensions) {
      return context.Fail(
          kSubscriptError,
          "multidimensional arrays must have array expressions with matching dimensions");
    }
    ++kept;
    out.elements.insert(out.elements.end(), inner.elements.begin(), inner.elements.end());
    if (TooLarge(context, out.elements.size())) return false;
  }
  if (kept == 0) return Store(Array{}, result);
  if (kept != a.size()) {
    return context.Fail(
        kSubscriptError,
        "multidimensional arrays must have array expressions with matching dimensions");
  }
  if (out.dimensions.size() == engine::kArrayDimensionsMax) {
    return context.Fail(
        sqlstate::kProgramLimitExceeded,
        absl::StrCat("number of array dimensions (", out.dimensions.size() + 1,
                     ") exceeds the maximum allowed (", engine::kArrayDimensionsMax, ")"));
  }
  out.dimensions.insert(out.dimensions.begin(), {static_cast<int32_t>(kept), 1});
  return Store(out, result);
}

// a[i][j]…: null outside and for the wrong number of subscripts.
bool Subscript(FunctionContext& context, Arguments a, Value* result) {
  const Array array = Load(context, a, 0);
  *result = Null{};
  if (a.size() - 1 != array.dimensions.size()) return true;
  size_t index = 0;
  for (size_t i = 0; i < array.dimensions.size(); ++i) {
    const ArrayDimension& dimension = array.dimensions[i];
    const int64_t at = AsInt(a[i + 1]) - dimension.lower;
    if (at < 0 || at >= dimension.length) return true;
    index = index * static_cast<size_t>(dimension.length) + static_cast<size_t>(at);
  }
  *result = array.elements[index];
  return true;
}

// a[low:high]…: pairs of bounds, null where one is left out. Fewer than the dimensions: the others
// are whole.
bool Slice(FunctionContext& context, Arguments a, Value* result) {
  if (IsNull(*a[0])) {
    *result = Null{};
    return true;
  }
  const Array array = Load(context, a, 0);
  const size_t given = (a.size() - 1) / 2;
  if (given > array.dimensions.size() || array.dimensions.empty()) return Store(Array{}, result);
  Array out;
  std::vector<size_t> first;
  for (size_t i = 0; i < array.dimensions.size(); ++i) {
    const ArrayDimension& dimension = array.dimensions[i];
    int64_t low = dimension.lower;
    int64_t high = int64_t{dimension.lower} + dimension.length - 1;
    if (i < given) {
      if (!IsNull(*a[1 + 2 * i])) low = std::max(low, AsInt(a[1 + 2 * i]));
      if (!IsNull(*a[2 + 2 * i])) high = std::min(high, AsInt(a[2 + 2 * i]));
    }
    if (low > high) return Store(Array{}, result);
    out.dimensions.push_back({static_cast<int32_t>(high - low + 1), 1});
    first.push_back(static_cast<size_t>(low - dimension.lower));
  }
  // Every element of the result, by counting through its dimensions.
  std::vector<size_t> at(first.size(), 0);
  while (true) {
    size_t index = 0;
    for (size_t i = 0; i < at.size(); ++i) {
      index = index * static_cast<size_t>(array.dimensions[i].length) + first[i] + at[i];
    }
    out.elements.push_back(array.elements[index]);
    size_t i = at.size();
    while (i > 0) {
      --i;
      if (++at[i] < static_cast<size_t>(out.dimensions[i].length)) break;
      at[i] = 0;
      if (i == 0) return Store(out, result);
    }
  }
}

bool AppendElement(FunctionContext& context, const Array& array, const Value& element, bool front,
                   Value* result) {
  if (array.dimensions.size() > 1) {
    return context.Fail(sqlstate::kDataException,
                        "argument must be empty or one-dimensional array");
  }
  Array out = array;
  if (TooLarge(context, out.elements.size() + 1)) return false;
  if (out.dimensions.empty()) out.dimensions.push_back({0, 1});
  ++out.dimensions[0].length;
  out.elements.insert(front ? out.elements.begin() : out.elements.end(), element);
  return Store(out, result);
}

bool ArrayAppend(FunctionContext& context, Arguments a, Value* result) {
  const Array array = IsNull(*a[0]) ? Array{} : Load(context, a, 0);
  return AppendElement(context, array, *a[1], false, result);
}
bool ArrayPrepend(FunctionContext& context, Arguments a, Value* result) {
  const Array array = IsNull(*a[1]) ? Array{} : Load(context, a, 1);
  return AppendElement(context, array, *a[0], true, result);
}

bool ArrayConcatenate(FunctionContext& context, Arguments a, Value* result) {
  if (IsNull(*a[0]) || IsNull(*a[1])) {
    *result = IsNull(*a[0]) ? *a[1] : *a[0];
    return true;
  }
  Array left = Load(context, a, 0);
  Array right = Load(context, a, 1);
  if (left.dimensions.empty() || right.dimensions.empty()) {
    *result = left.dimensions.empty() ? *a[1] : *a[0];
    return true;
  }
  if (TooLarge(context, left.elements.size() + right.elements.size())) return false;
  const size_t l = left.dimensions.size();
  const size_t r = right.dimensions.size();
  const auto incompatible = [&](absl::string_view detail) {
    return context.Fail(
        WithDetail(Error(kSubscriptError, 0, "cannot concatenate incompatible arrays"), detail));
  };
  const auto same_lengths = [](std::span<const ArrayDimension> x,
                               std::span<const ArrayDimension> y) {
    return std::equal(
        x.begin(), x.end(), y.begin(), y.end(),
        [](const ArrayDimension& p, const ArrayDimension& q) { return p.length == q.length; });
  };
  Array out;
  if (l == r) {
    if (!same_lengths(std::span(left.dimensions).subspan(1),
                      std::span(right.dimensions).subspan(1))) {
      return incompatible(
          "Arrays with differing element dimensions are not compatible for concatenation.");
    }
    out.dimensions = left.dimensions;
    out.dimensions[0].length += right.dimensions[0].length;
  } else if (l == r + 1 || r == l + 1) {
    const Array& outer = l > r ? left : right;
    const Array& inner = l > r ? right : left;
    if (!same_lengths(std::span(outer.dimensions).subspan(1), inner.dimensions)) {
      return incompatible("Arrays with differing dimensions are not compatible for concatenation.");
    }
    out.dimensions = outer.dimensions;
    ++out.dimensions[0].length;
  } else {
    return incompatible(absl::StrCat("Arrays of ", l, " and ", r,
                                     " dimensions are not compatible for concatenation."));
  }
  out.elements = std::move(left.elements);
  out.elements.insert(out.elements.end(), right.elements.begin(), right.elements.end());
  return Store(out, result);
}

// Whether every element of `inner` is in `outer`; nulls are in nothing.
bool ContainsAll(TypeId id, const Array& outer, const Array& inner) {
  return std::all_of(inner.elements.begin(), inner.elements.end(), [&](const Value& wanted) {
    return !IsNull(wanted) &&
           std::any_of(outer.elements.begin(), outer.elements.end(), [&](const Value& value) {
             return !IsNull(value) && CompareValues(id, value, wanted) == 0;
           });
  });
}

template <bool reverse>
bool Contains(FunctionContext& context, Arguments a, Value* result) {
  const TypeId id = ElementOf(context.argument_types[0].id);
  *result = ContainsAll(id, Load(context, a, reverse ? 1 : 0), Load(context, a, reverse ? 0 : 1));
  return true;
}

bool Overlaps(FunctionContext& context, Arguments a, Value* result) {
  const TypeId id = ElementOf(context.argument_types[0].id);
  const Array left = Load(context, a, 0);
  const Array right = Load(context, a, 1);
  *result = std::any_of(left.elements.begin(), left.elements.end(), [&](const Value& x) {
    return !IsNull(x) &&
           std::any_of(right.elements.begin(), right.elements.end(),
                       [&](const Value& y) { return !IsNull(y) && CompareValues(id, x, y) == 0; });
  });
  return true;
}

enum class Extent { kLength, kLower, kUpper };

template <Extent extent>
bool DimensionOf(FunctionContext& context, Arguments a, Value* result) {
  const Array array = Load(context, a, 0);
  const int64_t number = AsInt(a[1]);
  if (number < 1 || number > static_cast<int64_t>(array.dimensions.size())) {
    *result = Null{};
    return true;
  }
  const ArrayDimension& dimension = array.dimensions[static_cast<size_t>(number - 1)];
  *result = extent == Extent::kLength  ? int64_t{dimension.length}
            : extent == Extent::kLower ? int64_t{dimension.lower}
                                       : int64_t{dimension.lower} + dimension.length - 1;
  return true;
}

bool Dimensions(FunctionContext& context, Arguments a, Value* result) {
  const Array array = Load(context, a, 0);
  if (array.dimensions.empty()) {
    *result = Null{};
    return true;
  }
  std::string out;
  for (const ArrayDimension& dimension : array.dimensions) {
    absl::StrAppend(&out, "[", dimension.lower, ":",
                    int64_t{dimension.lower} + dimension.length - 1, "]");
  }
  *result = std::move(out);
  return true;
}

bool Position1(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  if (IsNull(*a[0])) return true;
  const Array array = Load(context, a, 0);
  if (array.dimensions.size() > 1) {
    return context.Fail(sqlstate::kFeatureNotSupported,
                        "searching for elements in multidimensional arrays is not supported");
  }
  if (array.dimensions.empty()) return true;
  int64_t begin = array.dimensions[0].lower;
  if (a.size() == 3) {
    if (IsNull(*a[2])) {
      return context.Fail(sqlstate::kNullValueNotAllowed, "initial position must not be null");
    }
    begin = AsInt(a[2]);
  }
  const TypeId id = ElementOf(context.argument_types[0].id);
  for (size_t i = 0; i < array.elements.size(); ++i) {
    const int64_t at = array.dimensions[0].lower + static_cast<int64_t>(i);
    if (at >= begin && Same(id, array.elements[i], *a[1])) {
      *result = at;
      return true;
    }
  }
  return true;
}

bool Positions(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  if (IsNull(*a[0])) return true;
  const Array array = Load(context, a, 0);
  if (array.dimensions.size() > 1) {
    return context.Fail(sqlstate::kFeatureNotSupported,
                        "searching for elements in multidimensional arrays is not supported");
  }
  const TypeId id = ElementOf(context.argument_types[0].id);
  std::vector<Value> found;
  for (size_t i = 0; i < array.elements.size(); ++i) {
    if (Same(id, array.elements[i], *a[1])) {
      found.emplace_back(array.dimensions[0].lower + static_cast<int64_t>(i));
    }
  }
  return Store(engine::MakeArray(std::move(found)), result);
}

bool Remove(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  if (IsNull(*a[0])) return true;
  Array array = Load(context, a, 0);
  if (array.dimensions.size() > 1) {
    return context.Fail(sqlstate::kFeatureNotSupported,
                        "removing elements from multidimensional arrays is not supported");
  }
  const TypeId id = ElementOf(context.argument_types[0].id);
  std::erase_if(array.elements, [&](const Value& value) { return Same(id, value, *a[1]); });
  if (array.elements.empty()) return Store(Array{}, result);
  array.dimensions[0].length = static_cast<int32_t>(array.elements.size());
  return Store(array, result);
}

bool ReplaceElements(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  if (IsNull(*a[0])) return true;
  Array array = Load(context, a, 0);
  const TypeId id = ElementOf(context.argument_types[0].id);
  for (Value& value : array.elements) {
    if (Same(id, value, *a[1])) value = *a[2];
  }
  return Store(array, result);
}

bool Fill(FunctionContext& context, Arguments a, Value* result) {
  if (IsNull(*a[1]) || (a.size() == 3 && IsNull(*a[2]))) {
    return context.Fail(sqlstate::kNullValueNotAllowed,
                        "dimension array or low bound array cannot be null");
  }
  const Array lengths = LoadArray(TypeId::kInteger, *a[1]);
  const Array lowers = a.size() == 3 ? LoadArray(TypeId::kInteger, *a[2]) : Array{};
  if (lengths.elements.size() > engine::kArrayDimensionsMax) {
    return context.Fail(
        sqlstate::kProgramLimitExceeded,
        absl::StrCat("number of array dimensions (", lengths.elements.size(),
                     ") exceeds the maximum allowed (", engine::kArrayDimensionsMax, ")"));
  }
  if (a.size() == 3 && lowers.elements.size() != lengths.elements.size()) {
    return context.Fail(WithDetail(Error(kSubscriptError, 0, "wrong number of array subscripts"),
                                   "Low bound array has different size than dimensions array."));
  }
  Array out;
  uint64_t count = lengths.elements.empty() ? 0 : 1;
  for (size_t i = 0; i < lengths.elements.size(); ++i) {
    if (IsNull(lengths.elements[i]) || (a.size() == 3 && IsNull(lowers.elements[i]))) {
      return context.Fail(sqlstate::kNullValueNotAllowed, "dimension values cannot be null");
    }
    const int64_t length = std::get<int64_t>(lengths.elements[i]);
    if (length < 0) {
      return context.Fail(sqlstate::kProgramLimitExceeded,
                          "array size exceeds the maximum allowed (134217727)");
    }
    count *= static_cast<uint64_t>(length);
    if (TooLarge(context, count)) return false;
    const int64_t lower = a.size() == 3 ? std::get<int64_t>(lowers.elements[i]) : 1;
    out.dimensions.push_back({static_cast<int32_t>(length), static_cast<int32_t>(lower)});
  }
  if (count == 0) return Store(Array{}, result);
  out.elements.assign(count, *a[0]);
  return Store(out, result);
}

bool Trim(FunctionContext& context, Arguments a, Value* result) {
  Array array = Load(context, a, 0);
  const int64_t length = array.dimensions.empty() ? 0 : array.dimensions[0].length;
  if (AsInt(a[1]) < 0 || AsInt(a[1]) > length) {
    return context.Fail(kSubscriptError,
                        absl::StrCat("number of elements to trim must be between 0 and ", length));
  }
  if (AsInt(a[1]) == length) return Store(Array{}, result);
  const size_t each = array.elements.size() / static_cast<size_t>(length);
  array.dimensions[0].length -= static_cast<int32_t>(AsInt(a[1]));
  array.elements.resize(each * static_cast<size_t>(array.dimensions[0].length));
  return Store(array, result);
}

// Splits `text`; without separator into characters. Pieces that are `null_text` are null.
std::vector<Value> Split(const std::string& text, const Value& separator, const Value* null_text) {
  std::vector<Value> parts;
  const auto add = [&](std::string part) {
    if (null_text != nullptr && !IsNull(*null_text) && part == std::get<std::string>(*null_text)) {
      parts.emplace_back();
    } else {
      parts.emplace_back(std::move(part));
    }
  };
  if (text.empty()) return parts;
  if (IsNull(separator)) {
    for (size_t at = 0; at < text.size();) {
      size_t next = at + 1;
      while (next < text.size() && (static_cast<uint8_t>(text[next]) & 0xC0) == 0x80) ++next;
      add(text.substr(at, next - at));
      at = next;
    }
    return parts;
  }
  const auto& by = std::get<std::string>(separator);
  size_t at = 0;
  if (!by.empty()) {
    for (size_t found; (found = text.find(by, at)) != std::string::npos; at = found + by.size()) {
      add(text.substr(at, found - at));
    }
  }
  add(text.substr(at));
  return parts;
}

bool StringToArray(FunctionContext&, Arguments a, Value* result) {
  if (IsNull(*a[0])) {
    *result = Null{};
    return true;
  }
  return Store(engine::MakeArray(Split(AsText(a[0]), *a[1], a.size() == 3 ? a[2] : nullptr)),
               result);
}

bool ArrayToString(FunctionContext& context, Arguments a, Value* result) {
  if (IsNull(*a[0]) || IsNull(*a[1])) {
    *result = Null{};
    return true;
  }
  const Type element{ElementOf(context.argument_types[0].id), 0};
  const Array array = Load(context, a, 0);
  std::string out;
  bool first = true;
  for (const Value& value : array.elements) {
    std::string text;
    if (IsNull(value)) {
      if (a.size() < 3 || IsNull(*a[2])) continue;
      text = AsText(a[2]);
    } else {
      text = FormatValue(element, value);
    }
    if (!first) out += AsText(a[1]);
    first = false;
    out += text;
  }
  *result = std::move(out);
  return true;
}

void UnnestInto(const Array& array, std::vector<Row>* rows) {
  for (const Value& value : array.elements) rows->push_back({value});
}

}  // namespace

void AddArrays(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters, Type result,
                         Implementation implementation, bool strict = true) {
    const bool is_operator = !(name[0] >= 'a' && name[0] <= 'z');
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .strict = strict,
                    .is_operator = is_operator});
  };
  out->push_back({.name = "array construction",
                  .parameters = {kAnyId},
                  .result = kAnyArrayType,
                  .implementation = &Construct,
                  .strict = false,
                  .variadic = true,
                  .wants_types = true,
                  .is_internal = true});
  out->push_back({.name = "array subscript",
                  .parameters = {kA, TypeId::kInteger},
                  .result = kAnyElementType,
                  .implementation = &Subscript,
                  .variadic = true,
                  .wants_types = true,
                  .is_internal = true});
  out->push_back({.name = "array slice",
                  .parameters = {kA, TypeId::kInteger},
                  .result = kAnyArrayType,
                  .implementation = &Slice,
                  .strict = false,
                  .variadic = true,
                  .wants_types = true,
                  .is_internal = true});
  add("||", {kA, kA}, kAnyArrayType, &ArrayConcatenate, false);
  add("||", {kA, kE}, kAnyArrayType, &ArrayAppend, false);
  add("||", {kE, kA}, kAnyArrayType, &ArrayPrepend, false);
  add("array_cat", {kA, kA}, kAnyArrayType, &ArrayConcatenate, false);
  add("array_append", {kA, kE}, kAnyArrayType, &ArrayAppend, false);
  add("array_prepend", {kE, kA}, kAnyArrayType, &ArrayPrepend, false);
  add("@>", {kA, kA}, kBooleanType, &Contains<false>);
  add("<@", {kA, kA}, kBooleanType, &Contains<true>);
  add("&&", {kA, kA}, kBooleanType, &Overlaps);
  add("array_length", {kA, TypeId::kInteger}, kIntegerType, &DimensionOf<Extent::kLength>);
  add("array_lower", {kA, TypeId::kInteger}, kIntegerType, &DimensionOf<Extent::kLower>);
  add("array_upper", {kA, TypeId::kInteger}, kIntegerType, &DimensionOf<Extent::kUpper>);
  add("array_dims", {kA}, kTextType, &Dimensions);
  add("array_ndims", {kA}, kIntegerType, [](FunctionContext& context, Arguments a, Value* r) {
    const Array array = Load(context, a, 0);
    *r = array.dimensions.empty() ? Value(Null{})
                                  : Value(static_cast<int64_t>(array.dimensions.size()));
    return true;
  });
  add("cardinality", {kA}, kIntegerType, [](FunctionContext& context, Arguments a, Value* r) {
    *r = static_cast<int64_t>(Load(context, a, 0).elements.size());
    return true;
  });
  add("array_position", {kA, kE}, kIntegerType, &Position1, false);
  add("array_position", {kA, kE, TypeId::kInteger}, kIntegerType, &Position1, false);
  add("array_positions", {kA, kE}, Type{ArrayOf(TypeId::kInteger), 0}, &Positions, false);
  add("array_remove", {kA, kE}, kAnyArrayType, &Remove, false);
  add("array_replace", {kA, kE, kE}, kAnyArrayType, &ReplaceElements, false);
  const TypeId integers = ArrayOf(TypeId::kInteger);
  add("array_fill", {kE, integers}, kAnyArrayType, &Fill, false);
  add("array_fill", {kE, integers, integers}, kAnyArrayType, &Fill, false);
  add("trim_array", {kA, TypeId::kInteger}, kAnyArrayType, &Trim);
  const Type texts{ArrayOf(TypeId::kText), 0};
  add("string_to_array", {TypeId::kText, TypeId::kText}, texts, &StringToArray, false);
  add("string_to_array", {TypeId::kText, TypeId::kText, TypeId::kText}, texts, &StringToArray,
      false);
  add("array_to_string", {kA, TypeId::kText}, kTextType, &ArrayToString, false);
  add("array_to_string", {kA, TypeId::kText, TypeId::kText}, kTextType, &ArrayToString, false);
}

void AddArraySetFunctions(std::vector<SetFunction>* out) {
  out->push_back({"unnest",
                  {kA},
                  {{"", kAnyElementType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    UnnestInto(Load(context, a, 0), rows);
                    return true;
                  }});
  const auto subscripts = [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
    const Array array = Load(context, a, 0);
    const int64_t number = AsInt(a[1]);
    if (number < 1 || number > static_cast<int64_t>(array.dimensions.size())) return true;
    const ArrayDimension& dimension = array.dimensions[static_cast<size_t>(number - 1)];
    const bool reverse = a.size() == 3 && AsBool(a[2]);
    for (int32_t i = 0; i < dimension.length; ++i) {
      const int32_t offset = reverse ? dimension.length - 1 - i : i;
      rows->push_back({Value(int64_t{dimension.lower} + offset)});
    }
    return true;
  };
  out->push_back({"generate_subscripts", {kA, TypeId::kInteger}, {{"", kIntegerType}}, subscripts});
  out->push_back({"generate_subscripts",
                  {kA, TypeId::kInteger, TypeId::kBoolean},
                  {{"", kIntegerType}},
                  subscripts});
  const auto to_table = [](FunctionContext&, Arguments a, std::vector<Row>* rows) {
    if (IsNull(*a[0])) return true;
    for (Value& value : Split(AsText(a[0]), *a[1], a.size() == 3 ? a[2] : nullptr)) {
      rows->push_back({std::move(value)});
    }
    return true;
  };
  out->push_back({.name = "string_to_table",
                  .parameters = {TypeId::kText, TypeId::kText},
                  .columns = {{"", kTextType}},
                  .implementation = to_table,
                  .strict = false});
  out->push_back({.name = "string_to_table",
                  .parameters = {TypeId::kText, TypeId::kText, TypeId::kText},
                  .columns = {{"", kTextType}},
                  .implementation = to_table,
                  .strict = false});
}

}  // namespace kyrodb::sql
