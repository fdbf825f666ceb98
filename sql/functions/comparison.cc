// The six comparisons, for every type that has an order (and two for jsonb).
#include "sql/functions/function.h"

namespace kyrodb::sql {
namespace {

template <TypeId id, Comparison comparison>
bool Compare(FunctionContext&, Arguments a, Value* result) {
  const int order = CompareValues(id, *a[0], *a[1]);
  bool holds = false;
  if constexpr (comparison == Comparison::kEqual) holds = order == 0;
  if constexpr (comparison == Comparison::kNotEqual) holds = order != 0;
  if constexpr (comparison == Comparison::kLess) holds = order < 0;
  if constexpr (comparison == Comparison::kLessEqual) holds = order <= 0;
  if constexpr (comparison == Comparison::kGreater) holds = order > 0;
  if constexpr (comparison == Comparison::kGreaterEqual) holds = order >= 0;
  *result = holds;
  return true;
}

template <TypeId id, Comparison comparison>
void AddOne(const char* name, std::vector<ScalarFunction>* out) {
  out->push_back({.name = name,
                  .parameters = {id, id},
                  .result = kBooleanType,
                  .implementation = &Compare<id, comparison>,
                  .is_operator = true,
                  .comparison = comparison});
}

template <TypeId id>
void AddEquality(std::vector<ScalarFunction>* out) {
  AddOne<id, Comparison::kEqual>("=", out);
  AddOne<id, Comparison::kNotEqual>("<>", out);
}

template <TypeId id>
void AddOrder(std::vector<ScalarFunction>* out) {
  AddEquality<id>(out);
  AddOne<id, Comparison::kLess>("<", out);
  AddOne<id, Comparison::kLessEqual>("<=", out);
  AddOne<id, Comparison::kGreater>(">", out);
  AddOne<id, Comparison::kGreaterEqual>(">=", out);
}

}  // namespace

void AddComparisons(std::vector<ScalarFunction>* out) {
  AddOrder<TypeId::kBoolean>(out);
  AddOrder<TypeId::kInteger>(out);
  AddOrder<TypeId::kBigint>(out);
  AddOrder<TypeId::kDouble>(out);
  AddOrder<TypeId::kText>(out);
  AddOrder<TypeId::kTimestamptz>(out);
  AddOrder<TypeId::kBytea>(out);
  AddOrder<TypeId::kVector>(out);
  AddEquality<TypeId::kJsonb>(out);
}

}  // namespace kyrodb::sql
