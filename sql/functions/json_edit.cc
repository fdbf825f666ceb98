// jsonb: paths, changes, rows of its parts; json, which keeps its text.
// Source: PostgreSQL 15 documentation, section 9.16.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "sql/format.h"
#include "sql/functions/function.h"
#include "sql/functions/set_function.h"
#include "sql/types/array_text.h"
#include "sql/types/json_build.h"

namespace kyrodb::sql {
namespace {

constexpr TypeId kJb = TypeId::kJsonb;
constexpr TypeId kJs = TypeId::kJson;
constexpr TypeId kT = TypeId::kText;
constexpr TypeId kTexts = ArrayOf(TypeId::kText);

bool Load(FunctionContext& context, const Value* value, Json* json) {
  absl::StatusOr<Json> parsed = ParseJson(AsText(value));
  if (!parsed.ok()) return context.Fail(parsed.status());
  *json = *std::move(parsed);
  return true;
}

bool Store(const Json& json, Value* result) {
  *result = ToJsonText(json);
  return true;
}

void SetText(const Json& json, Value* result) {
  if (json.kind == Json::Kind::kNull) {
    *result = Null{};
  } else if (json.kind == Json::Kind::kString) {
    *result = json.text;
  } else {
    *result = ToJsonText(json);
  }
}

// The texts of a path; nothing when one is null.
std::optional<std::vector<std::string>> PathOf(const Value* value) {
  std::vector<std::string> path;
  for (const Value& element : LoadArray(kT, *value).elements) {
    if (IsNull(element)) return std::nullopt;
    path.push_back(std::get<std::string>(element));
  }
  return path;
}

bool ToIndex(const std::string& text, int64_t* index) { return absl::SimpleAtoi(text, index); }

template <bool as_text>
bool GetPath(FunctionContext& context, Arguments a, Value* result) {
  *result = Null{};
  Json json;
  const std::optional<std::vector<std::string>> path = PathOf(a[1]);
  if (!path.has_value()) return true;
  if (!Load(context, a[0], &json)) return false;
  const Json* at = &json;
  for (const std::string& step : *path) {
    if (at->kind == Json::Kind::kObject) {
      at = at->Find(step);
    } else if (int64_t index = 0; at->kind == Json::Kind::kArray && ToIndex(step, &index)) {
      if (index < 0) index += static_cast<int64_t>(at->items.size());
      at = index >= 0 && index < static_cast<int64_t>(at->items.size())
               ? &at->items[static_cast<size_t>(index)]
               : nullptr;
    } else {
      return true;
    }
    if (at == nullptr) return true;
  }
  if (as_text) {
    SetText(*at, result);
    return true;
  }
  return Store(*at, result);
}

bool HasKey(const Json& json, const std::string& key) {
  if (json.Find(key) != nullptr) return true;
  if (json.kind == Json::Kind::kString) return json.text == key;
  return std::any_of(json.items.begin(), json.items.end(), [&](const Json& item) {
    return item.kind == Json::Kind::kString && item.text == key;
  });
}

template <bool all>
bool HasKeys(FunctionContext& context, Arguments a, Value* result) {
  Json json;
  if (!Load(context, a[0], &json)) return false;
  bool any = false;
  bool every = true;
  for (const Value& key : LoadArray(kT, *a[1]).elements) {
    if (IsNull(key)) continue;
    const bool has = HasKey(json, std::get<std::string>(key));
    any = any || has;
    every = every && has;
  }
  *result = all ? every : any;
  return true;
}

bool IsScalar(const Json& json) {
  return json.kind != Json::Kind::kObject && json.kind != Json::Kind::kArray;
}

bool WithoutIndex(FunctionContext& context, Arguments a, Value* result) {
  Json json;
  if (!Load(context, a[0], &json)) return false;
  if (IsScalar(json)) {
    return context.Fail(sqlstate::kInvalidParameterValue, "cannot delete from scalar");
  }
  if (json.kind == Json::Kind::kObject) {
    return context.Fail(sqlstate::kInvalidParameterValue,
                        "cannot delete from object using integer index");
  }
  int64_t index = AsInt(a[1]);
  if (index < 0) index += static_cast<int64_t>(json.items.size());
  if (index >= 0 && index < static_cast<int64_t>(json.items.size())) {
    json.items.erase(json.items.begin() + index);
  }
  return Store(json, result);
}

bool WithoutKeys(FunctionContext& context, Arguments a, Value* result) {
  Json json;
  if (!Load(context, a[0], &json)) return false;
  if (IsScalar(json)) {
    return context.Fail(sqlstate::kInvalidParameterValue, "cannot delete from scalar");
  }
  for (const Value& key : LoadArray(kT, *a[1]).elements) {
    if (IsNull(key)) continue;
    const auto& text = std::get<std::string>(key);
    std::erase_if(json.members, [&](const JsonMember& member) { return member.key == text; });
    std::erase_if(json.items, [&](const Json& item) {
      return item.kind == Json::Kind::kString && item.text == text;
    });
  }
  return Store(json, result);
}

// Inserts a member where its key belongs: by length, then bytes.
void InsertMember(Json* json, const std::string& key, const Json& value) {
  const auto at = std::find_if(json->members.begin(), json->members.end(), [&](const auto& member) {
    return member.key.size() != key.size() ? member.key.size() > key.size() : member.key > key;
  });
  json->members.insert(at, JsonMember{key, value});
}

enum class Change { kSet, kInsert, kDelete };

// Changes what the path leads to, from its element `depth` on. `flag`: of set, create what is
// missing; of insert, after the element instead of before.
bool ChangeAt(FunctionContext& context, Json* json, const std::vector<std::string>& path,
              size_t depth, Change change, const Json* value, bool flag) {
  const bool last = depth + 1 == path.size();
  const std::string& step = path[depth];
  if (json->kind == Json::Kind::kObject) {
    const auto found = std::find_if(json->members.begin(), json->members.end(),
                                    [&](const JsonMember& member) { return member.key == step; });
    if (found == json->members.end()) {
      if (last && ((change == Change::kSet && flag) || change == Change::kInsert)) {
        InsertMember(json, step, *value);
      }
      return true;
    }
    if (!last) return ChangeAt(context, &found->value, path, depth + 1, change, value, flag);
    if (change == Change::kSet) found->value = *value;
    if (change == Change::kDelete) json->members.erase(found);
    if (change == Change::kInsert) {
      return context.Fail(
          WithHint(Error(sqlstate::kInvalidParameterValue, 0, "cannot replace existing key"),
                   "Try using the function jsonb_set to replace key value."));
    }
    return true;
  }
  if (json->kind != Json::Kind::kArray) return true;
  int64_t index = 0;
  if (!ToIndex(step, &index)) {
    return context.Fail(
        sqlstate::kInvalidTextRepresentation,
        absl::StrCat("path element at position ", depth + 1, " is not an integer: \"", step, "\""));
  }
  const auto count = static_cast<int64_t>(json->items.size());
  if (index < 0) index += count;
  const bool inside = index >= 0 && index < count;
  if (!last) {
    if (!inside) return true;
    return ChangeAt(context, &json->items[static_cast<size_t>(index)], path, depth + 1, change,
                    value, flag);
  }
  if (change == Change::kDelete) {
    if (inside) json->items.erase(json->items.begin() + index);
  } else if (change == Change::kSet && inside) {
    json->items[static_cast<size_t>(index)] = *value;
  } else if (change == Change::kInsert || flag) {
    // Beyond the ends it goes to the nearer one.
    int64_t at = std::clamp<int64_t>(index, 0, count);
    if (change == Change::kInsert && flag && inside) ++at;
    json->items.insert(json->items.begin() + at, *value);
  }
  return true;
}

template <Change change>
bool ChangePath(FunctionContext& context, Arguments a, Value* result) {
  Json json;
  Json value;
  const std::optional<std::vector<std::string>> path = PathOf(a[1]);
  if (!Load(context, a[0], &json)) return false;
  if (change != Change::kDelete && !Load(context, a[2], &value)) return false;
  if (!path.has_value()) {
    return context.Fail(sqlstate::kNullValueNotAllowed, "path element is null");
  }
  if (IsScalar(json)) {
    return context.Fail(sqlstate::kInvalidParameterValue, change == Change::kDelete
                                                              ? "cannot delete path in scalar"
                                                              : "cannot set path in scalar");
  }
  const bool flag = a.size() > 3 ? AsBool(a[3]) : change == Change::kSet;
  if (!path->empty() && !ChangeAt(context, &json, *path, 0, change, &value, flag)) return false;
  return Store(json, result);
}

void StripNulls(Json* json) {
  std::erase_if(json->members,
                [](const JsonMember& member) { return member.value.kind == Json::Kind::kNull; });
  for (JsonMember& member : json->members) StripNulls(&member.value);
  for (Json& item : json->items) StripNulls(&item);
}

void AppendPretty(const Json& json, size_t depth, std::string* out) {
  const std::string indent(4 * (depth + 1), ' ');
  const std::string outdent(4 * depth, ' ');
  if (json.kind == Json::Kind::kArray) {
    out->append("[");
    for (size_t i = 0; i < json.items.size(); ++i) {
      absl::StrAppend(out, i > 0 ? ",\n" : "\n", indent);
      AppendPretty(json.items[i], depth + 1, out);
    }
    absl::StrAppend(out, "\n", outdent, "]");
  } else if (json.kind == Json::Kind::kObject) {
    out->append("{");
    for (size_t i = 0; i < json.members.size(); ++i) {
      absl::StrAppend(out, i > 0 ? ",\n" : "\n", indent);
      AppendJsonString(json.members[i].key, out);
      out->append(": ");
      AppendPretty(json.members[i].value, depth + 1, out);
    }
    absl::StrAppend(out, "\n", outdent, "}");
  } else {
    AppendJson(json, out);
  }
}

// jsonb_object(array of keys and values in turn) or (keys, values).
bool ObjectOf(FunctionContext& context, Arguments a, Value* result) {
  const std::vector<Value> first = LoadArray(kT, *a[0]).elements;
  const std::vector<Value> second =
      a.size() > 1 ? LoadArray(kT, *a[1]).elements : std::vector<Value>();
  if (a.size() > 1 ? first.size() != second.size() : first.size() % 2 != 0) {
    return context.Fail("2202E", a.size() > 1 ? "mismatched array dimensions"
                                              : "array must have even number of elements");
  }
  const size_t step = a.size() > 1 ? 1 : 2;
  std::string text = "{";
  for (size_t i = 0; i < first.size(); i += step) {
    const Value& value = a.size() > 1 ? second[i] : first[i + 1];
    if (IsNull(first[i])) {
      return context.Fail(sqlstate::kNullValueNotAllowed, "null value not allowed for object key");
    }
    if (i > 0) text += ",";
    AppendJsonString(std::get<std::string>(first[i]), &text);
    text += ":";
    if (IsNull(value)) {
      text += "null";
    } else {
      AppendJsonString(std::get<std::string>(value), &text);
    }
  }
  absl::StatusOr<std::string> canonical = CanonicalJson(text + "}");
  if (!canonical.ok()) return context.Fail(canonical.status());
  *result = *std::move(canonical);
  return true;
}

// json's text, read in place. It was checked when it became a value, so shapes are certain; every
// step still stays within the text.
class JsonText {
 public:
  explicit JsonText(absl::string_view text) : rest_(text) { Skip(); }
  char kind() const { return rest_.empty() ? '\0' : rest_[0]; }

