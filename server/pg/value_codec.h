// Values as the wire carries them: text and binary, and what RowDescription says of a type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::server::pg {

// Appends the value, which is not null.
void AppendText(const engine::Type& type, const engine::Value& value, std::string* out);
void AppendBinary(const engine::Type& type, const engine::Value& value, std::string* out);

// Reads a value that is not null. 22P03 for bytes that are no value of the type; the text form as
// a quoted literal is read.
absl::StatusOr<engine::Value> ReadBinary(const engine::Type& type, absl::string_view bytes);
absl::StatusOr<engine::Value> ReadText(const engine::Type& type, absl::string_view text);

// pg_type.oid, pg_type.typlen and pg_attribute.atttypmod of a type.
uint32_t OidOf(const engine::Type& type);
int16_t LengthOf(const engine::Type& type);
int32_t ModifierOf(const engine::Type& type);
// The type with that oid; nullopt for 0 ("unspecified") and for unknown (705).
absl::StatusOr<std::optional<engine::Type>> TypeOfOid(uint32_t oid);

}  // namespace kyrodb::server::pg
