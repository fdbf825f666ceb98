// Syntax trees back to SQL text, canonical: one spelling per tree, every compound operand in
// parentheses, names quoted only where they must be. Parsing the text again gives the same tree
// (positions aside), so the catalog can store DEFAULT and GENERATED expressions as text and two
// trees are equal exactly when their texts are.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

std::string ToString(const Expression& expression);
std::string ToString(const Query& query);
std::string ToString(const TypeName& type);
std::string ToString(const QualifiedName& name);

// `name`, in double quotes where it would not come back the same without them.
std::string QuoteIdentifier(absl::string_view name);
// 'text' with quotes doubled.
std::string QuoteString(absl::string_view text);

}  // namespace kyrodb::sql
