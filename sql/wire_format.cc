#include "sql/wire_format.h"

#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/half.h"
#include "sql/error.h"
#include "sql/format.h"
#include "sql/types/decimal.h"
#include "sql/types/type.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

constexpr TypeInfo kTypes[] = {
    {TypeId::kBoolean, 16, 1000, "bool", 1, true, 'B', true, 'c', 'p'},
    {TypeId::kBytea, 17, 1001, "bytea", -1, false, 'U', false, 'i', 'x'},
    {TypeId::kInternalChar, 18, 1002, "char", 1, true, 'Z', false, 'c', 'p'},
    {TypeId::kName, 19, 1003, "name", 64, false, 'S', false, 'c', 'p'},
    {TypeId::kBigint, 20, 1016, "int8", 8, true, 'N', false, 'd', 'p'},
    {TypeId::kSmallint, 21, 1005, "int2", 2, true, 'N', false, 's', 'p'},
    {TypeId::kInteger, 23, 1007, "int4", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kRegproc, 24, 1008, "regproc", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kText, 25, 1009, "text", -1, false, 'S', true, 'i', 'x'},
    {TypeId::kOid, 26, 1028, "oid", 4, true, 'N', true, 'i', 'p'},
    {TypeId::kJson, 114, 199, "json", -1, false, 'U', false, 'i', 'x'},
    {TypeId::kReal, 700, 1021, "float4", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kDouble, 701, 1022, "float8", 8, true, 'N', true, 'd', 'p'},
    {TypeId::kChar, 1042, 1014, "bpchar", -1, false, 'S', false, 'i', 'x'},
    {TypeId::kVarchar, 1043, 1015, "varchar", -1, false, 'S', false, 'i', 'x'},
    {TypeId::kDate, 1082, 1182, "date", 4, true, 'D', false, 'i', 'p'},
    {TypeId::kTime, 1083, 1183, "time", 8, true, 'D', false, 'd', 'p'},
    {TypeId::kTimestamp, 1114, 1115, "timestamp", 8, true, 'D', false, 'd', 'p'},
    {TypeId::kTimestamptz, 1184, 1185, "timestamptz", 8, true, 'D', true, 'd', 'p'},
    {TypeId::kInterval, 1186, 1187, "interval", 16, false, 'T', true, 'd', 'p'},
    {TypeId::kBit, 1560, 1561, "bit", -1, false, 'V', false, 'i', 'x'},
    {TypeId::kVarbit, 1562, 1563, "varbit", -1, false, 'V', true, 'i', 'x'},
    {TypeId::kNumeric, 1700, 1231, "numeric", -1, false, 'N', false, 'i', 'm'},
    {TypeId::kRegclass, 2205, 2210, "regclass", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kRegtype, 2206, 2211, "regtype", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kUuid, 2950, 2951, "uuid", 16, false, 'U', false, 'c', 'p'},
    {TypeId::kJsonb, 3802, 3807, "jsonb", -1, false, 'U', false, 'i', 'x'},
    {TypeId::kRegnamespace, 4089, 4090, "regnamespace", 4, true, 'N', false, 'i', 'p'},
    {TypeId::kVector, 16600, 16605, "vector", -1, false, 'U', false, 'i', 'e'},
    {TypeId::kHalfvec, 16610, 16615, "halfvec", -1, false, 'U', false, 'i', 'e'},
    {TypeId::kSparsevec, 16620, 16625, "sparsevec", -1, false, 'U', false, 'i', 'e'},
};

constexpr uint32_t kUnknownOid = 705;
// PostgreSQL counts from 2000-01-01.
constexpr int64_t kEpochDays = 10957;
constexpr int64_t kEpochMicros = kEpochDays * 86400 * 1000000;

constexpr int kNumericNegative = 0x4000;
constexpr int kNumericNaN = 0xC000;
constexpr int kNumericInfinity = 0xD000;
constexpr int kNumericMinusInfinity = 0xF000;

template <typename T>
void PutBigEndian(std::string* out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((value >> shift) & 0xFF));
  }
}
void Put16(std::string* out, int value) { PutBigEndian(out, static_cast<uint16_t>(value)); }
void Put32(std::string* out, int64_t value) { PutBigEndian(out, static_cast<uint32_t>(value)); }
void Put64(std::string* out, int64_t value) { PutBigEndian(out, static_cast<uint64_t>(value)); }

