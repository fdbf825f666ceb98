#include "sql/catalog/functions.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "sql/functions/function.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

constexpr uint32_t kFirstFunctionOid = 20000;
constexpr uint32_t kFirstOperatorOid = 30000;

struct Lists {
  std::vector<FunctionEntry> functions;
  std::vector<FunctionEntry> operators;
};

Lists MakeLists() {
  Lists lists;
  const FunctionRegistry& registry = FunctionRegistry::Get();
  std::vector<std::string> names = registry.names();
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    for (const ScalarFunction& function : registry.FindScalar(name)) {
      if (function.is_operator || function.is_internal) continue;
      lists.functions.push_back({.name = function.name,
                                 .parameters = function.parameters,
                                 .result = function.result,
                                 .is_strict = function.strict,
                                 .volatility = function.volatility == Volatility::kImmutable ? 'i'
                                               : function.volatility == Volatility::kStable  ? 's'
                                                                                            : 'v'});
    }
    for (const AggregateFunction& function : registry.FindAggregate(name)) {
      lists.functions.push_back({.name = function.name,
                                 .parameters = function.parameters,
                                 .result = function.result,
                                 .is_aggregate = true,
                                 .is_strict = false});
    }
  }
  for (const char* name :
       {"+",   "-",   "*",   "/",   "%",   "^",   "=",   "<>",   "<",   "<=", ">",  ">=",
        "||",  "->",  "->>", "#>",  "#>>", "@>",  "<@",  "?",    "?|",  "?&", "&&", "<->",
        "<#>", "<=>", "<+>", "<~>", "<%>", "~",   "~*",  "!~",   "!~*", "&",  "|",  "#",
        "<<",  ">>",  "@",   "#-",  "~~",  "!~~", "~~*", "!~~*", "|/",  "||/"}) {
    for (const ScalarFunction& function : registry.FindScalar(name)) {
      if (function.parameters.empty()) continue;
      lists.operators.push_back(
          {.name = function.name, .parameters = function.parameters, .result = function.result});
    }
  }
  uint32_t oid = kFirstFunctionOid;
  for (FunctionEntry& entry : lists.functions) entry.oid = oid++;
  oid = kFirstOperatorOid;
  for (FunctionEntry& entry : lists.operators) entry.oid = oid++;
  return lists;
}

const Lists& TheLists() {
  static const Lists* const kLists = new Lists(MakeLists());
  return *kLists;
}

}  // namespace

const std::vector<FunctionEntry>& AllFunctions() { return TheLists().functions; }
const std::vector<FunctionEntry>& AllOperators() { return TheLists().operators; }

const FunctionEntry* FindFunctionEntry(uint32_t oid) {
  const std::vector<FunctionEntry>& all = AllFunctions();
  if (oid < kFirstFunctionOid || oid - kFirstFunctionOid >= all.size()) return nullptr;
  return &all[oid - kFirstFunctionOid];
}

uint32_t OidOfParameter(TypeId id) {
  if (id == kAnyId) return 2276;
  if (id == kAnyArrayId) return 2277;
  if (id == kAnyElementId) return 2283;
  return TypeOid({id, 0});
}

std::string ParameterTypeName(TypeId id) {
  if (id == kAnyId) return "\"any\"";
  if (id == kAnyArrayId) return "anyarray";
  if (id == kAnyElementId) return "anyelement";
  return BaseTypeName(id);
}

}  // namespace kyrodb::sql
