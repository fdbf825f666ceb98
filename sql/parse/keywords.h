// PostgreSQL's keywords and where each may stand as a name. Words of our own statements (MODEL,
// STREAM, …) are no keywords: they stay usable as names everywhere.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace kyrodb::sql {

enum class Keyword : uint16_t {
  kNotKeyword,
#define KYRO_KEYWORD(enumerator, text, category, bare_label) enumerator,
#include "sql/parse/keywords.inc"
#undef KYRO_KEYWORD
};

enum class KeywordCategory : uint8_t {
  kUnreserved,      // any name
  kColumnName,      // any name but a function's or a type's
  kTypeOrFunction,  // a function's or a type's name only
  kReserved,        // no name at all without quotes
};

struct KeywordInfo {
  absl::string_view text;
  KeywordCategory category;
  bool bare_label;  // may be a column label without AS
};

// Matches without regard to (ASCII) case; kNotKeyword where `word` is no keyword.
Keyword FindKeyword(absl::string_view word);

// `keyword` must not be kNotKeyword.
const KeywordInfo& InfoOf(Keyword keyword);

}  // namespace kyrodb::sql