// Reads from the front; the first failure sticks.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T Take() {
    uint64_t value = 0;
    const absl::string_view bytes = Bytes(sizeof(T));
    for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
    return static_cast<T>(value);
  }
  absl::string_view Bytes(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = absl::string_view();
      return rest_;
    }
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  absl::string_view rest() const { return rest_; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

absl::Status BadBinary() {
  return Error(sqlstate::kInvalidBinaryRepresentation, 0, "incorrect binary data format");
}

int64_t Shift(int64_t value, int64_t by, int64_t least, int64_t greatest) {
  return value == least || value == greatest ? value : value + by;
}

void PutNumeric(std::string* out, const Decimal& value) {
  if (!value.is_finite()) {
    Put16(out, 0);
    Put16(out, 0);
    Put16(out, value.is_nan()     ? kNumericNaN
               : value.negative() ? kNumericMinusInfinity
                                  : kNumericInfinity);
    Put16(out, 0);
    return;
  }
  Put16(out, static_cast<int>(value.digits().size()));
  Put16(out, value.weight());
  Put16(out, value.negative() ? kNumericNegative : 0);
  Put16(out, value.scale());
  for (const char16_t digit : value.digits()) Put16(out, digit);
}

absl::StatusOr<Value> TakeNumeric(Reader* in) {
  const auto count = in->Take<uint16_t>();
  const auto weight = in->Take<int16_t>();
  const auto sign = in->Take<uint16_t>();
  const auto scale = in->Take<uint16_t>();
  if (!in->ok()) return BadBinary();
  if (sign == kNumericNaN) return Value(Decimal::NaN().ToBytes());
  if (sign == kNumericInfinity) return Value(Decimal::Infinity(false).ToBytes());
  if (sign == kNumericMinusInfinity) return Value(Decimal::Infinity(true).ToBytes());
  if (sign != 0 && sign != kNumericNegative) {
    return Error(sqlstate::kInvalidBinaryRepresentation, 0,
                 "invalid sign in external \"numeric\" value");
  }
  if (scale > Decimal::kScaleMax) {
    return Error(sqlstate::kInvalidBinaryRepresentation, 0,
                 "invalid scale in external \"numeric\" value");
  }
  Decimal::Digits digits;
  for (uint16_t i = 0; i < count; ++i) {
    const auto digit = in->Take<uint16_t>();
    if (!in->ok()) return BadBinary();
    if (digit >= Decimal::kBase) {
      return Error(sqlstate::kInvalidBinaryRepresentation, 0,
                   "invalid digit in external \"numeric\" value");
    }
    digits.push_back(digit);
  }
  // Digits below the scale are cut, as PostgreSQL does.
  const Decimal value =
      Decimal::FromParts(sign == kNumericNegative, weight, scale, std::move(digits));
  return Value(value.Truncated(scale).ToBytes());
}

std::string ArrayToBinary(TypeId element, const std::string& bytes) {
  std::string out;
  absl::StatusOr<engine::Array> array = engine::DecodeArray(element, bytes);
  if (!array.ok()) array = engine::Array{};
  bool has_null = false;
  for (const Value& value : array->elements) has_null = has_null || IsNull(value);
  Put32(&out, static_cast<int64_t>(array->dimensions.size()));
  Put32(&out, has_null ? 1 : 0);
  Put32(&out, TypeOid(Type{element, 0}));
  for (const engine::ArrayDimension& dimension : array->dimensions) {
    Put32(&out, dimension.length);
    Put32(&out, dimension.lower);
  }
  for (const Value& value : array->elements) {
    if (IsNull(value)) {
      Put32(&out, -1);
      continue;
    }
    const std::string one = ToBinary(Type{element, 0}, value);
    Put32(&out, static_cast<int64_t>(one.size()));
    out += one;
  }
  return out;
}

absl::StatusOr<Value> ArrayFromBinary(TypeId element, Reader* in) {
  const auto dimension_count = in->Take<int32_t>();
  const auto flags = in->Take<int32_t>();
  const auto element_oid = in->Take<uint32_t>();
  if (!in->ok()) return BadBinary();
  if (dimension_count < 0 || dimension_count > static_cast<int32_t>(engine::kArrayDimensionsMax)) {
    return Error(sqlstate::kProgramLimitExceeded, 0,
                 absl::StrCat("number of array dimensions (", dimension_count,
                              ") exceeds the maximum allowed (", engine::kArrayDimensionsMax, ")"));
  }
  if (flags != 0 && flags != 1) {
    return Error(sqlstate::kInvalidBinaryRepresentation, 0, "invalid array flags");
  }
  if (element_oid != TypeOid(Type{element, 0})) {
    return Error(sqlstate::kDatatypeMismatch, 0,
                 absl::StrCat("binary data has array element type ", element_oid,
                              " instead of expected ", TypeOid(Type{element, 0})));
  }
  engine::Array array;
  uint64_t count = dimension_count == 0 ? 0 : 1;
  for (int32_t i = 0; i < dimension_count; ++i) {
    const auto length = in->Take<int32_t>();
    const auto lower = in->Take<int32_t>();
    if (!in->ok() || length < 0) return BadBinary();
    count *= static_cast<uint64_t>(length);
    if (count > in->rest().size()) return BadBinary();
    array.dimensions.push_back({length, lower});
  }
  if (count == 0) array.dimensions.clear();
  for (uint64_t i = 0; i < count; ++i) {
    const auto length = in->Take<int32_t>();
    if (!in->ok() || length < -1) return BadBinary();
    if (length < 0) {
      array.elements.emplace_back();
      continue;
    }
    const absl::string_view bytes = in->Bytes(static_cast<size_t>(length));
    if (!in->ok()) return BadBinary();
    KYRO_ASSIGN_OR_RETURN(Value value, FromBinary(Type{element, 0}, bytes));
    array.elements.push_back(std::move(value));
  }
  if (!in->done()) return BadBinary();
  return Value(engine::EncodeArray(array));
}

void PutFloats(std::string* out, const std::vector<float>& vector, bool half) {
  Put16(out, static_cast<int>(vector.size()));
  Put16(out, 0);
  for (const float element : vector) {
    if (half) {
      Put16(out, engine::FloatToHalf(element));
    } else {
      Put32(out, std::bit_cast<uint32_t>(element));
    }
  }
}

absl::Status ExpectUnusedZero(int64_t unused) {
  if (unused == 0) return absl::OkStatus();
  return Error(sqlstate::kDataException, 0, absl::StrCat("expected unused to be 0, not ", unused));
}

absl::StatusOr<Value> TakeFloats(Reader* in, TypeId id) {
  const bool half = id == TypeId::kHalfvec;
  const auto count = in->Take<int16_t>();
  const auto unused = in->Take<int16_t>();
  if (!in->ok()) return BadBinary();
  KYRO_RETURN_IF_ERROR(CheckVectorDimensions(id, count));
  KYRO_RETURN_IF_ERROR(ExpectUnusedZero(unused));
  std::vector<float> vector;
  for (int16_t i = 0; i < count; ++i) {
    const float element = half ? engine::HalfToFloat(in->Take<uint16_t>())
                               : std::bit_cast<float>(in->Take<uint32_t>());
    if (!in->ok()) return BadBinary();
    KYRO_RETURN_IF_ERROR(CheckVectorElement(id, element));
    vector.push_back(element);
  }
  if (!in->done()) return BadBinary();
  return Value(std::move(vector));
}

absl::StatusOr<Value> TakeSparse(Reader* in) {
  SparseVector sparse;
  sparse.dimensions = in->Take<int32_t>();
  const auto count = in->Take<int32_t>();
  const auto unused = in->Take<int32_t>();
  if (!in->ok()) return BadBinary();
  KYRO_RETURN_IF_ERROR(CheckSparseShape(sparse.dimensions, count));
  KYRO_RETURN_IF_ERROR(ExpectUnusedZero(unused));
  if (in->rest().size() != static_cast<size_t>(count) * 8) return BadBinary();
  for (int32_t i = 0; i < count; ++i) {
    const auto index = in->Take<int32_t>();
    if (index < 0 || index >= sparse.dimensions) {
      return Error(sqlstate::kDataException, 0, "sparsevec index out of bounds");
    }
    if (!sparse.indices.empty() && index <= sparse.indices.back()) {
      return Error(sqlstate::kDataException, 0,
                   index == sparse.indices.back() ? "sparsevec indices must not contain duplicates"
                                                  : "sparsevec indices must be in ascending order");
    }
    sparse.indices.push_back(index);
  }
  for (int32_t i = 0; i < count; ++i) {
    const float value = std::bit_cast<float>(in->Take<uint32_t>());
    KYRO_RETURN_IF_ERROR(CheckVectorElement(TypeId::kSparsevec, value));
    if (value == 0) {
      return Error(sqlstate::kDataException, 0,
                   "binary representation of sparsevec cannot contain zero values");
    }
    sparse.values.push_back(value);
  }
  return Value(EncodeSparse(sparse));
}

}  // namespace

