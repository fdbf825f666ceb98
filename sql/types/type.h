// What the language knows of types beyond the engine's: names, the type of an untyped literal,
// which casts exist and when they are taken without being asked for, order and identity of values.
// Source: PostgreSQL 15 documentation, chapter 10 ("Type Conversion").
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/value.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

using engine::IsNull;
using engine::Null;
using engine::Row;
using engine::Type;
using engine::TypeId;
using engine::Value;

// The type of a quoted literal, of NULL and of a parameter before the context says what it is. It
// never leaves the binder.
inline constexpr TypeId kUnknownId = static_cast<TypeId>(0);
inline constexpr Type kUnknownType{kUnknownId, 0};
inline constexpr Type kBooleanType{TypeId::kBoolean, 0};
inline constexpr Type kIntegerType{TypeId::kInteger, 0};
inline constexpr Type kBigintType{TypeId::kBigint, 0};
inline constexpr Type kDoubleType{TypeId::kDouble, 0};
inline constexpr Type kTextType{TypeId::kText, 0};
inline constexpr Type kTimestamptzType{TypeId::kTimestamptz, 0};
inline constexpr Type kByteaType{TypeId::kBytea, 0};
inline constexpr Type kJsonbType{TypeId::kJsonb, 0};
inline constexpr Type kVectorType{TypeId::kVector, 0};
inline constexpr Type kSmallintType{TypeId::kSmallint, 0};
inline constexpr Type kRealType{TypeId::kReal, 0};
inline constexpr Type kNumericType{TypeId::kNumeric, 0};
inline constexpr Type kVarcharType{TypeId::kVarchar, 0};
inline constexpr Type kCharType{TypeId::kChar, 0};
inline constexpr Type kUuidType{TypeId::kUuid, 0};
inline constexpr Type kDateType{TypeId::kDate, 0};
inline constexpr Type kTimeType{TypeId::kTime, 0};
inline constexpr Type kTimestampType{TypeId::kTimestamp, 0};
inline constexpr Type kIntervalType{TypeId::kInterval, 0};
inline constexpr Type kJsonType{TypeId::kJson, 0};
inline constexpr Type kHalfvecType{TypeId::kHalfvec, 0};
inline constexpr Type kSparsevecType{TypeId::kSparsevec, 0};
inline constexpr Type kBitType{TypeId::kBit, 0};
inline constexpr Type kVarbitType{TypeId::kVarbit, 0};
inline constexpr Type kOidType{TypeId::kOid, 0};
inline constexpr Type kNameType{TypeId::kName, 0};
inline constexpr Type kInternalCharType{TypeId::kInternalChar, 0};

using engine::ArrayOf;
using engine::ElementOf;
using engine::IsArray;

inline bool IsInteger(TypeId id) {
  return id == TypeId::kSmallint || id == TypeId::kInteger || id == TypeId::kBigint;
}
inline bool IsNumeric(TypeId id) {
  return IsInteger(id) || id == TypeId::kReal || id == TypeId::kDouble || id == TypeId::kNumeric;
}
// Text of any kind: its values are strings of characters.
inline bool IsString(TypeId id) {
  return id == TypeId::kText || id == TypeId::kVarchar || id == TypeId::kChar ||
         id == TypeId::kName;
}
// PostgreSQL's category: N, S, B, D, T, V, A, Z, U; X for unknown. Each has at most one preferred
// type per use.
char CategoryOf(TypeId id);
bool IsPreferred(TypeId id);
// Whether `=` and `<` exist.
bool HasEquality(TypeId id);
bool HasOrder(TypeId id);

// "integer", "vector" (never with dimensions), "unknown": as PostgreSQL's messages name types.
std::string BaseTypeName(TypeId id);

// When a cast may be taken.
enum class CastContext {
  kImplicit,    // in any expression
  kAssignment,  // to store into a column
  kExplicit,    // only when written
};

// Whether a value of `from` becomes one of `to` in `context`. Unknown casts to everything.
bool CanCast(TypeId from, TypeId to, CastContext context);

// The type that was written. 42704 for a name that is no type, 0A000 for one of PostgreSQL's that
// is not supported; with the position.
absl::StatusOr<Type> ResolveType(const TypeName& name);

// `value`, not null, of type `from`, as `to`: what a cast computes, the modifier included. A cast
// that was written cuts strings to length, others raise 22001.
absl::StatusOr<Value> CastValue(const Type& from, const Type& to, const Value& value,
                                CastContext context = CastContext::kAssignment);

// `value` of a type of this id, made to fit the modifier: rounded, padded, or refused (22000 for
// the dimensions of a vector, 22001, 22003, 22026).
absl::StatusOr<Value> ApplyModifier(const Type& type, Value value, CastContext context);

// <0, 0 or >0 in the type's order; neither value is null. NaN equals NaN and sorts last.
int CompareValues(TypeId id, const Value& left, const Value& right);

// Appends bytes that are equal for two values of one type exactly when the values are not distinct.
void AppendIdentity(TypeId id, const Value& value, std::string* out);

// A fair guess at the memory that a value holds.
inline uint64_t ValueBytes(const Value& value) {
  uint64_t bytes = sizeof(Value);
  if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  if (const auto* vector = std::get_if<std::vector<float>>(&value)) {
    bytes += vector->size() * sizeof(float);
  }
  return bytes;
}
inline uint64_t RowBytes(const Row& row) {
  uint64_t bytes = sizeof(Row);
  for (const Value& value : row) bytes += ValueBytes(value);
  return bytes;
}

}  // namespace kyrodb::sql
