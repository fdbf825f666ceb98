// Goal: no text crashes the SQL front end, and deparse and parse are inverse.
// Method: libFuzzer feeds any bytes to the splitter, the script parser and the expression parser;
// what parses is written out, parsed again and written out again: both texts must be the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"
#include "sql/script.h"

namespace kyrodb::sql {
namespace {

void CheckExpression(absl::string_view text) {
  const auto expression = ParseExpression(text);
  if (!expression.ok()) {
    RenderError(expression.status(), text);
    return;
  }
  const std::string once = ToString(**expression);
  const auto again = ParseExpression(once);
  // Parentheses that the text did without count as levels.
  if (!again.ok() && SqlStateOf(again.status()) == sqlstate::kStatementTooComplex) return;
  KYRO_CHECK(again.ok());
  KYRO_CHECK(ToString(**again) == once);
}

void CheckScript(absl::string_view text) {
  const auto statements = ParseScript(text);
  if (!statements.ok()) {
    RenderError(statements.status(), text);
    return;
  }
  for (const ParsedStatement& parsed : *statements) {
    KYRO_CHECK(parsed.begin <= parsed.end && parsed.end <= text.size());
    if (parsed.statement->kind != StatementKind::kQuery) continue;
    const std::string once = ToString(parsed.statement->As<Query>());
    const auto again = ParseStatement(once);
    if (!again.ok() && SqlStateOf(again.status()) == sqlstate::kStatementTooComplex) continue;
    KYRO_CHECK(again.ok());
    KYRO_CHECK(ToString(again->statement->As<Query>()) == once);
  }
}

}  // namespace
}  // namespace kyrodb::sql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  kyrodb::sql::SplitScript(text);
  kyrodb::sql::CheckScript(text);
  kyrodb::sql::CheckExpression(text);
  return 0;
}
