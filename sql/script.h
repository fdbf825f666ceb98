// What a shell needs to know about a buffer of SQL before it runs it: where statements end. Only
// tokens are looked at; any bytes are fine.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"

namespace kyrodb::sql {

struct ScriptSplit {
  // Each up to and without its semicolon, surrounding space dropped; empty ones are left out.
  std::vector<absl::string_view> statements;
  // What follows the last semicolon, surrounding space dropped; empty where only space and closed
  // comments follow.
  absl::string_view rest;
  // What `rest` is inside of, as psql's prompt shows it: '\'' string, '"' quoted name, '$' dollar
  // quote, '*' block comment, '(' parenthesis; '-' only unfinished; '=' nothing is open.
  char open = '=';
};

// Splits at semicolons outside quotes, dollar quotes, comments and parentheses.
//
// Lifetime:  the views are into `text`.
ScriptSplit SplitScript(absl::string_view text);

// Whether `text` holds at least one statement and ends (space and comments aside) with the
// semicolon of the last one.
bool IsComplete(absl::string_view text);

}  // namespace kyrodb::sql
