#include "sql/parse/lexer.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kQuotedTextBytesMax = 1000;  // of a bad token in a message

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsIdentifierStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<uint8_t>(c) & 0x80) != 0;
}
bool IsIdentifierPart(char c) { return IsIdentifierStart(c) || IsDigit(c) || c == '$'; }
bool IsOperatorCharacter(char c) {
  switch (c) {
    case '~':
    case '!':
    case '@':
    case '#':
    case '^':
    case '&':
    case '|':
    case '`':
    case '?':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '<':
    case '>':
    case '=':
      return true;
    default:
      return false;
  }
}

// Returns the number of bytes of the UTF-8 character at the start of `text`, 0 where there is none.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or an overlong form
  if (lead < 0xE0) return continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
    return 3;
  }
  if (lead < 0xF5) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
    if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

// The offset of the first byte that is no UTF-8, or a NUL; the size where there is none.
size_t FindBadByte(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    // Eight ASCII bytes other than NUL at a time.
    while (i + 8 <= text.size()) {
      uint64_t word;
      std::memcpy(&word, text.data() + i, 8);
      const uint64_t high = 0x8080808080808080ULL;
      if (((word | (word - 0x0101010101010101ULL)) & high) != 0) break;
      i += 8;
    }
    if (i >= text.size()) break;
    const size_t bytes = CharacterBytes(text.substr(i));
    if (bytes == 0) return i;
    i += bytes;
  }
  return text.size();
}

void AppendUtf8(std::string& out, uint32_t code_point) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (code_point < 0x80) {
    out += byte(code_point);
  } else if (code_point < 0x800) {
    out += byte(0xC0 | (code_point >> 6));
    out += byte(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    out += byte(0xE0 | (code_point >> 12));
    out += byte(0x80 | ((code_point >> 6) & 0x3F));
    out += byte(0x80 | (code_point & 0x3F));
  } else {
    out += byte(0xF0 | (code_point >> 18));
    out += byte(0x80 | ((code_point >> 12) & 0x3F));
    out += byte(0x80 | ((code_point >> 6) & 0x3F));
    out += byte(0x80 | (code_point & 0x3F));
  }
}

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// If only space with a newline in it (and line comments) lies between a closing quote and the next
// one, the string goes on there: returns the offset of that next quote, else npos.
size_t FindContinuation(absl::string_view text, size_t after_quote) {
  bool newline = false;
  size_t i = after_quote;
  while (i < text.size()) {
    if (IsSpace(text[i])) {
      newline = newline || text[i] == '\n' || text[i] == '\r';
      ++i;
    } else if (text.substr(i, 2) == "--") {
      i = std::min(text.find_first_of("\n\r", i), text.size());
    } else {
      break;
    }
  }
  return newline && i < text.size() && text[i] == '\'' ? i : absl::string_view::npos;
}

// Unescapes the inside of an E'…' string, pairs of quotes included.
class EscapeReader {
 public:
  EscapeReader(absl::string_view body, Position position, std::string& value)
      : body_(body), position_(position), value_(value) {}

  absl::Status Read() {
    for (size_t i = 0; i < body_.size();) {
      const char c = body_[i];
      if (c == '\'') {
        if (!CloseSurrogate()) return BadSurrogate();
        value_ += '\'';
        i += 2;
      } else if (c != '\\') {
        if (!CloseSurrogate()) return BadSurrogate();
        value_ += c;
        ++i;
      } else {
        ++i;
        if (absl::Status status = ReadEscape(i); !status.ok()) return status;
      }
    }
    if (!CloseSurrogate()) return BadSurrogate();
    return absl::OkStatus();
  }

 private:
  bool CloseSurrogate() const { return high_surrogate_ == 0; }
  absl::Status BadSurrogate() const {
    return Error(sqlstate::kSyntaxError, position_, "invalid Unicode surrogate pair");
  }

