// Points in time: text in and out, truncation and fields. The session's zone is always UTC.
// Source: PostgreSQL 15 documentation, section 8.5 ("Date/Time Types"); ISO 8601.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

// Units:  microseconds since 1970-01-01 00:00:00 UTC.
inline constexpr int64_t kTimestampInfinity = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kTimestampMinusInfinity = std::numeric_limits<int64_t>::min();

// ISO forms, with `T` or a blank between date and time, a zone as Z, UTC, GMT, ±hh[[:]mm[[:]ss]],
// and the words infinity, -infinity and epoch. 22007 for anything else, 22008 for a date that does
// not exist. ("now", "today" and their like are understood by the binder, which knows the time.)
absl::StatusOr<int64_t> ParseTimestamp(absl::string_view text);

// date_trunc: microseconds … millennium; 22023 for an unknown unit.
absl::StatusOr<int64_t> TruncateTimestamp(absl::string_view unit, int64_t micros);
// extract: year, month, day, hour, minute, second, milliseconds, microseconds, dow, isodow, doy,
// week, quarter, decade, century, millennium, epoch, timezone; 22023 for an unknown field.
absl::StatusOr<double> ExtractField(absl::string_view field, int64_t micros);

}  // namespace kyrodb::sql
