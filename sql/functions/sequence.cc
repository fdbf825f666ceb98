// nextval, currval, setval, lastval.
#include <string>

#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

bool Give(FunctionContext& context, absl::StatusOr<int64_t> value, Value* result) {
  if (!value.ok()) return context.Fail(value.status());
  *result = *value;
  return true;
}

bool HasAccess(FunctionContext& context) {
  return context.sequences != nullptr ||
         context.Fail(sqlstate::kFeatureNotSupported, "sequences cannot be used here");
}

bool NextVal(FunctionContext& context, Arguments arguments, Value* result) {
  return HasAccess(context) && Give(context, context.sequences->Next(AsText(arguments[0])), result);
}

bool CurrVal(FunctionContext& context, Arguments arguments, Value* result) {
  return HasAccess(context) &&
         Give(context, context.sequences->Current(AsText(arguments[0])), result);
}

bool SetVal(FunctionContext& context, Arguments arguments, Value* result) {
  const bool is_called = arguments.size() < 3 || AsBool(arguments[2]);
  return HasAccess(context) &&
         Give(context, context.sequences->Set(AsText(arguments[0]), AsInt(arguments[1]), is_called),
              result);
}

bool LastVal(FunctionContext& context, Arguments, Value* result) {
  return HasAccess(context) && Give(context, context.sequences->Last(), result);
}

}  // namespace

void AddSequences(std::vector<ScalarFunction>* out) {
  const auto add = [out](const char* name, std::vector<TypeId> parameters,
                         Implementation implementation) {
    ScalarFunction function;
    function.name = name;
    function.parameters = std::move(parameters);
    function.result = kBigintType;
    function.implementation = implementation;
    function.volatility = Volatility::kVolatile;
    out->push_back(std::move(function));
  };
  add("nextval", {TypeId::kText}, NextVal);
  add("currval", {TypeId::kText}, CurrVal);
  add("setval", {TypeId::kText, TypeId::kBigint}, SetVal);
  add("setval", {TypeId::kText, TypeId::kBigint, TypeId::kBoolean}, SetVal);
  add("lastval", {}, LastVal);
}

}  // namespace kyrodb::sql
