// Types and values as PostgreSQL's protocol and catalogs have them: numbers of types, modifiers,
// and values in binary format. (Values in text format: format.h.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::sql {

// The type of that number with that modifier (-1: none). Nothing for other numbers.
std::optional<engine::Type> TypeFromOid(uint32_t oid, int32_t modifier = -1);
uint32_t TypeOid(const engine::Type& type);
// atttypmod: -1 without a modifier.
int32_t TypeModifier(const engine::Type& type);
// typlen.
int16_t TypeLength(const engine::Type& type);

// `value`, which is not null, in binary format.
std::string ToBinary(const engine::Type& type, const engine::Value& value);
// 22P03 for bytes that are no such value; otherwise the errors of the type's text form.
absl::StatusOr<engine::Value> FromBinary(const engine::Type& type, absl::string_view bytes);

}  // namespace kyrodb::sql
