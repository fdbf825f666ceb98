// The six comparisons, for every type that has an order.
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
void AddOrder(std::vector<ScalarFunction>* out) {
  AddOne<id, Comparison::kEqual>("=", out);
  AddOne<id, Comparison::kNotEqual>("<>", out);
  AddOne<id, Comparison::kLess>("<", out);
  AddOne<id, Comparison::kLessEqual>("<=", out);
  AddOne<id, Comparison::kGreater>(">", out);
  AddOne<id, Comparison::kGreaterEqual>(">=", out);
}

// Arrays of any one type.
template <Comparison comparison>
bool CompareArrays(FunctionContext& context, Arguments a, Value* result) {
  const int order = CompareValues(context.argument_types[0].id, *a[0], *a[1]);
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

template <Comparison comparison>
void AddArrayComparison(const char* name, std::vector<ScalarFunction>* out) {
  out->push_back({.name = name,
                  .parameters = {kAnyArrayId, kAnyArrayId},
                  .result = kBooleanType,
                  .implementation = &CompareArrays<comparison>,
                  .is_operator = true,
                  .comparison = comparison});
}

void AddArrayOrder(std::vector<ScalarFunction>* out) {
  AddArrayComparison<Comparison::kEqual>("=", out);
  AddArrayComparison<Comparison::kNotEqual>("<>", out);
  AddArrayComparison<Comparison::kLess>("<", out);
  AddArrayComparison<Comparison::kLessEqual>("<=", out);
  AddArrayComparison<Comparison::kGreater>(">", out);
  AddArrayComparison<Comparison::kGreaterEqual>(">=", out);
}

}  // namespace

void AddComparisons(std::vector<ScalarFunction>* out) {
  AddOrder<TypeId::kBoolean>(out);
  AddOrder<TypeId::kSmallint>(out);
  AddOrder<TypeId::kInteger>(out);
  AddOrder<TypeId::kBigint>(out);
  AddOrder<TypeId::kReal>(out);
  AddOrder<TypeId::kDouble>(out);
  AddOrder<TypeId::kNumeric>(out);
  AddOrder<TypeId::kText>(out);
  AddOrder<TypeId::kChar>(out);
  AddOrder<TypeId::kName>(out);
  AddOrder<TypeId::kInternalChar>(out);
  AddOrder<TypeId::kOid>(out);
  AddOrder<TypeId::kBytea>(out);
  AddOrder<TypeId::kUuid>(out);
  AddOrder<TypeId::kDate>(out);
  AddOrder<TypeId::kTime>(out);
  AddOrder<TypeId::kTimestamp>(out);
  AddOrder<TypeId::kTimestamptz>(out);
  AddOrder<TypeId::kInterval>(out);
  AddOrder<TypeId::kBit>(out);
  AddOrder<TypeId::kVarbit>(out);
  AddOrder<TypeId::kVector>(out);
  AddOrder<TypeId::kHalfvec>(out);
  AddOrder<TypeId::kSparsevec>(out);
  AddOrder<TypeId::kJsonb>(out);
  AddArrayOrder(out);
}

}  // namespace kyrodb::sql