  // `i` is at the character after the backslash.
  absl::Status ReadEscape(size_t& i) {
    const char c = body_[i++];
    if (c == 'u' || c == 'U') return ReadUnicode(i, c == 'u' ? 4 : 8);
    if (!CloseSurrogate()) return BadSurrogate();
    switch (c) {
      case 'b':
        value_ += '\b';
        return absl::OkStatus();
      case 'f':
        value_ += '\f';
        return absl::OkStatus();
      case 'n':
        value_ += '\n';
        return absl::OkStatus();
      case 'r':
        value_ += '\r';
        return absl::OkStatus();
      case 't':
        value_ += '\t';
        return absl::OkStatus();
      case 'x': {
        int number = 0;
        size_t digits = 0;
        while (digits < 2 && i < body_.size() && HexDigit(body_[i]) >= 0) {
          number = number * 16 + HexDigit(body_[i]);
          ++i;
          ++digits;
        }
        value_ += digits == 0 ? 'x' : static_cast<char>(number);
        return absl::OkStatus();
      }
      default:
        break;
    }
    if (c >= '0' && c <= '7') {
      int number = c - '0';
      for (int digits = 1; digits < 3 && i < body_.size() && body_[i] >= '0' && body_[i] <= '7';
           ++digits) {
        number = number * 8 + (body_[i++] - '0');
      }
      value_ += static_cast<char>(number & 0xFF);
      return absl::OkStatus();
    }
    value_ += c;
    return absl::OkStatus();
  }

  absl::Status ReadUnicode(size_t& i, size_t digit_count) {
    uint32_t number = 0;
    for (size_t digit = 0; digit < digit_count; ++digit) {
      const int value = i < body_.size() ? HexDigit(body_[i]) : -1;
      if (value < 0) {
        return WithHint(
            Error(sqlstate::kInvalidEscapeSequence, position_, "invalid Unicode escape"),
            "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
      }
      number = (number << 4) | static_cast<uint32_t>(value);
      ++i;
    }
    if (number >= 0xD800 && number < 0xDC00) {
      if (!CloseSurrogate()) return BadSurrogate();
      high_surrogate_ = number;
      return absl::OkStatus();
    }
    if (number >= 0xDC00 && number < 0xE000) {
      if (high_surrogate_ == 0) return BadSurrogate();
      number = 0x10000 + ((high_surrogate_ - 0xD800) << 10) + (number - 0xDC00);
      high_surrogate_ = 0;
    }
    if (!CloseSurrogate()) return BadSurrogate();
    if (number == 0 || number > 0x10FFFF) {
      return Error(sqlstate::kSyntaxError, position_, "invalid Unicode escape value");
    }
    AppendUtf8(value_, number);
    return absl::OkStatus();
  }

  absl::string_view body_;
  Position position_;
  std::string& value_;
  uint32_t high_surrogate_ = 0;
};

}  // namespace

absl::Status CheckEncoding(absl::string_view text) {
  const size_t bad = FindBadByte(text);
  if (bad == text.size()) return absl::OkStatus();
  const auto characters = std::count_if(text.begin(), text.begin() + static_cast<ptrdiff_t>(bad),
                                        [](char c) { return (c & 0xC0) != 0x80; });
  return Error(sqlstate::kCharacterNotInRepertoire, static_cast<Position>(characters + 1),
               absl::StrFormat("invalid byte sequence for encoding \"UTF8\": 0x%02x at byte %d",
                               static_cast<uint8_t>(text[bad]), bad));
}

Lexer::Lexer(absl::string_view text) : text_(text) {}

Position Lexer::PositionAt(size_t offset) {
  for (; counted_offset_ < offset; ++counted_offset_) {
    if ((text_[counted_offset_] & 0xC0) != 0x80) ++counted_characters_;
  }
  return counted_characters_ + 1;
}