  // Takes one whole value.
  absl::string_view TakeValue() {
    const absl::string_view begin = rest_;
    if (kind() == '"') {
      TakeString();
    } else if (kind() == '{' || kind() == '[') {
      int depth = 0;
      do {
        if (kind() == '"') {
          TakeString();
          continue;
        }
        if (kind() == '{' || kind() == '[') ++depth;
        if (kind() == '}' || kind() == ']') --depth;
        if (!rest_.empty()) rest_.remove_prefix(1);
      } while (depth > 0 && !rest_.empty());
    } else {
      while (!rest_.empty() && rest_[0] != ',' && rest_[0] != '}' && rest_[0] != ']' &&
             !absl::ascii_isspace(static_cast<unsigned char>(rest_[0]))) {
        rest_.remove_prefix(1);
      }
    }
    const absl::string_view taken = begin.substr(0, begin.size() - rest_.size());
    Skip();
    return taken;
  }
  void TakeOne() {
    if (!rest_.empty()) rest_.remove_prefix(1);
    Skip();
  }

 private:
  void Skip() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  void TakeString() {
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_[0] != '"') {
      rest_.remove_prefix(rest_[0] == '\\' && rest_.size() > 1 ? 2 : 1);
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
  }
  absl::string_view rest_;
};

struct TextMember {
  std::string key;
  absl::string_view value;
};

std::vector<TextMember> MembersOf(absl::string_view text) {
  std::vector<TextMember> members;
  JsonText in(text);
  if (in.kind() != '{') return members;
  in.TakeOne();
  while (in.kind() == '"') {
    const absl::StatusOr<Json> key = ParseJson(in.TakeValue());
    in.TakeOne();  // :
    members.push_back({key.ok() ? key->text : "", in.TakeValue()});
    if (in.kind() == ',') in.TakeOne();
  }
  return members;
}

std::vector<absl::string_view> ItemsOf(absl::string_view text) {
  std::vector<absl::string_view> items;
  JsonText in(text);
  if (in.kind() != '[') return items;
  in.TakeOne();
  while (in.kind() != ']' && in.kind() != '\0') {
    items.push_back(in.TakeValue());
    if (in.kind() == ',') in.TakeOne();
  }
  return items;
}

void SetFromText(absl::string_view text, bool as_text, Value* result) {
  if (!as_text) {
    *result = std::string(text);
    return;
  }
  const absl::StatusOr<Json> json = ParseJson(text);
  if (json.ok() && json->kind == Json::Kind::kNull) {
    *result = Null{};
  } else if (json.ok() && json->kind == Json::Kind::kString) {
    *result = json->text;
  } else {
    *result = std::string(text);
  }
}

// One step into json's text; nothing when it leads nowhere. Of equal keys the last counts.
std::optional<absl::string_view> Step(absl::string_view text, const std::string& key,
                                      const int64_t* index) {
  if (JsonText(text).kind() == '{' && index == nullptr) {
    std::optional<absl::string_view> found;
    for (const TextMember& member : MembersOf(text)) {
      if (member.key == key) found = member.value;
    }
    return found;
  }
  if (JsonText(text).kind() != '[' || index == nullptr) return std::nullopt;
  const std::vector<absl::string_view> items = ItemsOf(text);
  const int64_t at = *index < 0 ? *index + static_cast<int64_t>(items.size()) : *index;
  if (at < 0 || at >= static_cast<int64_t>(items.size())) return std::nullopt;
  return items[static_cast<size_t>(at)];
}

template <bool as_text, bool by_index>
bool GetJson(FunctionContext&, Arguments a, Value* result) {
  int64_t index = 0;
  if constexpr (by_index) index = AsInt(a[1]);
  const std::optional<absl::string_view> found =
      Step(AsText(a[0]), by_index ? "" : AsText(a[1]), by_index ? &index : nullptr);
  *result = Null{};
  if (found.has_value()) SetFromText(*found, as_text, result);
  return true;
}

template <bool as_text>
bool GetJsonPath(FunctionContext&, Arguments a, Value* result) {
  *result = Null{};
  const std::optional<std::vector<std::string>> path = PathOf(a[1]);
  if (!path.has_value()) return true;
  absl::string_view at = AsText(a[0]);
  for (const std::string& step : *path) {
    int64_t index = 0;
    const bool array = JsonText(at).kind() == '[';
    if (array && !ToIndex(step, &index)) return true;
    const std::optional<absl::string_view> next = Step(at, step, array ? &index : nullptr);
    if (!next.has_value()) return true;
    at = *next;
  }
  SetFromText(at, as_text, result);
  return true;
}

bool ToJsonFunction(FunctionContext& context, Arguments a, Value* result) {
  if (context.argument_types[0].id == TypeId::kJson) {
    *result = *a[0];
    return true;
  }
  // As PostgreSQL writes arrays: without blanks.
  const Json json = ToJson(context.argument_types[0], *a[0]);
  if (json.kind != Json::Kind::kArray || context.argument_types[0].id == kJb) {
    return Store(json, result);
  }
  const std::function<void(const Json&, std::string*)> append = [&](const Json& x,
                                                                    std::string* out) {
    if (x.kind != Json::Kind::kArray) {
      AppendJson(x, out);
      return;
    }
    out->push_back('[');
    for (size_t i = 0; i < x.items.size(); ++i) {
      if (i > 0) out->push_back(',');
      append(x.items[i], out);
    }
    out->push_back(']');
  };
  std::string out;
  append(json, &out);
  *result = std::move(out);
  return true;
}

bool BuildJsonObject(FunctionContext& context, Arguments a, Value* result) {
  if (a.size() % 2 != 0) {
    return context.Fail(WithHint(
        Error(sqlstate::kInvalidParameterValue, 0,
              "argument list must have even number of elements"),
        "The arguments of json_build_object() must consist of alternating keys and values."));
  }
  std::string text = "{";
  for (size_t i = 0; i < a.size(); i += 2) {
    if (IsNull(*a[i])) {
      return context.Fail(sqlstate::kNullValueNotAllowed,
                          absl::StrCat("argument ", i + 1, ": key must not be null"));
    }
    const absl::StatusOr<Value> key = CastValue(context.argument_types[i], kTextType, *a[i]);
    if (!key.ok()) return context.Fail(key.status());
    if (i > 0) text += ", ";
    AppendJsonString(std::get<std::string>(*key), &text);
    text += " : ";
    AppendJson(ToJson(context.argument_types[i + 1], *a[i + 1]), &text);
  }
  *result = text + "}";
  return true;
}

bool BuildJsonArray(FunctionContext& context, Arguments a, Value* result) {
  std::string text = "[";
  for (size_t i = 0; i < a.size(); ++i) {
    if (i > 0) text += ", ";
    AppendJson(ToJson(context.argument_types[i], *a[i]), &text);
  }
  *result = text + "]";
  return true;
}

absl::string_view KindOf(const Json& json) { return JsonKindName(json.kind); }

}  // namespace

void AddJsonEdit(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters, const Type& result,
                         Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .is_operator = !(name[0] >= 'a' && name[0] <= 'z')});
  };
  add("#>", {kJb, kTexts}, kJsonbType, &GetPath<false>);
  add("#>>", {kJb, kTexts}, kTextType, &GetPath<true>);
  add("?|", {kJb, kTexts}, kBooleanType, &HasKeys<false>);
  add("?&", {kJb, kTexts}, kBooleanType, &HasKeys<true>);
  add("-", {kJb, TypeId::kInteger}, kJsonbType, &WithoutIndex);
  add("-", {kJb, kTexts}, kJsonbType, &WithoutKeys);
  add("#-", {kJb, kTexts}, kJsonbType, &ChangePath<Change::kDelete>);
  add("jsonb_set", {kJb, kTexts, kJb}, kJsonbType, &ChangePath<Change::kSet>);
  add("jsonb_set", {kJb, kTexts, kJb, TypeId::kBoolean}, kJsonbType, &ChangePath<Change::kSet>);
  add("jsonb_insert", {kJb, kTexts, kJb}, kJsonbType, &ChangePath<Change::kInsert>);
  add("jsonb_insert", {kJb, kTexts, kJb, TypeId::kBoolean}, kJsonbType,
      &ChangePath<Change::kInsert>);
  add("jsonb_strip_nulls", {kJb}, kJsonbType, [](FunctionContext& context, Arguments a, Value* r) {
    Json json;
    if (!Load(context, a[0], &json)) return false;
    StripNulls(&json);
    return Store(json, r);
  });
  add("jsonb_pretty", {kJb}, kTextType, [](FunctionContext& context, Arguments a, Value* r) {
    Json json;
    if (!Load(context, a[0], &json)) return false;
    std::string text;
    AppendPretty(json, 0, &text);
    *r = std::move(text);
    return true;
  });
  add("jsonb_object", {kTexts}, kJsonbType, &ObjectOf);
  add("jsonb_object", {kTexts, kTexts}, kJsonbType, &ObjectOf);
  add("->", {kJs, kT}, kJsonType, &GetJson<false, false>);
  add("->", {kJs, TypeId::kInteger}, kJsonType, &GetJson<false, true>);
  add("->>", {kJs, kT}, kTextType, &GetJson<true, false>);
  add("->>", {kJs, TypeId::kInteger}, kTextType, &GetJson<true, true>);
  add("#>", {kJs, kTexts}, kJsonType, &GetJsonPath<false>);
  add("#>>", {kJs, kTexts}, kTextType, &GetJsonPath<true>);
  add("json_typeof", {kJs}, kTextType, [](FunctionContext& context, Arguments a, Value* r) {
    Json json;
    if (!Load(context, a[0], &json)) return false;
    *r = std::string(KindOf(json));
    return true;
  });
  add("json_array_length", {kJs}, kIntegerType,
      [](FunctionContext& context, Arguments a, Value* r) {
        if (JsonText(AsText(a[0])).kind() != '[') {
          return context.Fail(sqlstate::kInvalidParameterValue,
                              JsonText(AsText(a[0])).kind() == '{'
                                  ? "cannot get array length of a non-array"
                                  : "cannot get array length of a scalar");
        }
        *r = static_cast<int64_t>(ItemsOf(AsText(a[0])).size());
        return true;
      });
  const auto add_variadic = [out](const char* name, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {kAnyId},
                    .result = kJsonType,
                    .implementation = implementation,
                    .volatility = Volatility::kStable,
                    .strict = false,
                    .variadic = true});
  };
  add_variadic("json_build_object", &BuildJsonObject);
  add_variadic("json_build_array", &BuildJsonArray);
  for (const char* name : {"to_json", "array_to_json"}) {
    out->push_back({.name = name,
                    .parameters = {kAnyId},
                    .result = kJsonType,
                    .implementation = &ToJsonFunction,
                    .volatility = Volatility::kStable});
  }
}

