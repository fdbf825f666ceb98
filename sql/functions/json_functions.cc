// jsonb: access, containment, construction.
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "sql/format.h"
#include "sql/functions/function.h"
#include "sql/types/json_build.h"

namespace kyrodb::sql {
namespace {

// Finds a member or an element; null when it is not there.
const Json* Find(const Json& json, const Value& key) {
  if (const auto* text = std::get_if<std::string>(&key)) {
    return json.kind == Json::Kind::kObject ? json.Find(*text) : nullptr;
  }
  if (json.kind != Json::Kind::kArray) return nullptr;
  int64_t index = std::get<int64_t>(key);
  if (index < 0) index += static_cast<int64_t>(json.items.size());
  if (index < 0 || index >= static_cast<int64_t>(json.items.size())) return nullptr;
  return &json.items[static_cast<size_t>(index)];
}

void SetJson(const Json& json, Value* result) { *result = ToJsonText(json); }

// As ->> gives it: strings without quotes, null as NULL.
void SetJsonText(const Json& json, Value* result) {
  if (json.kind == Json::Kind::kNull) {
    *result = Null{};
  } else if (json.kind == Json::Kind::kString) {
    *result = json.text;
  } else {
    *result = ToJsonText(json);
  }
}

template <bool as_text>
bool Get(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<Json> json = ParseJson(AsText(a[0]));
  if (!json.ok()) return context.Fail(json.status());
  const Json* at = &*json;
  for (size_t i = 1; i < a.size() && at != nullptr; ++i) {
    if (a.size() > 2 && at->kind == Json::Kind::kArray) {
      // A path names elements by their number as text.
      absl::StatusOr<Value> index = ParseValue(kIntegerType, AsText(a[i]));
      at = index.ok() ? Find(*at, *index) : nullptr;
    } else {
      at = Find(*at, *a[i]);
    }
  }
  if (at == nullptr) {
    *result = Null{};
  } else if (as_text) {
    SetJsonText(*at, result);
  } else {
    SetJson(*at, result);
  }
  return true;
}

bool Contains(FunctionContext& context, const std::string& outer, const std::string& inner,
              Value* result) {
  absl::StatusOr<Json> left = ParseJson(outer);
  if (!left.ok()) return context.Fail(left.status());
  absl::StatusOr<Json> right = ParseJson(inner);
  if (!right.ok()) return context.Fail(right.status());
  *result = JsonContains(*left, *right);
  return true;
}

bool HasKey(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<Json> json = ParseJson(AsText(a[0]));
  if (!json.ok()) return context.Fail(json.status());
  const std::string& key = AsText(a[1]);
  bool found = json->Find(key) != nullptr;
  for (const Json& item : json->items) {
    found = found || (item.kind == Json::Kind::kString && item.text == key);
  }
  found = found || (json->kind == Json::Kind::kString && json->text == key);
  *result = found;
  return true;
}

std::string KeyText(const Type& type, const Value& value) {
  if (type.id == TypeId::kBoolean) return std::get<bool>(value) ? "true" : "false";
  return FormatValue(type, value);
}

bool BuildObject(FunctionContext& context, Arguments a, Value* result) {
  if (a.size() % 2 != 0) {
    return context.Fail(WithHint(
        Error(sqlstate::kInvalidParameterValue, 0,
              "argument list must have even number of elements"),
        "The arguments of jsonb_build_object() must consist of alternating keys and values."));
  }
  std::string text = "{";
  for (size_t i = 0; i < a.size(); i += 2) {
    if (IsNull(*a[i])) {
      return context.Fail(sqlstate::kNullValueNotAllowed,
                          absl::StrCat("argument ", i + 1, ": key must not be null"));
    }
    if (i > 0) text += ",";
    AppendJsonString(KeyText(context.argument_types[i], *a[i]), &text);
    text += ":";
    AppendJson(ToJson(context.argument_types[i + 1], *a[i + 1]), &text);
  }
  text += "}";
  absl::StatusOr<std::string> canonical = CanonicalJson(text);
  if (!canonical.ok()) return context.Fail(canonical.status());
  *result = *std::move(canonical);
  return true;
}

bool BuildArray(FunctionContext& context, Arguments a, Value* result) {
  Json json;
  json.kind = Json::Kind::kArray;
  for (size_t i = 0; i < a.size(); ++i) {
    json.items.push_back(ToJson(context.argument_types[i], *a[i]));
  }
  SetJson(json, result);
  return true;
}

bool Merge(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<Json> left = ParseJson(AsText(a[0]));
  if (!left.ok()) return context.Fail(left.status());
  absl::StatusOr<Json> right = ParseJson(AsText(a[1]));
  if (!right.ok()) return context.Fail(right.status());
  if (left->kind == Json::Kind::kObject && right->kind == Json::Kind::kObject) {
    // Written one after the other, the later key wins.
    std::string text = "{";
    for (const Json* side : {&*left, &*right}) {
      for (const auto& [key, member] : side->members) {
        if (text.size() > 1) text += ",";
        AppendJsonString(key, &text);
        text += ":";
        AppendJson(member, &text);
      }
    }
    text += "}";
    absl::StatusOr<std::string> canonical = CanonicalJson(text);
    if (!canonical.ok()) return context.Fail(canonical.status());
    *result = *std::move(canonical);
    return true;
  }
  Json out;
  out.kind = Json::Kind::kArray;
  for (Json* side : {&*left, &*right}) {
    if (side->kind == Json::Kind::kArray) {
      for (Json& item : side->items) out.items.push_back(std::move(item));
    } else {
      out.items.push_back(std::move(*side));
    }
  }
  SetJson(out, result);
  return true;
}

bool WithoutKey(FunctionContext& context, Arguments a, Value* result) {
  absl::StatusOr<Json> json = ParseJson(AsText(a[0]));
  if (!json.ok()) return context.Fail(json.status());
  if (json->kind != Json::Kind::kObject && json->kind != Json::Kind::kArray) {
    return context.Fail(sqlstate::kInvalidParameterValue, "cannot delete from scalar");
  }
  std::erase_if(json->members, [&](const auto& member) { return member.key == AsText(a[1]); });
  std::erase_if(json->items, [&](const Json& item) {
    return item.kind == Json::Kind::kString && item.text == AsText(a[1]);
  });
  SetJson(*json, result);
  return true;
}

}  // namespace

void AddJson(std::vector<ScalarFunction>* out) {
  constexpr TypeId kJ = TypeId::kJsonb;
  constexpr TypeId kT = TypeId::kText;
  constexpr TypeId kI = TypeId::kInteger;
  const auto add = [out](const char* name, std::vector<TypeId> parameters, const Type& result,
                         Implementation implementation, bool is_operator) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .is_operator = is_operator});
  };
  add("->", {kJ, kT}, kJsonbType, &Get<false>, true);
  add("->", {kJ, kI}, kJsonbType, &Get<false>, true);
  add("->>", {kJ, kT}, kTextType, &Get<true>, true);
  add("->>", {kJ, kI}, kTextType, &Get<true>, true);
  add(
      "@>", {kJ, kJ}, kBooleanType,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Contains(context, AsText(a[0]), AsText(a[1]), r);
      },
      true);
  add(
      "<@", {kJ, kJ}, kBooleanType,
      [](FunctionContext& context, Arguments a, Value* r) {
        return Contains(context, AsText(a[1]), AsText(a[0]), r);
      },
      true);
  add("?", {kJ, kT}, kBooleanType, &HasKey, true);
  add("||", {kJ, kJ}, kJsonbType, &Merge, true);
  add("-", {kJ, kT}, kJsonbType, &WithoutKey, true);
  add(
      "jsonb_typeof", {kJ}, kTextType,
      [](FunctionContext& context, Arguments a, Value* r) {
        absl::StatusOr<Json> json = ParseJson(AsText(a[0]));
        if (!json.ok()) return context.Fail(json.status());
        *r = std::string(JsonKindName(json->kind));
        return true;
      },
      false);
  add(
      "jsonb_array_length", {kJ}, kIntegerType,
      [](FunctionContext& context, Arguments a, Value* r) {
        absl::StatusOr<Json> json = ParseJson(AsText(a[0]));
        if (!json.ok()) return context.Fail(json.status());
        if (json->kind != Json::Kind::kArray) {
          return context.Fail(sqlstate::kInvalidParameterValue,
                              json->kind == Json::Kind::kObject
                                  ? "cannot get array length of a non-array"
                                  : "cannot get array length of a scalar");
        }
        *r = static_cast<int64_t>(json->items.size());
        return true;
      },
      false);
  const auto add_variadic = [out](const char* name, std::vector<TypeId> parameters,
                                  const Type& result, Implementation implementation, bool strict) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .volatility = Volatility::kStable,
                    .strict = strict,
                    .variadic = true});
  };
  add_variadic("jsonb_extract_path", {kJ, kT, kT}, kJsonbType, &Get<false>, true);
  add_variadic("jsonb_extract_path_text", {kJ, kT, kT}, kTextType, &Get<true>, true);
  add_variadic("jsonb_build_object", {kAnyId}, kJsonbType, &BuildObject, false);
  add_variadic("jsonb_build_array", {kAnyId}, kJsonbType, &BuildArray, false);
  out->push_back({.name = "to_jsonb",
                  .parameters = {kAnyId},
                  .result = kJsonbType,
                  .implementation =
                      [](FunctionContext& context, Arguments a, Value* r) {
                        SetJson(ToJson(context.argument_types[0], *a[0]), r);
                        return true;
                      },
                  .volatility = Volatility::kStable});
}

}  // namespace kyrodb::sql
