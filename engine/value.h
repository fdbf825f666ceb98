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
};

// Units:  `dimensions` counts elements of a vector; 0 means that any length is accepted.
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
// kBoolean → bool; kInteger, kBigint, kTimestamptz → int64_t; kDouble → double;
// kText, kBytea, kJsonb → std::string; kVector → std::vector<float>.
using Value = std::variant<Null, bool, int64_t, double, std::string, std::vector<float>>;
using Row = std::vector<Value>;

inline bool IsNull(const Value& value) { return std::holds_alternative<Null>(value); }

}  // namespace kyrodb::engine
