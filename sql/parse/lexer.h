// SQL text to tokens, by PostgreSQL's rules: nested comments, the operator rules (a comment start
// ends an operator; a trailing + or - belongs to the next token unless the operator holds one of
// ~ ! @ # % ^ & | ` ?), dollar quotes, strings continued across lines.
//
// Source: PostgreSQL 15 documentation, section 4.1 ("Lexical Structure").
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sql/parse/token.h"

namespace kyrodb::sql {

// 22021 with the byte offset where `text` is not UTF-8 or holds a NUL byte.
absl::Status CheckEncoding(absl::string_view text);

// Hands out the tokens of a text in order.
//
// Errors:         a bad token has kind kError, and `error()` then holds its status; the lexer goes
//                 no further. Any bytes are safe; positions are right for valid UTF-8.
// Lifetime:       tokens borrow from `text`.
class Lexer {
 public:
  explicit Lexer(absl::string_view text);

  Token Next();
  const absl::Status& error() const { return error_; }

  // What the text ended inside of, when `error()` is an unterminated one: ' " $ * as
  // `ScriptSplit::open`; 0 otherwise.
  char unterminated() const { return unterminated_; }

 private:
  // Skips space and comments; false at an unterminated comment.
  bool SkipSpace();
  Token Make(TokenKind kind, size_t begin, size_t end);
  Token Fail(absl::string_view sqlstate, size_t begin, size_t end, absl::string_view message,
             char unterminated);
  Token LexString(size_t begin, size_t quote, bool escapes, TokenKind kind);
  Token LexDollar(size_t begin);
  Token LexNumber(size_t begin);
  Token LexOperator(size_t begin);
  Token LexQuotedIdentifier(size_t begin);
  Position PositionAt(size_t offset);

  absl::string_view text_;
  size_t next_ = 0;
  // Characters are counted only as far as tokens were made.
  size_t counted_offset_ = 0;
  Position counted_characters_ = 0;
  absl::Status error_;
  char unterminated_ = 0;
};

// The folded name of an identifier or keyword token; a quoted one without its quotes.
std::string IdentifierValue(const Token& token);

// Sets `value` to what a string token stands for. Errors: 22025 and 42601 for bad escapes of E'…'
// strings, 22021 where the escapes do not make UTF-8; each with the token's position.
absl::Status StringValue(const Token& token, std::string& value);

}  // namespace kyrodb::sql
