#include "sql/types/json.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

// PostgreSQL's numeric holds this many digits before the point, and after it.
constexpr int64_t kDigitsBeforeMax = 131072;
constexpr int64_t kDigitsAfterMax = 16383;

bool KeyLess(absl::string_view a, absl::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Json> Parse() {
    Json json;
    KYRO_RETURN_IF_ERROR(Parse(0, &json));
    SkipBlanks();
    if (at_ != text_.size()) {
      return Bad(absl::StrCat("Expected end of input, but found \"", Token(), "\"."));
    }
    return json;
  }

 private:
  absl::Status Bad(absl::string_view detail) const {
    return WithDetail(
        Error(sqlstate::kInvalidTextRepresentation, 0, "invalid input syntax for type json"),
        detail);
  }
  absl::Status Unexpected(absl::string_view wanted) const {
    if (at_ >= text_.size()) return Bad("The input string ended unexpectedly.");
    return Bad(absl::StrCat("Expected ", wanted, ", but found \"", Token(), "\"."));
  }
  // The token at the cursor, for messages.
  absl::string_view Token() const {
    size_t end = at_;
    while (end < text_.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text_[end])) ||
                                  text_[end] == '_' || (text_[end] & 0x80) != 0)) {
      ++end;
    }
    return text_.substr(at_, std::max<size_t>(end - at_, 1));
  }
  void SkipBlanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  absl::Status Parse(int depth, Json* json) {
    if (depth > kJsonDepthMax) {
      return Error(sqlstate::kStatementTooComplex, 0,
                   absl::StrCat("JSON is nested deeper than ", kJsonDepthMax, " levels"));
    }
    SkipBlanks();
    if (at_ >= text_.size()) return Bad("The input string ended unexpectedly.");
    switch (text_[at_]) {
      case '{':
        return ParseObject(depth, json);
      case '[':
        return ParseArray(depth, json);
      case '"':
        json->kind = Json::Kind::kString;
        return ParseString(&json->text);
      default:
        break;
    }
    if (text_[at_] == '-' || IsDigit(text_[at_])) return ParseNumber(json);
    const absl::string_view token = Token();
    if (token == "true" || token == "false") {
      json->kind = Json::Kind::kBoolean;
      json->boolean = token == "true";
    } else if (token == "null") {
      json->kind = Json::Kind::kNull;
    } else {
      return Bad(absl::StrCat("Token \"", token, "\" is invalid."));
    }
    at_ += token.size();
    return absl::OkStatus();
  }

  absl::Status ParseObject(int depth, Json* json) {
    json->kind = Json::Kind::kObject;
    ++at_;
    if (Take('}')) return absl::OkStatus();
    do {
      SkipBlanks();
      if (at_ >= text_.size() || text_[at_] != '"') return Unexpected("string");
      std::string key;
      KYRO_RETURN_IF_ERROR(ParseString(&key));
      if (!Take(':')) return Unexpected("\":\"");
      Json member;
      KYRO_RETURN_IF_ERROR(Parse(depth + 1, &member));
      json->members.push_back({std::move(key), std::move(member)});
    } while (Take(','));
    if (!Take('}')) return Unexpected("\",\" or \"}\"");
    std::stable_sort(json->members.begin(), json->members.end(),
                     [](const auto& a, const auto& b) { return KeyLess(a.key, b.key); });
    // Of equal keys the last one stays.
    size_t kept = 0;
    for (size_t i = 0; i < json->members.size(); ++i) {
      if (i + 1 < json->members.size() && json->members[i].key == json->members[i + 1].key) {
        continue;
      }
      if (kept != i) json->members[kept] = std::move(json->members[i]);
      ++kept;
    }
    json->members.resize(kept);
    return absl::OkStatus();
  }

  absl::Status ParseArray(int depth, Json* json) {
    json->kind = Json::Kind::kArray;
    ++at_;
    if (Take(']')) return absl::OkStatus();
    do {
      json->items.emplace_back();
      KYRO_RETURN_IF_ERROR(Parse(depth + 1, &json->items.back()));
    } while (Take(','));
    if (!Take(']')) return Unexpected("\",\" or \"]\"");
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ParseHex4() {
    if (text_.size() - at_ < 4) return Bad("\"\\u\" must be followed by four hexadecimal digits.");
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      uint32_t digit;
      if (IsDigit(c)) {
        digit = static_cast<uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<uint32_t>(c - 'A' + 10);
      } else {
        return Bad("\"\\u\" must be followed by four hexadecimal digits.");
      }
      code = code * 16 + digit;
    }
    return code;
  }

  static void AppendUtf8(uint32_t code, std::string* out) {
    if (code < 0x80) {
      out->push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out->push_back(static_cast<char>(0xC0 | (code >> 6)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
      out->push_back(static_cast<char>(0xE0 | (code >> 12)));
      out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out->push_back(static_cast<char>(0xF0 | (code >> 18)));
      out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  }

  absl::Status ParseEscape(std::string* out) {
    if (at_ >= text_.size()) return Bad("The input string ended unexpectedly.");
    const char c = text_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out->push_back(c);
        return absl::OkStatus();
      case 'b':
        out->push_back('\b');
        return absl::OkStatus();
      case 'f':
        out->push_back('\f');
        return absl::OkStatus();
      case 'n':
        out->push_back('\n');
        return absl::OkStatus();
      case 'r':
        out->push_back('\r');
        return absl::OkStatus();
      case 't':
        out->push_back('\t');
        return absl::OkStatus();
      case 'u':
        break;
      default:
        return Bad(
            absl::StrCat("Escape sequence \"\\", absl::string_view(&c, 1), "\" is invalid."));
    }
    KYRO_ASSIGN_OR_RETURN(uint32_t code, ParseHex4());
    if (code == 0) {
      return WithDetail(Error("22P05", 0, "unsupported Unicode escape sequence"),
                        "\\u0000 cannot be converted to text.");
    }
    if (code >= 0xDC00 && code < 0xE000) {
      return Bad("Unicode low surrogate must follow a high surrogate.");
    }
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(at_, 2) != "\\u") {
        return Bad("Unicode high surrogate must not follow a high surrogate.");
      }
      at_ += 2;
      KYRO_ASSIGN_OR_RETURN(const uint32_t low, ParseHex4());
      if (low < 0xDC00 || low >= 0xE000) {
        return Bad("Unicode low surrogate must follow a high surrogate.");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code, out);
    return absl::OkStatus();
  }

  absl::Status ParseString(std::string* out) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return absl::OkStatus();
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return Bad(absl::StrCat("Character with value 0x", absl::Hex(c, absl::kZeroPad2),
                                " must be escaped."));
      }
      ++at_;
      if (c == '\\') {
        KYRO_RETURN_IF_ERROR(ParseEscape(out));
      } else {
        out->push_back(c);
      }
    }
    return Bad("The input string ended unexpectedly.");
  }

  absl::Status ParseNumber(Json* json) {
    const size_t begin = at_;
    const bool negative = text_[at_] == '-';
    if (negative) ++at_;
    const size_t whole_begin = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    const absl::string_view whole = text_.substr(whole_begin, at_ - whole_begin);
    absl::string_view fraction;
    int64_t exponent = 0;
    bool bad = whole.empty() || (whole.size() > 1 && whole[0] == '0');
    if (at_ < text_.size() && text_[at_] == '.') {
      const size_t fraction_begin = ++at_;
      while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
      fraction = text_.substr(fraction_begin, at_ - fraction_begin);
      bad = bad || fraction.empty();
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      const size_t exponent_begin = ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      const size_t digits_begin = at_;
      while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
      bad = bad || at_ == digits_begin;
      if (!bad &&
          !absl::SimpleAtoi(text_.substr(exponent_begin, at_ - exponent_begin), &exponent)) {
        exponent = kDigitsBeforeMax * 2;
      }
    }
    bad =
        bad || (at_ < text_.size() && absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])));
    if (bad) {
      while (at_ < text_.size() &&
             (absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.')) {
        ++at_;
      }
      return Bad(absl::StrCat("Token \"", text_.substr(begin, at_ - begin), "\" is invalid."));
    }
    // The digits with the point moved by the exponent.
    std::string digits = absl::StrCat(whole, fraction);
    const int64_t point = static_cast<int64_t>(whole.size()) + exponent;
    const int64_t scale = std::max<int64_t>(0, static_cast<int64_t>(fraction.size()) - exponent);
    if (point > kDigitsBeforeMax || scale > kDigitsAfterMax) {
      return Error(sqlstate::kNumericValueOutOfRange, 0, "value overflows numeric format");
    }
    std::string before;
    std::string after;
    if (point <= 0) {
      after = std::string(static_cast<size_t>(-point), '0') + digits;
    } else if (static_cast<size_t>(point) >= digits.size()) {
      before = digits + std::string(static_cast<size_t>(point) - digits.size(), '0');
    } else {
      before = digits.substr(0, static_cast<size_t>(point));
      after = digits.substr(static_cast<size_t>(point));
    }
    const size_t first = before.find_first_not_of('0');
    before = first == std::string::npos ? "0" : before.substr(first);
    const bool zero = before == "0" && after.find_first_not_of('0') == std::string::npos;
    json->kind = Json::Kind::kNumber;
    json->text =
        absl::StrCat(negative && !zero ? "-" : "", before, after.empty() ? "" : ".", after);
    return absl::OkStatus();
  }

  absl::string_view text_;
  size_t at_ = 0;
};

