#include "sql/types/number_text.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

template <typename Float>
std::string Shortest(Float value, int digits_max) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  absl::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  std::string out;
  if (text[0] == '-') {
    out.push_back('-');
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 1) digits.append(text.data() + 2, e - 2);
  int exponent = 0;
  const char* exponent_begin = text.data() + e + 1;
  if (*exponent_begin == '+') ++exponent_begin;
  std::from_chars(exponent_begin, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= digits_max) {
    out.push_back(digits[0]);
    if (digits.size() > 1) absl::StrAppend(&out, ".", digits.substr(1));
    absl::StrAppend(&out, exponent < 0 ? "e-" : "e+",
                    absl::Dec(std::abs(exponent), absl::kZeroPad2));
    return out;
  }
  if (exponent < 0) {
    return absl::StrCat(out, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  }
  const size_t before = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= before)
    return absl::StrCat(out, digits, std::string(before - digits.size(), '0'));
  return absl::StrCat(out, digits.substr(0, before), ".", digits.substr(before));
}

absl::Status BadSyntax(absl::string_view type, absl::string_view text) {
  return Error(sqlstate::kInvalidTextRepresentation, 0,
               absl::StrCat("invalid input syntax for type ", type, ": \"", text, "\""));
}

// Takes a float from the front of `text`.
template <typename Float>
bool Take(absl::string_view* text, Float* value, bool* out_of_range) {
  absl::string_view rest = *text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  *out_of_range = false;
  if (absl::StartsWithIgnoreCase(rest, "nan")) {
    *value = std::numeric_limits<Float>::quiet_NaN();
    rest.remove_prefix(3);
  } else if (absl::StartsWithIgnoreCase(rest, "inf")) {
    *value = std::numeric_limits<Float>::infinity();
    rest.remove_prefix(absl::StartsWithIgnoreCase(rest, "infinity") ? 8 : 3);
  } else {
    if (rest.empty() ||
        !(absl::ascii_isdigit(static_cast<unsigned char>(rest[0])) || rest[0] == '.')) {
      return false;
    }
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), *value);
    if (result.ec == std::errc::invalid_argument) return false;
    if (result.ec == std::errc::result_out_of_range) {
      // Either too large or too small; the digits say which.
      const absl::string_view taken(rest.data(), static_cast<size_t>(result.ptr - rest.data()));
      const size_t e = taken.find_first_of("eE");
      const bool tiny =
          (e != absl::string_view::npos && e + 1 < taken.size() && taken[e + 1] == '-') ||
          taken[0] == '.' || absl::StartsWith(taken, "0.");
      *value = tiny ? Float{0} : std::numeric_limits<Float>::infinity();
      *out_of_range = true;
    }
    rest.remove_prefix(static_cast<size_t>(result.ptr - rest.data()));
  }
  if (negative) *value = -*value;
  *text = rest;
  return true;
}

template <typename Float>
absl::StatusOr<Float> ParseFloat(absl::string_view text, absl::string_view type) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  Float value = 0;
  bool out_of_range = false;
  if (!Take(&rest, &value, &out_of_range) || !rest.empty()) return BadSyntax(type, text);
  if (out_of_range) {
    return Error(
        sqlstate::kNumericValueOutOfRange, 0,
        absl::StrCat("\"", absl::StripAsciiWhitespace(text), "\" is out of range for type ", type));
  }
  return value;
}

}  // namespace

std::string FormatShortest(double value, int digits_max) { return Shortest(value, digits_max); }
std::string FormatShortest(float value, int digits_max) { return Shortest(value, digits_max); }

bool TakeFloat(absl::string_view* text, double* value, bool* out_of_range) {
  return Take(text, value, out_of_range);
}
bool TakeFloat(absl::string_view* text, float* value, bool* out_of_range) {
  return Take(text, value, out_of_range);
}

absl::StatusOr<double> ParseDoubleText(absl::string_view text) {
  return ParseFloat<double>(text, "double precision");
}
absl::StatusOr<float> ParseRealText(absl::string_view text) {
  return ParseFloat<float>(text, "real");
}

absl::StatusOr<int64_t> ParseIntegerText(absl::string_view text, absl::string_view type,
                                         int64_t least, int64_t greatest) {
  absl::string_view digits = absl::StripAsciiWhitespace(text);
  bool negative = false;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  if (digits.empty()) return BadSyntax(type, text);
  for (const char c : digits) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return BadSyntax(type, text);
  }
  const uint64_t limit =
      negative ? uint64_t{0} - static_cast<uint64_t>(least) : static_cast<uint64_t>(greatest);
  uint64_t magnitude = 0;
  for (const char c : digits) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (digit > limit || magnitude > (limit - digit) / 10) {
      return Error(sqlstate::kNumericValueOutOfRange, 0,
                   absl::StrCat("value \"", text, "\" is out of range for type ", type));
    }
    magnitude = magnitude * 10 + digit;
  }
  return static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
}

absl::StatusOr<bool> ParseBooleanText(absl::string_view text) {
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  const auto abbreviates = [&word](absl::string_view full, size_t least) {
    return word.size() >= least && absl::StartsWith(full, word);
  };
  if (abbreviates("true", 1) || abbreviates("yes", 1) || word == "on" || word == "1") return true;
  if (abbreviates("false", 1) || abbreviates("no", 1) || abbreviates("off", 2) || word == "0") {
    return false;
  }
  return BadSyntax("boolean", text);
}

}  // namespace kyrodb::sql
