// Lengths of time: months, days and microseconds, which are kept apart because months and days
// differ in length.
// Source: PostgreSQL 15 documentation, section 8.5.4 ("Interval Input").
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

inline constexpr int64_t kSecondMicros = 1'000'000;
inline constexpr int64_t kMinuteMicros = 60 * kSecondMicros;
inline constexpr int64_t kHourMicros = 60 * kMinuteMicros;
inline constexpr int64_t kDayMicros = 24 * kHourMicros;

// The bytes of a value and back; 16 zeros for anything else.
std::string EncodeInterval(const Interval& interval);
Interval DecodeInterval(absl::string_view bytes);

// PostgreSQL's words ('1 day 02:03:04', '2 hours ago'), ISO 8601 ('P1DT2H'), SQL's ('1-2', '1
// 2:03'). `fields` is what follows the literal: interval '1' day. 22007, 22008, 22015.
absl::StatusOr<Interval> ParseInterval(absl::string_view text, absl::string_view fields = "");
// "1 year 2 mons 3 days 04:05:06.7".
std::string FormatInterval(const Interval& interval);

// <0, 0 or >0, with months of 30 days of 24 hours.
int CompareIntervals(const Interval& a, const Interval& b);

// 22008 "interval out of range".
absl::StatusOr<Interval> AddIntervals(const Interval& a, const Interval& b);
absl::StatusOr<Interval> NegateInterval(const Interval& a);
absl::StatusOr<Interval> MultiplyInterval(const Interval& a, double factor);
absl::StatusOr<Interval> DivideInterval(const Interval& a, double divisor);
// To `digits` after the second's point.
Interval RoundInterval(const Interval& a, int digits);
Interval JustifyHours(const Interval& a);
Interval JustifyDays(const Interval& a);
Interval JustifyInterval(const Interval& a);

}  // namespace kyrodb::sql
