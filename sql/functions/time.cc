// Dates, times and intervals: operators and functions. now() is the start of the transaction.
// Source: PostgreSQL 15 documentation, section 9.9.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/types/date_field.h"
#include "sql/types/date_time.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {
namespace {

constexpr TypeId kD = TypeId::kDate;
constexpr TypeId kT = TypeId::kTime;
constexpr TypeId kTs = TypeId::kTimestamp;
constexpr TypeId kTz = TypeId::kTimestamptz;
constexpr TypeId kIv = TypeId::kInterval;

Interval AsInterval(const Value* value) { return DecodeInterval(AsText(value)); }

template <typename T>
bool Set(FunctionContext& context, absl::StatusOr<T> value, Value* result) {
  if (!value.ok()) return context.Fail(value.status());
  *result = *std::move(value);
  return true;
}
bool Set(FunctionContext& context, const absl::StatusOr<Interval>& value, Value* result) {
  if (!value.ok()) return context.Fail(value.status());
  *result = EncodeInterval(*value);
  return true;
}

bool OutOfRange(FunctionContext& context, absl::string_view what) {
  return context.Fail(sqlstate::kDatetimeFieldOverflow, absl::StrCat(what, " out of range"));
}

// The session's civil time of an argument of type `id`.
int64_t LocalOf(TypeId id, const Value* value) {
  const int64_t number = AsInt(value);
  if (id == kTz) return ToLocal(number, CurrentTextStyle().zone);
  if (id != kD) return number;
  if (number == kDateInfinity) return kTimestampInfinity;
  if (number == kDateMinusInfinity) return kTimestampMinusInfinity;
  return FromCivil(DayOf(number), 0);
}

template <TypeId id, bool as_double>
bool Extract(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<FieldValue> field = ExtractField(AsText(a[0]), id, *a[1]);
  if (!field.ok()) return context.Fail(field.status());
  if (field->kind == FieldValue::Kind::kNull) {
    *result = Null{};
  } else if constexpr (as_double) {
    *result = field->ToDouble();
  } else {
    *result = field->ToDecimal().ToBytes();
  }
  return true;
}

bool TruncateTimestamp(FunctionContext& context, Arguments a, Value* result) {
  return Set(context, TruncateLocal(AsText(a[0]), AsInt(a[1]), "timestamp without time zone"),
             result);
}

bool TruncateIn(FunctionContext& context, Arguments a, const absl::TimeZone& zone, Value* result) {
  absl::StatusOr<int64_t> local =
      TruncateLocal(AsText(a[0]), ToLocal(AsInt(a[1]), zone), "timestamp with time zone");
  if (!local.ok()) return context.Fail(local.status());
  *result = FromLocal(*local, zone);
  return true;
}

bool FindZoneOr(FunctionContext& context, const std::string& name, absl::TimeZone* zone) {
  const std::optional<absl::TimeZone> found = FindZone(name);
  if (!found.has_value()) {
    return context.Fail(sqlstate::kInvalidParameterValue,
                        absl::StrCat("time zone \"", name, "\" not recognized"));
  }
  *zone = *found;
  return true;
}

bool FromEpoch(FunctionContext& context, Arguments a, Value* result) {
  const double seconds = AsDouble(a[0]);
  if (std::isnan(seconds)) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow, "timestamp cannot be NaN");
  }
  if (std::isinf(seconds)) {
    *result = seconds > 0 ? kTimestampInfinity : kTimestampMinusInfinity;
    return true;
  }
  if (seconds < -210866803200.0 || seconds >= 9223371331200.0) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("timestamp out of range: \"", seconds, "\""));
  }
  *result = static_cast<int64_t>(std::nearbyint(seconds * 1e6));
  return true;
}

template <int sign>
bool DatePlusDays(FunctionContext& context, Arguments a, Value* result) {
  const int64_t days = AsInt(a[0]);
  if (IsInfiniteDate(days)) {
    *result = days;
    return true;
  }
  const int64_t sum = days + sign * AsInt(a[1]);
  if (sum <= kDateMinusInfinity || sum >= kDateInfinity || sum < -2440588 - 365 ||
      sum > 2145042540) {
    return OutOfRange(context, "date");
  }
  *result = sum;
  return true;
}

