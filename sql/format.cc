#include "sql/format.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/json.h"
#include "sql/types/timestamp.h"
#include "sql/types/type.h"

namespace kyrodb::sql {
namespace {

// Lays out the shortest digits as PostgreSQL does: without exponent while it is between -4 and
// `digits_max`.
template <typename Float>
std::string FormatShortest(Float value, int digits_max) {
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

absl::StatusOr<Value> ParseInteger(const Type& type, absl::string_view text) {
  const absl::string_view name = type.id == TypeId::kInteger ? "integer" : "bigint";
  absl::string_view digits = absl::StripAsciiWhitespace(text);
  bool negative = false;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  if (digits.empty()) return BadSyntax(name, text);
  for (const char c : digits) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return BadSyntax(name, text);
  }
  // Of the magnitudes the negative side has one more.
  const uint64_t limit =
      (type.id == TypeId::kInteger ? uint64_t{1} << 31 : uint64_t{1} << 63) - (negative ? 0 : 1);
  uint64_t magnitude = 0;
  for (const char c : digits) {
    const auto digit = static_cast<uint64_t>(c - '0');
    if (magnitude > (limit - digit) / 10 && magnitude * 10 > limit - digit) magnitude = limit + 1;
    if (magnitude > limit) break;
    magnitude = magnitude * 10 + digit;
    if (magnitude > limit) break;
  }
  if (magnitude > limit) {
    return Error(sqlstate::kNumericValueOutOfRange, 0,
                 absl::StrCat("value \"", text, "\" is out of range for type ", name));
  }
  return Value(static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude));
}

// Takes a float from the front of `text`; nullopt when there is none. Sets `out_of_range`.
template <typename Float>
bool TakeFloat(absl::string_view* text, Float* value, bool* out_of_range) {
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

absl::StatusOr<Value> ParseDouble(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  double value = 0;
  bool out_of_range = false;
  if (!TakeFloat(&rest, &value, &out_of_range) || !rest.empty()) {
    return BadSyntax("double precision", text);
  }
  if (out_of_range) {
    return Error(sqlstate::kNumericValueOutOfRange, 0,
                 absl::StrCat("\"", absl::StripAsciiWhitespace(text),
                              "\" is out of range for type double precision"));
  }
  return Value(value);
}

absl::StatusOr<Value> ParseBoolean(absl::string_view text) {
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  const auto abbreviates = [&word](absl::string_view full, size_t least) {
    return word.size() >= least && absl::StartsWith(full, word);
  };
  if (abbreviates("true", 1) || abbreviates("yes", 1) || word == "on" || word == "1")
    return Value(true);
  if (abbreviates("false", 1) || abbreviates("no", 1) || abbreviates("off", 2) || word == "0") {
    return Value(false);
  }
  return BadSyntax("boolean", text);
}

absl::StatusOr<Value> ParseBytea(absl::string_view text) {
  std::string out;
  if (absl::StartsWith(text, "\\x")) {
    absl::string_view digits = text.substr(2);
    while (!digits.empty()) {
      if (absl::ascii_isspace(static_cast<unsigned char>(digits[0]))) {
        digits.remove_prefix(1);
        continue;
      }
      for (size_t i = 0; i < std::min<size_t>(2, digits.size()); ++i) {
        if (!absl::ascii_isxdigit(static_cast<unsigned char>(digits[i]))) {
          return Error(sqlstate::kInvalidParameterValue, 0,
                       absl::StrCat("invalid hexadecimal digit: \"", digits.substr(i, 1), "\""));
        }
      }
      if (digits.size() < 2) {
        return Error(sqlstate::kInvalidParameterValue, 0,
                     "invalid hexadecimal data: odd number of digits");
      }
      out += absl::HexStringToBytes(digits.substr(0, 2));
      digits.remove_prefix(2);
    }
    return Value(std::move(out));
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '\\') {
      out.push_back('\\');
      ++i;
      continue;
    }
    const auto octal = [&text](size_t at, char max) {
      return at < text.size() && text[at] >= '0' && text[at] <= max;
    };
    if (!octal(i + 1, '3') || !octal(i + 2, '7') || !octal(i + 3, '7')) {
      return Error(sqlstate::kInvalidTextRepresentation, 0, "invalid input syntax for type bytea");
    }
    out.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                    (text[i + 3] - '0')));
    i += 3;
  }
  return Value(std::move(out));
}

