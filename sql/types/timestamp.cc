#include "sql/types/timestamp.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
const absl::CivilDay kEpochDay(1970, 1, 1);
// From 4713 BC as PostgreSQL; to the end of 294246, which is what 64 bits reach from 1970
// (PostgreSQL counts from 2000 and ends in 294276).
const int64_t kDaysMin = absl::CivilDay(-4712, 1, 1) - kEpochDay;
const int64_t kDaysEnd = absl::CivilDay(294247, 1, 1) - kEpochDay;

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

// Reads the front of a text.
class Cursor {
 public:
  explicit Cursor(absl::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }
  bool Take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeWord(absl::string_view word) {
    if (!absl::StartsWithIgnoreCase(rest_, word)) return false;
    if (rest_.size() > word.size() &&
        absl::ascii_isalpha(static_cast<unsigned char>(rest_[word.size()]))) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }
  void SkipBlanks() {
    while (!rest_.empty() && absl::ascii_isspace(static_cast<unsigned char>(rest_[0]))) {
      rest_.remove_prefix(1);
    }
  }
  // Between `min` and `max` digits; -1 when there are not.
  int64_t Digits(int min, int max) {
    int count = 0;
    int64_t value = 0;
    while (count < max && !rest_.empty() &&
           absl::ascii_isdigit(static_cast<unsigned char>(rest_[0]))) {
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
      ++count;
    }
    return count < min ? -1 : value;
  }
  // The digits after a decimal point as microseconds, rounded.
  int64_t Fraction() {
    int64_t value = 0;
    int count = 0;
    bool round_up = false;
    while (!rest_.empty() && absl::ascii_isdigit(static_cast<unsigned char>(rest_[0]))) {
      const int digit = rest_[0] - '0';
      if (count < 6) {
        value = value * 10 + digit;
      } else if (count == 6) {
        round_up = digit >= 5;
      }
      ++count;
      rest_.remove_prefix(1);
    }
    for (; count < 6; ++count) value *= 10;
    return value + (round_up ? 1 : 0);
  }

 private:
  absl::string_view rest_;
};

absl::Status BadSyntax(absl::string_view text) {
  return Error(
      sqlstate::kInvalidDatetimeFormat, 0,
      absl::StrCat("invalid input syntax for type timestamp with time zone: \"", text, "\""));
}
absl::Status OutOfRange(absl::string_view text) {
  return Error(sqlstate::kDatetimeFieldOverflow, 0,
               absl::StrCat("date/time field value out of range: \"", text, "\""));
}

struct Split {
  absl::CivilDay day;
  int64_t micros_of_day;
};
Split SplitMicros(int64_t micros) {
  const int64_t days = FloorDivide(micros, kDay);
  return {kEpochDay + days, micros - days * kDay};
}
int64_t Join(absl::CivilDay day, int64_t micros_of_day) {
  return (day - kEpochDay) * kDay + micros_of_day;
}

// ISO week number; its year is not needed.
int IsoWeek(absl::CivilDay day) {
  const int weekday = static_cast<int>(absl::GetWeekday(day));  // Monday is 0
  const absl::CivilDay thursday = day + (3 - weekday);
  return (absl::GetYearDay(thursday) - 1) / 7 + 1;
}

int64_t FloorTo(int64_t value, int64_t unit) { return FloorDivide(value, unit) * unit; }

}  // namespace