std::span<const TypeInfo> AllTypes() { return kTypes; }

const TypeInfo* FindTypeInfo(TypeId id) {
  if (engine::IsArray(id)) id = engine::ElementOf(id);
  for (const TypeInfo& info : kTypes) {
    if (info.id == id) return &info;
  }
  return nullptr;
}

std::optional<Type> TypeFromOid(uint32_t oid, int32_t modifier) {
  for (const TypeInfo& info : kTypes) {
    if (info.oid != oid && info.array_oid != oid) continue;
    Type type{info.id, 0};
    if (modifier >= 0) {
      switch (info.id) {
        case TypeId::kNumeric:
        case TypeId::kVarchar:
        case TypeId::kChar:
          if (modifier > 4) type.dimensions = static_cast<uint32_t>(modifier - 4);
          break;
        case TypeId::kTime:
        case TypeId::kTimestamp:
        case TypeId::kTimestamptz:
          type.dimensions = static_cast<uint32_t>(modifier) + 1;
          break;
        case TypeId::kInterval:
          if ((modifier & 0xFFFF) != 0xFFFF) {
            type.dimensions = static_cast<uint32_t>(modifier & 0xFFFF) + 1;
          }
          break;
        default:
          type.dimensions = static_cast<uint32_t>(modifier);
          break;
      }
    }
    if (info.oid != oid) type.id = engine::ArrayOf(info.id);
    return type;
  }
  return std::nullopt;
}