template <TypeId id, int sign>
bool PlusInterval(FunctionContext& context, Arguments a, Value* result) {
  Interval interval = AsInterval(a[1]);
  if constexpr (sign < 0) {
    absl::StatusOr<Interval> negated = NegateInterval(interval);
    if (!negated.ok()) return context.Fail(negated.status());
    interval = *negated;
  }
  if constexpr (id == kT) {
    const int64_t sum = (AsInt(a[0]) + interval.micros % kDayMicros) % kDayMicros;
    *result = (sum + kDayMicros) % kDayMicros;
    return true;
  } else if constexpr (id == kTz) {
    return Set(context, AddToTimestamptz(AsInt(a[0]), interval, CurrentTextStyle().zone), result);
  } else {
    return Set(context, AddToTimestamp(LocalOf(id, a[0]), interval), result);
  }
}

template <TypeId id>
bool IntervalPlus(FunctionContext& context, Arguments a, Value* result) {
  const Value* swapped[] = {a[1], a[0]};
  return PlusInterval<id, 1>(context, swapped, result);
}

bool TimestampDifference(FunctionContext& context, Arguments a, Value* result) {
  if (IsInfiniteTimestamp(AsInt(a[0])) || IsInfiniteTimestamp(AsInt(a[1]))) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow, "cannot subtract infinite timestamps");
  }
  int64_t micros;
  if (__builtin_sub_overflow(AsInt(a[0]), AsInt(a[1]), &micros)) {
    return OutOfRange(context, "interval");
  }
  *result = EncodeInterval(JustifyHours({0, 0, micros}));
  return true;
}

bool DateDifference(FunctionContext& context, Arguments a, Value* result) {
  if (IsInfiniteDate(AsInt(a[0])) || IsInfiniteDate(AsInt(a[1]))) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow, "cannot subtract infinite dates");
  }
  *result = AsInt(a[0]) - AsInt(a[1]);
  return true;
}

bool DatePlusTime(FunctionContext&, Arguments a, Value* result) {
  const int64_t midnight = LocalOf(kD, a[0]);
  *result = IsInfiniteTimestamp(midnight) ? midnight : midnight + AsInt(a[1]);
  return true;
}

template <TypeId id>
bool AgeBetween(FunctionContext& context, Arguments a, Value* result) {
  const int64_t x = LocalOf(id, a[0]);
  const int64_t y = LocalOf(id, a[1]);
  if (IsInfiniteTimestamp(x) || IsInfiniteTimestamp(y)) {
    return OutOfRange(context, "interval");
  }
  *result = EncodeInterval(Age(x, y));
  return true;
}

template <TypeId id>
bool AgeOfToday(FunctionContext& context, Arguments a, Value* result) {
  const TextStyle& style = CurrentTextStyle();
  const Civil now = ToCivil(ToLocal(context.transaction_micros, style.zone));
  const int64_t x = LocalOf(id, a[0]);
  if (IsInfiniteTimestamp(x)) return OutOfRange(context, "interval");
  *result = EncodeInterval(Age(FromCivil(now.day, 0), x));
  return true;
}

// The start of the stride that holds the point, counted from an origin.
bool Bin(FunctionContext& context, Arguments a, Value* result) {
  const Interval stride = AsInterval(a[0]);
  if (stride.months != 0) {
    return context.Fail(sqlstate::kFeatureNotSupported,
                        "timestamps cannot be binned into intervals containing months or years");
  }
  const Wide width = static_cast<Wide>(stride.days) * kDayMicros + stride.micros;
  if (width <= 0) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow, "stride must be greater than zero");
  }
  if (IsInfiniteTimestamp(AsInt(a[1]))) {
    *result = AsInt(a[1]);
    return true;
  }
  if (IsInfiniteTimestamp(AsInt(a[2]))) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow, "origin out of range");
  }
  const Wide distance = static_cast<Wide>(AsInt(a[1])) - AsInt(a[2]);
  Wide rest = distance % width;
  if (rest < 0) rest += width;
  *result = static_cast<int64_t>(static_cast<Wide>(AsInt(a[1])) - rest);
  return true;
}

