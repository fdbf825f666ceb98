#include "server/pg/value_codec.h"

#include <bit>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "server/pg/message.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/session.h"

namespace kyrodb::server::pg {
namespace {

using engine::Type;
using engine::TypeId;
using engine::Value;

// PostgreSQL counts microseconds from 2000-01-01.
constexpr int64_t kMicrosTo2000 = INT64_C(946684800000000);
constexpr char kJsonbVersion = 1;

absl::Status BadBinary(const Type& type) {
  return sql::Error(sql::sqlstate::kInvalidBinaryRepresentation, 0,
                    absl::StrCat("incorrect binary data format for type ", engine::TypeName(type)));
}

uint64_t LoadBits(absl::string_view bytes) {
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
  return bits;
}

absl::StatusOr<Value> ReadVector(const Type& type, absl::string_view bytes) {
  FieldReader reader(bytes);
  const int16_t count = reader.Int16();
  const int16_t unused = reader.Int16();
  if (!reader.ok() || count < 1 || unused != 0 ||
      reader.rest().size() != static_cast<size_t>(count) * 4) {
    return BadBinary(type);
  }
  std::vector<float> elements;
  elements.reserve(static_cast<size_t>(count));
  for (int16_t i = 0; i < count; ++i) {
    elements.push_back(std::bit_cast<float>(reader.Int32()));
  }
  return Value(std::move(elements));
}

}  // namespace

void AppendText(const Type& type, const Value& value, std::string* out) {
  switch (type.id) {
    case TypeId::kBoolean:
      out->push_back(std::get<bool>(value) ? 't' : 'f');
      return;
    case TypeId::kInteger:
    case TypeId::kBigint:
      absl::StrAppend(out, std::get<int64_t>(value));
      return;
    case TypeId::kText:
    case TypeId::kJsonb:
      out->append(std::get<std::string>(value));
      return;
    default:
      out->append(sql::FormatValue(type, value));
  }
}

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

absl::StatusOr<Value> ReadText(const Type& type, absl::string_view text) {
  return sql::ParseValue(type, text);
}

absl::StatusOr<Value> ReadBinary(const Type& type, absl::string_view bytes) {
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
        return sql::Error(sql::sqlstate::kDatetimeFieldOverflow, 0, "timestamp out of range");
      }
      return Value(since_1970);
    }
    case TypeId::kJsonb:
      if (bytes.empty() || bytes[0] != kJsonbVersion) return BadBinary(type);
      return sql::ParseValue(type, bytes.substr(1));
    case TypeId::kVector:
      return ReadVector(type, bytes);
    case TypeId::kText:
      return sql::ParseValue(type, bytes);
    case TypeId::kBytea:
      return Value(std::string(bytes));
  }
  return BadBinary(type);
}

uint32_t OidOf(const Type& type) { return sql::TypeOid(type); }

int16_t LengthOf(const Type& type) {
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

int32_t ModifierOf(const Type& type) {
  if (type.id == TypeId::kVector && type.dimensions > 0) {
    return static_cast<int32_t>(type.dimensions);
  }
  return -1;
}

absl::StatusOr<std::optional<Type>> TypeOfOid(uint32_t oid) {
  if (oid == 0 || oid == 705) return std::optional<Type>();
  for (uint8_t id = 1; id <= static_cast<uint8_t>(TypeId::kVector); ++id) {
    const Type type{static_cast<TypeId>(id), 0};
    if (OidOf(type) == oid) return std::optional<Type>(type);
  }
  if (oid == 1043) return std::optional<Type>(Type{TypeId::kText, 0});
  if (oid == 21) return std::optional<Type>(Type{TypeId::kInteger, 0});
  return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                    absl::StrCat("parameters of the type with oid ", oid, " are not supported"));
}

}  // namespace kyrodb::server::pg
