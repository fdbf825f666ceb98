// SQL values as JSON.
// Source: PostgreSQL 15 documentation, section 9.16 (to_json).
#pragma once

#include "sql/types/json.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

// Numbers and truth are themselves, arrays arrays, times ISO 8601, everything else its text.
Json ToJson(const Type& type, const Value& value);

}  // namespace kyrodb::sql