bool ValidDate(int64_t year, int64_t month, int64_t day, absl::CivilDay* out) {
  if (year == 0 || month < 1 || month > 12 || day < 1 || day > 31 || year > 5874897 ||
      year < -4713) {
    return false;
  }
  *out = absl::CivilDay(year < 0 ? year + 1 : year, static_cast<int>(month), static_cast<int>(day));
  return out->month() == month && out->day() == day;
}

bool ValidTime(int64_t hour, int64_t minute, double second, int64_t* out) {
  if (hour < 0 || minute < 0 || minute > 59 || !(second >= 0) || second > 60 || hour > 24 ||
      (hour == 24 && (minute > 0 || second > 0))) {
    return false;
  }
  *out = hour * kHourMicros + minute * kMinuteMicros + std::llrint(second * 1e6);
  return *out <= kDayMicros;
}

bool MakeDate(FunctionContext& context, Arguments a, Value* result) {
  absl::CivilDay day;
  if (!ValidDate(AsInt(a[0]), AsInt(a[1]), AsInt(a[2]), &day)) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("date field value out of range: ", AsInt(a[0]), "-",
                                     absl::Dec(AsInt(a[1]), absl::kZeroPad2), "-",
                                     absl::Dec(AsInt(a[2]), absl::kZeroPad2)));
  }
  *result = DaysOf(day);
  return true;
}

bool MakeTime(FunctionContext& context, Arguments a, Value* result) {
  int64_t micros = 0;
  if (!ValidTime(AsInt(a[0]), AsInt(a[1]), AsDouble(a[2]), &micros)) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("time field value out of range: ", AsInt(a[0]), ":",
                                     absl::Dec(AsInt(a[1]), absl::kZeroPad2), ":", AsDouble(a[2])));
  }
  *result = micros;
  return true;
}

bool MakeLocal(FunctionContext& context, Arguments a, int64_t* local) {
  absl::CivilDay day;
  int64_t micros = 0;
  if (!ValidDate(AsInt(a[0]), AsInt(a[1]), AsInt(a[2]), &day) || !IsTimestampDay(day)) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("date field value out of range: ", AsInt(a[0]), "-",
                                     absl::Dec(AsInt(a[1]), absl::kZeroPad2), "-",
                                     absl::Dec(AsInt(a[2]), absl::kZeroPad2)));
  }
  if (!ValidTime(AsInt(a[3]), AsInt(a[4]), AsDouble(a[5]), &micros)) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("time field value out of range: ", AsInt(a[3]), ":",
                                     absl::Dec(AsInt(a[4]), absl::kZeroPad2), ":", AsDouble(a[5])));
  }
  *local = FromCivil(day, micros);
  return true;
}

bool MakeInterval(FunctionContext& context, Arguments a, Value* result) {
  int64_t numbers[6] = {0, 0, 0, 0, 0, 0};
  for (size_t i = 0; i < a.size() && i < 6; ++i) numbers[i] = AsInt(a[i]);
  const double seconds = a.size() == 7 ? AsDouble(a[6]) : 0;
  const Wide months = static_cast<Wide>(numbers[0]) * 12 + numbers[1];
  const Wide days = static_cast<Wide>(numbers[2]) * 7 + numbers[3];
  const Wide micros =
      static_cast<Wide>(numbers[4]) * kHourMicros + static_cast<Wide>(numbers[5]) * kMinuteMicros;
  if (months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN ||
      !(std::fabs(seconds) < 9e12)) {
    return OutOfRange(context, "interval");
  }
  *result = EncodeInterval({static_cast<int32_t>(months), static_cast<int32_t>(days),
                            static_cast<int64_t>(micros) + std::llrint(seconds * 1e6)});
  return true;
}

