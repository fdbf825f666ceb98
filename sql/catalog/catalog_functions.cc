// Functions over the catalog: format_type, pg_get_indexdef, pg_table_is_visible and their like.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/functions.h"
#include "sql/catalog/objects.h"
#include "sql/functions/function.h"
#include "sql/parse/parser.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

uint32_t AsOid(const Value* value) { return static_cast<uint32_t>(AsInt(value)); }

bool SetText(Value* result, std::string text) {
  result->emplace<std::string>(std::move(text));
  return true;
}
bool SetNull(Value* result) {
  *result = Null{};
  return true;
}
bool SetTruth(Value* result, bool truth) {
  *result = truth;
  return true;
}

bool RelationVisible(FunctionContext& context, Arguments a, Value* r) {
  if (context.catalog == nullptr) return SetNull(r);
  const std::optional<Relation> relation = FindRelation(*context.catalog, AsOid(a[0]));
  if (!relation.has_value()) return SetNull(r);
  return SetTruth(r, IsVisible(*relation));
}
// Everything but relations is visible by its name.
bool AlwaysVisible(FunctionContext&, Arguments, Value* r) { return SetTruth(r, true); }
bool Never(FunctionContext&, Arguments, Value* r) { return SetTruth(r, false); }
bool Always(FunctionContext&, Arguments, Value* r) { return SetTruth(r, true); }
bool NoText(FunctionContext&, Arguments, Value* r) { return SetNull(r); }

bool UserName(FunctionContext& context, Arguments a, Value* r) {
  if (AsOid(a[0]) == kOwnerOid) return SetText(r, std::string(context.user_name));
  return SetText(r, absl::StrCat("unknown (OID=", AsOid(a[0]), ")"));
}

bool TypeText(FunctionContext&, Arguments a, Value* r) {
  if (IsNull(*a[0])) return SetNull(r);
  return SetText(r,
                 FormatType(AsOid(a[0]), IsNull(*a[1]) ? -1 : static_cast<int32_t>(AsInt(a[1]))));
}

// The catalog keeps expressions as text.
bool ExpressionText(FunctionContext&, Arguments a, Value* r) {
  *r = *a[0];
  return true;
}

bool IndexText(FunctionContext& context, Arguments a, Value* r) {
  if (context.catalog == nullptr) return SetNull(r);
  const std::optional<Relation> index = FindRelation(*context.catalog, AsOid(a[0]));
  if (!index.has_value() || !index->is_index()) return SetNull(r);
  const int column = a.size() > 1 ? static_cast<int>(AsInt(a[1])) : 0;
  return SetText(r, IndexDefinition(*index, column));
}

bool ConstraintText(FunctionContext& context, Arguments a, Value* r) {
  if (context.catalog == nullptr) return SetNull(r);
  for (const auto& table : context.catalog->tables()) {
    for (const ConstraintInfo& constraint : ConstraintsOf(table)) {
      if (constraint.oid == AsOid(a[0])) return SetText(r, ConstraintDefinition(constraint));
    }
  }
  return SetNull(r);
}

bool FunctionArguments(FunctionContext&, Arguments a, Value* r) {
  const FunctionEntry* const entry = FindFunctionEntry(AsOid(a[0]));
  if (entry == nullptr) return SetNull(r);
  std::vector<std::string> names;
  for (const TypeId id : entry->parameters) names.push_back(ParameterTypeName(id));
  return SetText(r, absl::StrJoin(names, ", "));
}
bool FunctionResult(FunctionContext&, Arguments a, Value* r) {
  const FunctionEntry* const entry = FindFunctionEntry(AsOid(a[0]));
  if (entry == nullptr) return SetNull(r);
  return SetText(r, ParameterTypeName(entry->result.id));
}

bool Description(FunctionContext&, Arguments a, Value* r) {
  if (AsOid(a[0]) == kVectorExtensionOid) {
    return SetText(r, "vector data type and ivfflat and hnsw access methods");
  }
  if (AsOid(a[0]) == kPublicOid) return SetText(r, "standard public schema");
  return SetNull(r);
}