uint32_t TypeOid(const Type& type) {
  const TypeInfo* info = FindTypeInfo(type.id);
  if (info == nullptr) return kUnknownOid;
  return engine::IsArray(type.id) ? info->array_oid : info->oid;
}

int32_t TypeModifier(const Type& type) {
  if (type.dimensions == 0) return -1;
  const TypeId id = engine::IsArray(type.id) ? engine::ElementOf(type.id) : type.id;
  const auto modifier = static_cast<int32_t>(type.dimensions);
  switch (id) {
    case TypeId::kNumeric:
    case TypeId::kVarchar:
    case TypeId::kChar:
      return modifier + 4;
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      return modifier - 1;
    case TypeId::kInterval:
      return (0x7FFF << 16) | (modifier - 1);
    default:
      return modifier;
  }
}

int16_t TypeLength(const Type& type) {
  if (engine::IsArray(type.id)) return -1;
  const TypeInfo* info = FindTypeInfo(type.id);
  return info == nullptr ? int16_t{-2} : info->length;
}

std::string ToBinary(const Type& type, const Value& value) {
  std::string out;
  if (engine::IsArray(type.id)) {
    return ArrayToBinary(engine::ElementOf(type.id), std::get<std::string>(value));
  }
  switch (type.id) {
    case TypeId::kBoolean:
      out.push_back(std::get<bool>(value) ? '\x01' : '\0');
      return out;
    case TypeId::kSmallint:
      Put16(&out, static_cast<int>(std::get<int64_t>(value)));
      return out;
    case TypeId::kInteger:
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      Put32(&out, std::get<int64_t>(value));
      return out;
    case TypeId::kBigint:
    case TypeId::kTime:
      Put64(&out, std::get<int64_t>(value));
      return out;
    case TypeId::kDate:
      Put32(&out, Shift(std::get<int64_t>(value), -kEpochDays, INT32_MIN, INT32_MAX));
      return out;
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      Put64(&out, Shift(std::get<int64_t>(value), -kEpochMicros, INT64_MIN, INT64_MAX));
      return out;
    case TypeId::kReal:
      Put32(&out, std::bit_cast<uint32_t>(static_cast<float>(std::get<double>(value))));
      return out;
    case TypeId::kDouble:
      Put64(&out, static_cast<int64_t>(std::bit_cast<uint64_t>(std::get<double>(value))));
      return out;
    case TypeId::kVector:
    case TypeId::kHalfvec:
      PutFloats(&out, std::get<std::vector<float>>(value), type.id == TypeId::kHalfvec);
      return out;
    default:
      break;
  }
  const auto& bytes = std::get<std::string>(value);
  switch (type.id) {
    case TypeId::kNumeric:
      PutNumeric(&out, Decimal::FromBytes(bytes));
      return out;
    case TypeId::kInterval:
      Put64(&out, static_cast<int64_t>(LoadFixed64(bytes.data() + 8)));
      Put32(&out, LoadFixed32(bytes.data() + 4));
      Put32(&out, LoadFixed32(bytes.data()));
      return out;
    case TypeId::kJsonb:
      return absl::StrCat("\x01", bytes);
    case TypeId::kBit:
    case TypeId::kVarbit:
      Put32(&out, LoadFixed32(bytes.data()));
      out.append(bytes, 4);
      return out;
    case TypeId::kSparsevec: {
      const SparseVector sparse = DecodeSparse(bytes);
      Put32(&out, sparse.dimensions);
      Put32(&out, static_cast<int64_t>(sparse.indices.size()));
      Put32(&out, 0);
      for (const int32_t index : sparse.indices) Put32(&out, index);
      for (const float element : sparse.values) Put32(&out, std::bit_cast<uint32_t>(element));
      return out;
    }
    default:
      return bytes;
  }
}

