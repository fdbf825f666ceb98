// The order of jsonb values, and their identity.
// Source: PostgreSQL 15 documentation, section 8.14.4 ("jsonb Indexing").
#include <algorithm>

#include "engine/base/coding.h"
#include "sql/types/decimal.h"
#include "sql/types/json.h"

namespace kyrodb::sql {
namespace {

int Rank(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::kNull:
      return 0;
    case Json::Kind::kString:
      return 1;
    case Json::Kind::kNumber:
      return 2;
    case Json::Kind::kBoolean:
      return 3;
    case Json::Kind::kArray:
      return 4;
    case Json::Kind::kObject:
      return 5;
  }
  return 0;
}

int Sign(int order) { return order < 0 ? -1 : (order > 0 ? 1 : 0); }

Decimal NumberOf(const Json& json) {
  const absl::StatusOr<Decimal> number = Decimal::Parse(json.text);
  return number.ok() ? *number : Decimal::NaN();
}

int CompareJson(const Json& a, const Json& b) {
  if (a.kind != b.kind) return Rank(a.kind) < Rank(b.kind) ? -1 : 1;
  switch (a.kind) {
    case Json::Kind::kNull:
      return 0;
    case Json::Kind::kBoolean:
      return static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
    case Json::Kind::kNumber:
      return Compare(NumberOf(a), NumberOf(b));
    case Json::Kind::kString:
      return Sign(a.text.compare(b.text));
    case Json::Kind::kArray:
      if (a.items.size() != b.items.size()) return a.items.size() < b.items.size() ? -1 : 1;
      for (size_t i = 0; i < a.items.size(); ++i) {
        if (const int order = CompareJson(a.items[i], b.items[i]); order != 0) return order;
      }
      return 0;
    case Json::Kind::kObject:
      if (a.members.size() != b.members.size()) {
        return a.members.size() < b.members.size() ? -1 : 1;
      }
      for (size_t i = 0; i < a.members.size(); ++i) {
        if (const int order = Sign(a.members[i].key.compare(b.members[i].key)); order != 0) {
          return order;
        }
        if (const int order = CompareJson(a.members[i].value, b.members[i].value); order != 0) {
          return order;
        }
      }
      return 0;
  }
  return 0;
}

// The number with no zeros behind its point.
void Shorten(Json* json) {
  if (json->kind == Json::Kind::kNumber) {
    const Decimal number = NumberOf(*json);
    json->text = number.WithScale(number.minimal_scale()).ToText();
  }
  for (Json& item : json->items) Shorten(&item);
  for (JsonMember& member : json->members) Shorten(&member.value);
}

}  // namespace

int CompareJsonText(absl::string_view left, absl::string_view right) {
  const absl::StatusOr<Json> a = ParseJson(left);
  const absl::StatusOr<Json> b = ParseJson(right);
  if (!a.ok() || !b.ok()) return Sign(left.compare(right));
  // An empty array is below everything at the top, for PostgreSQL's historical reasons.
  const auto empty = [](const Json& json) {
    return json.kind == Json::Kind::kArray && json.items.empty();
  };
  if (empty(*a) != empty(*b) && a->kind != Json::Kind::kObject && b->kind != Json::Kind::kObject) {
    return empty(*a) ? -1 : 1;
  }
  return CompareJson(*a, *b);
}

std::string JsonIdentity(absl::string_view text) {
  // Only a number with a point can be written in two ways.
  if (text.find('.') == absl::string_view::npos) return std::string(text);
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return std::string(text);
  Shorten(&*json);
  return ToJsonText(*json);
}

}  // namespace kyrodb::sql
