#include "sql/parse/parser.h"

#include <utility>

#include "engine/base/status.h"
#include "sql/parse/grammar.h"

namespace kyrodb::sql {

ExpressionPtr Grammar::ParseWholeExpression() {
  ExpressionPtr expression = ParseExpression();
  if (!AtEnd()) FailSyntax();
  return expression;
}

TypeName Grammar::ParseWholeTypeName() {
  TypeName type = ParseTypeName();
  if (!AtEnd()) FailSyntax();
  return type;
}

absl::StatusOr<std::vector<ParsedStatement>> ParseScript(absl::string_view text,
                                                         const ParseOptions& options) {
  Grammar grammar(text, options);
  std::vector<ParsedStatement> statements;
  grammar.ParseScript(statements);
  if (!grammar.status().ok()) return grammar.status();
  return statements;
}

absl::StatusOr<ParsedStatement> ParseStatement(absl::string_view text,
                                               const ParseOptions& options) {
  KYRO_ASSIGN_OR_RETURN(std::vector<ParsedStatement> statements, ParseScript(text, options));
  if (statements.empty()) return Error(sqlstate::kSyntaxError, 0, "no statement in the text");
  if (statements.size() > 1) {
    return Error(sqlstate::kSyntaxError, statements[1].statement->position,
                 "more than one statement in the text");
  }
  return std::move(statements.front());
}

absl::StatusOr<ExpressionPtr> ParseExpression(absl::string_view text, const ParseOptions& options) {
  Grammar grammar(text, options);
  ExpressionPtr expression = grammar.ParseWholeExpression();
  if (!grammar.status().ok()) return grammar.status();
  return expression;
}

absl::StatusOr<TypeName> ParseTypeName(absl::string_view text, const ParseOptions& options) {
  Grammar grammar(text, options);
  TypeName type = grammar.ParseWholeTypeName();
  if (!grammar.status().ok()) return grammar.status();
  return type;
}

}  // namespace kyrodb::sql
