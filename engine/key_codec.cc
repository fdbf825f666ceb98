#include "engine/key_codec.h"

#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;

void AppendBigEndian64(std::string* out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((value >> shift) & 0xFF));
  }
}

uint64_t LoadBigEndian64(const char* p) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8) | static_cast<uint8_t>(p[i]);
  return value;
}

// IEEE order is integer order once negative numbers are complemented and positive ones get the
// sign bit. Every NaN becomes the one above +infinity, -0 becomes 0.
uint64_t OrderedDouble(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  if (value == 0) value = 0;
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  return (bits & kSignBit) != 0 && !std::isnan(value) ? ~bits : bits | kSignBit;
}

double FromOrderedDouble(uint64_t ordered) {
  return std::bit_cast<double>((ordered & kSignBit) != 0 ? ordered & ~kSignBit : ~ordered);
}

// 0x00 becomes 0x00 0xFF, and 0x00 0x01 ends the text, so that a prefix sorts first.
void AppendEscaped(std::string* out, absl::string_view text) {
  for (char c : text) {
    out->push_back(c);
    if (c == '\0') out->push_back('\xFF');
  }
  out->push_back('\0');
  out->push_back('\x01');
}

bool TakeEscaped(absl::string_view* key, std::string* text) {
  for (size_t i = 0; i + 1 < key->size(); ++i) {
    if ((*key)[i] != '\0') {
      text->push_back((*key)[i]);
      continue;
    }
    if ((*key)[i + 1] == '\x01') {
      key->remove_prefix(i + 2);
      return true;
    }
    if ((*key)[i + 1] != '\xFF') return false;
    text->push_back('\0');
    ++i;
  }
  return false;
}

// A numeric's bytes are in order already; its scale, the last two, is no part of the order.
constexpr size_t kScaleBytes = 2;

// The scale that shows all digits: each unit of 16 bits below the point has four.
size_t NaturalScale(absl::string_view ordered) {
  const auto kind = static_cast<uint8_t>(ordered[0]);
  if (ordered.size() < 3 || (kind != 2 && kind != 4)) return 0;
  const auto unit = [&](size_t at) {
    const int bits =
        (static_cast<uint8_t>(ordered[at]) << 8) | static_cast<uint8_t>(ordered[at + 1]);
    return kind == 2 ? 0xFFFE - bits : bits;
  };
  const int weight = unit(1) - 0x7FFF;
  const size_t units = (ordered.size() - 3) / 2 - (kind == 2 ? 1 : 0);
  const int scale = 4 * (static_cast<int>(units) - weight - 1);
  return scale > 0 ? static_cast<size_t>(scale) : 0;
}

constexpr int64_t kDayMicros = int64_t{86400} * 1000000;
__extension__ using Wide = __int128;

// Intervals compare as if months had 30 days of 24 hours.
void AppendInterval(std::string* out, absl::string_view interval) {
  const auto months = static_cast<int32_t>(LoadFixed32(interval.data()));
  const auto days = static_cast<int32_t>(LoadFixed32(interval.data() + 4));
  const auto micros = static_cast<int64_t>(LoadFixed64(interval.data() + 8));
  const Wide total = (Wide{months} * 30 + days) * kDayMicros + micros;
  AppendBigEndian64(out, static_cast<uint64_t>(static_cast<int64_t>(total >> 64)) ^ kSignBit);
  AppendBigEndian64(out, static_cast<uint64_t>(total));
}

std::string TakeInterval(const char* key) {
  Wide total = Wide{static_cast<int64_t>(LoadBigEndian64(key) ^ kSignBit)} << 64;
  total += LoadBigEndian64(key + 8);
  const Wide days = total / kDayMicros;
  std::string interval;
  PutFixed32(&interval, static_cast<uint32_t>(static_cast<int32_t>(days / 30)));
  PutFixed32(&interval, static_cast<uint32_t>(static_cast<int32_t>(days % 30)));
  PutFixed64(&interval, static_cast<uint64_t>(static_cast<int64_t>(total % kDayMicros)));
  return interval;
}

