#include "sql/types/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

constexpr int kBase = Decimal::kBase;
constexpr int kDigitWidth = 4;

// The first byte of the packed form; the kinds are in order.
constexpr char kMinusInfinity = 1;
constexpr char kNegative = 2;
constexpr char kZero = 3;
constexpr char kPositive = 4;
constexpr char kPlusInfinity = 5;
constexpr char kNotANumber = 6;

absl::Status BadSyntax(absl::string_view text) {
  return Error(sqlstate::kInvalidTextRepresentation, 0,
               absl::StrCat("invalid input syntax for type numeric: \"", text, "\""));
}

void PutUnit(std::string* out, int value) {
  out->push_back(static_cast<char>((value >> 8) & 0xFF));
  out->push_back(static_cast<char>(value & 0xFF));
}

int LoadUnit(absl::string_view bytes, size_t at) {
  return (static_cast<uint8_t>(bytes[at]) << 8) | static_cast<uint8_t>(bytes[at + 1]);
}

// The digit of weight `w`, 0 where there is none.
int DigitAt(const Decimal& x, int w) {
  const int index = x.weight() - w;
  if (index < 0 || index >= static_cast<int>(x.digits().size())) return 0;
  return x.digits()[static_cast<size_t>(index)];
}

int CompareMagnitudes(const Decimal& a, const Decimal& b) {
  if (a.digits().empty() || b.digits().empty()) {
    return static_cast<int>(!a.digits().empty()) - static_cast<int>(!b.digits().empty());
  }
  if (a.weight() != b.weight()) return a.weight() < b.weight() ? -1 : 1;
  const size_t shared = std::min(a.digits().size(), b.digits().size());
  for (size_t i = 0; i < shared; ++i) {
    if (a.digits()[i] != b.digits()[i]) return a.digits()[i] < b.digits()[i] ? -1 : 1;
  }
  if (a.digits().size() == b.digits().size()) return 0;
  return a.digits().size() < b.digits().size() ? -1 : 1;
}

// The lowest weight of a digit.
int LowestWeight(const Decimal& x) {
  return x.digits().empty() ? 0 : x.weight() - static_cast<int>(x.digits().size()) + 1;
}

Decimal AddMagnitudes(const Decimal& a, const Decimal& b, bool negative, int scale) {
  if (a.digits().empty() || b.digits().empty()) {
    const Decimal& one = a.digits().empty() ? b : a;
    return Decimal::FromParts(negative, one.weight(), scale, one.digits());
  }
  const int high = std::max(a.weight(), b.weight()) + 1;
  const int low = std::min(LowestWeight(a), LowestWeight(b));
  Decimal::Digits sum(static_cast<size_t>(high - low + 1), u'\0');
  int carry = 0;
  for (int w = low; w <= high; ++w) {
    const int total = DigitAt(a, w) + DigitAt(b, w) + carry;
    carry = total >= kBase ? 1 : 0;
    sum[static_cast<size_t>(high - w)] = static_cast<char16_t>(total - carry * kBase);
  }
  return Decimal::FromParts(negative, high, scale, std::move(sum));
}

// |a| - |b|, where |a| >= |b|.
Decimal SubtractMagnitudes(const Decimal& a, const Decimal& b, bool negative, int scale) {
  if (b.digits().empty()) return Decimal::FromParts(negative, a.weight(), scale, a.digits());
  const int high = a.weight();
  const int low = std::min(LowestWeight(a), LowestWeight(b));
  Decimal::Digits difference(static_cast<size_t>(high - low + 1), u'\0');
  int borrow = 0;
  for (int w = low; w <= high; ++w) {
    int total = DigitAt(a, w) - DigitAt(b, w) - borrow;
    borrow = total < 0 ? 1 : 0;
    if (borrow != 0) total += kBase;
    difference[static_cast<size_t>(high - w)] = static_cast<char16_t>(total);
  }
  return Decimal::FromParts(negative, high, scale, std::move(difference));
}

