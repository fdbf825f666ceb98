// Text and bytea. Positions and lengths of text count characters (code points); case is mapped for
// ASCII only, as in PostgreSQL's C locale.
#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "sql/format.h"
#include "sql/functions/function.h"
#include "sql/functions/md5.h"

namespace kyrodb::sql {
namespace {

// What a single value may grow to; PostgreSQL's limit is 1 GiB, ours that of a row.
constexpr size_t kTextBytesMax = size_t{64} << 20;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

int64_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); });
}

// The byte at which character `index` (from 0) begins; the size when there are fewer.
size_t ByteOf(absl::string_view text, int64_t index) {
  size_t at = 0;
  while (at < text.size() && index > 0) {
    ++at;
    while (at < text.size() && IsContinuation(text[at])) ++at;
    --index;
  }
  return at;
}

size_t NextCharacter(absl::string_view text, size_t at) {
  ++at;
  while (at < text.size() && IsContinuation(text[at])) ++at;
  return at;
}

// Characters [begin, end) counted from 0, where either may lie outside.
absl::string_view Slice(absl::string_view text, int64_t begin, int64_t end) {
  begin = std::max<int64_t>(begin, 0);
  if (end <= begin) return "";
  const size_t from = ByteOf(text, begin);
  const size_t to = from + ByteOf(text.substr(from), end - begin);
  return text.substr(from, to - from);
}

bool TooLong(FunctionContext& context) {
  return context.Fail(sqlstate::kProgramLimitExceeded,
                      absl::StrCat("a value cannot be longer than ", kTextBytesMax, " bytes"));
}

bool SetText(FunctionContext& context, std::string text, Value* result) {
  if (text.size() > kTextBytesMax) return TooLong(context);
  *result = std::move(text);
  return true;
}
bool SetView(absl::string_view text, Value* result) {
  *result = std::string(text);
  return true;
}

bool Substring(FunctionContext& context, Arguments a, Value* result) {
  const int64_t begin = AsInt(a[1]) - 1;
  int64_t end = INT64_MAX;
  if (a.size() == 3) {
    if (AsInt(a[2]) < 0) return context.Fail("22011", "negative substring length not allowed");
    end = begin + AsInt(a[2]);
  }
  return SetView(Slice(AsText(a[0]), begin, end), result);
}

// Whether the character at `at` of `text` is one of `set`'s.
bool Holds(absl::string_view set, absl::string_view character) {
  for (size_t at = 0; at < set.size();) {
    const size_t next = NextCharacter(set, at);
    if (set.substr(at, next - at) == character) return true;
    at = next;
  }
  return false;
}

absl::string_view TrimSet(absl::string_view text, absl::string_view set, bool left, bool right) {
  while (left && !text.empty()) {
    const size_t next = NextCharacter(text, 0);
    if (!Holds(set, text.substr(0, next))) break;
    text.remove_prefix(next);
  }
  while (right && !text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && IsContinuation(text[last])) --last;
    if (!Holds(set, text.substr(last))) break;
    text.remove_suffix(text.size() - last);
  }
  return text;
}

template <bool left, bool right>
bool Trim(FunctionContext&, Arguments a, Value* result) {
  return SetView(
      TrimSet(AsText(a[0]), a.size() == 2 ? absl::string_view(AsText(a[1])) : " ", left, right),
      result);
}

template <bool left>
bool Pad(FunctionContext& context, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  const absl::string_view fill = a.size() == 3 ? absl::string_view(AsText(a[2])) : " ";
  const int64_t wanted = std::max<int64_t>(AsInt(a[1]), 0);
  const int64_t length = CountCharacters(text);
  if (length >= wanted || fill.empty()) return SetView(Slice(text, 0, wanted), result);
  if (static_cast<uint64_t>(wanted) > kTextBytesMax) return TooLong(context);
  std::string padding;
  size_t at = 0;
  for (int64_t i = length; i < wanted; ++i) {
    const size_t next = NextCharacter(fill, at);
    padding.append(fill.data() + at, next - at);
    at = next >= fill.size() ? 0 : next;
  }
  return SetText(context, left ? absl::StrCat(padding, text) : absl::StrCat(text, padding), result);
}

bool Replace(FunctionContext& context, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  const absl::string_view from = AsText(a[1]);
  if (from.empty()) return SetView(text, result);
  std::string out;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != absl::string_view::npos;
       at = found + from.size()) {
    out.append(text.data() + at, found - at);
    out.append(AsText(a[2]));
    if (out.size() > kTextBytesMax) return TooLong(context);
  }
  out.append(text.data() + at, text.size() - at);
  return SetText(context, std::move(out), result);
}

