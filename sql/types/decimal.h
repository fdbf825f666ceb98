// Numbers of any precision: PostgreSQL's `numeric`, with its rules for how many digits a result
// shows. A value lives in rows and keys as bytes that sort as the numbers do; arithmetic is done on
// this unpacked form.
// Source: PostgreSQL 15 documentation, sections 8.1.2 and 9.3; Knuth, The Art of Computer
// Programming 2, section 4.3.1 (division).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

// Units:  `digits` have four decimal digits each, the highest first, none of the ends zero;
//         `weight` is the power of 10,000 of the first; `scale` counts decimal digits shown.
// Order:  -Infinity, numbers, Infinity, NaN, which equals itself. The scale does not count.
class Decimal {
 public:
  enum class Kind : uint8_t { kFinite, kInfinite, kNaN };
  // A string because it holds seven of them without an allocation.
  using Digits = std::u16string;

  static constexpr int kBase = 10000;
  static constexpr int kScaleMax = 16383;
  static constexpr int kDisplayScaleMax = 1000;
  static constexpr int kSignificantDigitsMin = 16;
  static constexpr int kWeightMax = 0x7FFF;

  Decimal() = default;
  explicit Decimal(int64_t value) : Decimal(static_cast<Wide>(value)) {}
  explicit Decimal(Wide value);
  static Decimal NaN();
  static Decimal Infinity(bool negative);
  // With as many significant digits as the type surely has: 15 of a double, 6 of a float.
  static Decimal FromDouble(double value, int significant_digits);
  // 22P02 for what is no number, 22003 for one too large.
  static absl::StatusOr<Decimal> Parse(absl::string_view text);
  // What `ToBytes` gave; NaN for any other bytes.
  static Decimal FromBytes(absl::string_view bytes);

  std::string ToBytes() const;
  std::string ToText() const;
  double ToDouble() const;
  // Rounded half away from zero; false when it does not fit (or is not finite).
  bool ToWide(Wide* value) const;

  Kind kind() const { return kind_; }
  bool is_finite() const { return kind_ == Kind::kFinite; }
  bool is_nan() const { return kind_ == Kind::kNaN; }
  bool is_zero() const { return kind_ == Kind::kFinite && digits_.empty(); }
  bool negative() const { return negative_; }
  bool is_integer() const;
  int scale() const { return scale_; }
  int weight() const { return weight_; }
  const Digits& digits() const { return digits_; }
  // The least scale that shows all digits.
  int minimal_scale() const;
  // Too large for PostgreSQL's format.
  bool overflows() const;

  Decimal Negated() const;
  Decimal Absolute() const;
  // To `scale` decimal digits, which may be negative; the scale shown is never.
  Decimal Rounded(int scale) const;
  Decimal Truncated(int scale) const;
  Decimal Floor() const;
  Decimal Ceiling() const;
  Decimal WithScale(int scale) const;

  // Made of parts; leading and trailing zeros are taken away.
  static Decimal FromParts(bool negative, int weight, int scale, Digits digits);

 private:
  void Normalize();
  Decimal Cut(int scale, bool round) const;

  Kind kind_ = Kind::kFinite;
  bool negative_ = false;
  int weight_ = 0;
  int scale_ = 0;
  Digits digits_;
};

int Compare(const Decimal& a, const Decimal& b);
Decimal Add(const Decimal& a, const Decimal& b);
Decimal Subtract(const Decimal& a, const Decimal& b);
Decimal Multiply(const Decimal& a, const Decimal& b);
// With `scale` digits, rounded or cut. `b` is finite and not zero, `a` is finite.
Decimal DivideTo(const Decimal& a, const Decimal& b, int scale, bool round);
// The scale that PostgreSQL gives a quotient.
int QuotientScale(const Decimal& a, const Decimal& b);

// 22012 by zero.
absl::StatusOr<Decimal> Divide(const Decimal& a, const Decimal& b);
absl::StatusOr<Decimal> Quotient(const Decimal& a, const Decimal& b);  // div(): cut to an integer
absl::StatusOr<Decimal> Modulo(const Decimal& a, const Decimal& b);

// decimal_math.cc. 2201F and 2201E outside of where they are defined.
absl::StatusOr<Decimal> SquareRoot(const Decimal& x);
Decimal SquareRootTo(const Decimal& x, int scale);
absl::StatusOr<Decimal> Exponential(const Decimal& x);
absl::StatusOr<Decimal> Logarithm(const Decimal& x);
absl::StatusOr<Decimal> Logarithm(const Decimal& base, const Decimal& x);
absl::StatusOr<Decimal> Power(const Decimal& base, const Decimal& exponent);

// A numeric's modifier (`Type::dimensions`) and back.
uint32_t MakeNumericModifier(int precision, int scale);
int PrecisionOf(uint32_t modifier);
int ScaleOf(uint32_t modifier);
// Rounded to the modifier's scale; 22003 when it has too many digits then.
absl::StatusOr<Decimal> FitNumeric(const Decimal& value, uint32_t modifier);

}  // namespace kyrodb::sql