Decimal AddSigned(const Decimal& a, const Decimal& b, bool b_negative) {
  if (a.is_nan() || b.is_nan()) return Decimal::NaN();
  if (!a.is_finite() || !b.is_finite()) {
    if (!a.is_finite() && !b.is_finite() && a.negative() != b_negative) return Decimal::NaN();
    return Decimal::Infinity(a.is_finite() ? b_negative : a.negative());
  }
  const int scale = std::max(a.scale(), b.scale());
  if (a.negative() == b_negative) return AddMagnitudes(a, b, a.negative(), scale);
  const int order = CompareMagnitudes(a, b);
  if (order == 0) return Decimal().WithScale(scale);
  if (order > 0) return SubtractMagnitudes(a, b, a.negative(), scale);
  return SubtractMagnitudes(b, a, b_negative, scale);
}

absl::Status DivisionByZero() { return Error(sqlstate::kDivisionByZero, 0, "division by zero"); }

// Quotient of digit strings, both without leading zeros, `v` not empty; as many digits as
// `u` has more than `v`, plus one.
std::vector<int32_t> DivideDigits(std::vector<int32_t> u, std::vector<int32_t> v) {
  const size_t n = v.size();
  if (u.size() < n) return {};
  const size_t m = u.size() - n;
  std::vector<int32_t> quotient(m + 1);
  if (n == 1) {
    int64_t rest = 0;
    for (size_t i = 0; i < u.size(); ++i) {
      rest = rest * kBase + u[i];
      quotient[i] = static_cast<int32_t>(rest / v[0]);
      rest %= v[0];
    }
    return quotient;
  }
  // Scaled so that the first digit of `v` is at least half the base: then two digits guess well.
  const int32_t factor = kBase / (v[0] + 1);
  const auto scale = [factor](std::vector<int32_t>* digits) {
    int64_t carry = 0;
    for (size_t i = digits->size(); i-- > 0;) {
      carry += int64_t{(*digits)[i]} * factor;
      (*digits)[i] = static_cast<int32_t>(carry % kBase);
      carry /= kBase;
    }
    return static_cast<int32_t>(carry);
  };
  const int32_t overflow = scale(&u);
  u.insert(u.begin(), overflow);
  scale(&v);
  for (size_t j = 0; j <= m; ++j) {
    const int64_t top = int64_t{u[j]} * kBase + u[j + 1];
    int64_t guess = std::min<int64_t>(top / v[0], kBase - 1);
    while (guess * v[1] > (top - guess * v[0]) * kBase + u[j + 2]) --guess;
    int64_t borrow = 0;
    for (size_t i = n; i-- > 0;) {
      int64_t rest = u[j + 1 + i] - guess * v[i] - borrow;
      borrow = 0;
      if (rest < 0) {
        borrow = (-rest + kBase - 1) / kBase;
        rest += borrow * kBase;
      }
      u[j + 1 + i] = static_cast<int32_t>(rest);
    }
    int64_t head = u[j] - borrow;
    if (head < 0) {
      // One too many: give it back.
      --guess;
      int32_t carry = 0;
      for (size_t i = n; i-- > 0;) {
        const int32_t sum = u[j + 1 + i] + v[i] + carry;
        carry = sum >= kBase ? 1 : 0;
        u[j + 1 + i] = sum - carry * kBase;
      }
      head += carry;
    }
    u[j] = static_cast<int32_t>(head);
    quotient[j] = static_cast<int32_t>(guess);
  }
  return quotient;
}

}  // namespace

Decimal::Decimal(Wide value) {
  negative_ = value < 0;
  auto magnitude = static_cast<UnsignedWide>(value);
  if (negative_) magnitude = static_cast<UnsignedWide>(0) - magnitude;
  Digits reversed;
  while (magnitude != 0) {
    reversed.push_back(static_cast<char16_t>(magnitude % kBase));
    magnitude /= kBase;
  }
  digits_.assign(reversed.rbegin(), reversed.rend());
  weight_ = static_cast<int>(digits_.size()) - 1;
  Normalize();
}