bool SplitPart(FunctionContext& context, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  const absl::string_view separator = AsText(a[1]);
  int64_t wanted = AsInt(a[2]);
  if (wanted == 0) {
    return context.Fail(sqlstate::kInvalidParameterValue, "field position must not be zero");
  }
  std::vector<absl::string_view> parts;
  size_t at = 0;
  if (!separator.empty()) {
    for (size_t found; (found = text.find(separator, at)) != absl::string_view::npos;
         at = found + separator.size()) {
      parts.push_back(text.substr(at, found - at));
    }
  }
  parts.push_back(text.substr(at));
  const auto count = static_cast<int64_t>(parts.size());
  if (wanted < 0) wanted += count + 1;
  return SetView(
      wanted < 1 || wanted > count ? absl::string_view() : parts[static_cast<size_t>(wanted - 1)],
      result);
}

bool Repeat(FunctionContext& context, Arguments a, Value* result) {
  const std::string& text = AsText(a[0]);
  const int64_t count = std::max<int64_t>(AsInt(a[1]), 0);
  if (!text.empty() && static_cast<uint64_t>(count) > kTextBytesMax / text.size()) {
    return TooLong(context);
  }
  std::string out;
  if (!text.empty()) {
    for (int64_t i = 0; i < count; ++i) out += text;
  }
  *result = std::move(out);
  return true;
}

bool Translate(FunctionContext& context, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  const absl::string_view from = AsText(a[1]);
  const absl::string_view to = AsText(a[2]);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = NextCharacter(text, at);
    const absl::string_view character = text.substr(at, next - at);
    size_t index = 0;
    size_t from_at = 0;
    while (from_at < from.size() &&
           from.substr(from_at, NextCharacter(from, from_at) - from_at) != character) {
      from_at = NextCharacter(from, from_at);
      ++index;
    }
    if (from_at >= from.size()) {
      absl::StrAppend(&out, character);
    } else {
      const auto i = static_cast<int64_t>(index);
      absl::StrAppend(&out, Slice(to, i, i + 1));
    }
    at = next;
  }
  return SetText(context, std::move(out), result);
}

bool Concatenate(FunctionContext& context, Arguments a, Value* result) {
  std::string out;
  for (size_t i = 0; i < a.size(); ++i) {
    if (IsNull(*a[i])) continue;
    out += FormatValue(context.argument_types[i], *a[i]);
  }
  return SetText(context, std::move(out), result);
}

bool ConcatenateWithSeparator(FunctionContext& context, Arguments a, Value* result) {
  if (IsNull(*a[0])) {
    *result = Null{};
    return true;
  }
  std::string out;
  bool first = true;
  for (size_t i = 1; i < a.size(); ++i) {
    if (IsNull(*a[i])) continue;
    if (!first) out += AsText(a[0]);
    first = false;
    out += FormatValue(context.argument_types[i], *a[i]);
  }
  return SetText(context, std::move(out), result);
}

// text || anything, as a cast to text writes it.
bool ConcatenateTwo(FunctionContext& context, Arguments a, Value* result) {
  std::string out;
  for (size_t i = 0; i < 2; ++i) {
    const Type& type = context.argument_types[i];
    if (type.id == TypeId::kBoolean) {
      out += AsBool(a[i]) ? "true" : "false";
    } else {
      out += FormatValue(type, *a[i]);
    }
  }
  return SetText(context, std::move(out), result);
}

bool ToChr(FunctionContext& context, Arguments a, Value* result) {
  const int64_t code = AsInt(a[0]);
  if (code == 0) {
    return context.Fail(sqlstate::kProgramLimitExceeded, "null character not permitted");
  }
  if (code < 0) {
    return context.Fail(sqlstate::kProgramLimitExceeded, "character number must be positive");
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    return context.Fail(sqlstate::kProgramLimitExceeded,
                        absl::StrCat("requested character not valid for encoding: ", code));
  }
  const auto c = static_cast<uint32_t>(code);
  std::string out;
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    out = {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
           static_cast<char>(0x80 | (c & 0x3F))};
  } else {
    out = {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3F)),
           static_cast<char>(0x80 | ((c >> 6) & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
  }
  *result = std::move(out);
  return true;
}

