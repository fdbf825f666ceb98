#include "sql/types/type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/parse/deparse.h"
#include "sql/types/json.h"

namespace kyrodb::sql {
namespace {

// PostgreSQL's types that are known by name but not supported.
constexpr std::array<absl::string_view, 38> kUnsupportedTypes = {
    "int2",    "float4",    "numeric",  "bpchar", "char",    "timestamp", "time",     "timetz",
    "date",    "interval",  "uuid",     "json",   "bit",     "varbit",    "oid",      "regclass",
    "regtype", "regproc",   "name",     "xml",    "money",   "inet",      "cidr",     "macaddr",
    "point",   "line",      "box",      "path",   "polygon", "circle",    "tsvector", "tsquery",
    "halfvec", "sparsevec", "jsonpath", "record", "serial",  "bigserial"};

absl::Status OutOfRange(absl::string_view type) {
  return Error(sqlstate::kNumericValueOutOfRange, 0, absl::StrCat(type, " out of range"));
}

absl::StatusOr<Value> DoubleToInteger(TypeId to, double value) {
  const double rounded = std::nearbyint(value);
  const bool bigint = to == TypeId::kBigint;
  const double limit = bigint ? 9223372036854775808.0 : 2147483648.0;
  if (std::isnan(rounded) || rounded < -limit || rounded >= limit) {
    return OutOfRange(bigint ? "bigint" : "integer");
  }
  return Value(static_cast<int64_t>(rounded));
}

absl::StatusOr<Value> JsonToScalar(const Type& to, const std::string& text) {
  KYRO_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (to.id == TypeId::kBoolean && json.kind == Json::Kind::kBoolean) return Value(json.boolean);
  if (IsNumeric(to.id) && json.kind == Json::Kind::kNumber) {
    KYRO_ASSIGN_OR_RETURN(Value number, ParseValue(kDoubleType, json.text));
    if (to.id == TypeId::kDouble) return number;
    // Whole numbers go their own way, so that no digit is lost.
    if (json.text.find('.') == std::string::npos) {
      absl::StatusOr<Value> whole = ParseValue(to, json.text);
      return whole.ok() ? std::move(whole)
                        : OutOfRange(to.id == TypeId::kBigint ? "bigint" : "integer");
    }
    return DoubleToInteger(to.id, std::get<double>(number));
  }
  return Error(sqlstate::kInvalidParameterValue, 0,
               absl::StrCat("cannot cast jsonb ",
                            json.kind == Json::Kind::kNumber ? "numeric" : JsonKindName(json.kind),
                            " to type ", BaseTypeName(to.id)));
}

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int CompareDoubles(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return Compare(std::isnan(a) ? 1 : 0, std::isnan(b) ? 1 : 0);
  return Compare(a, b);
}

int CompareVectors(const std::vector<float>& a, const std::vector<float>& b) {
  const size_t shared = std::min(a.size(), b.size());
  for (size_t i = 0; i < shared; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return Compare(a.size(), b.size());
}

}  // namespace

std::string BaseTypeName(TypeId id) {
  if (id == kUnknownId) return "unknown";
  return engine::TypeName(Type{id, 0});
}

bool CanCast(TypeId from, TypeId to, CastContext context) {
  if (from == to || from == kUnknownId) return true;
  const bool assignment = context != CastContext::kImplicit;
  const bool is_explicit = context == CastContext::kExplicit;
  switch (from) {
    case TypeId::kInteger:
      if (to == TypeId::kBigint || to == TypeId::kDouble) return true;
      if (to == TypeId::kBoolean) return is_explicit;
      return to == TypeId::kText && assignment;
    case TypeId::kBigint:
      if (to == TypeId::kDouble) return true;
      return (to == TypeId::kInteger || to == TypeId::kText) && assignment;
    case TypeId::kDouble:
      return (to == TypeId::kInteger || to == TypeId::kBigint || to == TypeId::kText) && assignment;
    case TypeId::kBoolean:
      if (to == TypeId::kInteger) return is_explicit;
      return to == TypeId::kText && assignment;
    case TypeId::kText:
      return is_explicit;
    case TypeId::kJsonb:
      if (to == TypeId::kText) return assignment;
      return is_explicit && (to == TypeId::kBoolean || IsNumeric(to));
    case TypeId::kTimestamptz:
    case TypeId::kBytea:
    case TypeId::kVector:
      return to == TypeId::kText && assignment;
  }
  return false;
}

absl::StatusOr<Type> ResolveType(const TypeName& name) {
  const std::string& word = name.name.last();
  if (name.name.parts.size() > 2 ||
      (name.name.parts.size() == 2 && name.name.parts[0].name != "pg_catalog" &&
       name.name.parts[0].name != "public")) {
    return Error(sqlstate::kUndefinedObject, name.position,
                 absl::StrCat("type \"", ToString(name.name), "\" does not exist"));
  }
  if (!name.array_bounds.empty()) {
    return Error(sqlstate::kFeatureNotSupported, name.position,
                 "array types are not supported yet");
  }
  if (name.setof) {
    return Error(sqlstate::kFeatureNotSupported, name.position, "SETOF is not supported");
  }
  Type type = kUnknownType;
  if (word == "bool") type = kBooleanType;
  if (word == "int4") type = kIntegerType;
  if (word == "int8") type = kBigintType;
  if (word == "float8") type = kDoubleType;
  if (word == "text" || word == "varchar") type = kTextType;
  if (word == "timestamptz") type = kTimestamptzType;
  if (word == "bytea") type = kByteaType;
  if (word == "jsonb") type = kJsonbType;
  if (word == "vector") type = kVectorType;
  if (type.id == kUnknownId) {
    if (std::find(kUnsupportedTypes.begin(), kUnsupportedTypes.end(), word) !=
        kUnsupportedTypes.end()) {
      absl::Status status = Error(sqlstate::kFeatureNotSupported, name.position,
                                  absl::StrCat("type ", ToString(name), " is not supported yet"));
      if (word == "numeric" || word == "float4") status = WithHint(status, "Use double precision.");
      if (word == "int2") status = WithHint(status, "Use integer.");
      if (word == "timestamp") status = WithHint(status, "Use timestamptz.");
      if (word == "json") status = WithHint(status, "Use jsonb.");
      if (word == "bpchar" || word == "char") status = WithHint(status, "Use text.");
      return status;
    }
    return Error(sqlstate::kUndefinedObject, name.position,
                 absl::StrCat("type \"", word, "\" does not exist"));
  }
  if (name.modifiers.empty()) return type;
  if (type.id != TypeId::kVector) {
    if (word == "varchar" || type.id == TypeId::kTimestamptz) {
      return WithHint(Error(sqlstate::kFeatureNotSupported, name.position,
                            absl::StrCat("a length or precision for type ", ToString(name),
                                         " is not supported yet")),
                      word == "varchar" ? "Use text." : "Use timestamptz without a precision.");
    }
    return Error(sqlstate::kSyntaxError, name.position,
                 absl::StrCat("type modifier is not allowed for type \"", word, "\""));
  }
  if (name.modifiers.size() != 1) {
    return Error(sqlstate::kInvalidParameterValue, name.position, "invalid type modifier");
  }
  const auto* literal = name.modifiers[0]->If<LiteralExpression>();
  if (literal == nullptr ||
      (literal->type != LiteralType::kInteger && literal->type != LiteralType::kString)) {
    return Error(sqlstate::kSyntaxError, name.position,
                 "type modifiers must be simple constants or identifiers");
  }
  int64_t dimensions = literal->integer;
  if (literal->type == LiteralType::kString) {
    absl::StatusOr<Value> parsed = ParseValue(kIntegerType, literal->text);
    if (!parsed.ok()) return WithPosition(parsed.status(), name.position);
    dimensions = std::get<int64_t>(*parsed);
  }
  if (dimensions < 1) {
    return Error(sqlstate::kInvalidParameterValue, name.position,
                 "dimensions for type vector must be at least 1");
  }
  if (dimensions > engine::kVectorDimensionsMax) {
    return Error(
        sqlstate::kInvalidParameterValue, name.position,
        absl::StrCat("dimensions for type vector cannot exceed ", engine::kVectorDimensionsMax));
  }
  type.dimensions = static_cast<uint32_t>(dimensions);
  return type;
}

absl::Status CheckDimensions(const Type& type, const Value& value) {
  const auto* vector = std::get_if<std::vector<float>>(&value);
  if (type.dimensions == 0 || vector == nullptr || vector->size() == type.dimensions) {
    return absl::OkStatus();
  }
  return Error(sqlstate::kDataException, 0,
               absl::StrCat("expected ", type.dimensions, " dimensions, not ", vector->size()));
}

absl::StatusOr<Value> CastValue(const Type& from, const Type& to, const Value& value) {
  if (from.id == to.id) {
    KYRO_RETURN_IF_ERROR(CheckDimensions(to, value));
    return value;
  }
  if (to.id == TypeId::kText) {
    if (from.id == TypeId::kBoolean) return Value(std::get<bool>(value) ? "true" : "false");
    return Value(FormatValue(from, value));
  }
  if (from.id == kUnknownId) return ParseValue(to, std::get<std::string>(value));
  switch (from.id) {
    case TypeId::kInteger:
    case TypeId::kBigint: {
      const int64_t number = std::get<int64_t>(value);
      if (to.id == TypeId::kBigint) return value;
      if (to.id == TypeId::kDouble) return Value(static_cast<double>(number));
      if (to.id == TypeId::kBoolean) return Value(number != 0);
      if (to.id == TypeId::kInteger) {
        if (number < INT32_MIN || number > INT32_MAX) return OutOfRange("integer");
        return value;
      }
      break;
    }
    case TypeId::kDouble:
      if (to.id == TypeId::kInteger || to.id == TypeId::kBigint) {
        return DoubleToInteger(to.id, std::get<double>(value));
      }
      break;
    case TypeId::kBoolean:
      if (to.id == TypeId::kInteger) return Value(int64_t{std::get<bool>(value) ? 1 : 0});
      break;
    case TypeId::kText:
      return ParseValue(to, std::get<std::string>(value));
    case TypeId::kJsonb:
      return JsonToScalar(to, std::get<std::string>(value));
    default:
      break;
  }
  return Error(sqlstate::kInternalError, 0,
               absl::StrCat("no cast from ", BaseTypeName(from.id), " to ", BaseTypeName(to.id)));
}

int CompareValues(TypeId id, const Value& left, const Value& right) {
  switch (id) {
    case TypeId::kBoolean:
      return Compare(std::get<bool>(left), std::get<bool>(right));
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kTimestamptz:
      return Compare(std::get<int64_t>(left), std::get<int64_t>(right));
    case TypeId::kDouble:
      return CompareDoubles(std::get<double>(left), std::get<double>(right));
    case TypeId::kVector:
      return CompareVectors(std::get<std::vector<float>>(left),
                            std::get<std::vector<float>>(right));
    default:
      return std::get<std::string>(left).compare(std::get<std::string>(right));
  }
}

void AppendIdentity(TypeId id, const Value& value, std::string* out) {
  if (IsNull(value)) {
    out->push_back('\0');
    return;
  }
  out->push_back('\1');
  switch (id) {
    case TypeId::kBoolean:
      out->push_back(std::get<bool>(value) ? '\1' : '\0');
      return;
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kTimestamptz:
      PutFixed64(out, static_cast<uint64_t>(std::get<int64_t>(value)));
      return;
    case TypeId::kDouble: {
      double number = std::get<double>(value);
      if (std::isnan(number)) number = std::nan("");
      if (number == 0) number = 0;  // -0 is 0
      uint64_t bits;
      std::memcpy(&bits, &number, sizeof(bits));
      PutFixed64(out, bits);
      return;
    }
    case TypeId::kVector: {
      const auto& vector = std::get<std::vector<float>>(value);
      PutVarint64(out, vector.size());
      for (float element : vector) {
        if (element == 0) element = 0;
        uint32_t bits;
        std::memcpy(&bits, &element, sizeof(bits));
        PutFixed32(out, bits);
      }
      return;
    }
    default:
      PutLengthPrefixed(out, std::get<std::string>(value));
  }
}

}  // namespace kyrodb::sql
