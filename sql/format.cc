#include "sql/format.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/array.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/types/array_text.h"
#include "sql/types/bits.h"
#include "sql/types/date_time.h"
#include "sql/types/decimal.h"
#include "sql/types/interval.h"
#include "sql/types/json.h"
#include "sql/types/number_text.h"
#include "sql/types/text_style.h"
#include "sql/types/type.h"
#include "sql/types/vector_text.h"

namespace kyrodb::sql {
namespace {

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

std::string FormatBytea(const std::string& bytes) {
  if (!CurrentTextStyle().bytea_escape) {
    return absl::StrCat("\\x", absl::BytesToHexString(bytes));
  }
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte > 0x7E) {
      absl::StrAppendFormat(&out, "\\%03o", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// 32 hexadecimal digits, with hyphens after any group of four, in braces or not.
absl::StatusOr<Value> ParseUuid(absl::string_view text) {
  const auto bad = [text] {
    return Error(sqlstate::kInvalidTextRepresentation, 0,
                 absl::StrCat("invalid input syntax for type uuid: \"", text, "\""));
  };
  absl::string_view rest = text;
  const bool braces = !rest.empty() && rest[0] == '{';
  if (braces) rest.remove_prefix(1);
  std::string out;
  for (int i = 0; i < 16; ++i) {
    if (rest.size() < 2 || !absl::ascii_isxdigit(static_cast<unsigned char>(rest[0])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(rest[1]))) {
      return bad();
    }
    out += absl::HexStringToBytes(rest.substr(0, 2));
    rest.remove_prefix(2);
    if (i % 2 == 1 && i < 15 && !rest.empty() && rest[0] == '-') rest.remove_prefix(1);
  }
  if (braces) {
    if (rest.empty() || rest[0] != '}') return bad();
    rest.remove_prefix(1);
  }
  if (!rest.empty()) return bad();
  return Value(std::move(out));
}

std::string FormatUuid(const std::string& bytes) {
  const std::string digits = absl::BytesToHexString(bytes);
  if (digits.size() != 32) return digits;
  return absl::StrCat(digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-",
                      digits.substr(16, 4), "-", digits.substr(20));
}

// `text` as a C locale prints floats with `extra` digits beyond those that are always right.
std::string FormatRounded(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return absl::StrFormat("%.*g", std::max(1, digits), value);
}

template <typename T>
absl::StatusOr<Value> ToValue(absl::StatusOr<T> parsed) {
  if (!parsed.ok()) return parsed.status();
  return Value(*std::move(parsed));
}

std::string Quoted(absl::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
  out.push_back('\'');
  return out;
}

}  // namespace

std::string FormatDouble(double value) {
  const int extra = CurrentTextStyle().extra_float_digits;
  return extra > 0 ? FormatShortest(value, 15) : FormatRounded(value, 15 + extra);
}
std::string FormatFloat(float value) {
  const int extra = CurrentTextStyle().extra_float_digits;
  return extra > 0 ? FormatShortest(value, 6)
                   : FormatRounded(static_cast<double>(value), 6 + extra);
}

namespace {

bool IsNamedObject(TypeId id) {
  return id == TypeId::kRegclass || id == TypeId::kRegtype || id == TypeId::kRegproc ||
         id == TypeId::kRegnamespace;
}

// Objects have names where a session knows them.
std::string FormatObject(TypeId id, int64_t number) {
  if (number == 0) return "-";
  if (const ObjectNames* const names = CurrentTextStyle().names; names != nullptr) {
    const std::optional<std::string> name = names->Name(id, static_cast<uint32_t>(number));
    if (name.has_value()) return *name;
  }
  return absl::StrCat(number);
}

absl::StatusOr<Value> ParseObject(TypeId id, absl::string_view text) {
  if (text == "-") return Value(int64_t{0});
  if (const ObjectNames* const names = CurrentTextStyle().names;
      names != nullptr && !text.empty() &&
      !absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    const std::optional<uint32_t> found = names->Find(id, text);
    if (found.has_value()) return Value(static_cast<int64_t>(*found));
    if (id == TypeId::kRegclass) {
      return Error(sqlstate::kUndefinedTable, 0,
                   absl::StrCat("relation \"", text, "\" does not exist"));
    }
    if (id == TypeId::kRegnamespace) {
      return Error("3F000", 0, absl::StrCat("schema \"", text, "\" does not exist"));
    }
    return Error(id == TypeId::kRegproc ? absl::string_view(sqlstate::kUndefinedFunction)
                                        : sqlstate::kUndefinedObject,
                 0,
                 absl::StrCat(id == TypeId::kRegproc ? "function" : "type", " \"", text,
                              "\" does not exist"));
  }
  KYRO_ASSIGN_OR_RETURN(const int64_t number, ParseIntegerText(text, "oid", INT32_MIN, UINT32_MAX));
  return Value(int64_t{static_cast<uint32_t>(number)});
}

}  // namespace

std::string FormatValue(const Type& type, const Value& value) {
  if (IsNull(value)) return "";
  if (IsArray(type.id)) {
    return FormatArrayText(ElementOf(type.id), LoadArray(ElementOf(type.id), value));
  }
  switch (engine::StorageOf(type.id)) {
    case engine::Storage::kBoolean:
      return std::get<bool>(value) ? "t" : "f";
    case engine::Storage::kInteger: {
      const int64_t number = std::get<int64_t>(value);
      if (type.id == TypeId::kTimestamptz) return FormatTimestamptz(number);
      if (type.id == TypeId::kTimestamp) return FormatTimestamp(number);
      if (type.id == TypeId::kDate) return FormatDate(number);
      if (type.id == TypeId::kTime) return FormatTime(number);
      if (IsNamedObject(type.id)) return FormatObject(type.id, number);
      return absl::StrCat(number);
    }
    case engine::Storage::kFloat:
      if (type.id == TypeId::kReal) return FormatFloat(static_cast<float>(std::get<double>(value)));
      return FormatDouble(std::get<double>(value));
    case engine::Storage::kFloats:
      return FormatVectorText(std::get<std::vector<float>>(value));
    case engine::Storage::kBytes:
      break;
  }
  const auto& bytes = std::get<std::string>(value);
  switch (type.id) {
    case TypeId::kNumeric:
      return Decimal::FromBytes(bytes).ToText();
    case TypeId::kBytea:
      return FormatBytea(bytes);
    case TypeId::kUuid:
      return FormatUuid(bytes);
    case TypeId::kInterval:
      return FormatInterval(DecodeInterval(bytes));
    case TypeId::kBit:
    case TypeId::kVarbit:
      return FormatBits(bytes);
    case TypeId::kSparsevec:
      return FormatSparseText(DecodeSparse(bytes));
    default:
      return bytes;
  }
}

absl::StatusOr<Value> ParseValue(const Type& type, absl::string_view text) {
  const auto parse = [&]() -> absl::StatusOr<Value> {
    if (IsArray(type.id)) {
      KYRO_ASSIGN_OR_RETURN(const engine::Array array,
                            ParseArrayText(Type{ElementOf(type.id), 0}, text));
      return Value(engine::EncodeArray(array));
    }
    switch (type.id) {
      case TypeId::kBoolean:
        return ToValue(ParseBooleanText(text));
      case TypeId::kSmallint:
        return ToValue(ParseIntegerText(text, "smallint", INT16_MIN, INT16_MAX));
      case TypeId::kInteger:
        return ToValue(ParseIntegerText(text, "integer", INT32_MIN, INT32_MAX));
      case TypeId::kBigint:
        return ToValue(ParseIntegerText(text, "bigint", INT64_MIN, INT64_MAX));
      case TypeId::kRegclass:
      case TypeId::kRegtype:
      case TypeId::kRegproc:
      case TypeId::kRegnamespace:
        return ParseObject(type.id, text);
      case TypeId::kOid: {
        KYRO_ASSIGN_OR_RETURN(const int64_t number,
                              ParseIntegerText(text, "oid", INT32_MIN, UINT32_MAX));
        return Value(int64_t{static_cast<uint32_t>(number)});
      }
      case TypeId::kReal: {
        KYRO_ASSIGN_OR_RETURN(const float number, ParseRealText(text));
        return Value(static_cast<double>(number));
      }
      case TypeId::kDouble:
        return ToValue(ParseDoubleText(text));
      case TypeId::kNumeric: {
        KYRO_ASSIGN_OR_RETURN(const Decimal number, Decimal::Parse(text));
        return Value(number.ToBytes());
      }
      case TypeId::kTimestamptz:
        return ToValue(ParseTimestamptz(text));
      case TypeId::kTimestamp:
        return ToValue(ParseTimestamp(text));
      case TypeId::kDate:
        return ToValue(ParseDate(text));
      case TypeId::kTime:
        return ToValue(ParseTime(text));
      case TypeId::kInterval: {
        KYRO_ASSIGN_OR_RETURN(const Interval interval, ParseInterval(text));
        return Value(EncodeInterval(interval));
      }
      case TypeId::kBytea:
        return ParseBytea(text);
      case TypeId::kUuid:
        return ParseUuid(text);
      case TypeId::kJson: {
        KYRO_RETURN_IF_ERROR(ParseJson(text).status());
        return Value(std::string(text));
      }
      case TypeId::kJsonb:
        return ToValue(CanonicalJson(text));
      case TypeId::kBit:
      case TypeId::kVarbit:
        return ToValue(ParseBits(text));
      case TypeId::kVector:
      case TypeId::kHalfvec:
        return ToValue(ParseVectorText(type.id, text));
      case TypeId::kSparsevec: {
        KYRO_ASSIGN_OR_RETURN(const SparseVector sparse, ParseSparseText(text));
        return Value(EncodeSparse(sparse));
      }
      case TypeId::kInternalChar:
        return Value(std::string(text.substr(0, 1)));
      case TypeId::kName:
        return Value(std::string(text.substr(0, 63)));
      default:
        return Value(std::string(text));
    }
  };
  KYRO_ASSIGN_OR_RETURN(Value value, parse());
  if (type.dimensions == 0) return value;
  return ApplyModifier(type, std::move(value), CastContext::kAssignment);
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
    case TypeId::kNumeric: {
      const Decimal number = Decimal::FromBytes(std::get<std::string>(value));
      std::string text = number.ToText();
      // Without a point it would read back as an integer.
      if (number.is_finite() && text.find('.') != std::string::npos) return text;
      break;
    }
    default:
      break;
  }
  std::string out = Quoted(FormatValue(type, value));
  if (type.id != TypeId::kText && type.id != kUnknownId) {
    absl::StrAppend(&out, "::", BaseTypeName(type.id));
  }
  return out;
}

}  // namespace kyrodb::sql