absl::StatusOr<int64_t> ParseTimestamp(absl::string_view text) {
  Cursor in(absl::StripAsciiWhitespace(text));
  if (in.TakeWord("infinity") && in.done()) return kTimestampInfinity;
  if (in.TakeWord("-infinity") && in.done()) return kTimestampMinusInfinity;
  if (in.TakeWord("epoch") && in.done()) return int64_t{0};
  const int64_t year = in.Digits(4, 6);
  if (year < 0 || !in.Take('-')) return BadSyntax(text);
  const int64_t month = in.Digits(1, 2);
  if (month < 0 || !in.Take('-')) return BadSyntax(text);
  const int64_t day = in.Digits(1, 2);
  if (day < 0) return BadSyntax(text);
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  int64_t zone_seconds = 0;
  bool has_time = false;
  if (!in.done()) {
    const bool t = in.Take('T') || in.Take('t');
    in.SkipBlanks();
    if (!in.done() && absl::ascii_isdigit(static_cast<unsigned char>(in.rest()[0]))) {
      has_time = true;
      hour = in.Digits(1, 2);
      if (!in.Take(':')) return BadSyntax(text);
      minute = in.Digits(2, 2);
      if (minute < 0) return BadSyntax(text);
      if (in.Take(':')) {
        second = in.Digits(2, 2);
        if (second < 0) return BadSyntax(text);
        if (in.Take('.')) fraction = in.Fraction();
      }
    } else if (t) {
      return BadSyntax(text);
    }
    in.SkipBlanks();
    if (in.TakeWord("z") || in.TakeWord("utc") || in.TakeWord("gmt")) {
    } else if (!in.done() && (in.rest()[0] == '+' || in.rest()[0] == '-')) {
      if (!has_time) return BadSyntax(text);
      const int64_t sign = in.Take('-') ? -1 : (in.Take('+'), 1);
      const int64_t zone_hour = in.Digits(1, 2);
      if (zone_hour < 0) return BadSyntax(text);
      int64_t zone_minute = 0;
      int64_t zone_second = 0;
      if (in.Take(':') ||
          (!in.done() && absl::ascii_isdigit(static_cast<unsigned char>(in.rest()[0])))) {
        zone_minute = in.Digits(2, 2);
        if (zone_minute < 0) return BadSyntax(text);
        if (in.Take(':')) zone_second = in.Digits(2, 2);
        if (zone_second < 0) return BadSyntax(text);
      }
      if (zone_hour > 15 || zone_minute > 59 || zone_second > 59) {
        return Error("22009", 0,
                     absl::StrCat("time zone displacement out of range: \"", text, "\""));
      }
      zone_seconds = sign * (zone_hour * 3600 + zone_minute * 60 + zone_second);
    }
    in.SkipBlanks();
  }
  bool before_christ = false;
  if (in.TakeWord("bc")) {
    before_christ = true;
  } else {
    in.TakeWord("ad");
  }
  in.SkipBlanks();
  if (!in.done()) return BadSyntax(text);
  if (year == 0 || month < 1 || month > 12 || day < 1 || day > 31) return OutOfRange(text);
  if (hour > 24 || minute > 59 || second > 60 ||
      (hour == 24 && (minute > 0 || second > 0 || fraction > 0))) {
    return OutOfRange(text);
  }
  const absl::CivilDay civil(before_christ ? 1 - year : year, static_cast<int>(month),
                             static_cast<int>(day));
  // A civil day normalises 30 February into March.
  if (civil.month() != month || civil.day() != day) return OutOfRange(text);
  const int64_t days = civil - kEpochDay;
  if (days < kDaysMin || days >= kDaysEnd) {
    return Error(sqlstate::kDatetimeFieldOverflow, 0,
                 absl::StrCat("timestamp out of range: \"", text, "\""));
  }
  const int64_t micros =
      days * kDay + ((hour * 60 + minute) * 60 + second - zone_seconds) * kSecond + fraction;
  return micros;
}

std::string FormatTimestamp(int64_t micros) {
  if (micros == kTimestampInfinity) return "infinity";
  if (micros == kTimestampMinusInfinity) return "-infinity";
  const Split split = SplitMicros(micros);
  const int64_t year = split.day.year();
  const int64_t seconds = split.micros_of_day / kSecond;
  std::string out = absl::StrFormat("%04d-%02d-%02d %02d:%02d:%02d", year > 0 ? year : 1 - year,
                                    split.day.month(), split.day.day(), seconds / 3600,
                                    seconds / 60 % 60, seconds % 60);
  if (const int64_t fraction = split.micros_of_day % kSecond; fraction != 0) {
    absl::StrAppendFormat(&out, ".%06d", fraction);
    while (out.back() == '0') out.pop_back();
  }
  out += "+00";
  if (year <= 0) out += " BC";
  return out;
}

