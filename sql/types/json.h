// JSON documents: parsing, PostgreSQL's canonical jsonb text, and access by path.
// Source: RFC 8259; the canonical form is that of PostgreSQL 15's jsonb (`json_in`,
// `JsonbToCString` by observation): keys by length, then bytes; the last duplicate wins; numbers
// keep their digits.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::sql {

struct JsonMember;

struct Json {
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;  // of a string: unescaped; of a number: without exponent
  std::vector<Json> items;
  std::vector<JsonMember> members;  // in canonical order, keys unique

  const Json* Find(absl::string_view key) const;
};

struct JsonMember {
  std::string key;
  Json value;
};

inline constexpr int kJsonDepthMax = 1000;

// 22P02 with PostgreSQL's message; 54001 beyond `kJsonDepthMax`.
absl::StatusOr<Json> ParseJson(absl::string_view text);
// The canonical text.
void AppendJson(const Json& json, std::string* out);
std::string ToJsonText(const Json& json);
// `text` in quotes with JSON's escapes.
void AppendJsonString(absl::string_view text, std::string* out);
absl::StatusOr<std::string> CanonicalJson(absl::string_view text);
// jsonb's `left @> right`.
bool JsonContains(const Json& left, const Json& right);
absl::string_view JsonKindName(Json::Kind kind);  // "null", "boolean", "number", …

// json_order.cc. jsonb's order of two canonical texts, and bytes that are equal exactly for equal
// documents.
int CompareJsonText(absl::string_view left, absl::string_view right);
std::string JsonIdentity(absl::string_view text);

}  // namespace kyrodb::sql
