#include "engine/key_codec.h"

#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
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

absl::StatusOr<Value> TakeComponent(absl::string_view* key, const Type& type, bool last) {
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("key does not hold a value of type ", TypeName(type)));
  switch (type.id) {
    case TypeId::kBoolean: {
      if (key->empty() || static_cast<uint8_t>(key->front()) > 1) return damaged;
      const bool value = key->front() != '\0';
      key->remove_prefix(1);
      return Value(value);
    }
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kTimestamptz: {
      if (key->size() < 8) return damaged;
      const uint64_t bits = LoadBigEndian64(key->data()) ^ kSignBit;
      key->remove_prefix(8);
      return Value(static_cast<int64_t>(bits));
    }
    case TypeId::kDouble: {
      if (key->size() < 8) return damaged;
      const double value = FromOrderedDouble(LoadBigEndian64(key->data()));
      key->remove_prefix(8);
      return Value(value);
    }
    case TypeId::kText:
    case TypeId::kBytea: {
      std::string text;
      if (last) {
        text.assign(key->data(), key->size());
        key->remove_prefix(key->size());
      } else if (!TakeEscaped(key, &text)) {
        return damaged;
      }
      return Value(std::move(text));
    }
    case TypeId::kJsonb:
    case TypeId::kVector:
      break;
  }
  return damaged;
}

}  // namespace

absl::Status AppendKeyComponent(std::string* key, const Type& type, const Value& value, bool last) {
  if (IsNull(value)) return absl::InvalidArgumentError("null cannot be part of a key");
  switch (type.id) {
    case TypeId::kBoolean:
      if (const bool* b = std::get_if<bool>(&value)) {
        key->push_back(*b ? '\x01' : '\0');
        return absl::OkStatus();
      }
      break;
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kTimestamptz:
      if (const int64_t* n = std::get_if<int64_t>(&value)) {
        AppendBigEndian64(key, static_cast<uint64_t>(*n) ^ kSignBit);
        return absl::OkStatus();
      }
      break;
    case TypeId::kDouble:
      if (const double* d = std::get_if<double>(&value)) {
        AppendBigEndian64(key, OrderedDouble(*d));
        return absl::OkStatus();
      }
      break;
    case TypeId::kText:
    case TypeId::kBytea:
      if (const std::string* text = std::get_if<std::string>(&value)) {
        if (last) {
          key->append(*text);
        } else {
          AppendEscaped(key, *text);
        }
        return absl::OkStatus();
      }
      break;
    case TypeId::kJsonb:
    case TypeId::kVector:
      return absl::InvalidArgumentError(
          absl::StrCat("type ", TypeName(type), " cannot be part of a key"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("key value is not of the column's type ", TypeName(type)));
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
