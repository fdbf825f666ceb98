// format(), quoting, and other functions that write text.
// Source: PostgreSQL 15 documentation, section 9.4.1.
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sql/format.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

std::string TextOf(const Type& type, const Value& value) {
  if (type.id == TypeId::kBoolean) return std::get<bool>(value) ? "t" : "f";
  return FormatValue(type, value);
}

int64_t CountCharacters(absl::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

// format(text, arguments…): %[position$][-][width]{s|I|L}
bool Format(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  if (IsNull(*a[0])) return true;
  const absl::string_view format = AsText(a[0]);
  std::string out;
  size_t next = 1;
  const auto bad = [&context](absl::string_view message, absl::string_view hint = "") {
    return context.Fail(WithHint(Error(sqlstate::kInvalidParameterValue, 0, message), hint));
  };
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    ++i;
    const auto unterminated = [&] {
      return bad("unterminated format() type specifier", "For a single \"%\" use \"%%\".");
    };
    if (i >= format.size()) return unterminated();
    if (format[i] == '%') {
      out.push_back('%');
      continue;
    }
    const auto take_number = [&](int64_t* number) {
      bool any = false;
      while (i < format.size() && absl::ascii_isdigit(static_cast<unsigned char>(format[i]))) {
        if (*number < 100'000'000) *number = *number * 10 + (format[i] - '0');
        any = true;
        ++i;
      }
      return any;
    };
    int64_t width = 0;
    bool has_width = take_number(&width);
    size_t position = 0;
    if (has_width && i < format.size() && format[i] == '$') {
      if (width == 0) return bad("format specifies argument 0, but arguments are numbered from 1");
      position = static_cast<size_t>(width);
      width = 0;
      has_width = false;
      ++i;
    }
    bool left = false;
    if (!has_width) {
      while (i < format.size() && format[i] == '-') {
        left = true;
        ++i;
      }
      if (i < format.size() && format[i] == '*') {
        ++i;
        int64_t number = 0;
        size_t from = next;
        if (take_number(&number)) {
          if (i >= format.size() || format[i] != '$') {
            return bad("width argument position must be ended by \"$\"");
          }
          ++i;
          from = static_cast<size_t>(number);
        } else {
          ++next;
        }
        if (from >= a.size()) return bad("too few arguments for format()");
        if (!IsNull(*a[from])) {
          absl::StatusOr<Value> cast =
              CastValue(context.argument_types[from], kIntegerType, *a[from]);
          if (!cast.ok()) return context.Fail(cast.status());
          width = std::get<int64_t>(*cast);
        }
        if (width < 0) {
          left = true;
          width = -width;
        }
      } else {
        take_number(&width);
      }
    }
    if (i >= format.size()) return unterminated();
    const char kind = format[i];
    if (kind != 's' && kind != 'I' && kind != 'L') {
      return bad(
          absl::StrCat("unrecognized format() type specifier \"", std::string(1, kind), "\""),
          "For a single \"%\" use \"%%\".");
    }
    const size_t argument = position > 0 ? position : next;
    next = argument + 1;
    if (argument >= a.size()) return bad("too few arguments for format()");
    const bool null = IsNull(*a[argument]);
    std::string text = null ? "" : TextOf(context.argument_types[argument], *a[argument]);
    if (kind == 'I') {
      if (null) {
        return context.Fail(sqlstate::kNullValueNotAllowed,
                            "null values cannot be formatted as an SQL identifier");
      }
      text = QuoteIdentifier(text);
    } else if (kind == 'L') {
      text = null ? "NULL" : QuoteLiteral(kTextType, Value(text));
    }
    const int64_t characters = CountCharacters(text);
    const std::string padding(static_cast<size_t>(width > characters ? width - characters : 0),
                              ' ');
    absl::StrAppend(&out, left ? "" : padding, text, left ? padding : "");
  }
  *result = std::move(out);
  return true;
}

}  // namespace

void AddFormat(std::vector<ScalarFunction>* out) {
  out->push_back({.name = "format",
                  .parameters = {TypeId::kText, kAnyId},
                  .result = kTextType,
                  .implementation = &Format,
                  .volatility = Volatility::kStable,
                  .strict = false,
                  .variadic = true});
  out->push_back({.name = "quote_literal",
                  .parameters = {kAnyId},
                  .result = kTextType,
                  .implementation =
                      [](FunctionContext& context, Arguments a, Value* r) {
                        *r = QuoteLiteral(kTextType,
                                          Value(TextOf(context.argument_types[0], *a[0])));
                        return true;
                      },
                  .volatility = Volatility::kStable});
  out->push_back({.name = "quote_nullable",
                  .parameters = {kAnyId},
                  .result = kTextType,
                  .implementation =
                      [](FunctionContext& context, Arguments a, Value* r) {
                        *r = IsNull(*a[0])
                                 ? std::string("NULL")
                                 : QuoteLiteral(kTextType,
                                                Value(TextOf(context.argument_types[0], *a[0])));
                        return true;
                      },
                  .volatility = Volatility::kStable,
                  .strict = false});
}

}  // namespace kyrodb::sql
