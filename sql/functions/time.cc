// Points in time. now() is the start of the transaction, as in PostgreSQL.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/types/timestamp.h"

namespace kyrodb::sql {
namespace {

bool Extract(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<double> field = ExtractField(AsText(a[0]), AsInt(a[1]));
  if (!field.ok()) return context.Fail(field.status());
  if (std::isnan(*field)) {
    *result = Null{};
  } else {
    *result = *field;
  }
  return true;
}

bool Truncate(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<int64_t> micros = TruncateTimestamp(AsText(a[0]), AsInt(a[1]));
  if (!micros.ok()) return context.Fail(micros.status());
  *result = *micros;
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
  if (seconds < -210866803200.0 || seconds >= 9224318016000.0) {
    return context.Fail(sqlstate::kDatetimeFieldOverflow,
                        absl::StrCat("timestamp out of range: \"", seconds, "\""));
  }
  *result = static_cast<int64_t>(std::nearbyint(seconds * 1e6));
  return true;
}

}  // namespace

void AddTime(std::vector<ScalarFunction>* out) {
  constexpr TypeId kTime = TypeId::kTimestamptz;
  for (const char* name : {"now", "transaction_timestamp"}) {
    out->push_back({.name = name,
                    .parameters = {},
                    .result = kTimestamptzType,
                    .implementation =
                        [](FunctionContext& context, Arguments, Value* r) {
                          *r = context.transaction_micros;
                          return true;
                        },
                    .volatility = Volatility::kStable});
  }
  out->push_back({.name = "statement_timestamp",
                  .parameters = {},
                  .result = kTimestamptzType,
                  .implementation =
                      [](FunctionContext& context, Arguments, Value* r) {
                        *r = context.statement_micros;
                        return true;
                      },
                  .volatility = Volatility::kStable});
  out->push_back({.name = "clock_timestamp",
                  .parameters = {},
                  .result = kTimestamptzType,
                  .implementation =
                      [](FunctionContext& context, Arguments, Value* r) {
                        *r = context.clock->WallMicros();
                        return true;
                      },
                  .volatility = Volatility::kVolatile});
  for (const char* name : {"extract", "date_part"}) {
    out->push_back({.name = name,
                    .parameters = {TypeId::kText, kTime},
                    .result = kDoubleType,
                    .implementation = &Extract});
  }
  out->push_back({.name = "date_trunc",
                  .parameters = {TypeId::kText, kTime},
                  .result = kTimestamptzType,
                  .implementation = &Truncate});
  out->push_back({.name = "to_timestamp",
                  .parameters = {TypeId::kDouble},
                  .result = kTimestamptzType,
                  .implementation = &FromEpoch});
  out->push_back({.name = "isfinite",
                  .parameters = {kTime},
                  .result = kBooleanType,
                  .implementation = [](FunctionContext&, Arguments a, Value* r) {
                    *r =
                        AsInt(a[0]) != kTimestampInfinity && AsInt(a[0]) != kTimestampMinusInfinity;
                    return true;
                  }});
}

}  // namespace kyrodb::sql
