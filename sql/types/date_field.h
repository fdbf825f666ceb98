// The calendar's arithmetic: fields of points in time, truncation, ages, and what an interval adds.
// Source: PostgreSQL 15 documentation, section 9.9.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

// What extract gives: a number with the scale that PostgreSQL shows, or null or an infinity for an
// infinite time.
struct FieldValue {
  enum class Kind { kNumber, kNull, kInfinity, kMinusInfinity };
  Kind kind = Kind::kNumber;
  Wide number = 0;
  int scale = 0;

  Decimal ToDecimal() const;
  double ToDouble() const;
};

// extract(field from value) of a date, time, timestamp, timestamptz (in the session's zone) or
// interval. 22023 for a field that is unknown, 0A000 for one that the type has not.
absl::StatusOr<FieldValue> ExtractField(absl::string_view field, TypeId type, const Value& value);

// date_trunc of civil microseconds. 22023.
absl::StatusOr<int64_t> TruncateLocal(absl::string_view unit, int64_t local_micros,
                                      absl::string_view type_name);
absl::StatusOr<Interval> TruncateInterval(absl::string_view unit, const Interval& interval);

// Months first (kept within the month's length), then days, then microseconds; of a timestamptz
// months and days are civil in `zone`. 22008 out of range.
absl::StatusOr<int64_t> AddToTimestamp(int64_t local_micros, const Interval& interval);
absl::StatusOr<int64_t> AddToTimestamptz(int64_t micros, const Interval& interval,
                                         const absl::TimeZone& zone);

// a - b in years, months, days and time.
Interval Age(int64_t a_local_micros, int64_t b_local_micros);

// ISO 8601's week and its year.
int IsoWeek(int64_t days, int64_t* year);

}  // namespace kyrodb::sql
