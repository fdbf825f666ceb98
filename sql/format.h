// Values as text, in and out, exactly as PostgreSQL (and pgvector, for vectors) prints and reads
// them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"

namespace kyrodb::sql {

// The text form: `t`/`f`, shortest floats that read back the same, `2026-11-20 10:00:00+00`,
// `\x00ff`, `[1,2.5,3]`, `{1,NULL}`. Null gives "" (callers that must tell it apart ask `IsNull`
// first). Points in time are shown in the zone of the session that runs on this thread.
std::string FormatValue(const engine::Type& type, const engine::Value& value);
std::string FormatDouble(double value);
std::string FormatFloat(float value);

// Reads the text form as a quoted literal is read: surrounding blanks allowed where PostgreSQL
// allows them. Errors carry the SQLSTATE that PostgreSQL gives (22P02 bad syntax, 22003 out of
// range, 22007/22008 bad time, 22000 wrong dimensions, 22001 too long) but no position. The type's
// modifier is applied as when a value is stored.
absl::StatusOr<engine::Value> ParseValue(const engine::Type& type, absl::string_view text);

// A SQL literal that reads back as the value (a double as a number of its value): `'it''s'`, `42`,
// `'[1,2]'::vector`.
std::string QuoteLiteral(const engine::Type& type, const engine::Value& value);
// The name, in double quotes where it would not come back the same without them.
std::string QuoteIdentifier(absl::string_view name);

}  // namespace kyrodb::sql
