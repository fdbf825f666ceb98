// The functions and operators of the language as pg_proc and pg_operator list them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sql/types/type.h"

namespace kyrodb::sql {

struct FunctionEntry {
  uint32_t oid = 0;
  std::string name;
  std::vector<TypeId> parameters;
  Type result;
  bool is_aggregate = false;
  bool is_strict = true;
  char volatility = 'i';
};

// Sorted by name; the numbers hold for one version of the program.
const std::vector<FunctionEntry>& AllFunctions();
const std::vector<FunctionEntry>& AllOperators();
const FunctionEntry* FindFunctionEntry(uint32_t oid);
// The number of a parameter's type; of those that take anything that of "any".
uint32_t OidOfParameter(TypeId id);
// "bigint", "\"any\"", "anyarray".
std::string ParameterTypeName(TypeId id);

}  // namespace kyrodb::sql
