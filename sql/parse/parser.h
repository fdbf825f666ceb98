// SQL text to syntax tree: a recursive-descent parser with precedence climbing for expressions,
// for PostgreSQL 15's dialect with pgvector's operators and types.
//
// What PostgreSQL's grammar has and this one does not raises 0A000 where its keyword shows it, else
// 42601; nothing is skipped silently. Everything that is accepted here PostgreSQL's own grammar
// accepts too (tested against libpg-query), so a statement never changes its meaning on the way.
//
// Errors:         42601 with PostgreSQL's wording, 0A000, 54001 (nested too deeply), 54000 (text
// too
//                 long), 22021 (not UTF-8, or a NUL byte); each with a position.
// Thread-safety:  pure functions.
// Cost:           linear in the text; about a microsecond for a point SELECT.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

struct ParseOptions {
  // Bounds the height of the tree, hence every recursion over it: 16 KiB a level on an 8 MiB stack,
  // which a binder in an AddressSanitizer build needs.
  int32_t depth_max = 500;
  size_t text_bytes_max = size_t{64} << 20;
};

struct ParsedStatement {
  StatementPtr statement;
  // The statement's bytes in the script, without its semicolon: `text.substr(begin, end - begin)`.
  size_t begin = 0;
  size_t end = 0;
  // The highest $n that it names; 0: none.
  int32_t parameter_count = 0;
};

// Returns every statement of `text`, empty ones dropped. The first error fails the whole script.
absl::StatusOr<std::vector<ParsedStatement>> ParseScript(absl::string_view text,
                                                         const ParseOptions& options = {});

// Returns the one statement of `text`; 42601 where there is none or more than one.
absl::StatusOr<ParsedStatement> ParseStatement(absl::string_view text,
                                               const ParseOptions& options = {});

// Returns the expression that is all of `text`: what a catalog stores of DEFAULT and GENERATED.
absl::StatusOr<ExpressionPtr> ParseExpression(absl::string_view text,
                                              const ParseOptions& options = {});

// Returns the type that is all of `text`: "vector(3)", "timestamp with time zone".
absl::StatusOr<TypeName> ParseTypeName(absl::string_view text, const ParseOptions& options = {});

}  // namespace kyrodb::sql