absl::StatusOr<int64_t> TruncateTimestamp(absl::string_view unit_text, int64_t micros) {
  const std::string unit = absl::AsciiStrToLower(unit_text);
  const bool infinite = micros == kTimestampInfinity || micros == kTimestampMinusInfinity;
  const Split split = infinite ? Split{} : SplitMicros(micros);
  const auto year_floor = [&split](int64_t years) {
    // Centuries and millennia begin with year 1.
    const int64_t first = years == 10 || years == 1 ? 0 : 1;
    const int64_t year = split.day.year();
    return Join(absl::CivilDay(FloorDivide(year - first, years) * years + first, 1, 1), 0);
  };
  int64_t result = 0;
  if (unit == "microseconds" || unit == "microsecond") {
    result = micros;
  } else if (unit == "milliseconds" || unit == "millisecond") {
    result = infinite ? 0 : FloorTo(micros, 1000);
  } else if (unit == "second") {
    result = infinite ? 0 : FloorTo(micros, kSecond);
  } else if (unit == "minute") {
    result = infinite ? 0 : FloorTo(micros, 60 * kSecond);
  } else if (unit == "hour") {
    result = infinite ? 0 : FloorTo(micros, 3600 * kSecond);
  } else if (unit == "day") {
    result = infinite ? 0 : FloorTo(micros, kDay);
  } else if (unit == "week") {
    result = infinite ? 0 : Join(split.day - static_cast<int>(absl::GetWeekday(split.day)), 0);
  } else if (unit == "month") {
    result = Join(absl::CivilDay(split.day.year(), split.day.month(), 1), 0);
  } else if (unit == "quarter") {
    result = Join(absl::CivilDay(split.day.year(), (split.day.month() - 1) / 3 * 3 + 1, 1), 0);
  } else if (unit == "year") {
    result = year_floor(1);
  } else if (unit == "decade") {
    result = year_floor(10);
  } else if (unit == "century") {
    result = year_floor(100);
  } else if (unit == "millennium") {
    result = year_floor(1000);
  } else {
    return Error(
        sqlstate::kInvalidParameterValue, 0,
        absl::StrCat("unit \"", unit_text, "\" not recognized for type timestamp with time zone"));
  }
  return infinite ? micros : result;
}

absl::StatusOr<double> ExtractField(absl::string_view field_text, int64_t micros) {
  const std::string field = absl::AsciiStrToLower(field_text);
  const bool infinite = micros == kTimestampInfinity || micros == kTimestampMinusInfinity;
  const Split split = infinite ? Split{} : SplitMicros(micros);
  const double year =
      static_cast<double>(split.day.year() > 0 ? split.day.year() : split.day.year() - 1);
  const int64_t in_minute = split.micros_of_day % (60 * kSecond);
  double result = 0;
  bool grows = true;  // infinity has this field, as infinity
  if (field == "epoch") {
    result = static_cast<double>(micros) / 1e6;
  } else if (field == "year" || field == "years") {
    result = year;
  } else if (field == "decade") {
    result = static_cast<double>(FloorDivide(split.day.year(), 10));
  } else if (field == "century") {
    result = year > 0 ? std::floor((year + 99) / 100) : -std::floor((99 - (year - 0)) / 100);
  } else if (field == "millennium") {
    result = year > 0 ? std::floor((year + 999) / 1000) : -std::floor((999 - year) / 1000);
  } else {
    grows = false;
    if (field == "month") {
      result = split.day.month();
    } else if (field == "day") {
      result = split.day.day();
    } else if (field == "hour") {
      result = static_cast<double>(split.micros_of_day / (3600 * kSecond));
    } else if (field == "minute") {
      result = static_cast<double>(split.micros_of_day / (60 * kSecond) % 60);
    } else if (field == "second") {
      result = static_cast<double>(in_minute) / 1e6;
    } else if (field == "milliseconds") {
      result = static_cast<double>(in_minute) / 1e3;
    } else if (field == "microseconds") {
      result = static_cast<double>(in_minute);
    } else if (field == "dow") {
      result = (static_cast<int>(absl::GetWeekday(split.day)) + 1) % 7;
    } else if (field == "isodow") {
      result = static_cast<int>(absl::GetWeekday(split.day)) + 1;
    } else if (field == "doy") {
      result = absl::GetYearDay(split.day);
    } else if (field == "week") {
      result = IsoWeek(split.day);
    } else if (field == "quarter") {
      result = (split.day.month() - 1) / 3 + 1;
    } else if (field == "timezone" || field == "timezone_hour" || field == "timezone_minute") {
      result = 0;
    } else {
      return Error(sqlstate::kInvalidParameterValue, 0,
                   absl::StrCat("unit \"", field_text,
                                "\" not recognized for type timestamp with time zone"));
    }
  }
  if (infinite) {
    if (!grows) return std::nan("");
    return micros == kTimestampInfinity ? HUGE_VAL : -HUGE_VAL;
  }
  return result;
}

}  // namespace kyrodb::sql