absl::StatusOr<Value> FromBinary(const Type& type, absl::string_view bytes) {
  Reader in(bytes);
  const auto whole = [&](auto value) -> absl::StatusOr<Value> {
    if (!in.done()) return BadBinary();
    return Value(value);
  };
  if (engine::IsArray(type.id)) return ArrayFromBinary(engine::ElementOf(type.id), &in);
  switch (type.id) {
    case TypeId::kBoolean:
      return whole(in.Take<uint8_t>() != 0);
    case TypeId::kSmallint:
      return whole(int64_t{in.Take<int16_t>()});
    case TypeId::kInteger:
      return whole(int64_t{in.Take<int32_t>()});
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      return whole(int64_t{in.Take<uint32_t>()});
    case TypeId::kBigint:
      return whole(in.Take<int64_t>());
    case TypeId::kTime: {
      const auto micros = in.Take<int64_t>();
      if (in.done() && (micros < 0 || micros > int64_t{86400} * 1000000)) {
        return Error(sqlstate::kDatetimeFieldOverflow, 0, "time out of range");
      }
      return whole(micros);
    }
    case TypeId::kDate: {
      const auto days = in.Take<int32_t>();
      const int64_t shifted = Shift(days, kEpochDays, INT32_MIN, INT32_MAX);
      if (in.done() && days != INT32_MAX && shifted > INT32_MAX - 1) {
        return Error(sqlstate::kDatetimeFieldOverflow, 0, "date out of range");
      }
      return whole(shifted);
    }
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz: {
      const auto micros = in.Take<int64_t>();
      if (in.done() && micros != INT64_MAX && micros > INT64_MAX - 1 - kEpochMicros) {
        return Error(sqlstate::kDatetimeFieldOverflow, 0, "timestamp out of range");
      }
      return whole(Shift(micros, kEpochMicros, INT64_MIN, INT64_MAX));
    }
    case TypeId::kReal:
      return whole(static_cast<double>(std::bit_cast<float>(in.Take<uint32_t>())));
    case TypeId::kDouble:
      return whole(std::bit_cast<double>(in.Take<uint64_t>()));
    case TypeId::kVector:
    case TypeId::kHalfvec:
      return TakeFloats(&in, type.id);
    case TypeId::kNumeric: {
      KYRO_ASSIGN_OR_RETURN(Value value, TakeNumeric(&in));
      if (!in.done()) return BadBinary();
      return value;
    }
    case TypeId::kInterval: {
      const auto micros = in.Take<uint64_t>();
      const auto days = in.Take<uint32_t>();
      const auto months = in.Take<uint32_t>();
      std::string out;
      PutFixed32(&out, months);
      PutFixed32(&out, days);
      PutFixed64(&out, micros);
      return whole(std::move(out));
    }
    case TypeId::kUuid:
      if (bytes.size() != 16) return BadBinary();
      return Value(std::string(bytes));
    case TypeId::kJsonb:
      if (bytes.empty() || bytes[0] != 1) {
        return Error(sqlstate::kInternalError, 0,
                     absl::StrCat("unsupported jsonb version number ",
                                  bytes.empty() ? 0 : static_cast<int>(bytes[0])));
      }
      return ParseValue(type, bytes.substr(1));
    case TypeId::kBit:
    case TypeId::kVarbit: {
      const auto count = in.Take<int32_t>();
      if (!in.ok() || count < 0) {
        return Error(sqlstate::kInvalidBinaryRepresentation, 0,
                     "invalid length in external bit string");
      }
      if (in.rest().size() != (static_cast<size_t>(count) + 7) / 8) return BadBinary();
      std::string out;
      PutFixed32(&out, static_cast<uint32_t>(count));
      out.append(in.rest().data(), in.rest().size());
      // Bits beyond the last are zero.
      if (count % 8 != 0) {
        out.back() =
            static_cast<char>(static_cast<uint8_t>(out.back()) & (0xFF << (8 - count % 8)));
      }
      return Value(std::move(out));
    }
    case TypeId::kSparsevec:
      return TakeSparse(&in);
    case TypeId::kBytea:
      return Value(std::string(bytes));
    default:
      return ParseValue(type, bytes);
  }
}

}  // namespace kyrodb::sql