Decimal Decimal::NaN() {
  Decimal value;
  value.kind_ = Kind::kNaN;
  return value;
}

Decimal Decimal::Infinity(bool negative) {
  Decimal value;
  value.kind_ = Kind::kInfinite;
  value.negative_ = negative;
  return value;
}

Decimal Decimal::FromDouble(double value, int significant_digits) {
  if (std::isnan(value)) return NaN();
  if (std::isinf(value)) return Infinity(value < 0);
  return *Parse(absl::StrFormat("%.*g", significant_digits, value));
}

Decimal Decimal::FromParts(bool negative, int weight, int scale, Digits digits) {
  Decimal value;
  value.negative_ = negative;
  value.weight_ = weight;
  value.scale_ = scale;
  value.digits_ = std::move(digits);
  value.Normalize();
  return value;
}

void Decimal::Normalize() {
  size_t leading = 0;
  while (leading < digits_.size() && digits_[leading] == 0) ++leading;
  if (leading > 0) {
    digits_.erase(digits_.begin(), digits_.begin() + static_cast<std::ptrdiff_t>(leading));
    weight_ -= static_cast<int>(leading);
  }
  while (!digits_.empty() && digits_.back() == 0) digits_.pop_back();
  if (digits_.empty()) {
    weight_ = 0;
    negative_ = false;
  }
}

absl::StatusOr<Decimal> Decimal::Parse(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  bool negative = false;
  const bool is_signed = !rest.empty() && (rest[0] == '-' || rest[0] == '+');
  if (is_signed) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (absl::EqualsIgnoreCase(rest, "nan") && !is_signed) return NaN();
  if (absl::EqualsIgnoreCase(rest, "inf") || absl::EqualsIgnoreCase(rest, "infinity")) {
    return Infinity(negative);
  }
  // Decimal digits, and where the point lies among them.
  std::string decimals;
  int64_t point = -1;
  while (!rest.empty()) {
    const char c = rest[0];
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      decimals.push_back(c);
    } else if (c == '.' && point < 0) {
      point = static_cast<int64_t>(decimals.size());
    } else {
      break;
    }
    rest.remove_prefix(1);
  }
  if (decimals.empty()) return BadSyntax(text);
  if (point < 0) point = static_cast<int64_t>(decimals.size());
  int64_t scale = static_cast<int64_t>(decimals.size()) - point;
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest.remove_prefix(1);
    if (!rest.empty() && rest[0] == '+') {
      rest.remove_prefix(1);
      if (rest.empty() || rest[0] == '-') return BadSyntax(text);
    }
    int64_t exponent = 0;
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), exponent);
    if (result.ec == std::errc::invalid_argument) return BadSyntax(text);
    rest.remove_prefix(static_cast<size_t>(result.ptr - rest.data()));
    if (result.ec != std::errc() || exponent >= std::numeric_limits<int32_t>::max() / 2 ||
        exponent <= -std::numeric_limits<int32_t>::max() / 2) {
      if (rest.empty()) {
        return Error(sqlstate::kNumericValueOutOfRange, 0, "value overflows numeric format");
      }
      return BadSyntax(text);
    }
    point += exponent;
    scale = std::max<int64_t>(0, scale - exponent);
  }
  if (!rest.empty()) return BadSyntax(text);
  const size_t leading = std::min(decimals.find_first_not_of('0'), decimals.size());
  decimals.erase(0, leading);
  point -= static_cast<int64_t>(leading);
  if (scale > kScaleMax || (!decimals.empty() && point > int64_t{kWeightMax + 1} * kDigitWidth)) {
    return Error(sqlstate::kNumericValueOutOfRange, 0, "value overflows numeric format");
  }
  // Groups of four begin at the point.
  const int64_t before = ((point % kDigitWidth) + kDigitWidth) % kDigitWidth;
  Digits digits;
  int unit = 0;
  int64_t filled = before == 0 ? 0 : kDigitWidth - before;
  const int64_t first_weight = (point - before) / kDigitWidth - (before == 0 ? 1 : 0);
  for (const char c : decimals) {
    unit = unit * 10 + (c - '0');
    if (++filled == kDigitWidth) {
      digits.push_back(static_cast<char16_t>(unit));
      unit = 0;
      filled = 0;
    }
  }
  if (filled > 0) {
    for (; filled < kDigitWidth; ++filled) unit *= 10;
    digits.push_back(static_cast<char16_t>(unit));
  }
  Decimal value = FromParts(negative, static_cast<int>(first_weight), static_cast<int>(scale),
                            std::move(digits));
  // An exponent may have hidden digits below the scale's limit.
  return value;
}