Token Lexer::Make(TokenKind kind, size_t begin, size_t end) {
  Token token;
  token.kind = kind;
  token.position = PositionAt(begin);
  token.offset = begin;
  token.raw = text_.substr(begin, end - begin);
  next_ = end;
  return token;
}

Token Lexer::Fail(absl::string_view sqlstate, size_t begin, size_t end, absl::string_view message,
                  char unterminated) {
  Token token = Make(TokenKind::kError, begin, end);
  next_ = begin;  // asked again, it fails again
  absl::string_view shown = token.raw.substr(0, kQuotedTextBytesMax);
  while (!shown.empty() && shown.size() < token.raw.size() &&
         (token.raw[shown.size()] & 0xC0) == 0x80) {
    shown.remove_suffix(1);  // never cut within a character
  }
  error_ = Error(sqlstate, token.position, absl::StrCat(message, " at or near \"", shown, "\""));
  unterminated_ = unterminated;
  return token;
}

bool Lexer::SkipSpace() {
  while (next_ < text_.size()) {
    const char c = text_[next_];
    if (IsSpace(c)) {
      ++next_;
    } else if (c == '-' && text_.substr(next_, 2) == "--") {
      next_ = std::min(text_.find_first_of("\n\r", next_), text_.size());
    } else if (c == '/' && text_.substr(next_, 2) == "/*") {
      const size_t begin = next_;
      size_t depth = 0;
      size_t i = begin;
      do {
        if (i >= text_.size()) {
          Fail(sqlstate::kSyntaxError, begin, text_.size(), "unterminated /* comment", '*');
          return false;
        }
        const absl::string_view two = text_.substr(i, 2);
        if (two == "/*") {
          ++depth;
          i += 2;
        } else if (two == "*/") {
          --depth;
          i += 2;
        } else {
          ++i;
        }
      } while (depth > 0);
      next_ = i;
    } else {
      break;
    }
  }
  return true;
}

Token Lexer::Next() {
  if (!SkipSpace()) {
    Token token = Make(TokenKind::kError, next_, text_.size());
    next_ = token.offset;
    return token;
  }
  const size_t begin = next_;
  if (begin >= text_.size()) return Make(TokenKind::kEnd, begin, begin);
  const char c = text_[begin];
  const char following = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
  if (IsIdentifierStart(c)) {
    if (following == '\'') {
      switch (c) {
        case 'e':
        case 'E':
          return LexString(begin, begin + 1, true, TokenKind::kString);
        case 'b':
        case 'B':
        case 'x':
        case 'X':
          return LexString(begin, begin + 1, false, TokenKind::kBitString);
        case 'n':
        case 'N':
          return Fail(sqlstate::kFeatureNotSupported, begin, begin + 2,
                      "national character strings are not supported", 0);
        default:
          break;
      }
    }
    if ((c == 'u' || c == 'U') && following == '&' && begin + 2 < text_.size() &&
        (text_[begin + 2] == '\'' || text_[begin + 2] == '"')) {
      return Fail(sqlstate::kFeatureNotSupported, begin, begin + 3,
                  "U& strings and names are not supported", 0);
    }
    size_t end = begin + 1;
    while (end < text_.size() && IsIdentifierPart(text_[end])) ++end;
    Token token = Make(TokenKind::kIdentifier, begin, end);
    token.keyword = FindKeyword(token.raw);
    if (token.keyword != Keyword::kNotKeyword) token.kind = TokenKind::kKeyword;
    return token;
  }
  if (IsDigit(c) || (c == '.' && IsDigit(following))) return LexNumber(begin);
  switch (c) {
    case '\'':
      return LexString(begin, begin, false, TokenKind::kString);
    case '"':
      return LexQuotedIdentifier(begin);
    case '$':
      return LexDollar(begin);
    case '(':
    case ')':
    case '[':
    case ']':
    case ',':
    case ';':
      return Make(TokenKind::kPunctuation, begin, begin + 1);
    case '.':
      return following == '.' ? Make(TokenKind::kDotDot, begin, begin + 2)
                              : Make(TokenKind::kPunctuation, begin, begin + 1);
    case ':':
      if (following == ':') return Make(TokenKind::kTypeCast, begin, begin + 2);
      if (following == '=') return Make(TokenKind::kColonEquals, begin, begin + 2);
      return Make(TokenKind::kPunctuation, begin, begin + 1);
    default:
      break;
  }
  if (IsOperatorCharacter(c)) return LexOperator(begin);
  return Fail(sqlstate::kSyntaxError, begin, begin + 1, "syntax error", 0);
}

