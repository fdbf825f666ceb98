#include "sql/types/json_build.h"

#include <utility>

#include "engine/array.h"
#include "sql/format.h"
#include "sql/types/array_text.h"

namespace kyrodb::sql {
namespace {

Json Level(TypeId element, const engine::Array& array, size_t depth, size_t* next) {
  Json json;
  json.kind = Json::Kind::kArray;
  for (int32_t i = 0; i < array.dimensions[depth].length; ++i) {
    json.items.push_back(depth + 1 < array.dimensions.size()
                             ? Level(element, array, depth + 1, next)
                             : ToJson(Type{element, 0}, array.elements[(*next)++]));
  }
  return json;
}

}  // namespace

Json ToJson(const Type& type, const Value& value) {
  Json json;
  if (IsNull(value)) return json;
  if (IsArray(type.id)) {
    const engine::Array array = LoadArray(ElementOf(type.id), value);
    if (array.dimensions.empty()) {
      json.kind = Json::Kind::kArray;
      return json;
    }
    size_t next = 0;
    return Level(ElementOf(type.id), array, 0, &next);
  }
  json.text = FormatValue(type, value);
  switch (type.id) {
    case TypeId::kBoolean:
      json.kind = Json::Kind::kBoolean;
      json.boolean = std::get<bool>(value);
      json.text.clear();
      return json;
    case TypeId::kSmallint:
    case TypeId::kInteger:
    case TypeId::kBigint:
      json.kind = Json::Kind::kNumber;
      return json;
    case TypeId::kReal:
    case TypeId::kDouble:
    case TypeId::kNumeric:
    case TypeId::kJson:
    case TypeId::kJsonb:
    case TypeId::kVector:
    case TypeId::kHalfvec: {
      // A vector's text is a JSON array already; NaN and infinity are no JSON and stay strings.
      absl::StatusOr<Json> parsed = ParseJson(json.text);
      if (parsed.ok()) return *std::move(parsed);
      break;
    }
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
      // ISO 8601 with T, and minutes in the zone.
      if (const size_t blank = json.text.find(' '); blank == 10) json.text[blank] = 'T';
      if (type.id == TypeId::kTimestamptz && json.text.size() > 3) {
        const char sign = json.text[json.text.size() - 3];
        if (sign == '+' || sign == '-') json.text += ":00";
      }
      break;
    default:
      break;
  }
  json.kind = Json::Kind::kString;
  return json;
}

}  // namespace kyrodb::sql