Decimal Decimal::FromBytes(absl::string_view bytes) {
  if (bytes.size() < 3) return NaN();
  const int scale = static_cast<uint8_t>(bytes[bytes.size() - 2]) |
                    (static_cast<uint8_t>(bytes[bytes.size() - 1]) << 8);
  absl::string_view rest = bytes.substr(0, bytes.size() - 2);
  switch (rest[0]) {
    case kMinusInfinity:
      return Infinity(true);
    case kPlusInfinity:
      return Infinity(false);
    case kZero:
      return Decimal().WithScale(std::min(scale, kScaleMax));
    case kNegative:
    case kPositive:
      break;
    default:
      return NaN();
  }
  const bool negative = rest[0] == kNegative;
  const size_t least = negative ? 7 : 5;
  if (rest.size() < least || rest.size() % 2 == 0) return NaN();
  const size_t count = (rest.size() - least) / 2 + 1;
  const auto unit = [&](size_t at) {
    const int bits = LoadUnit(rest, at);
    return negative ? 0xFFFE - bits : bits;
  };
  Decimal value;
  value.negative_ = negative;
  value.weight_ = unit(1) - 0x7FFF;
  value.scale_ = std::min(scale, kScaleMax);
  value.digits_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const int digit = unit(3 + 2 * i);
    if (digit < 0 || digit >= kBase) return NaN();
    value.digits_[i] = static_cast<char16_t>(digit);
  }
  return value;
}

std::string Decimal::ToBytes() const {
  std::string out;
  if (kind_ == Kind::kNaN) {
    out.push_back(kNotANumber);
  } else if (kind_ == Kind::kInfinite) {
    out.push_back(negative_ ? kMinusInfinity : kPlusInfinity);
  } else if (digits_.empty()) {
    out.push_back(kZero);
  } else {
    out.reserve(digits_.size() * 2 + 7);
    out.push_back(negative_ ? kNegative : kPositive);
    const auto put = [&](int value) { PutUnit(&out, negative_ ? 0xFFFE - value : value); };
    put(weight_ + 0x7FFF);
    for (const char16_t digit : digits_) put(digit);
    if (negative_) PutUnit(&out, 0xFFFF);
  }
  out.push_back(static_cast<char>(scale_ & 0xFF));
  out.push_back(static_cast<char>(scale_ >> 8));
  return out;
}