Token Lexer::LexOperator(size_t begin) {
  size_t end = begin;
  bool special = false;  // holds a character that lets it end in + or -
  while (end < text_.size() && IsOperatorCharacter(text_[end])) {
    const absl::string_view two = text_.substr(end, 2);
    if (two == "--" || two == "/*") break;
    ++end;
  }
  for (size_t i = begin; i < end; ++i) {
    special = special || absl::string_view("~!@#^&|`?%").find(text_[i]) != absl::string_view::npos;
  }
  if (!special) {
    while (end - begin > 1 && (text_[end - 1] == '+' || text_[end - 1] == '-')) --end;
  }
  if (text_.substr(begin, end - begin) == "=>") return Make(TokenKind::kEqualsGreater, begin, end);
  if (end - begin > 63) return Fail(sqlstate::kSyntaxError, begin, end, "operator too long", 0);
  return Make(TokenKind::kOperator, begin, end);
}

Token Lexer::LexNumber(size_t begin) {
  size_t i = begin;
  const auto digits = [&] {
    while (i < text_.size() && IsDigit(text_[i])) ++i;
  };
  TokenKind kind = TokenKind::kInteger;
  digits();
  // `1..10` is an integer and two dots.
  if (i < text_.size() && text_[i] == '.' && text_.substr(i, 2) != "..") {
    kind = TokenKind::kNumeric;
    ++i;
    digits();
  }
  if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    size_t exponent = i + 1;
    if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
    if (exponent < text_.size() && IsDigit(text_[exponent])) {
      kind = TokenKind::kNumeric;
      i = exponent;
      digits();
    }
  }
  if (i < text_.size() && IsIdentifierStart(text_[i])) {
    while (i < text_.size() && IsIdentifierPart(text_[i])) ++i;
    return Fail(sqlstate::kSyntaxError, begin, i, "trailing junk after numeric literal", 0);
  }
  return Make(kind, begin, i);
}

Token Lexer::LexString(size_t begin, size_t quote, bool escapes, TokenKind kind) {
  size_t i = quote + 1;
  for (;;) {
    if (i >= text_.size()) {
      const absl::string_view message = kind == TokenKind::kString ? "unterminated quoted string"
                                        : (text_[begin] | 0x20) == 'b'
                                            ? "unterminated bit string literal"
                                            : "unterminated hexadecimal string literal";
      return Fail(sqlstate::kSyntaxError, begin, text_.size(), message, '\'');
    }
    if (escapes && text_[i] == '\\') {
      i += 2;
    } else if (text_[i] != '\'') {
      ++i;
    } else if (i + 1 < text_.size() && text_[i + 1] == '\'') {
      i += 2;
    } else {
      const size_t continuation = FindContinuation(text_, i + 1);
      if (continuation == absl::string_view::npos) break;
      i = continuation + 1;
    }
  }
  return Make(kind, begin, i + 1);
}