void AddOperators(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters, Type result,
                         Implementation implementation,
                         Volatility volatility = Volatility::kImmutable) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .volatility = volatility,
                    .is_operator = true});
  };
  add("+", {kD, TypeId::kInteger}, kDateType, &DatePlusDays<1>);
  add("+", {TypeId::kInteger, kD}, kDateType, [](FunctionContext& context, Arguments a, Value* r) {
    const Value* swapped[] = {a[1], a[0]};
    return DatePlusDays<1>(context, swapped, r);
  });
  add("-", {kD, TypeId::kInteger}, kDateType, &DatePlusDays<-1>);
  add("-", {kD, kD}, kIntegerType, &DateDifference);
  add("+", {kD, kT}, kTimestampType, &DatePlusTime);
  add("+", {kT, kD}, kTimestampType, [](FunctionContext& context, Arguments a, Value* r) {
    const Value* swapped[] = {a[1], a[0]};
    return DatePlusTime(context, swapped, r);
  });
  add("+", {kD, kIv}, kTimestampType, &PlusInterval<kD, 1>);
  add("+", {kIv, kD}, kTimestampType, &IntervalPlus<kD>);
  add("-", {kD, kIv}, kTimestampType, &PlusInterval<kD, -1>);
  add("+", {kTs, kIv}, kTimestampType, &PlusInterval<kTs, 1>);
  add("+", {kIv, kTs}, kTimestampType, &IntervalPlus<kTs>);
  add("-", {kTs, kIv}, kTimestampType, &PlusInterval<kTs, -1>);
  add("-", {kTs, kTs}, kIntervalType, &TimestampDifference);
  add("+", {kTz, kIv}, kTimestamptzType, &PlusInterval<kTz, 1>, Volatility::kStable);
  add("+", {kIv, kTz}, kTimestamptzType, &IntervalPlus<kTz>, Volatility::kStable);
  add("-", {kTz, kIv}, kTimestamptzType, &PlusInterval<kTz, -1>, Volatility::kStable);
  add("-", {kTz, kTz}, kIntervalType, &TimestampDifference);
  add("+", {kT, kIv}, kTimeType, &PlusInterval<kT, 1>);
  add("+", {kIv, kT}, kTimeType, &IntervalPlus<kT>);
  add("-", {kT, kIv}, kTimeType, &PlusInterval<kT, -1>);
  add("-", {kT, kT}, kIntervalType, [](FunctionContext&, Arguments a, Value* r) {
    *r = EncodeInterval({0, 0, AsInt(a[0]) - AsInt(a[1])});
    return true;
  });
  add("+", {kIv, kIv}, kIntervalType, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AddIntervals(AsInterval(a[0]), AsInterval(a[1])), r);
  });
  add("-", {kIv, kIv}, kIntervalType, [](FunctionContext& context, Arguments a, Value* r) {
    absl::StatusOr<Interval> negated = NegateInterval(AsInterval(a[1]));
    if (!negated.ok()) return context.Fail(negated.status());
    return Set(context, AddIntervals(AsInterval(a[0]), *negated), r);
  });
  add("-", {kIv}, kIntervalType, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, NegateInterval(AsInterval(a[0])), r);
  });
  add("*", {kIv, TypeId::kDouble}, kIntervalType,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Set(context, MultiplyInterval(AsInterval(a[0]), AsDouble(a[1])), r);
      });
  add("*", {TypeId::kDouble, kIv}, kIntervalType,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Set(context, MultiplyInterval(AsInterval(a[1]), AsDouble(a[0])), r);
      });
  add("/", {kIv, TypeId::kDouble}, kIntervalType,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Set(context, DivideInterval(AsInterval(a[0]), AsDouble(a[1])), r);
      });
}

template <TypeId id>
void AddFields(std::vector<ScalarFunction>* out) {
  const Volatility volatility = id == kTz ? Volatility::kStable : Volatility::kImmutable;
  out->push_back({.name = "extract",
                  .parameters = {TypeId::kText, id},
                  .result = kNumericType,
                  .implementation = &Extract<id, false>,
                  .volatility = volatility});
  out->push_back({.name = "date_part",
                  .parameters = {TypeId::kText, id},
                  .result = kDoubleType,
                  .implementation = &Extract<id, true>,
                  .volatility = volatility});
}

}  // namespace

