// generate_series of numerics and times (that of integers streams: execute/source.cc).
#include "engine/base/status.h"
#include "sql/functions/set_function.h"
#include "sql/types/date_field.h"
#include "sql/types/date_time.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/text_style.h"

namespace kyrodb::sql {
namespace {

// What a statement may make of one call; memory limits come after.
constexpr size_t kRowsMax = 50'000'000;

bool TooMany(FunctionContext& context, size_t rows) {
  if (rows < kRowsMax) return false;
  context.Fail(sqlstate::kProgramLimitExceeded, "generate_series gives too many rows");
  return true;
}

bool NumericSeries(FunctionContext& context, Arguments a, std::vector<Row>* rows) {
  Decimal next = Decimal::FromBytes(AsText(a[0]));
  const Decimal last = Decimal::FromBytes(AsText(a[1]));
  const Decimal step = a.size() == 3 ? Decimal::FromBytes(AsText(a[2])) : Decimal(int64_t{1});
  const char* const names[] = {"start", "stop", "step"};
  const Decimal* const values[] = {&next, &last, &step};
  for (size_t i = 0; i < 3; ++i) {
    if (values[i]->is_finite()) continue;
    return context.Fail(sqlstate::kInvalidParameterValue,
                        std::string(names[i]) + (i == 2 ? " size" : " value") + " cannot be " +
                            (values[i]->is_nan() ? "NaN" : "infinity"));
  }
  if (step.is_zero()) {
    return context.Fail(sqlstate::kInvalidParameterValue, "step size cannot equal zero");
  }
  while (step.negative() ? Compare(next, last) >= 0 : Compare(next, last) <= 0) {
    if (TooMany(context, rows->size())) return false;
    rows->push_back({Value(next.ToBytes())});
    next = Add(next, step);
  }
  return true;
}

template <bool has_zone>
bool TimeSeries(FunctionContext& context, Arguments a, std::vector<Row>* rows) {
  int64_t next = AsInt(a[0]);
  const int64_t last = AsInt(a[1]);
  const Interval step = DecodeInterval(AsText(a[2]));
  const int direction = CompareIntervals(step, Interval{});
  if (direction == 0) {
    return context.Fail(sqlstate::kInvalidParameterValue, "step size cannot equal zero");
  }
  if (IsInfiniteTimestamp(next)) return true;
  while (direction > 0 ? next <= last : next >= last) {
    if (TooMany(context, rows->size())) return false;
    rows->push_back({Value(next)});
    const absl::StatusOr<int64_t> following =
        has_zone ? AddToTimestamptz(next, step, CurrentTextStyle().zone)
                 : AddToTimestamp(next, step);
    if (!following.ok()) return context.Fail(following.status());
    next = *following;
  }
  return true;
}

}  // namespace

void AddSeriesFunctions(std::vector<SetFunction>* out) {
  constexpr TypeId kN = TypeId::kNumeric;
  out->push_back({"generate_series", {kN, kN}, {{"", kNumericType}}, &NumericSeries});
  out->push_back({"generate_series", {kN, kN, kN}, {{"", kNumericType}}, &NumericSeries});
  out->push_back({"generate_series",
                  {TypeId::kTimestamp, TypeId::kTimestamp, TypeId::kInterval},
                  {{"", kTimestampType}},
                  &TimeSeries<false>});
  out->push_back({"generate_series",
                  {TypeId::kTimestamptz, TypeId::kTimestamptz, TypeId::kInterval},
                  {{"", kTimestamptzType}},
                  &TimeSeries<true>});
  // Of integers, for resolution and where no scan can stream them.
  for (const TypeId id : {TypeId::kInteger, TypeId::kBigint}) {
    for (const size_t count : {size_t{2}, size_t{3}}) {
      out->push_back({"generate_series",
                      std::vector<TypeId>(count, id),
                      {{"", Type{id, 0}}},
                      [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                        int64_t next = AsInt(a[0]);
                        const int64_t last = AsInt(a[1]);
                        const int64_t step = a.size() == 3 ? AsInt(a[2]) : 1;
                        if (step == 0) {
                          return context.Fail(sqlstate::kInvalidParameterValue,
                                              "step size cannot equal zero");
                        }
                        while (step > 0 ? next <= last : next >= last) {
                          if (TooMany(context, rows->size())) return false;
                          rows->push_back({Value(next)});
                          if (__builtin_add_overflow(next, step, &next)) break;
                        }
                        return true;
                      }});
    }
  }
}

}  // namespace kyrodb::sql