void AddJsonSetFunctions(std::vector<SetFunction>* out) {
  const auto elements = [](FunctionContext& context, Arguments a, std::vector<Row>* rows,
                           bool as_text) {
    Json json;
    if (!Load(context, a[0], &json)) return false;
    if (json.kind != Json::Kind::kArray) {
      return context.Fail(sqlstate::kInvalidParameterValue,
                          json.kind == Json::Kind::kObject
                              ? "cannot extract elements from an object"
                              : "cannot extract elements from a scalar");
    }
    for (const Json& item : json.items) {
      Value value;
      if (as_text) {
        SetText(item, &value);
      } else {
        Store(item, &value);
      }
      rows->push_back({std::move(value)});
    }
    return true;
  };
  static const auto kElements = elements;
  out->push_back({"jsonb_array_elements",
                  {kJb},
                  {{"value", kJsonbType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kElements(context, a, rows, false);
                  }});
  out->push_back({"jsonb_array_elements_text",
                  {kJb},
                  {{"value", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kElements(context, a, rows, true);
                  }});
  static const auto kEach = [](FunctionContext& context, Arguments a, std::vector<Row>* rows,
                               bool as_text) {
    Json json;
    if (!Load(context, a[0], &json)) return false;
    if (json.kind != Json::Kind::kObject) {
      return context.Fail(sqlstate::kInvalidParameterValue,
                          absl::StrCat("cannot call ", as_text ? "jsonb_each_text" : "jsonb_each",
                                       " on a non-object"));
    }
    for (const JsonMember& member : json.members) {
      Value value;
      if (as_text) {
        SetText(member.value, &value);
      } else {
        Store(member.value, &value);
      }
      rows->push_back({Value(member.key), std::move(value)});
    }
    return true;
  };
  out->push_back({"jsonb_each",
                  {kJb},
                  {{"key", kTextType}, {"value", kJsonbType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kEach(context, a, rows, false);
                  }});
  out->push_back({"jsonb_each_text",
                  {kJb},
                  {{"key", kTextType}, {"value", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kEach(context, a, rows, true);
                  }});
  out->push_back({"jsonb_object_keys",
                  {kJb},
                  {{"", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    Json json;
                    if (!Load(context, a[0], &json)) return false;
                    if (json.kind != Json::Kind::kObject) {
                      return context.Fail(sqlstate::kInvalidParameterValue,
                                          json.kind == Json::Kind::kArray
                                              ? "cannot call jsonb_object_keys on an array"
                                              : "cannot call jsonb_object_keys on a scalar");
                    }
                    for (const JsonMember& member : json.members) {
                      rows->push_back({Value(member.key)});
                    }
                    return true;
                  }});
  static const auto kJsonItems = [](FunctionContext& context, Arguments a, std::vector<Row>* rows,
                                    bool as_text) {
    const char kind = JsonText(AsText(a[0])).kind();
    if (kind != '[') {
      return context.Fail(
          sqlstate::kInvalidParameterValue,
          absl::StrCat("cannot call ", as_text ? "json_array_elements_text" : "json_array_elements",
                       kind == '{' ? " on a non-array" : " on a scalar"));
    }
    for (const absl::string_view item : ItemsOf(AsText(a[0]))) {
      Value value;
      SetFromText(item, as_text, &value);
      rows->push_back({std::move(value)});
    }
    return true;
  };
  out->push_back({"json_array_elements",
                  {kJs},
                  {{"value", kJsonType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kJsonItems(context, a, rows, false);
                  }});
  out->push_back({"json_array_elements_text",
                  {kJs},
                  {{"value", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kJsonItems(context, a, rows, true);
                  }});
  static const auto kJsonMembers = [](FunctionContext& context, Arguments a, std::vector<Row>* rows,
                                      bool as_text, bool keys_only) {
    if (JsonText(AsText(a[0])).kind() != '{') {
      return context.Fail(sqlstate::kInvalidParameterValue,
                          "cannot deconstruct anything but a json object");
    }
    for (const TextMember& member : MembersOf(AsText(a[0]))) {
      Row row = {Value(member.key)};
      if (!keys_only) {
        row.emplace_back();
        SetFromText(member.value, as_text, &row.back());
      }
      rows->push_back(std::move(row));
    }
    return true;
  };
  out->push_back({"json_each",
                  {kJs},
                  {{"key", kTextType}, {"value", kJsonType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kJsonMembers(context, a, rows, false, false);
                  }});
  out->push_back({"json_each_text",
                  {kJs},
                  {{"key", kTextType}, {"value", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kJsonMembers(context, a, rows, true, false);
                  }});
  out->push_back({"json_object_keys",
                  {kJs},
                  {{"", kTextType}},
                  [](FunctionContext& context, Arguments a, std::vector<Row>* rows) {
                    return kJsonMembers(context, a, rows, true, true);
                  }});
}

}  // namespace kyrodb::sql
