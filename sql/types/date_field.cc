#include "sql/types/date_field.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/date_time.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {
namespace {

int64_t FloorDivide(int64_t a, int64_t b) {
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

absl::Status NotRecognized(absl::string_view field, absl::string_view type) {
  return Error(sqlstate::kInvalidParameterValue, 0,
               absl::StrCat("unit \"", field, "\" not recognized for type ", type));
}
absl::Status NotSupported(absl::string_view field, absl::string_view type) {
  return Error(sqlstate::kFeatureNotSupported, 0,
               absl::StrCat("unit \"", field, "\" not supported for type ", type));
}
absl::Status OutOfRange() {
  return Error(sqlstate::kDatetimeFieldOverflow, 0, "timestamp out of range");
}

// The singular of a unit's name, as far as there are several.
std::string Canonical(absl::string_view field) {
  std::string name = absl::AsciiStrToLower(field);
  struct Alias {
    const char* name;
    const char* canonical;
  };
  static constexpr Alias kAliases[] = {
      {"microsecond", "microseconds"},
      {"us", "microseconds"},
      {"usec", "microseconds"},
      {"usecs", "microseconds"},
      {"useconds", "microseconds"},
      {"millisecond", "milliseconds"},
      {"ms", "milliseconds"},
      {"msec", "milliseconds"},
      {"msecs", "milliseconds"},
      {"mseconds", "milliseconds"},
      {"seconds", "second"},
      {"sec", "second"},
      {"secs", "second"},
      {"s", "second"},
      {"minutes", "minute"},
      {"min", "minute"},
      {"mins", "minute"},
      {"m", "minute"},
      {"hours", "hour"},
      {"h", "hour"},
      {"hr", "hour"},
      {"hrs", "hour"},
      {"days", "day"},
      {"d", "day"},
      {"weeks", "week"},
      {"w", "week"},
      {"months", "month"},
      {"mon", "month"},
      {"mons", "month"},
      {"qtr", "quarter"},
      {"quarters", "quarter"},
      {"years", "year"},
      {"y", "year"},
      {"yr", "year"},
      {"yrs", "year"},
      {"decades", "decade"},
      {"dec", "decade"},
      {"decs", "decade"},
      {"centuries", "century"},
      {"c", "century"},
      {"cent", "century"},
      {"millennia", "millennium"},
      {"mil", "millennium"},
      {"mils", "millennium"},
      {"timezone_h", "timezone_hour"},
      {"timezone_m", "timezone_minute"},
  };
  for (const Alias& alias : kAliases) {
    if (name == alias.name) return alias.canonical;
  }
  return name;
}

// The fields that every civil time has; false for others.
bool CivilField(const std::string& field, const Civil& civil, FieldValue* out) {
  const int64_t year = civil.day.year();
  const int64_t shown = year > 0 ? year : year - 1;
  const auto set = [out](Wide number, int scale = 0) {
    out->number = number;
    out->scale = scale;
    return true;
  };
  const int64_t in_minute = civil.micros % kMinuteMicros;
  if (field == "year") return set(shown);
  if (field == "month") return set(civil.day.month());
  if (field == "day") return set(civil.day.day());
  if (field == "quarter") return set((civil.day.month() - 1) / 3 + 1);
  if (field == "decade") return set(FloorDivide(year, 10));
  if (field == "century") return set(year > 0 ? (year + 99) / 100 : -((99 - shown) / 100));
  if (field == "millennium") return set(year > 0 ? (year + 999) / 1000 : -((999 - shown) / 1000));
  if (field == "dow") return set((static_cast<int>(absl::GetWeekday(civil.day)) + 1) % 7);
  if (field == "isodow") return set(static_cast<int>(absl::GetWeekday(civil.day)) + 1);
  if (field == "doy") return set(absl::GetYearDay(civil.day));
  if (field == "week" || field == "isoyear") {
    int64_t iso_year = 0;
    const int week = IsoWeek(DaysOf(civil.day), &iso_year);
    return set(field == "week" ? Wide{week} : Wide{iso_year > 0 ? iso_year : iso_year - 1});
  }
  if (field == "hour") return set(civil.micros / kHourMicros);
  if (field == "minute") return set(civil.micros / kMinuteMicros % 60);
  if (field == "second") return set(in_minute, 6);
  if (field == "milliseconds") return set(in_minute, 3);
  if (field == "microseconds") return set(in_minute);
  return false;
}

// Julian days with the day's fraction, as long as division gives them.
bool JulianField(const Civil& civil, FieldValue* out) {
  constexpr int64_t kJulianOfEpoch = 2440588;
  const Decimal fraction = *Divide(Decimal(civil.micros), Decimal(kDayMicros));
  const Decimal julian = Add(Decimal(DaysOf(civil.day) + kJulianOfEpoch), fraction);
  // Twenty digits after the point hold every fraction that PostgreSQL shows.
  const Decimal scaled = julian.Rounded(20);
  out->scale = std::min(20, julian.scale());
  Wide number = 0;
  Decimal shifted = scaled;
  for (int i = 0; i < out->scale; ++i) shifted = Multiply(shifted, Decimal(int64_t{10}));
  shifted.ToWide(&number);
  out->number = number;
  return true;
}

// Which fields of infinity grow with it; the others are null.
bool GrowsForEver(const std::string& field) {
  return field == "epoch" || field == "year" || field == "decade" || field == "century" ||
         field == "millennium" || field == "isoyear" || field == "julian";
}

absl::StatusOr<FieldValue> OfPoint(absl::string_view name, TypeId type, int64_t micros) {
  const std::string field = Canonical(name);
  const bool has_zone = type == TypeId::kTimestamptz;
  const absl::TimeZone& zone = CurrentTextStyle().zone;
  FieldValue out;
  const bool infinite = IsInfiniteTimestamp(micros);
  const Civil civil = infinite ? Civil{} : ToCivil(has_zone ? ToLocal(micros, zone) : micros);
  bool known = CivilField(field, civil, &out);
  if (!known && field == "julian") known = JulianField(civil, &out);
  if (!known && field == "epoch") {
    known = true;
    out.number = micros;
    out.scale = 6;
  }
  if (!known && (field == "timezone" || field == "timezone_hour" || field == "timezone_minute")) {
    if (!has_zone) return NotSupported(absl::AsciiStrToLower(name), BaseTypeName(type));
    known = true;
    const int offset = infinite ? 0 : OffsetAt(micros, zone);
    out.number = field == "timezone"        ? offset
                 : field == "timezone_hour" ? offset / 3600
                                            : offset / 60 % 60;
  }
  if (!known) return NotRecognized(absl::AsciiStrToLower(name), BaseTypeName(type));
  if (infinite) {
    out.kind = !GrowsForEver(field)           ? FieldValue::Kind::kNull
               : micros == kTimestampInfinity ? FieldValue::Kind::kInfinity
                                              : FieldValue::Kind::kMinusInfinity;
  }
  return out;
}

absl::StatusOr<FieldValue> OfDate(absl::string_view name, int64_t days) {
  const std::string field = Canonical(name);
  FieldValue out;
  const bool infinite = IsInfiniteDate(days);
  const Civil civil{infinite ? absl::CivilDay() : DayOf(days), 0};
  static constexpr const char* kTimeFields[] = {"hour",          "minute",         "second",
                                                "milliseconds",  "microseconds",   "timezone",
                                                "timezone_hour", "timezone_minute"};
  if (std::find(std::begin(kTimeFields), std::end(kTimeFields), field) != std::end(kTimeFields)) {
    return NotSupported(absl::AsciiStrToLower(name), "date");
  }
  bool known = CivilField(field, civil, &out);
  if (!known && field == "julian") {
    known = true;
    out.number = days + 2440588;
  }
  if (!known && field == "epoch") {
    known = true;
    out.number = static_cast<Wide>(days) * 86400;
  }
  if (!known) return NotRecognized(absl::AsciiStrToLower(name), "date");
  if (infinite) {
    out.kind = !GrowsForEver(field)    ? FieldValue::Kind::kNull
               : days == kDateInfinity ? FieldValue::Kind::kInfinity
                                       : FieldValue::Kind::kMinusInfinity;
  }
  return out;
}

absl::StatusOr<FieldValue> OfTime(absl::string_view name, int64_t micros) {
  const std::string field = Canonical(name);
  FieldValue out;
  if (field == "epoch") {
    out.number = micros;
    out.scale = 6;
    return out;
  }
  if (field == "hour" || field == "minute" || field == "second" || field == "milliseconds" ||
      field == "microseconds") {
    CivilField(field, Civil{absl::CivilDay(), micros}, &out);
    return out;
  }
  FieldValue ignored;
  if (CivilField(field, Civil{}, &ignored) || field == "timezone" || field == "timezone_hour" ||
      field == "timezone_minute" || field == "julian") {
    return NotSupported(absl::AsciiStrToLower(name), "time without time zone");
  }
  return NotRecognized(absl::AsciiStrToLower(name), "time without time zone");
}

absl::StatusOr<FieldValue> OfInterval(absl::string_view name, const Interval& interval) {
  const std::string field = Canonical(name);
  FieldValue out;
  const auto set = [&out](Wide number, int scale = 0) {
    out.number = number;
    out.scale = scale;
    return out;
  };
  const int64_t years = interval.months / 12;
  const int64_t in_minute = interval.micros % kMinuteMicros;
  if (field == "microseconds") return set(in_minute);
  if (field == "milliseconds") return set(in_minute, 3);
  if (field == "second") return set(in_minute, 6);
  if (field == "minute") return set(interval.micros / kMinuteMicros % 60);
  if (field == "hour") return set(interval.micros / kHourMicros);
  if (field == "day") return set(interval.days);
  if (field == "month") return set(interval.months % 12);
  if (field == "quarter") return set(interval.months % 12 / 3 + 1);
  if (field == "year") return set(years);
  if (field == "decade") return set(years / 10);
  if (field == "century") return set(years / 100);
  if (field == "millennium") return set(years / 1000);
  if (field == "epoch") {
    // A year is 365.25 days, a month 30.
    const Wide seconds = static_cast<Wide>(years) * 31557600 +
                         static_cast<Wide>(interval.months % 12) * 30 * 86400 +
                         static_cast<Wide>(interval.days) * 86400;
    return set(seconds * kSecondMicros + interval.micros, 6);
  }
  FieldValue ignored;
  if (CivilField(field, Civil{}, &ignored) || field == "timezone" || field == "julian") {
    return NotSupported(absl::AsciiStrToLower(name), "interval");
  }
  return NotRecognized(absl::AsciiStrToLower(name), "interval");
}

}  // namespace

Decimal FieldValue::ToDecimal() const {
  if (kind == Kind::kInfinity) return Decimal::Infinity(false);
  if (kind == Kind::kMinusInfinity) return Decimal::Infinity(true);
  if (scale == 0) return Decimal(number);
  Wide unit = 1;
  for (int i = 0; i < scale; ++i) unit *= 10;
  return DivideTo(Decimal(number), Decimal(unit), scale, true).WithScale(scale);
}

double FieldValue::ToDouble() const {
  if (kind == Kind::kInfinity) return HUGE_VAL;
  if (kind == Kind::kMinusInfinity) return -HUGE_VAL;
  double unit = 1;
  for (int i = 0; i < scale; ++i) unit *= 10;
  return static_cast<double>(number) / unit;
}

int IsoWeek(int64_t days, int64_t* year) {
  const absl::CivilDay day = DayOf(days);
  const int weekday = static_cast<int>(absl::GetWeekday(day));  // Monday is 0
  const absl::CivilDay thursday = day + (3 - weekday);
  *year = thursday.year();
  return (absl::GetYearDay(thursday) - 1) / 7 + 1;
}

absl::StatusOr<FieldValue> ExtractField(absl::string_view field, TypeId type, const Value& value) {
  switch (type) {
    case TypeId::kDate:
      return OfDate(field, std::get<int64_t>(value));
    case TypeId::kTime:
      return OfTime(field, std::get<int64_t>(value));
    case TypeId::kInterval:
      return OfInterval(field, DecodeInterval(std::get<std::string>(value)));
    default:
      return OfPoint(field, type, std::get<int64_t>(value));
  }
}

absl::StatusOr<int64_t> TruncateLocal(absl::string_view unit_text, int64_t micros,
                                      absl::string_view type_name) {
  const std::string unit = Canonical(unit_text);
  const bool infinite = IsInfiniteTimestamp(micros);
  const Civil civil = infinite ? Civil{} : ToCivil(micros);
  const auto year_floor = [&civil](int64_t years) {
    // Centuries and millennia begin with year 1.
    const int64_t first = years == 10 || years == 1 ? 0 : 1;
    const int64_t year = civil.day.year();
    return FromCivil(absl::CivilDay(FloorDivide(year - first, years) * years + first, 1, 1), 0);
  };
  const auto floor_to = [&](int64_t step) {
    return infinite ? 0 : FromCivil(civil.day, civil.micros / step * step);
  };
  int64_t result = 0;
  if (unit == "microseconds") {
    result = micros;
  } else if (unit == "milliseconds") {
    result = floor_to(1000);
  } else if (unit == "second") {
    result = floor_to(kSecondMicros);
  } else if (unit == "minute") {
    result = floor_to(kMinuteMicros);
  } else if (unit == "hour") {
    result = floor_to(kHourMicros);
  } else if (unit == "day") {
    result = infinite ? 0 : FromCivil(civil.day, 0);
  } else if (unit == "week") {
    result = infinite ? 0 : FromCivil(civil.day - static_cast<int>(absl::GetWeekday(civil.day)), 0);
  } else if (unit == "month") {
    result = FromCivil(absl::CivilDay(civil.day.year(), civil.day.month(), 1), 0);
  } else if (unit == "quarter") {
    result = FromCivil(absl::CivilDay(civil.day.year(), (civil.day.month() - 1) / 3 * 3 + 1, 1), 0);
  } else if (unit == "year") {
    result = year_floor(1);
  } else if (unit == "decade") {
    result = year_floor(10);
  } else if (unit == "century") {
    result = year_floor(100);
  } else if (unit == "millennium") {
    result = year_floor(1000);
  } else {
    return NotRecognized(absl::AsciiStrToLower(unit_text), type_name);
  }
  return infinite ? micros : result;
}

absl::StatusOr<Interval> TruncateInterval(absl::string_view unit_text, const Interval& interval) {
  const std::string unit = Canonical(unit_text);
  Interval out = interval;
  const auto cut = [&out](int32_t months) {
    out.months = out.months / months * months;
    out.days = 0;
    out.micros = 0;
    return out;
  };
  const auto cut_time = [&out](int64_t step) {
    out.micros = out.micros / step * step;
    return out;
  };
  if (unit == "microseconds") return out;
  if (unit == "milliseconds") return cut_time(1000);
  if (unit == "second") return cut_time(kSecondMicros);
  if (unit == "minute") return cut_time(kMinuteMicros);
  if (unit == "hour") return cut_time(kHourMicros);
  if (unit == "day") {
    out.micros = 0;
    return out;
  }
  if (unit == "month") return cut(1);
  if (unit == "quarter") return cut(3);
  if (unit == "year") return cut(12);
  if (unit == "decade") return cut(120);
  if (unit == "century") return cut(1200);
  if (unit == "millennium") return cut(12000);
  if (unit == "week") {
    return WithDetail(NotSupported(absl::AsciiStrToLower(unit_text), "interval"),
                      "Months usually have fractional weeks.");
  }
  return NotRecognized(absl::AsciiStrToLower(unit_text), "interval");
}

absl::StatusOr<int64_t> AddToTimestamp(int64_t micros, const Interval& interval) {
  if (IsInfiniteTimestamp(micros)) return micros;
  Civil civil = ToCivil(micros);
  if (interval.months != 0) {
    const int64_t months =
        civil.day.year() * 12 + (civil.day.month() - 1) + int64_t{interval.months};
    const absl::CivilMonth month(FloorDivide(months, 12),
                                 static_cast<int>(months - FloorDivide(months, 12) * 12) + 1);
    const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
    civil.day = std::min(absl::CivilDay(month) + (civil.day.day() - 1), last);
  }
  civil.day += interval.days;
  if (!IsTimestampDay(civil.day)) return OutOfRange();
  int64_t result;
  if (__builtin_add_overflow(FromCivil(civil.day, civil.micros), interval.micros, &result) ||
      IsInfiniteTimestamp(result) || !IsTimestampDay(ToCivil(result).day)) {
    return OutOfRange();
  }
  return result;
}

absl::StatusOr<int64_t> AddToTimestamptz(int64_t micros, const Interval& interval,
                                         const absl::TimeZone& zone) {
  if (IsInfiniteTimestamp(micros)) return micros;
  if (interval.months != 0 || interval.days != 0) {
    KYRO_ASSIGN_OR_RETURN(
        const int64_t local,
        AddToTimestamp(ToLocal(micros, zone), Interval{interval.months, interval.days, 0}));
    micros = FromLocal(local, zone);
  }
  return AddToTimestamp(micros, Interval{0, 0, interval.micros});
}

Interval Age(int64_t a, int64_t b) {
  const bool negative = a < b;
  if (negative) std::swap(a, b);
  const Civil later = ToCivil(a);
  const Civil earlier = ToCivil(b);
  int64_t months =
      (later.day.year() - earlier.day.year()) * 12 + (later.day.month() - earlier.day.month());
  int64_t days = later.day.day() - earlier.day.day();
  int64_t micros = later.micros - earlier.micros;
  if (micros < 0) {
    micros += kDayMicros;
    --days;
  }
  while (days < 0) {
    // Days are borrowed from the month of the earlier point.
    const absl::CivilMonth month(earlier.day);
    days += absl::CivilDay(month + 1) - absl::CivilDay(month);
    --months;
  }
  Interval out{static_cast<int32_t>(months), static_cast<int32_t>(days), micros};
  if (negative) out = {-out.months, -out.days, -out.micros};
  return out;
}

}  // namespace kyrodb::sql