bool ToAscii(FunctionContext&, Arguments a, Value* result) {
  const std::string& text = AsText(a[0]);
  if (text.empty()) {
    *result = int64_t{0};
    return true;
  }
  const auto lead = static_cast<unsigned char>(text[0]);
  int64_t code = lead;
  size_t rest = 0;
  if (lead >= 0xF0) {
    code = lead & 0x07;
    rest = 3;
  } else if (lead >= 0xE0) {
    code = lead & 0x0F;
    rest = 2;
  } else if (lead >= 0xC0) {
    code = lead & 0x1F;
    rest = 1;
  }
  for (size_t i = 1; i <= rest && i < text.size(); ++i) {
    code = code * 64 + (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  *result = code;
  return true;
}

bool Initcap(FunctionContext&, Arguments a, Value* result) {
  std::string out = AsText(a[0]);
  bool inside = false;
  for (char& c : out) {
    c = inside ? absl::ascii_tolower(static_cast<unsigned char>(c))
               : absl::ascii_toupper(static_cast<unsigned char>(c));
    inside = absl::ascii_isalnum(static_cast<unsigned char>(c)) || (c & 0x80) != 0;
  }
  *result = std::move(out);
  return true;
}

bool Reverse(FunctionContext&, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  std::string out;
  out.reserve(text.size());
  for (size_t end = text.size(); end > 0;) {
    size_t begin = end - 1;
    while (begin > 0 && IsContinuation(text[begin])) --begin;
    out.append(text.data() + begin, end - begin);
    end = begin;
  }
  *result = std::move(out);
  return true;
}

bool Overlay(FunctionContext& context, Arguments a, Value* result) {
  const absl::string_view text = AsText(a[0]);
  const int64_t begin = AsInt(a[2]) - 1;
  const int64_t count = a.size() == 4 ? AsInt(a[3]) : CountCharacters(AsText(a[1]));
  if (begin < 0) return context.Fail("22011", "negative substring length not allowed");
  return SetText(
      context,
      absl::StrCat(Slice(text, 0, begin), AsText(a[1]), Slice(text, begin + count, INT64_MAX)),
      result);
}

bool Encode(FunctionContext& context, Arguments a, Value* result) {
  const std::string format = absl::AsciiStrToLower(AsText(a[1]));
  if (format == "hex") return SetText(context, absl::BytesToHexString(AsText(a[0])), result);
  if (format == "base64") {
    // Lines of 76 characters, as PostgreSQL breaks them.
    const std::string whole = absl::Base64Escape(AsText(a[0]));
    std::string out;
    for (size_t i = 0; i < whole.size(); i += 76) {
      if (i > 0) out.push_back('\n');
      out += whole.substr(i, 76);
    }
    return SetText(context, std::move(out), result);
  }
  if (format == "escape") {
    std::string out;
    for (const char c : AsText(a[0])) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte == 0 || byte >= 0x80) {
        absl::StrAppendFormat(&out, "\\%03o", byte);
      } else if (c == '\\') {
        out += "\\\\";
      } else {
        out.push_back(c);
      }
    }
    return SetText(context, std::move(out), result);
  }
  return context.Fail(sqlstate::kInvalidParameterValue,
                      absl::StrCat("unrecognized encoding: \"", AsText(a[1]), "\""));
}

bool Decode(FunctionContext& context, Arguments a, Value* result) {
  const std::string format = absl::AsciiStrToLower(AsText(a[1]));
  if (format == "hex") {
    absl::StatusOr<Value> value = ParseValue(kByteaType, absl::StrCat("\\x", AsText(a[0])));
    if (!value.ok()) return context.Fail(value.status());
    *result = *std::move(value);
    return true;
  }
  if (format == "base64") {
    std::string out;
    std::string packed = AsText(a[0]);
    std::erase_if(packed,
                  [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); });
    if (!absl::Base64Unescape(packed, &out)) {
      return context.Fail(sqlstate::kInvalidParameterValue, "invalid base64 data");
    }
    *result = std::move(out);
    return true;
  }
  if (format == "escape") {
    absl::StatusOr<Value> value = ParseValue(kByteaType, AsText(a[0]));
    if (!value.ok()) return context.Fail(value.status());
    *result = *std::move(value);
    return true;
  }
  return context.Fail(sqlstate::kInvalidParameterValue,
                      absl::StrCat("unrecognized encoding: \"", AsText(a[1]), "\""));
}

template <typename Number>
bool SetCount(Number count, Value* result) {
  *result = static_cast<int64_t>(count);
  return true;
}

}  // namespace

