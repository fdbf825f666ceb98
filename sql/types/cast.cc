// Casts: which exist, when they are taken without being asked for, and what they compute.
// Source: PostgreSQL 15's pg_cast; pgvector 0.8's casts.
#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/status.h"
#include "engine/half.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/types/array_text.h"
#include "sql/types/bits.h"
#include "sql/types/date_time.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/json.h"
#include "sql/types/text_style.h"
#include "sql/types/type.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kNameBytesMax = 63;

// Numbers from narrow to wide: a cast upwards is implicit, one downwards an assignment.
int NumberRank(TypeId id) {
  switch (id) {
    case TypeId::kSmallint:
      return 1;
    case TypeId::kInteger:
      return 2;
    case TypeId::kBigint:
      return 3;
    case TypeId::kNumeric:
      return 4;
    case TypeId::kReal:
      return 5;
    case TypeId::kDouble:
      return 6;
    default:
      return 0;
  }
}

bool IsObjectNumber(TypeId id) {
  return id == TypeId::kOid || id == TypeId::kRegclass || id == TypeId::kRegtype ||
         id == TypeId::kRegproc || id == TypeId::kRegnamespace;
}

bool IsVectorType(TypeId id) {
  return id == TypeId::kVector || id == TypeId::kHalfvec || id == TypeId::kSparsevec;
}

