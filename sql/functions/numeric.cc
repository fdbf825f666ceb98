// numeric: operators and functions.
// Source: PostgreSQL 15 documentation, section 9.3.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "sql/functions/function.h"
#include "sql/types/decimal.h"

namespace kyrodb::sql {
namespace {

constexpr int kRoundScaleMax = 2000;

Decimal AsDecimal(const Value* value) { return Decimal::FromBytes(AsText(value)); }

bool Set(FunctionContext& context, const Decimal& value, Value* result) {
  if (value.overflows()) {
    return context.Fail(sqlstate::kNumericValueOutOfRange, "value overflows numeric format");
  }
  *result = value.ToBytes();
  return true;
}

bool Set(FunctionContext& context, absl::StatusOr<Decimal> value, Value* result) {
  if (!value.ok()) return context.Fail(value.status());
  return Set(context, *value, result);
}

template <Decimal (*operation)(const Decimal&, const Decimal&)>
bool Binary(FunctionContext& context, Arguments a, Value* result) {
  return Set(context, operation(AsDecimal(a[0]), AsDecimal(a[1])), result);
}

template <absl::StatusOr<Decimal> (*operation)(const Decimal&, const Decimal&)>
bool Fallible(FunctionContext& context, Arguments a, Value* result) {
  return Set(context, operation(AsDecimal(a[0]), AsDecimal(a[1])), result);
}

template <absl::StatusOr<Decimal> (*operation)(const Decimal&)>
bool FallibleUnary(FunctionContext& context, Arguments a, Value* result) {
  return Set(context, operation(AsDecimal(a[0])), result);
}

bool Gcd(FunctionContext& context, Arguments a, Value* result) {
  Decimal x = AsDecimal(a[0]).Absolute();
  Decimal y = AsDecimal(a[1]).Absolute();
  if (!x.is_finite() || !y.is_finite()) return Set(context, Decimal::NaN(), result);
  const int scale = std::max(x.scale(), y.scale());
  while (!y.is_zero()) {
    absl::StatusOr<Decimal> rest = Modulo(x, y);
    if (!rest.ok()) return context.Fail(rest.status());
    x = std::move(y);
    y = *std::move(rest);
  }
  return Set(context, x.WithScale(scale), result);
}

bool Lcm(FunctionContext& context, Arguments a, Value* result) {
  const Decimal x = AsDecimal(a[0]);
  const Decimal y = AsDecimal(a[1]);
  if (!x.is_finite() || !y.is_finite()) return Set(context, Decimal::NaN(), result);
  const int scale = std::max(x.scale(), y.scale());
  if (x.is_zero() || y.is_zero()) return Set(context, Decimal().WithScale(scale), result);
  Value divisor;
  if (!Gcd(context, a, &divisor)) return false;
  const Decimal product = Multiply(DivideTo(x, AsDecimal(&divisor), 0, false), y);
  return Set(context, product.Absolute().WithScale(scale), result);
}

bool Factorial(FunctionContext& context, Arguments a, Value* result) {
  const int64_t n = AsInt(a[0]);
  if (n < 0) {
    return context.Fail(sqlstate::kNumericValueOutOfRange,
                        "factorial of a negative number is undefined");
  }
  if (n > 32177) {
    return context.Fail(sqlstate::kNumericValueOutOfRange, "value overflows numeric format");
  }
  Decimal product(int64_t{1});
  for (int64_t i = 2; i <= n; ++i) product = Multiply(product, Decimal(i));
  return Set(context, product, result);
}

// The bucket of `x` among `count` of equal width between two bounds.
bool WidthBucket(FunctionContext& context, Arguments a, Value* result) {
  const Decimal x = AsDecimal(a[0]);
  const Decimal low = AsDecimal(a[1]);
  const Decimal high = AsDecimal(a[2]);
  const int64_t count = AsInt(a[3]);
  if (count <= 0) return context.Fail("2201G", "count must be greater than zero");
  if (x.is_nan() || low.is_nan() || high.is_nan()) {
    return context.Fail("2201G", "operand, lower bound, and upper bound cannot be NaN");
  }
  if (!low.is_finite() || !high.is_finite()) {
    return context.Fail("2201G", "lower and upper bounds must be finite");
  }
  const int order = Compare(low, high);
  if (order == 0) return context.Fail("2201G", "lower bound cannot equal upper bound");
  const bool descending = order > 0;
  const auto before = [descending](const Decimal& p, const Decimal& q) {
    return descending ? Compare(p, q) > 0 : Compare(p, q) < 0;
  };
  if (before(x, low)) {
    *result = int64_t{0};
    return true;
  }
  if (!before(x, high)) {
    *result = count + 1;
    return true;
  }
  const Decimal scaled = Multiply(Subtract(x, low), Decimal(count));
  Wide bucket = 0;
  DivideTo(scaled, Subtract(high, low), 0, false).ToWide(&bucket);
  *result = static_cast<int64_t>(bucket) + 1;
  return true;
}

bool WidthBucketDouble(FunctionContext& context, Arguments a, Value* result) {
  const double x = AsDouble(a[0]);
  const double low = AsDouble(a[1]);
  const double high = AsDouble(a[2]);
  const int64_t count = AsInt(a[3]);
  if (count <= 0) return context.Fail("2201G", "count must be greater than zero");
  if (std::isnan(x) || std::isnan(low) || std::isnan(high)) {
    return context.Fail("2201G", "operand, lower bound, and upper bound cannot be NaN");
  }
  if (std::isinf(low) || std::isinf(high)) {
    return context.Fail("2201G", "lower and upper bounds must be finite");
  }
  if (low == high) return context.Fail("2201G", "lower bound cannot equal upper bound");
  const bool descending = low > high;
  if (descending ? x > low : x < low) {
    *result = int64_t{0};
  } else if (descending ? x <= high : x >= high) {
    *result = count + 1;
  } else {
    const double share = (x - low) / (high - low);
    *result = std::min(static_cast<int64_t>(share * static_cast<double>(count)), count - 1) + 1;
  }
  return true;
}

}  // namespace

void AddNumeric(std::vector<ScalarFunction>* out) {
  constexpr TypeId kN = TypeId::kNumeric;
  const auto add = [out](std::vector<const char*> names, std::vector<TypeId> parameters,
                         Implementation implementation, Type result = kNumericType) {
    for (const char* name : names) {
      const std::string text = name;
      out->push_back({.name = text,
                      .parameters = parameters,
                      .result = result,
                      .implementation = implementation,
                      .is_operator = !(text[0] >= 'a' && text[0] <= 'z')});
    }
  };
  add({"+"}, {kN, kN}, &Binary<&Add>);
  add({"-"}, {kN, kN}, &Binary<&Subtract>);
  add({"*"}, {kN, kN}, &Binary<&Multiply>);
  add({"/"}, {kN, kN}, &Fallible<&Divide>);
  add({"%", "mod"}, {kN, kN}, &Fallible<&Modulo>);
  add({"div"}, {kN, kN}, &Fallible<&Quotient>);
  add({"^", "power", "pow"}, {kN, kN}, &Fallible<&Power>);
  add({"sqrt"}, {kN}, &FallibleUnary<&SquareRoot>);
  add({"exp"}, {kN}, &FallibleUnary<&Exponential>);
  add({"ln"}, {kN}, &FallibleUnary<&Logarithm>);
  add({"log"}, {kN, kN}, &Fallible<&Logarithm>);
  add({"log", "log10"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, Logarithm(Decimal(int64_t{10}), AsDecimal(a[0])), r);
  });
  add({"-"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Negated(), r);
  });
  add({"+"}, {kN}, [](FunctionContext&, Arguments a, Value* r) {
    *r = *a[0];
    return true;
  });
  add({"abs", "@"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Absolute(), r);
  });
  add({"ceil", "ceiling"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Ceiling(), r);
  });
  add({"floor"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Floor(), r);
  });
  add({"sign"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    const Decimal x = AsDecimal(a[0]);
    if (x.is_nan()) return Set(context, x, r);
    return Set(context, Decimal(int64_t{x.is_zero() ? 0 : (x.negative() ? -1 : 1)}), r);
  });
  add({"round"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Rounded(0), r);
  });
  add({"trunc"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    return Set(context, AsDecimal(a[0]).Truncated(0), r);
  });
  add({"round"}, {kN, TypeId::kInteger}, [](FunctionContext& context, Arguments a, Value* r) {
    const auto scale = std::clamp<int64_t>(AsInt(a[1]), -kRoundScaleMax, kRoundScaleMax);
    return Set(context, AsDecimal(a[0]).Rounded(static_cast<int>(scale)), r);
  });
  add({"trunc"}, {kN, TypeId::kInteger}, [](FunctionContext& context, Arguments a, Value* r) {
    const auto scale = std::clamp<int64_t>(AsInt(a[1]), -kRoundScaleMax, kRoundScaleMax);
    return Set(context, AsDecimal(a[0]).Truncated(static_cast<int>(scale)), r);
  });
  add(
      {"scale"}, {kN},
      [](FunctionContext&, Arguments a, Value* r) {
        const Decimal x = AsDecimal(a[0]);
        *r = x.is_finite() ? Value(int64_t{x.scale()}) : Value(Null{});
        return true;
      },
      kIntegerType);
  add(
      {"min_scale"}, {kN},
      [](FunctionContext&, Arguments a, Value* r) {
        const Decimal x = AsDecimal(a[0]);
        *r = x.is_finite() ? Value(int64_t{x.minimal_scale()}) : Value(Null{});
        return true;
      },
      kIntegerType);
  add({"trim_scale"}, {kN}, [](FunctionContext& context, Arguments a, Value* r) {
    const Decimal x = AsDecimal(a[0]);
    return Set(context, x.is_finite() ? x.WithScale(x.minimal_scale()) : x, r);
  });
  add({"gcd"}, {kN, kN}, &Gcd);
  add({"lcm"}, {kN, kN}, &Lcm);
  add({"factorial"}, {TypeId::kBigint}, &Factorial);
  add({"width_bucket"}, {kN, kN, kN, TypeId::kInteger}, &WidthBucket, kIntegerType);
  add({"width_bucket"}, {TypeId::kDouble, TypeId::kDouble, TypeId::kDouble, TypeId::kInteger},
      &WidthBucketDouble, kIntegerType);
}

}  // namespace kyrodb::sql