absl::string_view WithoutPadding(absl::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

absl::Status AppendComponent(std::string* key, const Type& type, const Value& value, bool last);

// Element after element, each behind a byte that sorts above the end: as arrays and vectors
// compare. Nulls sort last.
absl::Status AppendArray(std::string* key, TypeId element, absl::string_view bytes) {
  KYRO_ASSIGN_OR_RETURN(const Array array, DecodeArray(element, bytes));
  for (const Value& value : array.elements) {
    key->push_back(IsNull(value) ? '\x02' : '\x01');
    if (!IsNull(value)) {
      KYRO_RETURN_IF_ERROR(AppendComponent(key, Type{element, 0}, value, false));
    }
  }
  key->push_back('\0');
  // Arrays of the same elements differ by their shape.
  key->push_back(static_cast<char>(array.dimensions.size()));
  for (const ArrayDimension& dimension : array.dimensions) {
    AppendBigEndian64(key, static_cast<uint64_t>(int64_t{dimension.length}) ^ kSignBit);
    AppendBigEndian64(key, static_cast<uint64_t>(int64_t{dimension.lower}) ^ kSignBit);
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> TakeComponent(absl::string_view* key, const Type& type, bool last);

absl::StatusOr<Value> TakeArray(absl::string_view* key, const Type& type) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("key does not hold a value of type ", TypeName(type)));
  Array array;
  while (true) {
    if (key->empty()) return damaged;
    const char mark = key->front();
    key->remove_prefix(1);
    if (mark == '\0') break;
    if (mark == '\x02') {
      array.elements.emplace_back();
      continue;
    }
    if (mark != '\x01') return damaged;
    KYRO_ASSIGN_OR_RETURN(Value value,
                          TakeComponent(key, Type{ElementOf(type.id), type.dimensions}, false));
    array.elements.push_back(std::move(value));
  }
  if (key->empty() || static_cast<uint8_t>(key->front()) > kArrayDimensionsMax) return damaged;
  const auto count = static_cast<size_t>(key->front());
  key->remove_prefix(1);
  if (key->size() < count * 16) return damaged;
  for (size_t i = 0; i < count; ++i) {
    array.dimensions.push_back(
        {static_cast<int32_t>(static_cast<int64_t>(LoadBigEndian64(key->data()) ^ kSignBit)),
         static_cast<int32_t>(static_cast<int64_t>(LoadBigEndian64(key->data() + 8) ^ kSignBit))});
    key->remove_prefix(16);
  }
  return Value(EncodeArray(array));
}

// Elements, each behind a byte that sorts above the end.
void AppendFloats(std::string* key, const std::vector<float>& vector) {
  for (const float element : vector) {
    key->push_back('\x01');
    AppendBigEndian64(key, OrderedDouble(static_cast<double>(element)));
  }
  key->push_back('\0');
}

bool TakeFloats(absl::string_view* key, std::vector<float>* vector) {
  while (!key->empty()) {
    const char mark = key->front();
    key->remove_prefix(1);
    if (mark == '\0') return true;
    if (mark != '\x01' || key->size() < 8) return false;
    vector->push_back(static_cast<float>(FromOrderedDouble(LoadBigEndian64(key->data()))));
    key->remove_prefix(8);
  }
  return false;
}

// Bits as the bytes that hold them, then their number.
std::string OrderedBits(absl::string_view bits) {
  std::string out;
  AppendEscaped(&out, bits.substr(4));
  const std::string count(bits.substr(0, 4));
  out.append(count.rbegin(), count.rend());
  return out;
}

// The bytes that a value of type `id` is in a key, those of `last` components.
std::string RawKeyBytes(TypeId id, const std::string& text) {
  if (id == TypeId::kNumeric) return text.substr(0, text.size() - kScaleBytes);
  if (id == TypeId::kChar) return std::string(WithoutPadding(text));
  if (id == TypeId::kBit || id == TypeId::kVarbit) return OrderedBits(text);
  return text;
}

absl::StatusOr<Value> TakeComponent(absl::string_view* key, const Type& type, bool last) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("key does not hold a value of type ", TypeName(type)));
  if (IsArray(type.id)) return TakeArray(key, type);
  switch (StorageOf(type.id)) {
    case Storage::kBoolean: {
      if (key->empty() || static_cast<uint8_t>(key->front()) > 1) return damaged;
      const bool value = key->front() != '\0';
      key->remove_prefix(1);
      return Value(value);
    }
    case Storage::kInteger: {
      if (key->size() < 8) return damaged;
      const uint64_t bits = LoadBigEndian64(key->data()) ^ kSignBit;
      key->remove_prefix(8);
      return Value(static_cast<int64_t>(bits));
    }
    case Storage::kFloat: {
      if (key->size() < 8) return damaged;
      const double value = FromOrderedDouble(LoadBigEndian64(key->data()));
      key->remove_prefix(8);
      return Value(value);
    }
    case Storage::kFloats: {
      std::vector<float> vector;
      if (!TakeFloats(key, &vector)) return damaged;
      return Value(std::move(vector));
    }
    case Storage::kBytes:
      break;
  }
  if (!IsKeyType(type.id)) return damaged;
  if (type.id == TypeId::kUuid || type.id == TypeId::kInterval) {
    if (key->size() < 16) return damaged;
    Value value(type.id == TypeId::kUuid ? std::string(key->substr(0, 16))
                                         : TakeInterval(key->data()));
    key->remove_prefix(16);
    return value;
  }
  std::string text;
  if (last) {
    text.assign(key->data(), key->size());
    key->remove_prefix(key->size());
  } else if (!TakeEscaped(key, &text)) {
    return damaged;
  }
  if (type.id == TypeId::kNumeric) {
    if (text.empty()) return damaged;
    const size_t scale = NaturalScale(text);
    text.push_back(static_cast<char>(scale & 0xFF));
    text.push_back(static_cast<char>(scale >> 8));
  } else if (type.id == TypeId::kChar) {
    size_t characters = 0;
    for (const char c : text) characters += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
    if (characters < type.dimensions) text.append(type.dimensions - characters, ' ');
  } else if (type.id == TypeId::kBit || type.id == TypeId::kVarbit) {
    absl::string_view rest = text;
    std::string bits;
    if (!TakeEscaped(&rest, &bits) || rest.size() != 4) return damaged;
    std::string value(rest.rbegin(), rest.rend());
    if ((uint64_t{LoadFixed32(value.data())} + 7) / 8 != bits.size()) return damaged;
    return Value(value + bits);
  }
  return Value(std::move(text));
}