std::string Decimal::ToText() const {
  if (kind_ == Kind::kNaN) return "NaN";
  if (kind_ == Kind::kInfinite) return negative_ ? "-Infinity" : "Infinity";
  std::string out;
  if (negative_) out.push_back('-');
  const auto put_four = [&out](int digit) {
    out.push_back(static_cast<char>('0' + digit / 1000));
    out.push_back(static_cast<char>('0' + digit / 100 % 10));
    out.push_back(static_cast<char>('0' + digit / 10 % 10));
    out.push_back(static_cast<char>('0' + digit % 10));
  };
  if (digits_.empty() || weight_ < 0) {
    out.push_back('0');
  } else {
    absl::StrAppend(&out, static_cast<int>(digits_[0]));
    for (int w = weight_ - 1; w >= 0; --w) put_four(DigitAt(*this, w));
  }
  if (scale_ > 0) {
    out.push_back('.');
    const size_t end = out.size() + static_cast<size_t>(scale_);
    for (int w = -1; out.size() < end; --w) put_four(digits_.empty() ? 0 : DigitAt(*this, w));
    out.resize(end);
  }
  return out;
}

double Decimal::ToDouble() const {
  if (kind_ == Kind::kNaN) return std::nan("");
  if (kind_ == Kind::kInfinite) return negative_ ? -HUGE_VAL : HUGE_VAL;
  if (digits_.empty()) return 0;
  return std::strtod(WithScale(std::max(0, minimal_scale())).ToText().c_str(), nullptr);
}

bool Decimal::ToWide(Wide* value) const {
  if (!is_finite()) return false;
  const Decimal whole = Rounded(0);
  if (whole.digits_.empty()) {
    *value = 0;
    return true;
  }
  if (whole.weight_ > 9) return false;
  UnsignedWide magnitude = 0;
  for (int w = whole.weight_; w >= 0; --w) {
    magnitude = magnitude * kBase + static_cast<unsigned>(DigitAt(whole, w));
    if (magnitude > static_cast<UnsignedWide>(1) << 126) return false;
  }
  *value = whole.negative_ ? -static_cast<Wide>(magnitude) : static_cast<Wide>(magnitude);
  return true;
}

bool Decimal::is_integer() const {
  return is_finite() && (digits_.empty() || LowestWeight(*this) >= 0);
}

int Decimal::minimal_scale() const {
  if (digits_.empty() || LowestWeight(*this) >= 0) return 0;
  int scale = -LowestWeight(*this) * kDigitWidth;
  for (int last = digits_.back(); last % 10 == 0; last /= 10) --scale;
  return scale;
}

bool Decimal::overflows() const { return is_finite() && weight_ > kWeightMax; }

Decimal Decimal::Negated() const {
  Decimal value = *this;
  if (!value.is_zero() && !value.is_nan()) value.negative_ = !value.negative_;
  return value;
}
Decimal Decimal::Absolute() const {
  Decimal value = *this;
  value.negative_ = false;
  return value;
}
Decimal Decimal::WithScale(int scale) const {
  Decimal value = *this;
  value.scale_ = scale;
  return value;
}

Decimal Decimal::Cut(int scale, bool round) const {
  if (!is_finite()) return *this;
  Decimal value = *this;
  value.scale_ = std::max(0, scale);
  if (digits_.empty()) return value;
  const int64_t keep = (int64_t{weight_} + 1) * kDigitWidth + scale;
  if (keep < 0) {
    value.digits_.clear();
    value.Normalize();
    return value;
  }
  const auto whole = static_cast<size_t>(keep / kDigitWidth);
  const auto part = static_cast<int>(keep % kDigitWidth);
  if (whole >= digits_.size()) return value;
  int carry = 0;
  if (part == 0) {
    carry = round && digits_[whole] >= kBase / 2 ? 1 : 0;
    value.digits_.resize(whole);
  } else {
    constexpr int kUnits[] = {1, 1000, 100, 10};
    const int unit = kUnits[part];
    const int rest = digits_[whole] % unit;
    value.digits_.resize(whole + 1);
    value.digits_[whole] = static_cast<char16_t>(digits_[whole] - rest);
    if (round && rest >= unit / 2) carry = unit;
  }
  for (size_t i = value.digits_.size(); carry > 0 && i-- > 0;) {
    const int sum = value.digits_[i] + carry;
    carry = sum >= kBase ? 1 : 0;
    value.digits_[i] = static_cast<char16_t>(sum - carry * kBase);
  }
  if (carry > 0) {
    value.digits_.insert(value.digits_.begin(), char16_t{1});
    ++value.weight_;
  }
  value.Normalize();
  return value;
}

