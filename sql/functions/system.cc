// What clients ask of the server itself.
#include <string>

#include "sql/functions/function.h"

namespace kyrodb::sql {

void AddSystem(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, Implementation implementation) {
    out->push_back({.name = name,
                    .parameters = {},
                    .result = kTextType,
                    .implementation = implementation,
                    .volatility = Volatility::kStable});
  };
  add("version", [](FunctionContext&, Arguments, Value* r) {
    r->emplace<std::string>("PostgreSQL 15.0 (KyroDB 0.1.0)");
    return true;
  });
  add("kyro_version", [](FunctionContext&, Arguments, Value* r) {
    r->emplace<std::string>("0.1.0");
    return true;
  });
  for (const char* name : {"current_database", "current_catalog"}) {
    add(name, [](FunctionContext& context, Arguments, Value* r) {
      r->emplace<std::string>(context.database_name);
      return true;
    });
  }
  for (const char* name : {"current_user", "session_user", "user", "current_role"}) {
    add(name, [](FunctionContext& context, Arguments, Value* r) {
      r->emplace<std::string>(context.user_name);
      return true;
    });
  }
  add("current_schema", [](FunctionContext&, Arguments, Value* r) {
    r->emplace<std::string>("public");
    return true;
  });
  add("embedding_model", [](FunctionContext& context, Arguments, Value* r) {
    r->emplace<std::string>(context.embedder->name());
    return true;
  });
}

}  // namespace kyrodb::sql