absl::Status AppendComponent(std::string* key, const Type& type, const Value& value, bool last) {
  const TypeId id = type.id;
  switch (StorageOf(id)) {
    case Storage::kBoolean:
      if (const bool* b = std::get_if<bool>(&value)) {
        key->push_back(*b ? '\x01' : '\0');
        return absl::OkStatus();
      }
      break;
    case Storage::kInteger:
      if (const int64_t* n = std::get_if<int64_t>(&value)) {
        AppendBigEndian64(key, static_cast<uint64_t>(*n) ^ kSignBit);
        return absl::OkStatus();
      }
      break;
    case Storage::kFloat:
      if (const double* d = std::get_if<double>(&value)) {
        AppendBigEndian64(key, OrderedDouble(*d));
        return absl::OkStatus();
      }
      break;
    case Storage::kFloats:
      if (const auto* vector = std::get_if<std::vector<float>>(&value)) {
        AppendFloats(key, *vector);
        return absl::OkStatus();
      }
      break;
    case Storage::kBytes: {
      const std::string* text = std::get_if<std::string>(&value);
      if (text == nullptr) break;
      if (IsArray(id)) return AppendArray(key, ElementOf(id), *text);
      if (id == TypeId::kText || id == TypeId::kBytea || id == TypeId::kVarchar) {
        if (last) {
          key->append(*text);
        } else {
          AppendEscaped(key, *text);
        }
        return absl::OkStatus();
      }
      if (id == TypeId::kUuid && text->size() == 16) {
        key->append(*text);
        return absl::OkStatus();
      }
      if (id == TypeId::kInterval && text->size() == 16) {
        AppendInterval(key, *text);
        return absl::OkStatus();
      }
      const size_t least = id == TypeId::kNumeric                        ? 3
                           : id == TypeId::kBit || id == TypeId::kVarbit ? 4
                                                                         : 0;
      if (text->size() < least || id == TypeId::kUuid || id == TypeId::kInterval) break;
      const std::string raw = RawKeyBytes(id, *text);
      if (last) {
        key->append(raw);
      } else {
        AppendEscaped(key, raw);
      }
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("key value is not of the column's type ", TypeName(type)));
}

}  // namespace