Decimal Decimal::Rounded(int scale) const { return Cut(scale, true); }
Decimal Decimal::Truncated(int scale) const { return Cut(scale, false); }

Decimal Decimal::Floor() const {
  Decimal whole = Truncated(0);
  if (negative_ && Compare(whole, *this) != 0) whole = Subtract(whole, Decimal(int64_t{1}));
  return whole;
}
Decimal Decimal::Ceiling() const {
  Decimal whole = Truncated(0);
  if (is_finite() && !negative_ && Compare(whole, *this) != 0) {
    whole = Add(whole, Decimal(int64_t{1}));
  }
  return whole;
}

int Compare(const Decimal& a, const Decimal& b) {
  const auto rank = [](const Decimal& x) {
    if (x.is_nan()) return 3;
    if (!x.is_finite()) return x.negative() ? -2 : 2;
    return x.is_zero() ? 0 : (x.negative() ? -1 : 1);
  };
  const int ra = rank(a);
  const int rb = rank(b);
  if (ra != rb) return ra < rb ? -1 : 1;
  if (ra != 1 && ra != -1) return 0;
  return ra * CompareMagnitudes(a, b);
}

Decimal Add(const Decimal& a, const Decimal& b) { return AddSigned(a, b, b.negative()); }
Decimal Subtract(const Decimal& a, const Decimal& b) {
  return AddSigned(a, b, b.is_zero() ? b.negative() : !b.negative());
}

Decimal Multiply(const Decimal& a, const Decimal& b) {
  if (a.is_nan() || b.is_nan()) return Decimal::NaN();
  if (!a.is_finite() || !b.is_finite()) {
    if (a.is_zero() || b.is_zero()) return Decimal::NaN();
    return Decimal::Infinity(a.negative() != b.negative());
  }
  const int scale = a.scale() + b.scale();
  Decimal product;
  if (!a.is_zero() && !b.is_zero()) {
    const size_t n = a.digits().size();
    const size_t m = b.digits().size();
    std::vector<uint64_t> sums(n + m);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < m; ++j) sums[i + j + 1] += uint64_t{a.digits()[i]} * b.digits()[j];
    }
    Decimal::Digits digits(n + m, u'\0');
    uint64_t carry = 0;
    for (size_t i = n + m; i-- > 0;) {
      carry += sums[i];
      digits[i] = static_cast<char16_t>(carry % kBase);
      carry /= kBase;
    }
    product = Decimal::FromParts(a.negative() != b.negative(), a.weight() + b.weight() + 1, scale,
                                 std::move(digits));
  }
  if (scale > Decimal::kScaleMax) return product.Rounded(Decimal::kScaleMax);
  return product.WithScale(scale);
}

Decimal DivideTo(const Decimal& a, const Decimal& b, int scale, bool round) {
  if (a.is_zero()) return Decimal().WithScale(std::max(0, scale));
  // One unit more than the scale needs decides the rounding; its digits are exact.
  const int low = -(scale >= 0 ? (scale + kDigitWidth - 1) / kDigitWidth : 0) - 1;
  const int weight = a.weight() - b.weight();
  std::vector<int32_t> u(a.digits().begin(), a.digits().end());
  std::vector<int32_t> v(b.digits().begin(), b.digits().end());
  // The quotient has the units from `weight` down to `low`.
  const int64_t length = int64_t{weight} - low + static_cast<int64_t>(v.size());
  if (length < static_cast<int64_t>(v.size())) return Decimal().WithScale(std::max(0, scale));
  u.resize(static_cast<size_t>(length), 0);
  const std::vector<int32_t> quotient = DivideDigits(std::move(u), std::move(v));
  Decimal::Digits digits(quotient.size(), u'\0');
  for (size_t i = 0; i < quotient.size(); ++i) digits[i] = static_cast<char16_t>(quotient[i]);
  const Decimal exact = Decimal::FromParts(a.negative() != b.negative(), weight, Decimal::kScaleMax,
                                           std::move(digits));
  return round ? exact.Rounded(scale) : exact.Truncated(scale);
}