void AddTime(std::vector<ScalarFunction>* out) {
  AddOperators(out);
  AddFields<kD>(out);
  AddFields<kT>(out);
  AddFields<kTs>(out);
  AddFields<kTz>(out);
  AddFields<kIv>(out);
  const auto add = [out](const char* name, std::vector<TypeId> parameters, Type result,
                         Volatility volatility, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .volatility = volatility});
  };
  constexpr Volatility kStable = Volatility::kStable;
  constexpr Volatility kImmutable = Volatility::kImmutable;
  for (const char* name : {"now", "transaction_timestamp"}) {
    add(name, {}, kTimestamptzType, kStable, [](FunctionContext& context, Arguments, Value* r) {
      *r = context.transaction_micros;
      return true;
    });
  }
  add("statement_timestamp", {}, kTimestamptzType, kStable,
      [](FunctionContext& context, Arguments, Value* r) {
        *r = context.statement_micros;
        return true;
      });
  add("clock_timestamp", {}, kTimestamptzType, Volatility::kVolatile,
      [](FunctionContext& context, Arguments, Value* r) {
        *r = context.clock->WallMicros();
        return true;
      });
  add("current_date", {}, kDateType, kStable, [](FunctionContext& context, Arguments, Value* r) {
    *r = DaysOf(ToCivil(ToLocal(context.transaction_micros, CurrentTextStyle().zone)).day);
    return true;
  });
  add("localtime", {}, kTimeType, kStable, [](FunctionContext& context, Arguments, Value* r) {
    *r = ToCivil(ToLocal(context.transaction_micros, CurrentTextStyle().zone)).micros;
    return true;
  });
  add("localtimestamp", {}, kTimestampType, kStable,
      [](FunctionContext& context, Arguments, Value* r) {
        *r = ToLocal(context.transaction_micros, CurrentTextStyle().zone);
        return true;
      });
  add("date_trunc", {TypeId::kText, kTs}, kTimestampType, kImmutable, &TruncateTimestamp);
  add("date_trunc", {TypeId::kText, kTz}, kTimestamptzType, kStable,
      [](FunctionContext& context, Arguments a, Value* r) {
        return TruncateIn(context, a, CurrentTextStyle().zone, r);
      });
  add("date_trunc", {TypeId::kText, kTz, TypeId::kText}, kTimestamptzType, kStable,
      [](FunctionContext& context, Arguments a, Value* r) {
        absl::TimeZone zone;
        return FindZoneOr(context, AsText(a[2]), &zone) && TruncateIn(context, a, zone, r);
      });
  add("date_trunc", {TypeId::kText, kIv}, kIntervalType, kImmutable,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Set(context, TruncateInterval(AsText(a[0]), AsInterval(a[1])), r);
      });
  add("date_bin", {kIv, kTs, kTs}, kTimestampType, kImmutable, &Bin);
  add("date_bin", {kIv, kTz, kTz}, kTimestamptzType, kImmutable, &Bin);
  add("to_timestamp", {TypeId::kDouble}, kTimestamptzType, kImmutable, &FromEpoch);
  add("age", {kTs, kTs}, kIntervalType, kImmutable, &AgeBetween<kTs>);
  add("age", {kTz, kTz}, kIntervalType, kStable, &AgeBetween<kTz>);
  add("age", {kTs}, kIntervalType, kStable, &AgeOfToday<kTs>);
  add("age", {kTz}, kIntervalType, kStable, &AgeOfToday<kTz>);
  // AT TIME ZONE.
  add("timezone", {TypeId::kText, kTz}, kTimestampType, kImmutable,
      [](FunctionContext& context, Arguments a, Value* r) {
        absl::TimeZone zone;
        if (!FindZoneOr(context, AsText(a[0]), &zone)) return false;
        *r = ToLocal(AsInt(a[1]), zone);
        return true;
      });
  add("timezone", {TypeId::kText, kTs}, kTimestamptzType, kImmutable,
      [](FunctionContext& context, Arguments a, Value* r) {
        absl::TimeZone zone;
        if (!FindZoneOr(context, AsText(a[0]), &zone)) return false;
        *r = FromLocal(AsInt(a[1]), zone);
        return true;
      });
  add("timezone", {kIv, kTz}, kTimestampType, kImmutable,
      [](FunctionContext&, Arguments a, Value* r) {
        *r = AsInt(a[1]) + AsInterval(a[0]).micros;
        return true;
      });
  add("timezone", {kIv, kTs}, kTimestamptzType, kImmutable,
      [](FunctionContext&, Arguments a, Value* r) {
        *r = AsInt(a[1]) - AsInterval(a[0]).micros;
        return true;
      });
  const auto is_finite = [](FunctionContext&, Arguments a, Value* r) {
    *r = !IsInfiniteTimestamp(AsInt(a[0]));
    return true;
  };
  add("isfinite", {kTz}, kBooleanType, kImmutable, is_finite);
  add("isfinite", {kTs}, kBooleanType, kImmutable, is_finite);
  add("isfinite", {kD}, kBooleanType, kImmutable, [](FunctionContext&, Arguments a, Value* r) {
    *r = !IsInfiniteDate(AsInt(a[0]));
    return true;
  });
  add("isfinite", {kIv}, kBooleanType, kImmutable, [](FunctionContext&, Arguments, Value* r) {
    *r = true;
    return true;
  });
  add("justify_hours", {kIv}, kIntervalType, kImmutable,
      [](FunctionContext&, Arguments a, Value* r) {
        *r = EncodeInterval(JustifyHours(AsInterval(a[0])));
        return true;
      });
  add("justify_days", {kIv}, kIntervalType, kImmutable,
      [](FunctionContext&, Arguments a, Value* r) {
        *r = EncodeInterval(JustifyDays(AsInterval(a[0])));
        return true;
      });
  add("justify_interval", {kIv}, kIntervalType, kImmutable,
      [](FunctionContext&, Arguments a, Value* r) {
        *r = EncodeInterval(JustifyInterval(AsInterval(a[0])));
        return true;
      });
  constexpr TypeId kI = TypeId::kInteger;
  add("make_date", {kI, kI, kI}, kDateType, kImmutable, &MakeDate);
  add("make_time", {kI, kI, TypeId::kDouble}, kTimeType, kImmutable, &MakeTime);
  add("make_timestamp", {kI, kI, kI, kI, kI, TypeId::kDouble}, kTimestampType, kImmutable,
      [](FunctionContext& context, Arguments a, Value* r) {
        int64_t local = 0;
        if (!MakeLocal(context, a, &local)) return false;
        *r = local;
        return true;
      });
  add("make_timestamptz", {kI, kI, kI, kI, kI, TypeId::kDouble}, kTimestamptzType, kStable,
      [](FunctionContext& context, Arguments a, Value* r) {
        int64_t local = 0;
        if (!MakeLocal(context, a, &local)) return false;
        *r = FromLocal(local, CurrentTextStyle().zone);
        return true;
      });
  add("make_timestamptz", {kI, kI, kI, kI, kI, TypeId::kDouble, TypeId::kText}, kTimestamptzType,
      kStable, [](FunctionContext& context, Arguments a, Value* r) {
        int64_t local = 0;
        absl::TimeZone zone;
        if (!MakeLocal(context, a, &local) || !FindZoneOr(context, AsText(a[6]), &zone)) {
          return false;
        }
        *r = FromLocal(local, zone);
        return true;
      });
  for (size_t count = 0; count <= 7; ++count) {
    std::vector<TypeId> parameters(std::min<size_t>(count, 6), kI);
    if (count == 7) parameters.push_back(TypeId::kDouble);
    add("make_interval", parameters, kIntervalType, kImmutable, &MakeInterval);
  }
}

}  // namespace kyrodb::sql
