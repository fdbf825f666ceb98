#include "engine/value.h"

#include "absl/strings/str_cat.h"

namespace kyrodb::engine {

std::string TypeName(const Type& type) {
  switch (type.id) {
    case TypeId::kBoolean:
      return "boolean";
    case TypeId::kInteger:
      return "integer";
    case TypeId::kBigint:
      return "bigint";
    case TypeId::kDouble:
      return "double precision";
    case TypeId::kText:
      return "text";
    case TypeId::kTimestamptz:
      return "timestamp with time zone";
    case TypeId::kBytea:
      return "bytea";
    case TypeId::kJsonb:
      return "jsonb";
    case TypeId::kVector:
      return type.dimensions == 0 ? "vector" : absl::StrCat("vector(", type.dimensions, ")");
  }
  return "unknown";
}

}  // namespace kyrodb::engine