// The weakest context in which the cast is taken; nothing: there is none.
std::optional<CastContext> ContextOf(TypeId from, TypeId to) {
  constexpr CastContext kImplicit = CastContext::kImplicit;
  constexpr CastContext kAssignment = CastContext::kAssignment;
  constexpr CastContext kExplicit = CastContext::kExplicit;
  if (IsArray(from)) {
    const TypeId element = ElementOf(from);
    if (IsArray(to)) return ContextOf(element, ElementOf(to));
    if (IsVectorType(to) && (element == TypeId::kInteger || element == TypeId::kReal ||
                             element == TypeId::kDouble || element == TypeId::kNumeric)) {
      return kAssignment;
    }
    if (IsString(to)) return kAssignment;
    return std::nullopt;
  }
  if (from == to) return kImplicit;
  if (IsString(from) && IsString(to)) return kImplicit;
  if (to == TypeId::kInternalChar) {
    if (IsString(from)) return kAssignment;
    if (from == TypeId::kInteger) return kExplicit;
    return std::nullopt;
  }
  if (from == TypeId::kInternalChar) {
    if (to == TypeId::kText) return kImplicit;
    if (IsString(to)) return kAssignment;
    if (to == TypeId::kInteger) return kExplicit;
    return std::nullopt;
  }
  if (IsString(to)) return kAssignment;
  if (IsString(from)) {
    if (to == TypeId::kRegclass && (from == TypeId::kText || from == TypeId::kVarchar)) {
      return kImplicit;
    }
    return kExplicit;
  }
  const int from_rank = NumberRank(from);
  const int to_rank = NumberRank(to);
  if (from_rank > 0 && to_rank > 0) return from_rank < to_rank ? kImplicit : kAssignment;
  switch (from) {
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
      if (IsObjectNumber(to)) return kImplicit;
      if (to == TypeId::kBoolean && from == TypeId::kInteger) return kExplicit;
      if (to == TypeId::kBit && from != TypeId::kSmallint) return kExplicit;
      return std::nullopt;
    case TypeId::kBoolean:
      if (to == TypeId::kInteger) return kExplicit;
      return std::nullopt;
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      if (to == TypeId::kInteger || to == TypeId::kBigint) return kAssignment;
      if (IsObjectNumber(to) && (from == TypeId::kOid || to == TypeId::kOid)) return kImplicit;
      return std::nullopt;
    case TypeId::kDate:
      if (to == TypeId::kTimestamp || to == TypeId::kTimestamptz) return kImplicit;
      return std::nullopt;
    case TypeId::kTime:
      if (to == TypeId::kInterval) return kImplicit;
      return std::nullopt;
    case TypeId::kTimestamp:
      if (to == TypeId::kTimestamptz) return kImplicit;
      if (to == TypeId::kDate || to == TypeId::kTime) return kAssignment;
      return std::nullopt;
    case TypeId::kTimestamptz:
      if (to == TypeId::kTimestamp || to == TypeId::kDate || to == TypeId::kTime) {
        return kAssignment;
      }
      return std::nullopt;
    case TypeId::kInterval:
      if (to == TypeId::kTime) return kAssignment;
      return std::nullopt;
    case TypeId::kJson:
      if (to == TypeId::kJsonb) return kAssignment;
      return std::nullopt;
    case TypeId::kJsonb:
      if (to == TypeId::kJson) return kAssignment;
      if (to == TypeId::kBoolean || to_rank > 0) return kExplicit;
      return std::nullopt;
    case TypeId::kBit:
      if (to == TypeId::kVarbit) return kImplicit;
      if (to == TypeId::kInteger || to == TypeId::kBigint) return kExplicit;
      return std::nullopt;
    case TypeId::kVarbit:
      if (to == TypeId::kBit) return kImplicit;
      return std::nullopt;
    case TypeId::kVector:
      if (to == TypeId::kHalfvec || to == TypeId::kSparsevec) return kImplicit;
      if (to == ArrayOf(TypeId::kReal)) return kImplicit;
      return std::nullopt;
    case TypeId::kHalfvec:
      if (to == TypeId::kSparsevec) return kImplicit;
      if (to == TypeId::kVector || to == ArrayOf(TypeId::kReal)) return kAssignment;
      return std::nullopt;
    case TypeId::kSparsevec:
      if (to == TypeId::kVector || to == TypeId::kHalfvec) return kAssignment;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

absl::Status OutOfRange(TypeId id) {
  return Error(sqlstate::kNumericValueOutOfRange, 0,
               absl::StrCat(BaseTypeName(id), " out of range"));
}

absl::StatusOr<Value> FitInteger(TypeId to, int64_t value) {
  const bool fits = to == TypeId::kSmallint  ? value >= INT16_MIN && value <= INT16_MAX
                    : to == TypeId::kInteger ? value >= INT32_MIN && value <= INT32_MAX
                                             : true;
  if (!fits) return OutOfRange(to);
  return Value(value);
}

absl::StatusOr<Value> DoubleToInteger(TypeId to, double value) {
  const double rounded = std::nearbyint(value);
  const double limit = to == TypeId::kBigint    ? 9223372036854775808.0
                       : to == TypeId::kInteger ? 2147483648.0
                                                : 32768.0;
  if (std::isnan(rounded) || rounded < -limit || rounded >= limit) return OutOfRange(to);
  return Value(static_cast<int64_t>(rounded));
}

absl::StatusOr<Value> DoubleToReal(double value) {
  const auto real = static_cast<float>(value);
  if (std::isinf(real) && !std::isinf(value)) {
    return Error(sqlstate::kNumericValueOutOfRange, 0, "value out of range: overflow");
  }
  if (real == 0 && value != 0) {
    return Error(sqlstate::kNumericValueOutOfRange, 0, "value out of range: underflow");
  }
  return Value(static_cast<double>(real));
}

absl::StatusOr<Value> DecimalTo(TypeId to, const Decimal& value) {
  if (to == TypeId::kDouble || to == TypeId::kReal) {
    const double number = value.ToDouble();
    if (value.is_finite() &&
        (std::isinf(number) || (to == TypeId::kReal && std::isinf(static_cast<float>(number))))) {
      return Error(
          sqlstate::kNumericValueOutOfRange, 0,
          absl::StrCat("\"", value.ToText(), "\" is out of range for type ", BaseTypeName(to)));
    }
    return Value(to == TypeId::kReal ? static_cast<double>(static_cast<float>(number)) : number);
  }
  if (!value.is_finite()) {
    return Error(sqlstate::kFeatureNotSupported, 0,
                 absl::StrCat("cannot convert ", value.is_nan() ? "NaN" : "infinity", " to ",
                              BaseTypeName(to)));
  }
  Wide whole = 0;
  if (!value.ToWide(&whole) || whole > INT64_MAX || whole < INT64_MIN) return OutOfRange(to);
  return FitInteger(to, static_cast<int64_t>(whole));
}

absl::StatusOr<Value> NumberTo(TypeId from, TypeId to, const Value& value) {
  if (from == TypeId::kNumeric) {
    return DecimalTo(to, Decimal::FromBytes(std::get<std::string>(value)));
  }
  if (IsInteger(from)) {
    const int64_t number = std::get<int64_t>(value);
    if (IsInteger(to)) return FitInteger(to, number);
    if (to == TypeId::kNumeric) return Value(Decimal(number).ToBytes());
    if (to == TypeId::kReal) return Value(static_cast<double>(static_cast<float>(number)));
    return Value(static_cast<double>(number));
  }
  const double number = std::get<double>(value);
  if (IsInteger(to)) return DoubleToInteger(to, number);
  if (to == TypeId::kNumeric) {
    return Value(Decimal::FromDouble(number, from == TypeId::kReal ? 6 : 15).ToBytes());
  }
  if (to == TypeId::kReal) return DoubleToReal(number);
  return value;
}

absl::StatusOr<Value> JsonToScalar(const Type& to, const std::string& text) {
  KYRO_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (to.id == TypeId::kBoolean && json.kind == Json::Kind::kBoolean) return Value(json.boolean);
  if (IsNumeric(to.id) && json.kind == Json::Kind::kNumber) {
    KYRO_ASSIGN_OR_RETURN(const Decimal number, Decimal::Parse(json.text));
    if (to.id == TypeId::kNumeric) return Value(number.ToBytes());
    return DecimalTo(to.id, number);
  }
  return Error(sqlstate::kInvalidParameterValue, 0,
               absl::StrCat("cannot cast jsonb ",
                            json.kind == Json::Kind::kNumber ? "numeric" : JsonKindName(json.kind),
                            " to type ", BaseTypeName(to.id)));
}

absl::StatusOr<Value> DateToTimestamp(int64_t days) {
  if (days == kDateInfinity) return Value(kTimestampInfinity);
  if (days == kDateMinusInfinity) return Value(kTimestampMinusInfinity);
  if (!IsTimestampDay(DayOf(days))) {
    return Error(sqlstate::kDatetimeFieldOverflow, 0, "date out of range for timestamp");
  }
  return Value(FromCivil(DayOf(days), 0));
}

Value TimestampToDate(int64_t micros) {
  if (micros == kTimestampInfinity) return Value(kDateInfinity);
  if (micros == kTimestampMinusInfinity) return Value(kDateMinusInfinity);
  return Value(DaysOf(ToCivil(micros).day));
}

absl::StatusOr<Value> TimeTo(TypeId from, TypeId to, const Value& value) {
  const absl::TimeZone& zone = CurrentTextStyle().zone;
  if (from == TypeId::kInterval) {
    const Interval interval = DecodeInterval(std::get<std::string>(value));
    return Value(((interval.micros % kDayMicros) + kDayMicros) % kDayMicros);
  }
  const int64_t number = std::get<int64_t>(value);
  if (from == TypeId::kTime) return Value(EncodeInterval({0, 0, number}));
  if (from == TypeId::kDate) {
    KYRO_ASSIGN_OR_RETURN(const Value local, DateToTimestamp(number));
    if (to == TypeId::kTimestamp) return local;
    return Value(FromLocal(std::get<int64_t>(local), zone));
  }
  if (from == TypeId::kTimestamp && to == TypeId::kTimestamptz) {
    return Value(FromLocal(number, zone));
  }
  const int64_t local = from == TypeId::kTimestamptz ? ToLocal(number, zone) : number;
  if (to == TypeId::kTimestamp) return Value(local);
  if (to == TypeId::kDate) return TimestampToDate(local);
  if (IsInfiniteTimestamp(local)) return Value(Null{});
  return Value(ToCivil(local).micros);
}

absl::StatusOr<Value> IntegerToBits(TypeId from, int64_t value, uint32_t length) {
  const uint32_t width = from == TypeId::kBigint ? 64 : 32;
  if (length == 0) length = 1;
  std::string bits = MakeBits(length);
  // The number's lowest bits, with its sign in front.
  for (uint32_t i = 0; i < length; ++i) {
    const uint32_t shift = std::min(length - 1 - i, width - 1);
    SetBit(&bits, i, ((value >> shift) & 1) != 0);
  }
  return Value(std::move(bits));
}

absl::StatusOr<Value> BitsToInteger(TypeId to, const std::string& bits) {
  const uint32_t width = to == TypeId::kBigint ? 64 : 32;
  const uint32_t count = BitCount(bits);
  if (count > width) return OutOfRange(to);
  uint64_t value = 0;
  for (uint32_t i = 0; i < count; ++i) value = (value << 1) | (GetBit(bits, i) ? 1 : 0);
  if (to == TypeId::kInteger) return Value(int64_t{static_cast<int32_t>(value)});
  return Value(static_cast<int64_t>(value));
}

// From a plain vector of any kind.
absl::StatusOr<Value> FloatsTo(TypeId to, std::vector<float> vector) {
  switch (to) {
    case TypeId::kHalfvec:
      for (float& element : vector) {
        KYRO_ASSIGN_OR_RETURN(element, ToHalf(element));
      }
      return Value(std::move(vector));
    case TypeId::kSparsevec: {
      SparseVector sparse;
      sparse.dimensions = static_cast<int32_t>(vector.size());
      for (size_t i = 0; i < vector.size(); ++i) {
        if (vector[i] == 0) continue;
        sparse.indices.push_back(static_cast<int32_t>(i));
        sparse.values.push_back(vector[i]);
      }
      KYRO_RETURN_IF_ERROR(
          CheckSparseShape(sparse.dimensions, static_cast<int64_t>(sparse.indices.size())));
      return Value(EncodeSparse(sparse));
    }
    case TypeId::kVector:
      return Value(std::move(vector));
    default: {
      std::vector<Value> elements;
      for (const float element : vector) elements.emplace_back(static_cast<double>(element));
      return Value(engine::EncodeArray(engine::MakeArray(std::move(elements))));
    }
  }
}

absl::StatusOr<Value> ArrayToVector(TypeId element, const Type& to, const Value& value) {
  const engine::Array array = LoadArray(element, value);
  if (array.dimensions.size() > 1) {
    return Error(sqlstate::kDataException, 0, "array must be 1-D");
  }
  if (to.id == TypeId::kSparsevec) {
    if (array.elements.empty()) return CheckSparseShape(0, 0);
  } else {
    KYRO_RETURN_IF_ERROR(CheckVectorDimensions(to.id, static_cast<int64_t>(array.elements.size())));
  }
  if (to.dimensions != 0 && array.elements.size() != to.dimensions) {
    return Error(
        sqlstate::kDataException, 0,
        absl::StrCat("expected ", to.dimensions, " dimensions, not ", array.elements.size()));
  }
  std::vector<float> vector;
  for (const Value& one : array.elements) {
    if (IsNull(one)) {
      return Error(sqlstate::kNullValueNotAllowed, 0, "array must not contain nulls");
    }
    double number = 0;
    if (IsInteger(element)) {
      number = static_cast<double>(std::get<int64_t>(one));
    } else if (element == TypeId::kNumeric) {
      number = Decimal::FromBytes(std::get<std::string>(one)).ToDouble();
    } else {
      number = std::get<double>(one);
    }
    const auto real = static_cast<float>(number);
    if (to.id == TypeId::kHalfvec) {
      KYRO_ASSIGN_OR_RETURN(const float half, ToHalf(real));
      KYRO_RETURN_IF_ERROR(CheckVectorElement(to.id, half));
    } else {
      KYRO_RETURN_IF_ERROR(CheckVectorElement(to.id, real));
    }
    vector.push_back(real);
  }
  return FloatsTo(to.id, std::move(vector));
}

absl::StatusOr<Value> SparseTo(TypeId to, const SparseVector& sparse) {
  KYRO_RETURN_IF_ERROR(CheckVectorDimensions(to, sparse.dimensions));
  std::vector<float> vector(static_cast<size_t>(sparse.dimensions));
  for (size_t i = 0; i < sparse.indices.size(); ++i) {
    const auto index = static_cast<size_t>(sparse.indices[i]);
    if (index < vector.size()) vector[index] = sparse.values[i];
  }
  return FloatsTo(to, std::move(vector));
}

size_t CountCharacters(absl::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

// The bytes of the first `count` characters.
size_t BytesOf(absl::string_view text, size_t count) {
  size_t at = 0;
  while (at < text.size()) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && count-- == 0) break;
    ++at;
  }
  return at;
}

size_t WithoutPadding(const std::string& text) {
  const size_t last = text.find_last_not_of(' ');
  return last == std::string::npos ? 0 : last + 1;
}

absl::Status CheckDimensions(uint32_t wanted, size_t found) {
  if (wanted == found) return absl::OkStatus();
  return Error(sqlstate::kDataException, 0,
               absl::StrCat("expected ", wanted, " dimensions, not ", found));
}

// The value of the type without its modifier.
absl::StatusOr<Value> Convert(const Type& from, const Type& to, const Value& value,
                              CastContext context) {
  if (from.id == to.id) return value;
  if (from.id == kUnknownId) {
    return ParseValue(Type{to.id, 0}, std::get<std::string>(value));
  }
  if (IsArray(from.id)) {
    if (IsArray(to.id)) {
      engine::Array array = LoadArray(ElementOf(from.id), value);
      for (Value& element : array.elements) {
        if (IsNull(element)) continue;
        KYRO_ASSIGN_OR_RETURN(element, CastValue(Type{ElementOf(from.id), 0},
                                                 Type{ElementOf(to.id), 0}, element, context));
      }
      return Value(engine::EncodeArray(array));
    }
    if (IsVectorType(to.id)) return ArrayToVector(ElementOf(from.id), to, value);
  }
  if (IsString(from.id) || from.id == TypeId::kInternalChar) {
    const auto& text = std::get<std::string>(value);
    if (from.id == TypeId::kChar && IsString(to.id))
      return Value(text.substr(0, WithoutPadding(text)));
    if (to.id == TypeId::kName) return Value(text.substr(0, std::min(text.size(), kNameBytesMax)));
    if (IsString(to.id)) return value;
    if (to.id == TypeId::kInternalChar) return Value(text.substr(0, 1));
    if (from.id == TypeId::kInternalChar) {
      return Value(int64_t{text.empty() ? int8_t{0} : static_cast<int8_t>(text[0])});
    }
    return ParseValue(Type{to.id, 0}, text);
  }
  if (IsString(to.id)) {
    if (from.id == TypeId::kBoolean) return Value(std::get<bool>(value) ? "true" : "false");
    return Value(FormatValue(from, value));
  }
  if (NumberRank(from.id) > 0 && NumberRank(to.id) > 0) return NumberTo(from.id, to.id, value);
  switch (from.id) {
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint: {
      const int64_t number = std::get<int64_t>(value);
      if (to.id == TypeId::kBoolean) return Value(number != 0);
      if (to.id == TypeId::kBit) return IntegerToBits(from.id, number, to.dimensions);
      if (to.id == TypeId::kInternalChar) {
        if (number < -128 || number > 127) {
          return Error(sqlstate::kNumericValueOutOfRange, 0, "\"char\" out of range");
        }
        return Value(std::string(1, static_cast<char>(number)));
      }
      if (from.id == TypeId::kBigint && (number < 0 || number > int64_t{UINT32_MAX})) {
        return Error(sqlstate::kNumericValueOutOfRange, 0, "OID out of range");
      }
      return Value(int64_t{static_cast<uint32_t>(number)});
    }
    case TypeId::kBoolean:
      return Value(int64_t{std::get<bool>(value) ? 1 : 0});
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      if (to.id == TypeId::kInteger) {
        return Value(int64_t{static_cast<int32_t>(std::get<int64_t>(value))});
      }
      return value;
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
    case TypeId::kInterval:
      return TimeTo(from.id, to.id, value);
    case TypeId::kJson:
      return ParseValue(Type{to.id, 0}, std::get<std::string>(value));
    case TypeId::kJsonb:
      if (to.id == TypeId::kJson) return value;
      return JsonToScalar(to, std::get<std::string>(value));
    case TypeId::kBit:
    case TypeId::kVarbit:
      if (to.id == TypeId::kBit || to.id == TypeId::kVarbit) return value;
      return BitsToInteger(to.id, std::get<std::string>(value));
    case TypeId::kVector:
    case TypeId::kHalfvec: {
      const auto& vector = std::get<std::vector<float>>(value);
      if (to.dimensions != 0) KYRO_RETURN_IF_ERROR(CheckDimensions(to.dimensions, vector.size()));
      return FloatsTo(to.id, vector);
    }
    case TypeId::kSparsevec: {
      const SparseVector sparse = DecodeSparse(std::get<std::string>(value));
      if (to.dimensions != 0) {
        KYRO_RETURN_IF_ERROR(
            CheckDimensions(to.dimensions, static_cast<size_t>(sparse.dimensions)));
      }
      return SparseTo(to.id, sparse);
    }
    default:
      break;
  }
  return Error(sqlstate::kInternalError, 0,
               absl::StrCat("no cast from ", BaseTypeName(from.id), " to ", BaseTypeName(to.id)));
}

}  // namespace

