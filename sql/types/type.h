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

inline bool IsNumeric(TypeId id) {
  return id == TypeId::kInteger || id == TypeId::kBigint || id == TypeId::kDouble;
}

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

// `value`, not null, of type `from`, as `to`: what a cast computes. Dimensions of `to` are checked.
absl::StatusOr<Value> CastValue(const Type& from, const Type& to, const Value& value);

// OK, or 22000 when a vector value does not have the dimensions of `type`.
absl::Status CheckDimensions(const Type& type, const Value& value);

// <0, 0 or >0 in the type's order; neither value is null. NaN equals NaN and sorts last. jsonb has
// no order of its own here: its canonical text decides.
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
