// What clients give for $1, $2, …
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "sql/session.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

// The type that a plain value has by itself; nullopt where the statement decides.
std::optional<Type> NaturalType(const Parameter& parameter);

// The value of parameter `number` as one of `type`: text is read where the client left the type
// open, and everything is checked that a literal's reader would check.
absl::StatusOr<Value> ConvertParameter(const Parameter& parameter, const Type& type, size_t number);

}  // namespace kyrodb::sql
