// The smallest pieces of SQL text. A token borrows its bytes: nothing is copied or unescaped until
// the parser takes the value that it needs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "sql/error.h"
#include "sql/parse/keywords.h"

namespace kyrodb::sql {

enum class TokenKind : uint8_t {
  kEnd,
  kError,             // the lexer's `error()` says what
  kIdentifier,        // no keyword; `raw` not folded yet
  kQuotedIdentifier,  // "…", quotes included in `raw`
  kKeyword,           // `keyword` says which
  kInteger,           // digits only, any number of them
  kNumeric,           // decimals and exponents
  kString,            // '…', E'…' or $$…$$, adjacent parts across lines included in `raw`
  kBitString,         // b'…' or x'…'
  kParameter,         // $1
  kOperator,          // `raw` is the operator: + - * / % ^ < > = <= >= <> != and all others
  kPunctuation,       // one of ( ) [ ] , ; . :
  kTypeCast,          // ::
  kColonEquals,       // :=
  kEqualsGreater,     // =>
  kDotDot,            // ..
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Keyword keyword = Keyword::kNotKeyword;
  Position position = 0;
  size_t offset = 0;  // bytes
  absl::string_view raw;

  size_t end() const { return offset + raw.size(); }
  bool IsPunctuation(char c) const { return kind == TokenKind::kPunctuation && raw[0] == c; }
  bool IsOperator(absl::string_view op) const { return kind == TokenKind::kOperator && raw == op; }
  bool Is(Keyword k) const { return keyword == k; }
};

}  // namespace kyrodb::sql