bool MatchLike(absl::string_view text, absl::string_view pattern, char escape, bool ignore_case,
               bool* valid) {
  *valid = true;
  const auto same = [ignore_case](char a, char b) {
    if (a == b) return true;
    return ignore_case && absl::ascii_tolower(static_cast<unsigned char>(a)) ==
                              absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  // On a mismatch the walk goes back to the last %, which then swallows one character more.
  size_t t = 0;
  size_t p = 0;
  size_t star_pattern = absl::string_view::npos;
  size_t star_text = 0;
  while (true) {
    if (p < pattern.size() && pattern[p] == '%' && escape != '%') {
      star_pattern = ++p;
      star_text = t;
      continue;
    }
    if (t == text.size()) break;
    bool matched = false;
    if (p < pattern.size()) {
      if (pattern[p] == '_' && escape != '_') {
        ++p;
        t = NextCharacter(text, t);
        matched = true;
      } else {
        size_t literal = p;
        if (escape != 0 && pattern[p] == escape) {
          literal = p + 1;
          if (literal == pattern.size()) {
            *valid = false;
            return false;
          }
        }
        if (same(text[t], pattern[literal])) {
          p = literal + 1;
          ++t;
          matched = true;
        }
      }
    }
    if (matched) continue;
    if (star_pattern == absl::string_view::npos) return false;
    p = star_pattern;
    star_text = NextCharacter(text, star_text);
    t = star_text;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  if (p + 1 == pattern.size() && escape != 0 && pattern[p] == escape) *valid = false;
  return p == pattern.size();
}

namespace {

template <bool ignore_case, bool negated>
bool LikeOperator(FunctionContext& context, Arguments a, Value* result) {
  bool valid = true;
  const bool matched = MatchLike(AsText(a[0]), AsText(a[1]), '\\', ignore_case, &valid);
  if (!valid) {
    return context.Fail(sqlstate::kInvalidEscapeSequence,
                        "LIKE pattern must not end with escape character");
  }
  *result = matched != negated;
  return true;
}

}  // namespace

void AddText(std::vector<ScalarFunction>* out) {
  constexpr TypeId kT = TypeId::kText;
  constexpr TypeId kI = TypeId::kInteger;
  constexpr TypeId kB = TypeId::kBytea;
  const auto add = [out](std::vector<const char*> names, std::vector<TypeId> parameters,
                         const Type& result, Implementation implementation) {
    for (const char* name : names) {
      out->push_back({.name = name,
                      .parameters = parameters,
                      .result = result,
                      .implementation = implementation});
    }
  };
  add({"length", "char_length", "character_length"}, {kT}, kIntegerType,
      [](FunctionContext&, Arguments a, Value* r) {
        return SetCount(CountCharacters(AsText(a[0])), r);
      });
  add({"length", "octet_length"}, {kB}, kIntegerType,
      [](FunctionContext&, Arguments a, Value* r) { return SetCount(AsText(a[0]).size(), r); });
  add({"octet_length"}, {kT}, kIntegerType,
      [](FunctionContext&, Arguments a, Value* r) { return SetCount(AsText(a[0]).size(), r); });
  add({"bit_length"}, {kT}, kIntegerType,
      [](FunctionContext&, Arguments a, Value* r) { return SetCount(AsText(a[0]).size() * 8, r); });
  add({"lower"}, {kT}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = absl::AsciiStrToLower(AsText(a[0]));
    return true;
  });
  add({"upper"}, {kT}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = absl::AsciiStrToUpper(AsText(a[0]));
    return true;
  });
  add({"initcap"}, {kT}, kTextType, &Initcap);
  add({"substr", "substring"}, {kT, kI}, kTextType, &Substring);
  add({"substr", "substring"}, {kT, kI, kI}, kTextType, &Substring);
  add({"left"}, {kT, kI}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    const int64_t n = AsInt(a[1]);
    return SetView(Slice(AsText(a[0]), 0, n >= 0 ? n : CountCharacters(AsText(a[0])) + n), r);
  });
  add({"right"}, {kT, kI}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    const int64_t n = AsInt(a[1]);
    return SetView(Slice(AsText(a[0]), n >= 0 ? CountCharacters(AsText(a[0])) - n : -n, INT64_MAX),
                   r);
  });
  for (const size_t count : {size_t{1}, size_t{2}}) {
    const std::vector<TypeId> parameters(count, kT);
    add({"btrim"}, parameters, kTextType, &Trim<true, true>);
    add({"ltrim"}, parameters, kTextType, &Trim<true, false>);
    add({"rtrim"}, parameters, kTextType, &Trim<false, true>);
  }
  add({"lpad"}, {kT, kI}, kTextType, &Pad<true>);
  add({"lpad"}, {kT, kI, kT}, kTextType, &Pad<true>);
  add({"rpad"}, {kT, kI}, kTextType, &Pad<false>);
  add({"rpad"}, {kT, kI, kT}, kTextType, &Pad<false>);
  add({"replace"}, {kT, kT, kT}, kTextType, &Replace);
  add({"translate"}, {kT, kT, kT}, kTextType, &Translate);
  add({"strpos", "position"}, {kT, kT}, kIntegerType, [](FunctionContext&, Arguments a, Value* r) {
    const absl::string_view text = AsText(a[0]);
    const size_t found = text.find(AsText(a[1]));
    return SetCount(
        found == absl::string_view::npos ? 0 : CountCharacters(text.substr(0, found)) + 1, r);
  });
  add({"split_part"}, {kT, kT, kI}, kTextType, &SplitPart);
  add({"repeat"}, {kT, kI}, kTextType, &Repeat);
  add({"reverse"}, {kT}, kTextType, &Reverse);
  add({"overlay"}, {kT, kT, kI}, kTextType, &Overlay);
  add({"overlay"}, {kT, kT, kI, kI}, kTextType, &Overlay);
  add({"starts_with"}, {kT, kT}, kBooleanType, [](FunctionContext&, Arguments a, Value* r) {
    *r = AsText(a[0]).compare(0, AsText(a[1]).size(), AsText(a[1])) == 0;
    return true;
  });
  add({"ascii"}, {kT}, kIntegerType, &ToAscii);
  add({"chr"}, {kI}, kTextType, &ToChr);
  add({"md5"}, {kT}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = Md5Hex(AsText(a[0]));
    return true;
  });
  add({"md5"}, {kB}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = Md5Hex(AsText(a[0]));
    return true;
  });
  add({"to_hex"}, {TypeId::kBigint}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = absl::StrCat(absl::Hex(static_cast<uint64_t>(AsInt(a[0]))));
    return true;
  });
  add({"to_hex"}, {kI}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = absl::StrCat(absl::Hex(static_cast<uint32_t>(AsInt(a[0]))));
    return true;
  });
  add({"quote_ident"}, {kT}, kTextType, [](FunctionContext&, Arguments a, Value* r) {
    *r = QuoteIdentifier(AsText(a[0]));
    return true;
  });
  add({"encode"}, {kB, kT}, kTextType, &Encode);
  add({"decode"}, {kT, kT}, kByteaType, &Decode);

  const auto add_operator = [out](const char* name, std::vector<TypeId> parameters,
                                  const Type& result, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .is_operator = true});
  };
  add_operator("||", {kT, kT}, kTextType, &ConcatenateTwo);
  add_operator("||", {kT, kAnyId}, kTextType, &ConcatenateTwo);
  add_operator("||", {kAnyId, kT}, kTextType, &ConcatenateTwo);
  add_operator("||", {kB, kB}, kByteaType, [](FunctionContext&, Arguments a, Value* r) {
    *r = AsText(a[0]) + AsText(a[1]);
    return true;
  });
  add_operator("^@", {kT, kT}, kBooleanType, [](FunctionContext&, Arguments a, Value* r) {
    *r = AsText(a[0]).compare(0, AsText(a[1]).size(), AsText(a[1])) == 0;
    return true;
  });
  add_operator("~~", {kT, kT}, kBooleanType, &LikeOperator<false, false>);
  add_operator("!~~", {kT, kT}, kBooleanType, &LikeOperator<false, true>);
  add_operator("~~*", {kT, kT}, kBooleanType, &LikeOperator<true, false>);
  add_operator("!~~*", {kT, kT}, kBooleanType, &LikeOperator<true, true>);
  out->push_back({.name = "concat",
                  .parameters = {kAnyId, kAnyId},
                  .result = kTextType,
                  .implementation = &Concatenate,
                  .volatility = Volatility::kStable,
                  .strict = false,
                  .variadic = true});
  out->push_back({.name = "concat_ws",
                  .parameters = {kT, kAnyId, kAnyId},
                  .result = kTextType,
                  .implementation = &ConcatenateWithSeparator,
                  .volatility = Volatility::kStable,
                  .strict = false,
                  .variadic = true});
}

}  // namespace kyrodb::sql