bool IsKeyType(TypeId id) {
  if (IsArray(id)) id = ElementOf(id);
  return id != TypeId::kJsonb && id != TypeId::kJson && id != TypeId::kSparsevec;
}

absl::Status AppendKeyComponent(std::string* key, const Type& type, const Value& value, bool last) {
  if (IsNull(value)) return absl::InvalidArgumentError("null cannot be part of a key");
  if (!IsKeyType(type.id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("type ", TypeName(type), " cannot be part of a key"));
  }
  return AppendComponent(key, type, value, last);
}

absl::StatusOr<std::string> EncodeKey(const TableSchema& schema, std::span<const Value> row) {
  std::string key;
  for (size_t i = 0; i < schema.primary_key.size(); ++i) {
    const uint32_t ordinal = schema.primary_key[i];
    if (ordinal >= row.size()) {
      return absl::InvalidArgumentError(absl::StrCat("row has ", row.size(), " values, table \"",
                                                     schema.name, "\" has ", schema.columns.size(),
                                                     " columns"));
    }
    const ColumnSchema& column = schema.columns[ordinal];
    const absl::Status status =
        AppendKeyComponent(&key, column.type, row[ordinal], i + 1 == schema.primary_key.size());
    if (!status.ok()) return Annotate(status, absl::StrCat("column \"", column.name, "\""));
  }
  if (key.size() > kKeyBytesMax) {
    return absl::ResourceExhaustedError(absl::StrCat("key of table \"", schema.name, "\" has ",
                                                     key.size(), " bytes, the limit is ",
                                                     kKeyBytesMax));
  }
  return key;
}

std::string EncodeRowId(int64_t row_id) {
  std::string key;
  AppendBigEndian64(&key, static_cast<uint64_t>(row_id) ^ kSignBit);
  return key;
}

absl::StatusOr<Row> DecodeKey(const TableSchema& schema, absl::string_view key) {
  Row values;
  if (schema.has_hidden_key()) {
    KYRO_ASSIGN_OR_RETURN(Value row_id, TakeComponent(&key, Type{TypeId::kBigint}, true));
    values.push_back(std::move(row_id));
  }
  for (size_t i = 0; i < schema.primary_key.size(); ++i) {
    const ColumnSchema& column = schema.columns[schema.primary_key[i]];
    KYRO_ASSIGN_OR_RETURN(Value value,
                          TakeComponent(&key, column.type, i + 1 == schema.primary_key.size()));
    values.push_back(std::move(value));
  }
  if (!key.empty()) {
    return absl::DataLossError(
        absl::StrCat("key of table \"", schema.name, "\" has ", key.size(), " bytes too many"));
  }
  return values;
}

std::string PrefixSuccessor(absl::string_view prefix) {
  std::string successor(prefix);
  while (!successor.empty()) {
    if (successor.back() != '\xFF') {
      successor.back() = static_cast<char>(static_cast<uint8_t>(successor.back()) + 1);
      return successor;
    }
    successor.pop_back();
  }
  return successor;
}

}  // namespace kyrodb::engine
