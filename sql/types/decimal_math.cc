// Roots, exponentials and logarithms to any number of digits: reduce the argument to where a series
// converges quickly, sum it with digits to spare, undo the reduction, round once.
#include <algorithm>
#include <cmath>

#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/decimal.h"

namespace kyrodb::sql {
namespace {

constexpr int kDigitWidth = 4;
constexpr double kLog10OfE = 0.434294481903252;
constexpr double kLogOf10 = 2.302585092994046;
constexpr double kResultScaleMax = 2000;

const Decimal& One() {
  static const Decimal* const kOne = new Decimal(int64_t{1});
  return *kOne;
}

absl::Status Overflow() {
  return Error(sqlstate::kNumericValueOutOfRange, 0, "value overflows numeric format");
}

// A product with at most `scale` digits after the point.
Decimal Times(const Decimal& a, const Decimal& b, int scale) {
  return Multiply(a, b).Rounded(scale);
}

int ClampScale(double scale) {
  return static_cast<int>(std::clamp<double>(scale, 0, Decimal::kDisplayScaleMax));
}

// About the decimal weight of ln(x): how many digits are before its point.
int LogarithmWeight(const Decimal& x) {
  if (x.digits().empty()) return 0;
  const Decimal distance = Subtract(x, One());
  if (Compare(distance.Absolute(), *Decimal::Parse("0.1")) <= 0) {
    if (distance.is_zero()) return 0;
    return distance.weight() * kDigitWidth + static_cast<int>(std::log10(distance.digits()[0]));
  }
  double digits = x.digits()[0];
  int weight = x.weight() * kDigitWidth;
  if (x.digits().size() > 1) {
    digits = digits * Decimal::kBase + x.digits()[1];
    weight -= kDigitWidth;
  }
  return static_cast<int>(std::log10(std::fabs(std::log(digits) + weight * kLogOf10)));
}

// ln(x) for positive x: square roots bring it near one, then twice the area tangent's series.
Decimal LogarithmTo(const Decimal& x, int scale) {
  if (Compare(x, One()) == 0) return Decimal().WithScale(scale);
  Decimal reduced = x;
  int64_t factor = 2;
  // Each root halves the logarithm and, with it, the digits that doubling brings back.
  const int working = std::max(scale, 0) + 12 + std::abs(x.weight()) / 2 +
                      (x.weight() < 0 ? -x.weight() * kDigitWidth : 0);
  const Decimal low = *Decimal::Parse("0.9");
  const Decimal high = *Decimal::Parse("1.1");
  while (Compare(reduced, low) < 0 || Compare(reduced, high) > 0) {
    const int root_scale = std::max(working - reduced.weight() * kDigitWidth / 2, working);
    reduced = SquareRootTo(reduced, root_scale);
    factor *= 2;
  }
  const int digits = working + static_cast<int>(std::log10(static_cast<double>(factor))) + 4;
  const Decimal ratio = DivideTo(Subtract(reduced, One()), Add(reduced, One()), digits, true);
  const Decimal square = Times(ratio, ratio, digits);
  Decimal power = ratio;
  Decimal sum = ratio;
  for (int64_t n = 3;; n += 2) {
    power = Times(power, square, digits);
    if (power.is_zero()) break;
    const Decimal term = DivideTo(power, Decimal(n), digits, true);
    if (term.is_zero()) break;
    sum = Add(sum, term);
  }
  return Times(sum, Decimal(factor), std::max(scale, 0));
}

// e^x: halved until small, Taylor's series, squared back.
absl::StatusOr<Decimal> ExponentialTo(const Decimal& x, int scale) {
  const double estimate = x.ToDouble();
  if (std::fabs(estimate) >= kResultScaleMax * 3) {
    if (estimate > 0) return Overflow();
    return Decimal().WithScale(scale);
  }
  const double result_weight = estimate * kLog10OfE;
  // Relative precision: the digits before the point count too, and each squaring costs some.
  int halvings = 0;
  double small = std::fabs(estimate);
  while (small > 0.01) {
    small /= 2;
    ++halvings;
  }
  const int digits =
      std::max(0, scale + static_cast<int>(std::max(result_weight, 0.0))) + 12 + halvings;
  Decimal divisor = One();
  for (int i = 0; i < halvings; ++i) divisor = Add(divisor, divisor);
  const Decimal reduced = DivideTo(x, divisor, digits + 8, true);
  Decimal sum = Add(One(), reduced);
  Decimal term = reduced;
  for (int64_t n = 2; !term.is_zero(); ++n) {
    term = DivideTo(Times(term, reduced, digits + 8), Decimal(n), digits + 8, true);
    sum = Add(sum, term);
  }
  for (int i = 0; i < halvings; ++i) {
    // A small result of a large negative argument needs its digits below the point.
    const int kept = digits + 8 - (sum.weight() < 0 ? sum.weight() * kDigitWidth : 0);
    sum = Times(sum, sum, std::min(kept, 4000));
  }
  return sum.Rounded(scale);
}

absl::StatusOr<Decimal> IntegerPower(const Decimal& base, int64_t exponent, int scale) {
  if (exponent == 0) return One().WithScale(scale);
  if (exponent == 1) return base.Rounded(scale);
  if (exponent == -1) {
    if (base.is_zero()) return Error(sqlstate::kDivisionByZero, 0, "division by zero");
    return DivideTo(One(), base, scale, true);
  }
  if (exponent == 2) return Times(base, base, scale);
  if (base.is_zero()) {
    if (exponent < 0) return Error(sqlstate::kDivisionByZero, 0, "division by zero");
    return Decimal().WithScale(scale);
  }
  double leading = base.digits()[0];
  int weight = base.weight() * kDigitWidth;
  for (size_t i = 1; i < base.digits().size() && i < 4; ++i) {
    leading = leading * Decimal::kBase + base.digits()[i];
    weight -= kDigitWidth;
  }
  const double result_weight = static_cast<double>(exponent) * (std::log10(leading) + weight);
  if (result_weight > 4.0 * Decimal::kWeightMax) return Overflow();
  if (result_weight + 1 < -scale) return Decimal().WithScale(scale);
  // Significant digits to carry: those of the result, and what the multiplications lose.
  const int significant = 1 + scale + static_cast<int>(result_weight) +
                          static_cast<int>(std::log(std::fabs(static_cast<double>(exponent)))) + 12;
  const auto keep = [significant](const Decimal& x) {
    const int digits = significant - x.weight() * kDigitWidth;
    return digits < x.scale() ? x.Rounded(std::max(digits, -4 * (x.weight() + 1))) : x;
  };
  const bool negative = exponent < 0;
  auto bits = static_cast<uint64_t>(negative ? -exponent : exponent);
  Decimal power = base;
  Decimal result = (bits & 1) != 0 ? base : One();
  while ((bits >>= 1) != 0) {
    power = keep(Multiply(power, power));
    if ((bits & 1) != 0) result = keep(Multiply(result, power));
    if (power.weight() > 3 * Decimal::kWeightMax || result.weight() > 3 * Decimal::kWeightMax) {
      if (negative) return Decimal().WithScale(scale);
      return Overflow();
    }
    if (power.is_zero()) break;
  }
  if (!negative) return result.Rounded(scale);
  if (result.is_zero()) return Overflow();
  return DivideTo(One(), result, scale, true);
}

absl::Status CheckLogarithm(const Decimal& x) {
  if (x.is_zero()) return Error("2201E", 0, "cannot take logarithm of zero");
  if (x.negative()) return Error("2201E", 0, "cannot take logarithm of a negative number");
  return absl::OkStatus();
}

absl::StatusOr<Decimal> FinitePower(const Decimal& base, const Decimal& exponent) {
  if (base.is_zero() && exponent.negative()) {
    return Error("2201F", 0, "zero raised to a negative power is undefined");
  }
  if (base.negative() && !exponent.is_integer()) {
    return Error("2201F", 0,
                 "a negative number raised to a non-integer power yields a complex result");
  }
  Wide whole = 0;
  if (exponent.is_integer() && exponent.ToWide(&whole) && whole >= INT32_MIN &&
      whole <= INT32_MAX) {
    const int scale = ClampScale(std::max(Decimal::kSignificantDigitsMin, base.scale()));
    KYRO_ASSIGN_OR_RETURN(Decimal result, IntegerPower(base, static_cast<int64_t>(whole), scale));
    if (result.overflows()) return Overflow();
    return result;
  }
  if (base.is_zero()) return Decimal().WithScale(Decimal::kSignificantDigitsMin);
  bool negative_result = false;
  Decimal magnitude = base;
  if (base.negative()) {
    // An integer too large for the way above: its last bit decides the sign.
    negative_result = !Modulo(exponent, Decimal(int64_t{2}))->is_zero();
    magnitude = base.Absolute();
  }
  const int logarithm_weight = LogarithmWeight(magnitude);
  const int first_scale = ClampScale(8 - logarithm_weight);
  const double estimate =
      Times(LogarithmTo(magnitude, first_scale), exponent, first_scale).ToDouble();
  if (std::fabs(estimate) > kResultScaleMax * 3.01) {
    if (estimate > 0) return Overflow();
    return Decimal().WithScale(Decimal::kDisplayScaleMax);
  }
  const double weight = estimate * kLog10OfE;
  const int scale = ClampScale(
      std::max<double>({Decimal::kSignificantDigitsMin - std::trunc(weight),
                        static_cast<double>(base.scale()), static_cast<double>(exponent.scale())}));
  const int working = std::max(scale + static_cast<int>(weight) - logarithm_weight + 12, 0) +
                      (exponent.weight() > 0 ? exponent.weight() * kDigitWidth : 0);
  const Decimal product =
      Multiply(LogarithmTo(magnitude, working), exponent).Rounded(working + kDigitWidth);
  KYRO_ASSIGN_OR_RETURN(Decimal result, ExponentialTo(product, scale));
  if (result.overflows()) return Overflow();
  return negative_result ? result.Negated() : result;
}

}  // namespace

Decimal SquareRootTo(const Decimal& x, int scale) {
  if (x.is_zero()) return Decimal().WithScale(std::max(0, scale));
  // Newton's iteration from a double's guess; the digits that are right double each time.
  const int digits = std::max(scale, -x.weight() * kDigitWidth / 2 - kDigitWidth) + kDigitWidth;
  // The guess: the mantissa's root, moved by half the weight.
  const int half_weight = x.weight() >= 0 ? x.weight() / 2 : -((-x.weight() + 1) / 2);
  Decimal mantissa =
      Decimal::FromParts(false, x.weight() - 2 * half_weight, 40, x.digits()).Rounded(20);
  const Decimal near = Decimal::FromDouble(std::sqrt(mantissa.ToDouble()), 17);
  Decimal root = Decimal::FromParts(false, near.weight() + half_weight, digits, near.digits());
  const Decimal half = *Decimal::Parse("0.5");
  for (int right = 14;; right *= 2) {
    root = Times(Add(root, DivideTo(x, root, digits, true)), half, digits);
    if (right > 2 * (digits + (x.weight() + 2) * kDigitWidth)) break;
  }
  // The iteration may end one unit beside the root; a root that is exact must come out so.
  Decimal rounded = root.Rounded(std::max(0, scale));
  return rounded;
}

absl::StatusOr<Decimal> SquareRoot(const Decimal& x) {
  if (x.is_nan()) return x;
  if (x.negative()) return Error("2201F", 0, "cannot take square root of a negative number");
  if (!x.is_finite()) return x;
  const int weight = x.weight() * kDigitWidth / 2 + 1;
  const int scale = ClampScale(std::max(Decimal::kSignificantDigitsMin - weight, x.scale()));
  return SquareRootTo(x, scale);
}

absl::StatusOr<Decimal> Exponential(const Decimal& x) {
  if (x.is_nan()) return x;
  if (!x.is_finite()) return x.negative() ? Decimal() : x;
  const double weight = std::clamp(x.ToDouble() * kLog10OfE, -kResultScaleMax, kResultScaleMax);
  const int scale =
      ClampScale(std::max<double>(Decimal::kSignificantDigitsMin - std::trunc(weight), x.scale()));
  return ExponentialTo(x, scale);
}

absl::StatusOr<Decimal> Logarithm(const Decimal& x) {
  if (x.is_nan()) return x;
  KYRO_RETURN_IF_ERROR(CheckLogarithm(x));
  if (!x.is_finite()) return x;
  const int scale =
      ClampScale(std::max(Decimal::kSignificantDigitsMin - LogarithmWeight(x), x.scale()));
  return LogarithmTo(x, scale);
}

absl::StatusOr<Decimal> Logarithm(const Decimal& base, const Decimal& x) {
  if (base.is_nan() || x.is_nan()) return Decimal::NaN();
  KYRO_RETURN_IF_ERROR(CheckLogarithm(base));
  KYRO_RETURN_IF_ERROR(CheckLogarithm(x));
  if (!base.is_finite()) return x.is_finite() ? Decimal() : Decimal::NaN();
  if (!x.is_finite()) return x;
  const int base_weight = LogarithmWeight(base);
  const int x_weight = LogarithmWeight(x);
  const int scale = ClampScale(std::max(
      {Decimal::kSignificantDigitsMin - (x_weight - base_weight), base.scale(), x.scale()}));
  const Decimal of_base = LogarithmTo(base, std::max(0, scale + x_weight - 2 * base_weight + 12));
  if (of_base.is_zero()) return Error(sqlstate::kDivisionByZero, 0, "division by zero");
  const Decimal of_x = LogarithmTo(x, std::max(0, scale - base_weight + 12));
  return DivideTo(of_x, of_base, scale, true);
}

absl::StatusOr<Decimal> Power(const Decimal& base, const Decimal& exponent) {
  if (base.is_finite() && exponent.is_finite()) return FinitePower(base, exponent);
  const Decimal& one = One();
  if (base.is_nan()) return exponent.is_zero() ? one : base;
  if (exponent.is_nan()) return Compare(base, one) == 0 ? one : exponent;
  if (base.is_zero() && exponent.negative()) {
    return Error("2201F", 0, "zero raised to a negative power is undefined");
  }
  if (exponent.is_zero()) return one;
  if (!exponent.is_finite()) {
    const int order = Compare(base.Absolute(), one);
    if (order == 0) return one;
    return (order > 0) != exponent.negative() ? Decimal::Infinity(false) : Decimal();
  }
  if (base.negative() && !exponent.is_integer()) {
    return Error("2201F", 0,
                 "a negative number raised to a non-integer power yields a complex result");
  }
  if (exponent.negative()) return Decimal();
  const bool odd = !Modulo(exponent, Decimal(int64_t{2}))->is_zero();
  return Decimal::Infinity(base.negative() && odd);
}

}  // namespace kyrodb::sql
