// What a key column is compared with, as a value of the column's own type.
#pragma once

#include "sql/types/type.h"

namespace kyrodb::sql {

struct KeyValue {
  // kNone: equal to no key; kBelow, kAbove: outside of the type's range.
  enum class Kind { kValue, kNone, kBelow, kAbove };
  Kind kind = Kind::kNone;
  Value value;
};

// Whether `ToKeyValue` takes this pair of types.
bool IsKeyComparable(TypeId column, TypeId from);
KeyValue ToKeyValue(const Type& column, const Type& from, Value value);

}  // namespace kyrodb::sql
