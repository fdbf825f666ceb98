#include "sql/wire_format.h"

#include <bit>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

using engine::Type;
using engine::TypeId;
using engine::Value;

// PostgreSQL counts microseconds from 2000-01-01.
constexpr int64_t kMicrosTo2000 = INT64_C(946684800000000);
constexpr char kJsonbVersion = 1;

absl::Status BadBinary(const Type& type) {
  return Error(sqlstate::kInvalidBinaryRepresentation, 0,
               absl::StrCat("incorrect binary data format for type ", engine::TypeName(type)));
}

uint64_t LoadBits(absl::string_view bytes) {
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
  return bits;
}

absl::StatusOr<Value> ReadVector(const Type& type, absl::string_view bytes) {
  if (bytes.size() < 4) return BadBinary(type);
  const uint64_t count = LoadBits(bytes.substr(0, 2));
  if (count < 1 || LoadBits(bytes.substr(2, 2)) != 0 || bytes.size() != 4 + count * 4) {
    return BadBinary(type);
  }
  std::vector<float> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    elements.push_back(
        std::bit_cast<float>(static_cast<uint32_t>(LoadBits(bytes.substr(4 + i * 4, 4)))));
  }
  return Value(std::move(elements));
}

void AppendInt16(std::string* out, int16_t value) {
  const auto bits = static_cast<uint16_t>(value);
  out->push_back(static_cast<char>(bits >> 8));
  out->push_back(static_cast<char>(bits & 0xFF));
}
void AppendInt32(std::string* out, int32_t value) {
  const auto bits = static_cast<uint32_t>(value);
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(bits >> shift & 0xFF));
  }
}
void AppendInt64(std::string* out, int64_t value) {
  AppendInt32(out, static_cast<int32_t>(value >> 32));
  AppendInt32(out, static_cast<int32_t>(value & 0xFFFFFFFF));
}

}  // namespace

namespace {

void AppendBinary(const Type& type, const Value& value, std::string* out) {
  switch (type.id) {
    case TypeId::kBoolean:
      out->push_back(std::get<bool>(value) ? '\1' : '\0');
      return;
    case TypeId::kInteger:
      AppendInt32(out, static_cast<int32_t>(std::get<int64_t>(value)));
      return;
    case TypeId::kBigint:
      AppendInt64(out, std::get<int64_t>(value));
      return;
    case TypeId::kDouble:
      AppendInt64(out, std::bit_cast<int64_t>(std::get<double>(value)));
      return;
    case TypeId::kTimestamptz:
      AppendInt64(out, std::get<int64_t>(value) - kMicrosTo2000);
      return;
    case TypeId::kJsonb:
      out->push_back(kJsonbVersion);
      out->append(std::get<std::string>(value));
      return;
    case TypeId::kVector: {
      const auto& elements = std::get<std::vector<float>>(value);
      AppendInt16(out, static_cast<int16_t>(elements.size()));
      AppendInt16(out, 0);
      for (const float element : elements) AppendInt32(out, std::bit_cast<int32_t>(element));
      return;
    }
    case TypeId::kText:
    case TypeId::kBytea:
      out->append(std::get<std::string>(value));
      return;
  }
}

}  // namespace

std::string ToBinary(const Type& type, const Value& value) {
  std::string bytes;
  AppendBinary(type, value, &bytes);
  return bytes;
}

absl::StatusOr<Value> FromBinary(const Type& type, absl::string_view bytes) {
  switch (type.id) {
    case TypeId::kBoolean:
      if (bytes.size() != 1) return BadBinary(type);
      return Value(bytes[0] != 0);
    case TypeId::kInteger:
      if (bytes.size() != 4) return BadBinary(type);
      return Value(int64_t{static_cast<int32_t>(LoadBits(bytes))});
    case TypeId::kBigint:
      if (bytes.size() != 8) return BadBinary(type);
      return Value(static_cast<int64_t>(LoadBits(bytes)));
    case TypeId::kDouble:
      if (bytes.size() != 8) return BadBinary(type);
      return Value(std::bit_cast<double>(LoadBits(bytes)));
    case TypeId::kTimestamptz: {
      if (bytes.size() != 8) return BadBinary(type);
      const auto micros = static_cast<int64_t>(LoadBits(bytes));
      int64_t since_1970 = 0;
      if (__builtin_add_overflow(micros, kMicrosTo2000, &since_1970)) {
        return Error(sqlstate::kDatetimeFieldOverflow, 0, "timestamp out of range");
      }
      return Value(since_1970);
    }
    case TypeId::kJsonb:
      if (bytes.empty() || bytes[0] != kJsonbVersion) return BadBinary(type);
      return ParseValue(type, bytes.substr(1));
    case TypeId::kVector:
      return ReadVector(type, bytes);
    case TypeId::kText:
      return ParseValue(type, bytes);
    case TypeId::kBytea:
      return Value(std::string(bytes));
  }
  return BadBinary(type);
}

uint32_t TypeOid(const Type& type) {
  switch (type.id) {
    case TypeId::kBoolean:
      return 16;
    case TypeId::kBytea:
      return 17;
    case TypeId::kBigint:
      return 20;
    case TypeId::kInteger:
      return 23;
    case TypeId::kText:
      return 25;
    case TypeId::kDouble:
      return 701;
    case TypeId::kTimestamptz:
      return 1184;
    case TypeId::kJsonb:
      return 3802;
    case TypeId::kVector:
      return 16600;
  }
  return 705;  // unknown
}

int16_t TypeLength(const Type& type) {
  switch (type.id) {
    case TypeId::kBoolean:
      return 1;
    case TypeId::kInteger:
      return 4;
    case TypeId::kBigint:
    case TypeId::kDouble:
    case TypeId::kTimestamptz:
      return 8;
    default:
      return -1;
  }
}

int32_t TypeModifier(const Type& type) {
  if (type.id == TypeId::kVector && type.dimensions > 0) {
    return static_cast<int32_t>(type.dimensions);
  }
  return -1;
}

std::optional<Type> TypeFromOid(uint32_t oid, int32_t modifier) {
  for (uint8_t id = 1; id <= static_cast<uint8_t>(TypeId::kVector); ++id) {
    Type type{static_cast<TypeId>(id), 0};
    if (TypeOid(type) != oid) continue;
    if (type.id == TypeId::kVector && modifier > 0) {
      type.dimensions = static_cast<uint32_t>(modifier);
    }
    return type;
  }
  if (oid == 1043) return Type{TypeId::kText, 0};
  if (oid == 21) return Type{TypeId::kInteger, 0};
  return std::nullopt;
}

}  // namespace kyrodb::sql
