#include "engine/value.h"

#include "absl/strings/str_cat.h"

namespace kyrodb::engine {

namespace {

std::string WithModifier(absl::string_view name, const Type& type) {
  return type.dimensions == 0 ? std::string(name) : absl::StrCat(name, "(", type.dimensions, ")");
}

std::string TimeName(absl::string_view base, absl::string_view suffix, const Type& type) {
  if (type.dimensions == 0) return absl::StrCat(base, suffix);
  return absl::StrCat(base, "(", type.dimensions - 1, ")", suffix);
}

}  // namespace

bool IsValidType(uint64_t id) {
  const uint64_t element = id & 127;
  return id < 256 && element >= static_cast<uint64_t>(TypeId::kBoolean) &&
         element <= static_cast<uint64_t>(TypeId::kRegnamespace);
}

std::string TypeName(const Type& type) {
  if (IsArray(type.id)) {
    return absl::StrCat(TypeName(Type{ElementOf(type.id), type.dimensions}), "[]");
  }
  switch (type.id) {
    case TypeId::kBoolean:
      return "boolean";
    case TypeId::kInteger:
      return "integer";
    case TypeId::kBigint:
      return "bigint";
    case TypeId::kDouble:
      return "double precision";
    case TypeId::kText:
      return "text";
    case TypeId::kTimestamptz:
      return TimeName("timestamp", " with time zone", type);
    case TypeId::kBytea:
      return "bytea";
    case TypeId::kJsonb:
      return "jsonb";
    case TypeId::kVector:
      return WithModifier("vector", type);
    case TypeId::kSmallint:
      return "smallint";
    case TypeId::kReal:
      return "real";
    case TypeId::kNumeric: {
      if (type.dimensions == 0) return "numeric";
      const uint32_t scale = type.dimensions & 0x7FF;
      return absl::StrCat("numeric(", type.dimensions >> 16, ",",
                          scale > 1023 ? static_cast<int>(scale) - 2048 : static_cast<int>(scale),
                          ")");
    }
    case TypeId::kVarchar:
      return WithModifier("character varying", type);
    case TypeId::kChar:
      return WithModifier("character", type);
    case TypeId::kUuid:
      return "uuid";
    case TypeId::kDate:
      return "date";
    case TypeId::kTime:
      return TimeName("time", " without time zone", type);
    case TypeId::kTimestamp:
      return TimeName("timestamp", " without time zone", type);
    case TypeId::kInterval:
      return TimeName("interval", "", type);
    case TypeId::kJson:
      return "json";
    case TypeId::kHalfvec:
      return WithModifier("halfvec", type);
    case TypeId::kSparsevec:
      return WithModifier("sparsevec", type);
    case TypeId::kBit:
      return WithModifier("bit", type);
    case TypeId::kVarbit:
      return WithModifier("bit varying", type);
    case TypeId::kOid:
      return "oid";
    case TypeId::kName:
      return "name";
    case TypeId::kRegclass:
      return "regclass";
    case TypeId::kRegtype:
      return "regtype";
    case TypeId::kInternalChar:
      return "\"char\"";
    case TypeId::kRegproc:
      return "regproc";
    case TypeId::kRegnamespace:
      return "regnamespace";
  }
  return "unknown";
}

}  // namespace kyrodb::engine
