// The values of columns: SQL types by number, and one value in memory.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace kyrodb::engine {

// The numbers are part of the file format: never reuse one.
enum class TypeId : uint8_t {
  kBoolean = 1,
  kInteger = 2,      // 32 bits
  kBigint = 3,       // 64 bits
  kDouble = 4,       // IEEE 754 binary64
  kText = 5,         // UTF-8 without NUL
  kTimestamptz = 6,  // microseconds since 1970-01-01 00:00:00 UTC
  kBytea = 7,
  kJsonb = 8,   // text in PostgreSQL's canonical jsonb form
  kVector = 9,  // float32, as pgvector's `vector`
  kSmallint = 10,
  kReal = 11,       // IEEE 754 binary32
  kNumeric = 12,    // any precision
  kVarchar = 13,    // text of bounded length
  kChar = 14,       // text padded with blanks, which do not count
  kUuid = 15,       // 16 bytes
  kDate = 16,       // days since 1970-01-01; the ends of int32 are the infinities
  kTime = 17,       // microseconds since midnight
  kTimestamp = 18,  // as kTimestamptz, of no zone
  kInterval = 19,   // months, days and microseconds
  kJson = 20,       // text as it was written
  kHalfvec = 21,    // float16
  kSparsevec = 22,
  kBit = 23,  // bits of fixed length
  kVarbit = 24,
  // For catalogs: numbers and names of objects.
  kOid = 25,  // 32 bits unsigned
  kName = 26,
  kRegclass = 27,
  kRegtype = 28,
  kInternalChar = 29,  // "char", one byte
  kRegproc = 30,
  kRegnamespace = 31,
};

// An array's type is that of its elements with the highest bit; its values are in
// `engine/array.h`.

inline constexpr bool IsArray(TypeId id) {
  return static_cast<uint8_t>(id) > 128 && static_cast<uint8_t>(id) < 240;
}
inline constexpr TypeId ArrayOf(TypeId element) {
  return static_cast<TypeId>(static_cast<uint8_t>(element) | 128);
}
inline constexpr TypeId ElementOf(TypeId array) {
  return static_cast<TypeId>(static_cast<uint8_t>(array) & 127);
}
// Whether it is one of the numbers above, or an array of one.
bool IsValidType(uint64_t id);

// Which alternative of `Value` holds the values of a type.
enum class Storage { kBoolean, kInteger, kFloat, kBytes, kFloats };

inline constexpr Storage StorageOf(TypeId id) {
  switch (id) {
    case TypeId::kBoolean:
      return Storage::kBoolean;
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
    case TypeId::kTimestamptz:
    case TypeId::kTimestamp:
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kOid:
    case TypeId::kRegclass:
    case TypeId::kRegtype:
    case TypeId::kRegproc:
    case TypeId::kRegnamespace:
      return Storage::kInteger;
    case TypeId::kReal:
    case TypeId::kDouble:
      return Storage::kFloat;
    case TypeId::kVector:
    case TypeId::kHalfvec:
      return Storage::kFloats;
    default:
      return Storage::kBytes;
  }
}

// Units:  `dimensions` is the type's modifier; 0 means none. Of vectors it counts elements; of
//         varchar, char, bit and varbit it is the length; of numeric (precision << 16) | (scale &
//         0x7FF), the scale in two's complement; of times one more than the digits after the
//         second's point. An array has its elements' modifier.
struct Type {
  TypeId id = TypeId::kText;
  uint32_t dimensions = 0;
  friend bool operator==(const Type&, const Type&) = default;
};

inline constexpr uint32_t kVectorDimensionsMax = 16000;

// The SQL name: "bigint", "timestamp with time zone", "vector(256)".
std::string TypeName(const Type& type);

struct Null {
  friend bool operator==(Null, Null) = default;
};

// One value; what its bits mean is said by a `Type` beside it:
// kBoolean → bool; integers, oids, dates, times and timestamps → int64_t; kReal, kDouble → double;
// kVector, kHalfvec → std::vector<float>; everything else → std::string:
// - text, names, bytea, json, jsonb: themselves; kChar: with its padding; kUuid: its 16 bytes;
// - kNumeric: bytes in the order of the values, then two of display scale (`engine/number_key.h`);
// - kInterval: int32 months, int32 days, int64 microseconds, little-endian;
// - kBit, kVarbit: uint32 count of bits, then the bits, the first is the highest of the first byte;
// - kSparsevec: int32 dimensions, int32 count n, int32 index[n] ascending from 0, float value[n];
// - arrays: `engine/array.h`.
using Value = std::variant<Null, bool, int64_t, double, std::string, std::vector<float>>;
using Row = std::vector<Value>;

inline bool IsNull(const Value& value) { return std::holds_alternative<Null>(value); }

}  // namespace kyrodb::engine