int QuotientScale(const Decimal& a, const Decimal& b) {
  const int first_a = a.digits().empty() ? 0 : a.digits()[0];
  const int first_b = b.digits().empty() ? 0 : b.digits()[0];
  int weight = (a.digits().empty() ? 0 : a.weight()) - (b.digits().empty() ? 0 : b.weight());
  if (first_a <= first_b) --weight;
  const int scale =
      std::max({Decimal::kSignificantDigitsMin - weight * kDigitWidth, a.scale(), b.scale(), 0});
  return std::min(scale, Decimal::kDisplayScaleMax);
}

absl::StatusOr<Decimal> Divide(const Decimal& a, const Decimal& b) {
  if (a.is_nan() || b.is_nan()) return Decimal::NaN();
  if (b.is_zero()) return DivisionByZero();
  if (!a.is_finite()) {
    if (!b.is_finite()) return Decimal::NaN();
    return Decimal::Infinity(a.negative() != b.negative());
  }
  if (!b.is_finite()) return Decimal();
  return DivideTo(a, b, QuotientScale(a, b), true);
}

absl::StatusOr<Decimal> Quotient(const Decimal& a, const Decimal& b) {
  if (!a.is_finite() || !b.is_finite() || b.is_zero()) return Divide(a, b);
  return DivideTo(a, b, 0, false);
}

absl::StatusOr<Decimal> Modulo(const Decimal& a, const Decimal& b) {
  if (a.is_nan() || b.is_nan()) return Decimal::NaN();
  if (b.is_zero()) return DivisionByZero();
  if (!a.is_finite()) return Decimal::NaN();
  if (!b.is_finite()) return a;
  const Decimal rest = Subtract(a, Multiply(DivideTo(a, b, 0, false), b));
  return rest.WithScale(std::max(a.scale(), b.scale()));
}

uint32_t MakeNumericModifier(int precision, int scale) {
  return (static_cast<uint32_t>(precision) << 16) | (static_cast<uint32_t>(scale) & 0x7FF);
}
int PrecisionOf(uint32_t modifier) { return static_cast<int>(modifier >> 16); }
int ScaleOf(uint32_t modifier) {
  const auto scale = static_cast<int>(modifier & 0x7FF);
  return scale > 1023 ? scale - 2048 : scale;
}

absl::StatusOr<Decimal> FitNumeric(const Decimal& value, uint32_t modifier) {
  if (modifier == 0 || value.is_nan()) return value;
  const int precision = PrecisionOf(modifier);
  const int scale = ScaleOf(modifier);
  const auto overflow = [&](absl::string_view rest) {
    return WithDetail(Error(sqlstate::kNumericValueOutOfRange, 0, "numeric field overflow"),
                      absl::StrCat("A field with precision ", precision, ", scale ", scale, rest));
  };
  if (!value.is_finite()) return overflow(" cannot hold an infinite value.");
  Decimal rounded = value.Rounded(scale);
  if (!rounded.is_zero()) {
    int digits = (rounded.weight() + 1) * kDigitWidth;
    for (int first = rounded.digits()[0]; first < kBase / 10; first *= 10) --digits;
    const int allowed = precision - scale;
    if (digits > allowed) {
      return overflow(absl::StrCat(" must round to an absolute value less than ",
                                   allowed == 0 ? "1" : absl::StrCat("10^", allowed), "."));
    }
  }
  return rounded;
}

}  // namespace kyrodb::sql