// Numbers are equal when their digits are, whatever zeros end them.
absl::string_view TrimZeros(absl::string_view number) {
  if (number.find('.') == absl::string_view::npos) return number;
  while (number.back() == '0') number.remove_suffix(1);
  if (number.back() == '.') number.remove_suffix(1);
  return number;
}

bool ScalarEquals(const Json& a, const Json& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Json::Kind::kNull:
      return true;
    case Json::Kind::kBoolean:
      return a.boolean == b.boolean;
    case Json::Kind::kNumber:
      return TrimZeros(a.text) == TrimZeros(b.text);
    case Json::Kind::kString:
      return a.text == b.text;
    default:
      return false;
  }
}

bool IsScalar(const Json& json) {
  return json.kind != Json::Kind::kArray && json.kind != Json::Kind::kObject;
}

}  // namespace

const Json* Json::Find(absl::string_view key) const {
  const auto found = std::lower_bound(
      members.begin(), members.end(), key,
      [](const auto& member, absl::string_view k) { return KeyLess(member.key, k); });
  return found != members.end() && found->key == key ? &found->value : nullptr;
}

absl::StatusOr<Json> ParseJson(absl::string_view text) { return Parser(text).Parse(); }

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\b':
        out->append("\\b");
        break;
      case '\f':
        out->append("\\f");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppend(out, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

void AppendJson(const Json& json, std::string* out) {
  switch (json.kind) {
    case Json::Kind::kNull:
      out->append("null");
      return;
    case Json::Kind::kBoolean:
      out->append(json.boolean ? "true" : "false");
      return;
    case Json::Kind::kNumber:
      out->append(json.text);
      return;
    case Json::Kind::kString:
      AppendJsonString(json.text, out);
      return;
    case Json::Kind::kArray: {
      out->push_back('[');
      bool first = true;
      for (const Json& item : json.items) {
        if (!first) out->append(", ");
        first = false;
        AppendJson(item, out);
      }
      out->push_back(']');
      return;
    }
    case Json::Kind::kObject: {
      out->push_back('{');
      bool first = true;
      for (const auto& [key, member] : json.members) {
        if (!first) out->append(", ");
        first = false;
        AppendJsonString(key, out);
        out->append(": ");
        AppendJson(member, out);
      }
      out->push_back('}');
      return;
    }
  }
}

std::string ToJsonText(const Json& json) {
  std::string out;
  AppendJson(json, &out);
  return out;
}

absl::StatusOr<std::string> CanonicalJson(absl::string_view text) {
  KYRO_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  return ToJsonText(json);
}

bool JsonContains(const Json& left, const Json& right) {
  if (IsScalar(left)) return ScalarEquals(left, right);
  if (left.kind == Json::Kind::kObject) {
    if (right.kind != Json::Kind::kObject) return false;
    return std::all_of(right.members.begin(), right.members.end(), [&left](const auto& member) {
      const Json* found = left.Find(member.key);
      return found != nullptr && JsonContains(*found, member.value);
    });
  }
  // An array contains a scalar that it holds, and every array whose elements it holds.
  const auto holds = [&left](const Json& wanted) {
    return std::any_of(left.items.begin(), left.items.end(), [&wanted](const Json& item) {
      return IsScalar(item) == IsScalar(wanted) && JsonContains(item, wanted);
    });
  };
  if (IsScalar(right)) return holds(right);
  return right.kind == Json::Kind::kArray &&
         std::all_of(right.items.begin(), right.items.end(), holds);
}

absl::string_view JsonKindName(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::kNull:
      return "null";
    case Json::Kind::kBoolean:
      return "boolean";
    case Json::Kind::kNumber:
      return "number";
    case Json::Kind::kString:
      return "string";
    case Json::Kind::kArray:
      return "array";
    case Json::Kind::kObject:
      return "object";
  }
  return "";
}

}  // namespace kyrodb::sql
