#include "sql/script.h"

#include <cstddef>

#include "sql/parse/lexer.h"

namespace kyrodb::sql {
namespace {

// The view without white space at either end.
absl::string_view Trim(absl::string_view text) {
  constexpr absl::string_view kSpace = " \t\n\r\f";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == absl::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

ScriptSplit SplitScript(absl::string_view text) {
  ScriptSplit split;
  Lexer lexer(text);
  size_t begin = 0;    // of the statement being read
  size_t skipped = 0;  // bytes before `lexer`'s text, after a token that it refused
  size_t depth = 0;
  bool empty = true;  // no token since `begin`
  for (;;) {
    Token token = lexer.Next();
    const size_t offset = skipped + token.offset;
    if (token.kind == TokenKind::kEnd) break;
    if (token.kind == TokenKind::kError) {
      empty = false;
      if (lexer.unterminated() != 0) {
        split.open = lexer.unterminated();
        split.rest = Trim(text.substr(begin));
        return split;
      }
      // A bad token ends no statement: the parser will say what is wrong with it.
      skipped = offset + token.raw.size();
      lexer = Lexer(text.substr(skipped));
      continue;
    }
    if (token.IsPunctuation('(') || token.IsPunctuation('[')) ++depth;
    if ((token.IsPunctuation(')') || token.IsPunctuation(']')) && depth > 0) --depth;
    if (token.IsPunctuation(';') && depth == 0) {
      if (!empty) split.statements.push_back(Trim(text.substr(begin, offset - begin)));
      begin = offset + 1;
      empty = true;
      continue;
    }
    empty = false;
  }
  if (!empty) {
    split.rest = Trim(text.substr(begin));
    split.open = depth > 0 ? '(' : '-';
  }
  return split;
}

bool IsComplete(absl::string_view text) {
  const ScriptSplit split = SplitScript(text);
  return !split.statements.empty() && split.rest.empty();
}

}  // namespace kyrodb::sql