bool EncodingName(FunctionContext&, Arguments a, Value* r) {
  return SetText(r, AsInt(a[0]) == 6 ? "UTF8" : "");
}

bool FindClass(FunctionContext& context, Arguments a, Value* r) {
  if (context.catalog == nullptr) return SetNull(r);
  const std::optional<Relation> relation = FindRelationByName(*context.catalog, AsText(a[0]));
  if (!relation.has_value()) return SetNull(r);
  *r = static_cast<int64_t>(relation->oid);
  return true;
}

bool FindTypeByName(FunctionContext&, Arguments a, Value* r) {
  const absl::StatusOr<TypeName> name = ParseTypeName(AsText(a[0]));
  if (!name.ok()) return SetNull(r);
  const absl::StatusOr<Type> type = ResolveType(*name);
  if (!type.ok()) return SetNull(r);
  *r = static_cast<int64_t>(TypeOid(*type));
  return true;
}

bool Schemas(FunctionContext&, Arguments a, Value* r) {
  std::vector<std::string> names;
  if (AsBool(a[0])) names.push_back("pg_catalog");
  names.push_back("public");
  *r = TextArray(names);
  return true;
}

bool BackendPid(FunctionContext& context, Arguments, Value* r) {
  *r = int64_t{context.process_id};
  return true;
}

// Bytes of a table's or an index's files and memory.
bool RelationSize(FunctionContext& context, Arguments a, Value* r) {
  if (context.catalog == nullptr || context.database == nullptr) return SetNull(r);
  const std::optional<Relation> relation = FindRelation(*context.catalog, AsOid(a[0]));
  if (!relation.has_value()) return SetNull(r);
  int64_t bytes = 0;
  if (relation->table != nullptr && !relation->is_index()) {
    const auto statistics = context.database->space_statistics(relation->table->id);
    if (statistics.ok()) {
      bytes = static_cast<int64_t>(statistics->run_bytes + statistics->memtable_bytes);
    }
  } else if (relation->index != nullptr) {
    const auto statistics = context.database->index_statistics(relation->index->id);
    if (statistics.ok()) bytes = static_cast<int64_t>(statistics->memory_bytes);
  }
  *r = bytes;
  return true;
}

bool SizeText(FunctionContext&, Arguments a, Value* r) {
  int64_t size = AsInt(a[0]);
  if (std::abs(size) < 10 * 1024) return SetText(r, absl::StrCat(size, " bytes"));
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB"};
  // Half a unit is rounded up at each step, as PostgreSQL does.
  size >>= 9;
  for (const char* unit : kUnits) {
    const int64_t rounded = size >= 0 ? (size + 1) / 2 : (size - 1) / 2;
    if (std::abs(size) < 20 * 1024 - 1 || unit == kUnits[4]) {
      return SetText(r, absl::StrCat(rounded, " ", unit));
    }
    size >>= 10;
  }
  return SetNull(r);
}

bool SettingText(FunctionContext& context, Arguments a, Value* r) {
  std::string value;
  if (context.setting == nullptr || !(*context.setting)(AsText(a[0]), &value)) {
    if (a.size() > 1 && AsBool(a[1])) return SetNull(r);
    return context.Fail(
        sqlstate::kUndefinedObject,
        absl::StrCat("unrecognized configuration parameter \"", AsText(a[0]), "\""));
  }
  return SetText(r, value);
}

bool NothingLocked(FunctionContext&, Arguments, Value* r) { return SetText(r, ""); }

}  // namespace