// pgvector's reader: blanks are allowed around numbers and brackets, and its messages are kept.
absl::StatusOr<Value> ParseVector(const Type& type, absl::string_view text) {
  const auto bad = [text](absl::string_view detail) {
    return WithDetail(BadSyntax("vector", text), detail);
  };
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  if (rest.empty() || rest[0] != '[') return bad("Vector contents must start with \"[\".");
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(1));
  std::vector<float> elements;
  if (!rest.empty() && rest[0] == ']') {
    return Error(sqlstate::kDataException, 0, "vector must have at least 1 dimension");
  }
  while (true) {
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (elements.size() == engine::kVectorDimensionsMax) {
      return Error(sqlstate::kProgramLimitExceeded, 0,
                   absl::StrCat("vector cannot have more than ", engine::kVectorDimensionsMax,
                                " dimensions"));
    }
    const absl::string_view before = rest;
    float value = 0;
    bool out_of_range = false;
    if (!TakeFloat(&rest, &value, &out_of_range)) return BadSyntax("vector", text);
    if (out_of_range && std::isinf(value)) {
      return Error(sqlstate::kNumericValueOutOfRange, 0,
                   absl::StrCat("\"", before.substr(0, before.size() - rest.size()),
                                "\" is out of range for type vector"));
    }
    if (std::isnan(value)) return Error(sqlstate::kDataException, 0, "NaN not allowed in vector");
    if (std::isinf(value)) {
      return Error(sqlstate::kDataException, 0, "infinite value not allowed in vector");
    }
    elements.push_back(value);
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (!rest.empty() && rest[0] == ',') {
      rest.remove_prefix(1);
      continue;
    }
    if (!rest.empty() && rest[0] == ']') break;
    return BadSyntax("vector", text);
  }
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(1));
  if (!rest.empty()) return bad("Junk after closing right brace.");
  Value value(std::move(elements));
  KYRO_RETURN_IF_ERROR(CheckDimensions(type, value));
  return value;
}

}  // namespace

std::string FormatDouble(double value) { return FormatShortest(value, 15); }
std::string FormatFloat(float value) { return FormatShortest(value, 6); }

std::string FormatValue(const Type& type, const Value& value) {
  if (IsNull(value)) return "";
  switch (type.id) {
    case TypeId::kBoolean:
      return std::get<bool>(value) ? "t" : "f";
    case TypeId::kInteger:
    case TypeId::kBigint:
      return absl::StrCat(std::get<int64_t>(value));
    case TypeId::kDouble:
      return FormatDouble(std::get<double>(value));
    case TypeId::kTimestamptz:
      return FormatTimestamp(std::get<int64_t>(value));
    case TypeId::kBytea:
      return absl::StrCat("\\x", absl::BytesToHexString(std::get<std::string>(value)));
    case TypeId::kVector: {
      std::string out = "[";
      for (const float element : std::get<std::vector<float>>(value)) {
        if (out.size() > 1) out.push_back(',');
        out += FormatFloat(element);
      }
      out.push_back(']');
      return out;
    }
    case TypeId::kText:
    case TypeId::kJsonb:
    default:
      return std::get<std::string>(value);
  }
}

absl::StatusOr<Value> ParseValue(const Type& type, absl::string_view text) {
  switch (type.id) {
    case TypeId::kBoolean:
      return ParseBoolean(text);
    case TypeId::kInteger:
    case TypeId::kBigint:
      return ParseInteger(type, text);
    case TypeId::kDouble:
      return ParseDouble(text);
    case TypeId::kTimestamptz: {
      KYRO_ASSIGN_OR_RETURN(const int64_t micros, ParseTimestamp(text));
      return Value(micros);
    }
    case TypeId::kBytea:
      return ParseBytea(text);
    case TypeId::kJsonb: {
      KYRO_ASSIGN_OR_RETURN(std::string canonical, CanonicalJson(text));
      return Value(std::move(canonical));
    }
    case TypeId::kVector:
      return ParseVector(type, text);
    case TypeId::kText:
    default:
      return Value(std::string(text));
  }
}

std::string QuoteLiteral(const Type& type, const Value& value) {
  if (IsNull(value)) return "NULL";
  switch (type.id) {
    case TypeId::kBoolean:
      return std::get<bool>(value) ? "true" : "false";
    case TypeId::kInteger:
    case TypeId::kBigint:
      return absl::StrCat(std::get<int64_t>(value));
    case TypeId::kDouble:
      if (std::isfinite(std::get<double>(value))) {
        std::string text = FormatDouble(std::get<double>(value));
        // Without a point it would read back as an integer.
        if (text.find_first_of(".e") == std::string::npos) text += ".0";
        return text;
      }
      break;
    default:
      break;
  }
  std::string out = "'";
  for (const char c : FormatValue(type, value)) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
  out.push_back('\'');
  if (type.id != TypeId::kText && type.id != kUnknownId) {
    absl::StrAppend(&out, "::", BaseTypeName(type.id));
  }
  return out;
}

}  // namespace kyrodb::sql