Token Lexer::LexDollar(size_t begin) {
  size_t i = begin + 1;
  if (i < text_.size() && IsDigit(text_[i])) {
    while (i < text_.size() && IsDigit(text_[i])) ++i;
    if (i < text_.size() && IsIdentifierStart(text_[i])) {
      while (i < text_.size() && IsIdentifierPart(text_[i])) ++i;
      return Fail(sqlstate::kSyntaxError, begin, i, "trailing junk after parameter", 0);
    }
    return Make(TokenKind::kParameter, begin, i);
  }
  if (i < text_.size() && IsIdentifierStart(text_[i])) {
    while (i < text_.size() && (IsIdentifierStart(text_[i]) || IsDigit(text_[i]))) ++i;
  }
  if (i >= text_.size() || text_[i] != '$') {
    return Fail(sqlstate::kSyntaxError, begin, begin + 1, "syntax error", 0);
  }
  const absl::string_view tag = text_.substr(begin, i + 1 - begin);
  const size_t close = text_.find(tag, i + 1);
  if (close == absl::string_view::npos) {
    return Fail(sqlstate::kSyntaxError, begin, text_.size(), "unterminated dollar-quoted string",
                '$');
  }
  return Make(TokenKind::kString, begin, close + tag.size());
}

Token Lexer::LexQuotedIdentifier(size_t begin) {
  size_t i = begin + 1;
  for (;;) {
    i = text_.find('"', i);
    if (i == absl::string_view::npos) {
      return Fail(sqlstate::kSyntaxError, begin, text_.size(), "unterminated quoted identifier",
                  '"');
    }
    if (i + 1 >= text_.size() || text_[i + 1] != '"') break;
    i += 2;
  }
  if (i == begin + 1) {
    return Fail(sqlstate::kSyntaxError, begin, i + 1, "zero-length delimited identifier", 0);
  }
  return Make(TokenKind::kQuotedIdentifier, begin, i + 1);
}

std::string IdentifierValue(const Token& token) {
  std::string value;
  if (token.kind == TokenKind::kQuotedIdentifier) {
    const absl::string_view body = token.raw.substr(1, token.raw.size() - 2);
    value.reserve(body.size());
    for (size_t i = 0; i < body.size(); ++i) {
      value += body[i];
      if (body[i] == '"') ++i;  // a doubled quote
    }
    return value;
  }
  value.assign(token.raw.data(), token.raw.size());
  for (char& c : value) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return value;
}

absl::Status StringValue(const Token& token, std::string& value) {
  const absl::string_view raw = token.raw;
  value.clear();
  if (raw[0] == '$') {
    const size_t tag_bytes = raw.find('$', 1) + 1;
    const absl::string_view body = raw.substr(tag_bytes, raw.size() - 2 * tag_bytes);
    value.assign(body.data(), body.size());
    return absl::OkStatus();
  }
  const bool escapes = raw[0] == 'e' || raw[0] == 'E';
  value.reserve(raw.size());
  std::string escaped;  // the parts of an E'…' string, still with their escapes
  size_t i = raw.find('\'') + 1;
  for (;;) {
    if (escapes && raw[i] == '\\') {
      escaped.append(raw.data() + i, 2);
      i += 2;
    } else if (raw[i] != '\'') {
      const size_t begin = i;
      while (raw[i] != '\'' && !(escapes && raw[i] == '\\')) ++i;
      (escapes ? escaped : value).append(raw.data() + begin, i - begin);
    } else if (i + 1 < raw.size() && raw[i + 1] == '\'') {
      if (escapes) {
        escaped += "''";
      } else {
        value += '\'';
      }
      i += 2;
    } else {
      const size_t continuation = FindContinuation(raw, i + 1);
      if (continuation == absl::string_view::npos) break;
      i = continuation + 1;
    }
  }
  if (!escapes) return absl::OkStatus();
  if (absl::Status status = EscapeReader(escaped, token.position, value).Read(); !status.ok()) {
    return status;
  }
  const size_t bad = FindBadByte(value);
  if (bad < value.size()) {
    return Error(sqlstate::kCharacterNotInRepertoire, token.position,
                 absl::StrFormat("invalid byte sequence for encoding \"UTF8\": 0x%02x",
                                 static_cast<uint8_t>(value[bad])));
  }
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