void AddCatalogFunctions(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters, Type result,
                         Implementation implementation, bool strict = true) {
    out->push_back({.name = name,
                    .parameters = std::move(parameters),
                    .result = result,
                    .implementation = implementation,
                    .volatility = Volatility::kStable,
                    .strict = strict});
  };
  constexpr TypeId kOid = TypeId::kOid;
  constexpr TypeId kInt = TypeId::kInteger;
  constexpr TypeId kTextId = TypeId::kText;
  constexpr TypeId kBool = TypeId::kBoolean;
  add("pg_table_is_visible", {kOid}, kBooleanType, &RelationVisible);
  for (const char* name :
       {"pg_type_is_visible", "pg_function_is_visible", "pg_operator_is_visible",
        "pg_opclass_is_visible", "pg_opfamily_is_visible", "pg_collation_is_visible",
        "pg_conversion_is_visible", "pg_statistics_obj_is_visible", "pg_ts_config_is_visible",
        "pg_ts_dict_is_visible", "pg_ts_parser_is_visible", "pg_ts_template_is_visible"}) {
    add(name, {kOid}, kBooleanType, &AlwaysVisible);
  }
  add("pg_relation_is_publishable", {kOid}, kBooleanType, &Never);
  add("pg_is_in_recovery", {}, kBooleanType, &Never);
  add("has_table_privilege", {kOid, kTextId}, kBooleanType, &Always);
  add("has_table_privilege", {kTextId, kTextId}, kBooleanType, &Always);
  add("has_schema_privilege", {kOid, kTextId}, kBooleanType, &Always);
  add("has_schema_privilege", {kTextId, kTextId}, kBooleanType, &Always);
  add("has_database_privilege", {kTextId, kTextId}, kBooleanType, &Always);
  add("has_database_privilege", {kOid, kTextId}, kBooleanType, &Always);
  add("pg_get_userbyid", {kOid}, kNameType, &UserName);
  add("format_type", {kOid, kInt}, kTextType, &TypeText, false);
  add("pg_get_expr", {kTextId, kOid}, kTextType, &ExpressionText);
  add("pg_get_expr", {kTextId, kOid, kBool}, kTextType, &ExpressionText);
  add("pg_get_indexdef", {kOid}, kTextType, &IndexText);
  add("pg_get_indexdef", {kOid, kInt, kBool}, kTextType, &IndexText);
  add("pg_get_constraintdef", {kOid}, kTextType, &ConstraintText);
  add("pg_get_constraintdef", {kOid, kBool}, kTextType, &ConstraintText);
  add("pg_get_function_arguments", {kOid}, kTextType, &FunctionArguments);
  add("pg_get_function_identity_arguments", {kOid}, kTextType, &FunctionArguments);
  add("pg_get_function_result", {kOid}, kTextType, &FunctionResult);
  for (const char* name : {"pg_get_statisticsobjdef_columns", "pg_get_triggerdef", "pg_get_ruledef",
                           "pg_get_partkeydef", "pg_get_functiondef"}) {
    add(name, {kOid}, kTextType, &NoText);
    add(name, {kOid, kBool}, kTextType, &NoText);
  }
  // What it would list of a table that is no partition.
  add("pg_partition_ancestors", {kOid}, kOidType, &NoText);
  add("obj_description", {kOid, kTextId}, kTextType, &Description);
  add("obj_description", {kOid}, kTextType, &Description);
  add("shobj_description", {kOid, kTextId}, kTextType, &NoText);
  add("col_description", {kOid, kInt}, kTextType, &NoText);
  add("pg_encoding_to_char", {kInt}, kNameType, &EncodingName);
  add("to_regclass", {kTextId}, Type{TypeId::kRegclass, 0}, &FindClass);
  add("to_regtype", {kTextId}, Type{TypeId::kRegtype, 0}, &FindTypeByName);
  add("current_schemas", {kBool}, Type{engine::ArrayOf(TypeId::kName), 0}, &Schemas);
  add("pg_backend_pid", {}, kIntegerType, &BackendPid);
  for (const char* name :
       {"pg_relation_size", "pg_table_size", "pg_total_relation_size", "pg_indexes_size"}) {
    add(name, {TypeId::kRegclass}, kBigintType, &RelationSize);
  }
  add("pg_size_pretty", {TypeId::kBigint}, kTextType, &SizeText);
  add("current_setting", {kTextId}, kTextType, &SettingText);
  add("current_setting", {kTextId, kBool}, kTextType, &SettingText);
  add("pg_advisory_unlock_all", {}, kTextType, &NothingLocked);
}

}  // namespace kyrodb::sql
