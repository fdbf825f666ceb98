// Dates, times of day and points in time: text in and out, calendars and zones.
// Source: PostgreSQL 15 documentation, section 8.5 ("Date/Time Types") and appendix B ("Date/Time
// Support"); ISO 8601.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace kyrodb::sql {

// Units:  microseconds since 1970-01-01 00:00:00, of UTC for timestamptz, of no zone for timestamp.
inline constexpr int64_t kTimestampInfinity = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kTimestampMinusInfinity = std::numeric_limits<int64_t>::min();
// Units:  days since 1970-01-01.
inline constexpr int64_t kDateInfinity = std::numeric_limits<int32_t>::max();
inline constexpr int64_t kDateMinusInfinity = std::numeric_limits<int32_t>::min();

inline bool IsInfiniteTimestamp(int64_t micros) {
  return micros == kTimestampInfinity || micros == kTimestampMinusInfinity;
}
inline bool IsInfiniteDate(int64_t days) {
  return days == kDateInfinity || days == kDateMinusInfinity;
}

// A civil time taken apart. `year` 0 is 1 BC.
struct Civil {
  absl::CivilDay day;
  int64_t micros = 0;  // since midnight
};
Civil ToCivil(int64_t micros);
int64_t FromCivil(absl::CivilDay day, int64_t micros_of_day);
int64_t DaysOf(absl::CivilDay day);
absl::CivilDay DayOf(int64_t days);
// Whether a timestamp of this day is in range (to 294246, from 4714 BC).
bool IsTimestampDay(absl::CivilDay day);

// The zone of that name: IANA's, an abbreviation (UTC, EST, CEST…), an offset (+2, -03:30).
std::optional<absl::TimeZone> FindZone(absl::string_view name);
// Civil time of a point in time in a zone and back; gaps and overlaps as PostgreSQL takes them.
int64_t ToLocal(int64_t micros, const absl::TimeZone& zone);
int64_t FromLocal(int64_t local_micros, const absl::TimeZone& zone);
// Seconds east of Greenwich.
int OffsetAt(int64_t micros, const absl::TimeZone& zone);

// Each reads what PostgreSQL reads with DateStyle "ISO, MDY": ISO forms, month names, m/d/y,
// yyyymmdd, AM/PM, zones by name and offset, BC, and the words now, today, tomorrow, yesterday,
// epoch, infinity, allballs. 22007 for anything else, 22008 for fields out of range, 22023 for an
// unknown zone. The zone is the session's where the text has none.
absl::StatusOr<int64_t> ParseTimestamptz(absl::string_view text);
absl::StatusOr<int64_t> ParseTimestamp(absl::string_view text);
absl::StatusOr<int64_t> ParseDate(absl::string_view text);
absl::StatusOr<int64_t> ParseTime(absl::string_view text);

std::string FormatTimestamptz(int64_t micros);  // in the session's zone
std::string FormatTimestamp(int64_t micros);
std::string FormatDate(int64_t days);
std::string FormatTime(int64_t micros);
// "+02", "-03:30".
std::string FormatOffset(int seconds);

// `micros` rounded to `digits` after the second's point.
int64_t RoundMicros(int64_t micros, int digits);

}  // namespace kyrodb::sql