bool CanCast(TypeId from, TypeId to, CastContext context) {
  if (from == to || from == kUnknownId) return true;
  const std::optional<CastContext> weakest = ContextOf(from, to);
  return weakest.has_value() && *weakest <= context;
}

absl::StatusOr<Value> CastValue(const Type& from, const Type& to, const Value& value,
                                CastContext context) {
  KYRO_ASSIGN_OR_RETURN(Value converted, Convert(from, to, value, context));
  if (to.dimensions == 0 || IsNull(converted)) return converted;
  return ApplyModifier(to, std::move(converted), context);
}

absl::StatusOr<Value> ApplyModifier(const Type& type, Value value, CastContext context) {
  if (type.dimensions == 0 || IsNull(value)) return value;
  const bool is_explicit = context == CastContext::kExplicit;
  if (IsArray(type.id)) {
    const Type element{ElementOf(type.id), type.dimensions};
    engine::Array array = LoadArray(element.id, value);
    for (Value& one : array.elements) {
      if (IsNull(one)) continue;
      KYRO_ASSIGN_OR_RETURN(one, ApplyModifier(element, std::move(one), context));
    }
    return Value(engine::EncodeArray(array));
  }
  switch (type.id) {
    case TypeId::kVector:
    case TypeId::kHalfvec:
      KYRO_RETURN_IF_ERROR(
          CheckDimensions(type.dimensions, std::get<std::vector<float>>(value).size()));
      return value;
    case TypeId::kSparsevec:
      KYRO_RETURN_IF_ERROR(CheckDimensions(
          type.dimensions,
          static_cast<size_t>(DecodeSparse(std::get<std::string>(value)).dimensions)));
      return value;
    case TypeId::kNumeric: {
      KYRO_ASSIGN_OR_RETURN(
          const Decimal fitted,
          FitNumeric(Decimal::FromBytes(std::get<std::string>(value)), type.dimensions));
      return Value(fitted.ToBytes());
    }
    case TypeId::kVarchar:
    case TypeId::kChar: {
      auto& text = std::get<std::string>(value);
      const size_t characters = CountCharacters(text);
      if (characters > type.dimensions) {
        const size_t bytes = BytesOf(text, type.dimensions);
        if (!is_explicit && text.find_first_not_of(' ', bytes) != std::string::npos) {
          return Error(sqlstate::kStringDataRightTruncation, 0,
                       absl::StrCat("value too long for type ", engine::TypeName(type)));
        }
        text.resize(bytes);
      } else if (type.id == TypeId::kChar) {
        text.append(type.dimensions - characters, ' ');
      }
      return value;
    }
    case TypeId::kBit: {
      const auto& bits = std::get<std::string>(value);
      if (BitCount(bits) == type.dimensions) return value;
      if (!is_explicit) {
        return Error("22026", 0,
                     absl::StrCat("bit string length ", BitCount(bits), " does not match type bit(",
                                  type.dimensions, ")"));
      }
      return Value(ResizeBits(bits, type.dimensions));
    }
    case TypeId::kVarbit: {
      const auto& bits = std::get<std::string>(value);
      if (BitCount(bits) <= type.dimensions) return value;
      if (!is_explicit) {
        return Error(
            sqlstate::kStringDataRightTruncation, 0,
            absl::StrCat("bit string too long for type bit varying(", type.dimensions, ")"));
      }
      return Value(ResizeBits(bits, type.dimensions));
    }
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      return Value(RoundMicros(std::get<int64_t>(value), static_cast<int>(type.dimensions) - 1));
    case TypeId::kInterval:
      return Value(EncodeInterval(RoundInterval(DecodeInterval(std::get<std::string>(value)),
                                                static_cast<int>(type.dimensions) - 1)));
    default:
      return value;
  }
}

}  // namespace kyrodb::sql
