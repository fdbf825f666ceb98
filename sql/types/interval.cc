#include "sql/types/interval.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/decimal.h"

namespace kyrodb::sql {
namespace {

constexpr int64_t kMonthDays = 30;
constexpr int64_t kYearMonths = 12;

absl::Status BadSyntax(absl::string_view text) {
  return Error(sqlstate::kInvalidDatetimeFormat, 0,
               absl::StrCat("invalid input syntax for type interval: \"", text, "\""));
}
absl::Status FieldOutOfRange(absl::string_view text) {
  return Error("22015", 0, absl::StrCat("interval field value out of range: \"", text, "\""));
}
absl::Status OutOfRange() {
  return Error(sqlstate::kDatetimeFieldOverflow, 0, "interval out of range");
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

enum class Unit {
  kNone,
  kMicrosecond,
  kMillisecond,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kDecade,
  kCentury,
  kMillennium,
};

Unit UnitOf(absl::string_view word) {
  struct Name {
    const char* name;
    Unit unit;
  };
  static constexpr Name kNames[] = {
      {"us", Unit::kMicrosecond},
      {"usec", Unit::kMicrosecond},
      {"usecs", Unit::kMicrosecond},
      {"microsecond", Unit::kMicrosecond},
      {"microseconds", Unit::kMicrosecond},
      {"microsecon", Unit::kMicrosecond},
      {"useconds", Unit::kMicrosecond},
      {"usecond", Unit::kMicrosecond},
      {"ms", Unit::kMillisecond},
      {"msec", Unit::kMillisecond},
      {"msecs", Unit::kMillisecond},
      {"millisecond", Unit::kMillisecond},
      {"milliseconds", Unit::kMillisecond},
      {"mseconds", Unit::kMillisecond},
      {"msecond", Unit::kMillisecond},
      {"s", Unit::kSecond},
      {"sec", Unit::kSecond},
      {"secs", Unit::kSecond},
      {"second", Unit::kSecond},
      {"seconds", Unit::kSecond},
      {"m", Unit::kMinute},
      {"min", Unit::kMinute},
      {"mins", Unit::kMinute},
      {"minute", Unit::kMinute},
      {"minutes", Unit::kMinute},
      {"h", Unit::kHour},
      {"hr", Unit::kHour},
      {"hrs", Unit::kHour},
      {"hour", Unit::kHour},
      {"hours", Unit::kHour},
      {"d", Unit::kDay},
      {"day", Unit::kDay},
      {"days", Unit::kDay},
      {"w", Unit::kWeek},
      {"week", Unit::kWeek},
      {"weeks", Unit::kWeek},
      {"mon", Unit::kMonth},
      {"mons", Unit::kMonth},
      {"month", Unit::kMonth},
      {"months", Unit::kMonth},
      {"qtr", Unit::kQuarter},
      {"quarter", Unit::kQuarter},
      {"y", Unit::kYear},
      {"yr", Unit::kYear},
      {"yrs", Unit::kYear},
      {"year", Unit::kYear},
      {"years", Unit::kYear},
      {"dec", Unit::kDecade},
      {"decs", Unit::kDecade},
      {"decade", Unit::kDecade},
      {"decades", Unit::kDecade},
      {"c", Unit::kCentury},
      {"cent", Unit::kCentury},
      {"century", Unit::kCentury},
      {"centuries", Unit::kCentury},
      {"mil", Unit::kMillennium},
      {"mils", Unit::kMillennium},
      {"millennia", Unit::kMillennium},
      {"millennium", Unit::kMillennium},
  };
  for (const Name& name : kNames) {
    if (word == name.name) return name.unit;
  }
  return Unit::kNone;
}

// Sums up fields of any unit; fractions go down to the next smaller one.
class Collector {
 public:
  // `fraction` is in [0, 1) with the sign of the number.
  bool Add(Unit unit, int64_t whole, double fraction) {
    switch (unit) {
      case Unit::kMicrosecond:
        return AddMicros(static_cast<Wide>(whole), fraction);
      case Unit::kMillisecond:
        return AddMicros(static_cast<Wide>(whole) * 1000, fraction * 1000);
      case Unit::kSecond:
        return AddMicros(static_cast<Wide>(whole) * kSecondMicros, fraction * kSecondMicros);
      case Unit::kMinute:
        return AddMicros(static_cast<Wide>(whole) * kMinuteMicros, fraction * kMinuteMicros);
      case Unit::kHour:
        return AddMicros(static_cast<Wide>(whole) * kHourMicros, fraction * kHourMicros);
      case Unit::kDay:
        days_ += whole;
        return AddMicros(0, fraction * kDayMicros);
      case Unit::kWeek:
        days_ += static_cast<Wide>(whole) * 7;
        return AddDays(fraction * 7);
      case Unit::kMonth:
        months_ += whole;
        return AddDays(fraction * kMonthDays);
      case Unit::kQuarter:
        return AddMonths(static_cast<Wide>(whole) * 3, fraction * 3);
      case Unit::kYear:
        return AddMonths(static_cast<Wide>(whole) * kYearMonths, fraction * kYearMonths);
      case Unit::kDecade:
        return AddMonths(static_cast<Wide>(whole) * kYearMonths * 10, fraction * kYearMonths * 10);
      case Unit::kCentury:
        return AddMonths(static_cast<Wide>(whole) * kYearMonths * 100,
                         fraction * kYearMonths * 100);
      case Unit::kMillennium:
        return AddMonths(static_cast<Wide>(whole) * kYearMonths * 1000,
                         fraction * kYearMonths * 1000);
      case Unit::kNone:
        return false;
    }
    return false;
  }
  bool AddMicros(Wide whole, double fraction) {
    micros_ += whole + static_cast<Wide>(std::llrint(fraction));
    return micros_ <= INT64_MAX && micros_ >= INT64_MIN;
  }
  absl::StatusOr<Interval> Finish(absl::string_view text, bool negate) const {
    const Wide sign = negate ? -1 : 1;
    const Wide months = months_ * sign;
    const Wide days = days_ * sign;
    const Wide micros = micros_ * sign;
    if (months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN ||
        micros > INT64_MAX || micros < INT64_MIN) {
      return FieldOutOfRange(text);
    }
    return Interval{static_cast<int32_t>(months), static_cast<int32_t>(days),
                    static_cast<int64_t>(micros)};
  }

 private:
  bool AddDays(double days) {
    const double whole = std::trunc(days);
    days_ += static_cast<Wide>(whole);
    return AddMicros(0, (days - whole) * kDayMicros);
  }
  bool AddMonths(Wide whole, double fraction) {
    // Parts of a month that a year's fraction leaves are dropped, as PostgreSQL does.
    months_ += whole + static_cast<Wide>(std::llrint(fraction));
    return true;
  }
  Wide months_ = 0;
  Wide days_ = 0;
  Wide micros_ = 0;
};

// A number at the front: sign, digits, fraction.
struct Number {
  bool negative = false;
  bool is_signed = false;
  int64_t whole = 0;
  double fraction = 0;  // with the sign
  bool has_fraction = false;
  bool overflow = false;
};

bool TakeNumber(absl::string_view* text, Number* number) {
  absl::string_view rest = *text;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    number->negative = rest[0] == '-';
    number->is_signed = true;
    rest.remove_prefix(1);
  }
  size_t digits = 0;
  Wide whole = 0;
  while (!rest.empty() && IsDigit(rest[0])) {
    if (whole < static_cast<Wide>(INT64_MAX)) whole = whole * 10 + (rest[0] - '0');
    rest.remove_prefix(1);
    ++digits;
  }
  number->overflow = whole > INT64_MAX;
  number->whole = static_cast<int64_t>(number->overflow ? INT64_MAX : whole);
  if (!rest.empty() && rest[0] == '.') {
    number->has_fraction = true;
    std::string fraction = "0.";
    rest.remove_prefix(1);
    while (!rest.empty() && IsDigit(rest[0])) {
      fraction.push_back(rest[0]);
      rest.remove_prefix(1);
      ++digits;
    }
    number->fraction = std::strtod(fraction.c_str(), nullptr);
  }
  if (digits == 0) return false;
  if (number->negative) {
    number->whole = -number->whole;
    number->fraction = -number->fraction;
  }
  *text = rest;
  return true;
}

absl::StatusOr<Interval> ParseIso(absl::string_view text, absl::string_view rest) {
  Collector sum;
  bool in_time = false;
  bool any = false;
  rest.remove_prefix(1);
  while (!rest.empty()) {
    if (rest[0] == 'T' || rest[0] == 't') {
      if (in_time) return BadSyntax(text);
      in_time = true;
      rest.remove_prefix(1);
      any = false;
      continue;
    }
    Number number;
    if (!TakeNumber(&rest, &number) || rest.empty()) return BadSyntax(text);
    if (number.overflow) return FieldOutOfRange(text);
    Unit unit = Unit::kNone;
    switch (absl::ascii_toupper(static_cast<unsigned char>(rest[0]))) {
      case 'Y':
        unit = in_time ? Unit::kNone : Unit::kYear;
        break;
      case 'M':
        unit = in_time ? Unit::kMinute : Unit::kMonth;
        break;
      case 'W':
        unit = in_time ? Unit::kNone : Unit::kWeek;
        break;
      case 'D':
        unit = in_time ? Unit::kNone : Unit::kDay;
        break;
      case 'H':
        unit = in_time ? Unit::kHour : Unit::kNone;
        break;
      case 'S':
        unit = in_time ? Unit::kSecond : Unit::kNone;
        break;
      default:
        break;
    }
    if (unit == Unit::kNone) return BadSyntax(text);
    if (!sum.Add(unit, number.whole, number.fraction)) return FieldOutOfRange(text);
    any = true;
    rest.remove_prefix(1);
  }
  if (!any) return BadSyntax(text);
  return sum.Finish(text, false);
}

// hours:minutes[:seconds] after `hours`, which has been taken. Minutes and seconds carry its sign.
// Under MINUTE TO SECOND two parts are minutes and seconds.
bool TakeClock(absl::string_view* rest, const Number& first, bool minutes_first, Collector* sum,
               bool* out_of_range) {
  int64_t parts[2] = {0, 0};
  double fraction = 0;
  int count = 0;
  while (count < 2 && !rest->empty() && (*rest)[0] == ':') {
    rest->remove_prefix(1);
    Number part;
    if (rest->empty() || !IsDigit((*rest)[0]) || !TakeNumber(rest, &part)) return false;
    parts[count++] = part.whole;
    fraction = part.fraction;
    if (part.has_fraction) {
      // mm:ss.ffffff, for lack of a third part.
      if (count == 1) minutes_first = true;
      break;
    }
  }
  const int64_t sign = first.negative ? -1 : 1;
  int64_t hours = first.whole;
  int64_t minutes = parts[0] * sign;
  int64_t seconds = parts[1] * sign;
  if (count == 1 && minutes_first) {
    seconds = minutes;
    minutes = hours;
    hours = 0;
  }
  if (parts[0] > 59 || parts[1] > 60) *out_of_range = true;
  if (!sum->AddMicros(static_cast<Wide>(hours) * kHourMicros +
                          static_cast<Wide>(minutes) * kMinuteMicros +
                          static_cast<Wide>(seconds) * kSecondMicros,
                      fraction * static_cast<double>(sign) * kSecondMicros)) {
    *out_of_range = true;
  }
  return true;
}

// The unit of a number without one: the last of the literal's fields, else seconds.
Unit DefaultUnit(absl::string_view fields) {
  const size_t to = fields.find(" to ");
  absl::string_view last = to == absl::string_view::npos ? fields : fields.substr(to + 4);
  const size_t paren = last.find('(');
  if (paren != absl::string_view::npos) last = last.substr(0, paren);
  const Unit unit = UnitOf(last);
  return unit == Unit::kNone ? Unit::kSecond : unit;
}

}  // namespace

std::string EncodeInterval(const Interval& interval) {
  std::string out;
  PutFixed32(&out, static_cast<uint32_t>(interval.months));
  PutFixed32(&out, static_cast<uint32_t>(interval.days));
  PutFixed64(&out, static_cast<uint64_t>(interval.micros));
  return out;
}

Interval DecodeInterval(absl::string_view bytes) {
  if (bytes.size() != 16) return {};
  return {static_cast<int32_t>(LoadFixed32(bytes.data())),
          static_cast<int32_t>(LoadFixed32(bytes.data() + 4)),
          static_cast<int64_t>(LoadFixed64(bytes.data() + 8))};
}

absl::StatusOr<Interval> ParseInterval(absl::string_view text, absl::string_view fields) {
  const std::string lower = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  absl::string_view rest = lower;
  if (rest.empty()) return BadSyntax(text);
  if (rest[0] == 'p') return ParseIso(text, rest);
  Collector sum;
  bool ago = false;
  bool any = false;
  if (rest[0] == '@') rest.remove_prefix(1);
  // A bare number waits for its unit; at the end it has the default one.
  bool pending = false;
  Number waiting;
  const auto flush = [&](Unit unit) {
    pending = false;
    if (waiting.overflow) return false;
    return sum.Add(unit, waiting.whole, waiting.fraction);
  };
  while (true) {
    while (!rest.empty() && absl::ascii_isspace(static_cast<unsigned char>(rest[0]))) {
      rest.remove_prefix(1);
    }
    if (rest.empty()) break;
    if (IsLetter(rest[0])) {
      size_t end = 0;
      while (end < rest.size() && IsLetter(rest[end])) ++end;
      const absl::string_view word = rest.substr(0, end);
      rest.remove_prefix(end);
      if (word == "ago") {
        if (!any || pending || !absl::StripAsciiWhitespace(rest).empty()) return BadSyntax(text);
        ago = true;
        continue;
      }
      const Unit unit = UnitOf(word);
      if (unit == Unit::kNone || !pending) return BadSyntax(text);
      if (!flush(unit)) return FieldOutOfRange(text);
      continue;
    }
    Number number;
    if (pending) {
      // "1 2:03" and "1 2": the first is days before a clock.
      absl::string_view ahead = rest;
      Number peek;
      if (!TakeNumber(&ahead, &peek)) return BadSyntax(text);
      if (ahead.empty() || ahead[0] != ':') return BadSyntax(text);
      if (!flush(Unit::kDay)) return FieldOutOfRange(text);
    }
    if (!TakeNumber(&rest, &number)) return BadSyntax(text);
    any = true;
    if (!rest.empty() && rest[0] == ':' && !number.has_fraction) {
      bool out_of_range = number.overflow;
      const bool minutes_first = absl::StartsWith(fields, "minute to second");
      if (!TakeClock(&rest, number, minutes_first, &sum, &out_of_range)) return BadSyntax(text);
      if (out_of_range) return FieldOutOfRange(text);
      continue;
    }
    if (!rest.empty() && rest[0] == '-' && rest.size() > 1 && IsDigit(rest[1]) &&
        !number.has_fraction) {
      // years-months
      rest.remove_prefix(1);
      Number months;
      if (!TakeNumber(&rest, &months) || months.has_fraction) return BadSyntax(text);
      if (months.whole >= kYearMonths) return FieldOutOfRange(text);
      const int64_t sign = number.negative ? -1 : 1;
      if (!sum.Add(Unit::kYear, number.whole, 0) ||
          !sum.Add(Unit::kMonth, sign * months.whole, 0)) {
        return FieldOutOfRange(text);
      }
      continue;
    }
    waiting = number;
    pending = true;
  }
  if (pending && !flush(DefaultUnit(fields))) return FieldOutOfRange(text);
  if (!any) return BadSyntax(text);
  KYRO_ASSIGN_OR_RETURN(Interval interval, sum.Finish(text, ago));
  // The fields cut what is smaller than the last of them.
  if (!fields.empty()) {
    switch (DefaultUnit(fields)) {
      case Unit::kYear:
        interval = {interval.months / 12 * 12, 0, 0};
        break;
      case Unit::kMonth:
        interval = {interval.months, 0, 0};
        break;
      case Unit::kDay:
        interval.micros = 0;
        break;
      case Unit::kHour:
        interval.micros = interval.micros / kHourMicros * kHourMicros;
        break;
      case Unit::kMinute:
        interval.micros = interval.micros / kMinuteMicros * kMinuteMicros;
        break;
      default:
        break;
    }
  }
  return interval;
}

std::string FormatInterval(const Interval& interval) {
  std::string out;
  bool any = false;
  bool before_negative = false;
  const auto put = [&](int64_t value, absl::string_view unit) {
    if (value == 0) return;
    absl::StrAppend(&out, any ? " " : "", before_negative && value > 0 ? "+" : "", value, " ", unit,
                    value != 1 ? "s" : "");
    any = true;
    before_negative = value < 0;
  };
  put(interval.months / 12, "year");
  put(interval.months % 12, "mon");
  put(interval.days, "day");
  if (any && interval.micros == 0) return out;
  const bool negative = interval.micros < 0;
  uint64_t micros = negative ? uint64_t{0} - static_cast<uint64_t>(interval.micros)
                             : static_cast<uint64_t>(interval.micros);
  const uint64_t fraction = micros % kSecondMicros;
  micros /= kSecondMicros;
  absl::StrAppend(&out, any ? " " : "", negative ? "-" : (before_negative ? "+" : ""));
  absl::StrAppendFormat(&out, "%02d:%02d:%02d", micros / 3600, micros / 60 % 60, micros % 60);
  if (fraction != 0) {
    absl::StrAppendFormat(&out, ".%06d", fraction);
    while (out.back() == '0') out.pop_back();
  }
  return out;
}

int CompareIntervals(const Interval& a, const Interval& b) {
  const auto span = [](const Interval& x) {
    return (static_cast<Wide>(x.months) * kMonthDays + x.days) * kDayMicros + x.micros;
  };
  const Wide x = span(a);
  const Wide y = span(b);
  return x < y ? -1 : (x > y ? 1 : 0);
}

absl::StatusOr<Interval> AddIntervals(const Interval& a, const Interval& b) {
  Interval sum;
  if (__builtin_add_overflow(a.months, b.months, &sum.months) ||
      __builtin_add_overflow(a.days, b.days, &sum.days) ||
      __builtin_add_overflow(a.micros, b.micros, &sum.micros)) {
    return OutOfRange();
  }
  return sum;
}

absl::StatusOr<Interval> NegateInterval(const Interval& a) {
  if (a.months == INT32_MIN || a.days == INT32_MIN || a.micros == INT64_MIN) return OutOfRange();
  return Interval{-a.months, -a.days, -a.micros};
}

namespace {

// Months and days are scaled apart; their fractions go down, rounded to microseconds as PostgreSQL
// rounds them.
absl::StatusOr<Interval> Scale(const Interval& a, double factor) {
  if (std::isnan(factor)) return OutOfRange();
  const double months = a.months * factor;
  const double days = a.days * factor;
  const auto fits32 = [](double x) { return x > INT32_MIN - 1.0 && x < INT32_MAX + 1.0; };
  if (!fits32(months) || !fits32(days)) return OutOfRange();
  Interval result;
  result.months = static_cast<int32_t>(months);
  result.days = static_cast<int32_t>(days);
  const auto round_micros = [](double x) { return std::rint(x * 1000000.0) / 1000000.0; };
  double month_days = round_micros((months - result.months) * kMonthDays);
  double seconds = (days - result.days + month_days - static_cast<int32_t>(month_days)) * 86400.0;
  seconds = round_micros(seconds);
  if (std::fabs(seconds) >= 86400.0) {
    result.days += static_cast<int32_t>(seconds / 86400.0);
    seconds -= static_cast<int32_t>(seconds / 86400.0) * 86400.0;
  }
  result.days += static_cast<int32_t>(month_days);
  const double micros = std::rint(static_cast<double>(a.micros) * factor + seconds * kSecondMicros);
  if (!(micros >= -9223372036854775808.0 && micros < 9223372036854775808.0)) return OutOfRange();
  result.micros = static_cast<int64_t>(micros);
  return result;
}

}  // namespace

absl::StatusOr<Interval> MultiplyInterval(const Interval& a, double factor) {
  return Scale(a, factor);
}

absl::StatusOr<Interval> DivideInterval(const Interval& a, double divisor) {
  if (divisor == 0) return Error(sqlstate::kDivisionByZero, 0, "division by zero");
  const auto divide = [&](double x) { return x / divisor; };
  Interval result;
  const double months = divide(a.months);
  const double days = divide(a.days);
  if (std::isnan(months) || std::fabs(months) > INT32_MAX || std::fabs(days) > INT32_MAX) {
    return OutOfRange();
  }
  result.months = static_cast<int32_t>(months);
  result.days = static_cast<int32_t>(days);
  const auto round_micros = [](double x) { return std::rint(x * 1000000.0) / 1000000.0; };
  double month_days = round_micros((months - result.months) * kMonthDays);
  double seconds = (days - result.days + month_days - static_cast<int32_t>(month_days)) * 86400.0;
  seconds = round_micros(seconds);
  if (std::fabs(seconds) >= 86400.0) {
    result.days += static_cast<int32_t>(seconds / 86400.0);
    seconds -= static_cast<int32_t>(seconds / 86400.0) * 86400.0;
  }
  result.days += static_cast<int32_t>(month_days);
  const double micros = std::rint(divide(static_cast<double>(a.micros)) + seconds * kSecondMicros);
  if (!(micros >= -9223372036854775808.0 && micros < 9223372036854775808.0)) return OutOfRange();
  result.micros = static_cast<int64_t>(micros);
  return result;
}

Interval RoundInterval(const Interval& a, int digits) {
  int64_t unit = 1;
  for (int i = digits; i < 6; ++i) unit *= 10;
  if (unit == 1) return a;
  Interval result = a;
  const int64_t half = a.micros >= 0 ? unit / 2 : -unit / 2;
  result.micros = (a.micros + half) / unit * unit;
  return result;
}

namespace {

void Carry(int64_t* low, int32_t* high, int64_t unit) {
  *high += static_cast<int32_t>(*low / unit);
  *low %= unit;
  if (*high > 0 && *low < 0) {
    *low += unit;
    --*high;
  } else if (*high < 0 && *low > 0) {
    *low -= unit;
    ++*high;
  }
}

}  // namespace

Interval JustifyHours(const Interval& a) {
  Interval result = a;
  Carry(&result.micros, &result.days, kDayMicros);
  return result;
}

Interval JustifyDays(const Interval& a) {
  Interval result = a;
  int64_t days = a.days;
  Carry(&days, &result.months, kMonthDays);
  result.days = static_cast<int32_t>(days);
  return result;
}

Interval JustifyInterval(const Interval& a) {
  Interval result = a;
  result.days += static_cast<int32_t>(result.micros / kDayMicros);
  result.micros %= kDayMicros;
  result.months += static_cast<int32_t>(result.days / kMonthDays);
  result.days %= static_cast<int32_t>(kMonthDays);
  if (result.months > 0 && (result.days < 0 || (result.days == 0 && result.micros < 0))) {
    result.days += static_cast<int32_t>(kMonthDays);
    --result.months;
  } else if (result.months < 0 && (result.days > 0 || (result.days == 0 && result.micros > 0))) {
    result.days -= static_cast<int32_t>(kMonthDays);
    ++result.months;
  }
  if (result.days > 0 && result.micros < 0) {
    result.micros += kDayMicros;
    --result.days;
  } else if (result.days < 0 && result.micros > 0) {
    result.micros -= kDayMicros;
    ++result.days;
  }
  return result;
}

}  // namespace kyrodb::sql
