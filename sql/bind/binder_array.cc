// Arrays and sets: ARRAY[…], subscripts, functions that give rows.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/functions/set_function.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

}  // namespace

absl::StatusOr<BoundPtr> Binder::BindArray(const ArrayExpression& array, Scope* scope,
                                           TypeId element) {
  const Position at = array.position;
  if (array.elements.empty()) {
    if (element == kUnknownId) {
      return WithHint(
          Error(sqlstate::kIndeterminateDatatype, at, "cannot determine type of empty array"),
          "Explicitly cast to the desired type, for example ARRAY[]::integer[].");
    }
    return MakeConstant(Type{ArrayOf(element), 0}, engine::EncodeArray(engine::Array{}), at);
  }
  std::vector<BoundPtr> elements;
  bool nested = false;
  for (const ExpressionPtr& one : array.elements) {
    BoundPtr bound;
    if (const auto* inner = one->If<ArrayExpression>()) {
      KYRO_ASSIGN_OR_RETURN(bound, BindArray(*inner, scope, element));
      nested = true;
    } else {
      KYRO_ASSIGN_OR_RETURN(bound, Bind(*one, scope));
    }
    elements.push_back(std::move(bound));
  }
  if (element != kUnknownId) {
    for (BoundPtr& bound : elements) {
      const bool is_array = nested || IsArray(bound->type.id);
      const Type wanted{is_array ? ArrayOf(element) : element, 0};
      if (!CanCast(bound->type.id, wanted.id, CastContext::kExplicit)) {
        return Error(sqlstate::kCannotCoerce, bound->position,
                     absl::StrCat("cannot cast type ", BaseTypeName(bound->type.id), " to ",
                                  BaseTypeName(wanted.id)));
      }
      KYRO_ASSIGN_OR_RETURN(bound, Coerce(std::move(bound), wanted, CastContext::kExplicit));
    }
  } else {
    std::vector<BoundPtr*> all;
    for (BoundPtr& bound : elements) all.push_back(&bound);
    KYRO_RETURN_IF_ERROR(Unify(std::move(all), "ARRAY", "", at));
  }
  const TypeId id = elements[0]->type.id;
  auto call = std::make_unique<BoundExpression>(BoundKind::kCall,
                                                Type{IsArray(id) ? id : ArrayOf(id), 0}, at);
  call->function = FindInternalFunction("array construction");
  call->arguments = std::move(elements);
  return call;
}

absl::StatusOr<BoundPtr> Binder::BindSubscript(const SubscriptExpression& subscript, Scope* scope) {
  const Position at = subscript.position;
  // a[1][2] is one access with two subscripts.
  std::vector<const SubscriptExpression*> chain = {&subscript};
  while (const auto* inner = chain.back()->operand->If<SubscriptExpression>()) {
    if (chain.back()->separate) break;
    chain.push_back(inner);
  }
  std::reverse(chain.begin(), chain.end());
  KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*chain.front()->operand, scope));
  if (operand->type.id == TypeId::kJsonb) {
    for (const SubscriptExpression* one : chain) {
      if (one->slice) return NotSupported(one->position, "a slice of jsonb");
      std::vector<BoundPtr> arguments(2);
      arguments[0] = std::move(operand);
      KYRO_ASSIGN_OR_RETURN(arguments[1], Bind(*one->low, scope));
      KYRO_ASSIGN_OR_RETURN(operand, BindOperator("->", {}, std::move(arguments), at));
    }
    return operand;
  }
  if (!IsArray(operand->type.id)) {
    return Error(sqlstate::kDatatypeMismatch, at,
                 absl::StrCat("cannot subscript type ", BaseTypeName(operand->type.id),
                              " because it does not support subscripting"));
  }
  const bool slice = std::any_of(chain.begin(), chain.end(),
                                 [](const SubscriptExpression* one) { return one->slice; });
  std::vector<BoundPtr> arguments;
  arguments.push_back(std::move(operand));
  const auto add = [&](const ExpressionPtr& expression) -> absl::Status {
    if (expression == nullptr) {
      arguments.push_back(MakeConstant(kIntegerType, Null{}, at));
      return absl::OkStatus();
    }
    KYRO_ASSIGN_OR_RETURN(BoundPtr index, Bind(*expression, scope));
    if (!CanCast(index->type.id, TypeId::kInteger, CastContext::kAssignment)) {
      return Error(sqlstate::kDatatypeMismatch, expression->position,
                   "array subscript must have type integer");
    }
    KYRO_ASSIGN_OR_RETURN(index, Coerce(std::move(index), kIntegerType, CastContext::kAssignment));
    arguments.push_back(std::move(index));
    return absl::OkStatus();
  };
  for (const SubscriptExpression* one : chain) {
    if (slice && !one->slice) {
      // Among slices a single number is the upper bound.
      arguments.push_back(MakeConstant(kIntegerType, int64_t{1}, at));
      KYRO_RETURN_IF_ERROR(add(one->low));
      continue;
    }
    KYRO_RETURN_IF_ERROR(add(one->low));
    if (slice) KYRO_RETURN_IF_ERROR(add(one->high));
  }
  return MakeCall(FindInternalFunction(slice ? "array slice" : "array subscript"),
                  std::move(arguments), at);
}

absl::Status Binder::BindSetCall(const Expression& expression, Scope* inner,
                                 BoundRelation* relation) {
  const auto* call = expression.If<FunctionExpression>();
  if (call == nullptr || FindSetFunction(call->name.last()).empty()) {
    // One row with one value.
    KYRO_ASSIGN_OR_RETURN(BoundPtr value, Bind(expression, inner));
    KYRO_ASSIGN_OR_RETURN(value, ResolveUnknown(std::move(value)));
    relation->columns.push_back({OutputName(expression), value->type});
    relation->calls.push_back({nullptr, relation->arguments.size(), 1, 1});
    relation->arguments.push_back(std::move(value));
    return absl::OkStatus();
  }
  if (call->star || call->distinct || !call->order_by.empty() || call->filter != nullptr ||
      call->over != nullptr || call->variadic || !call->within_group.empty()) {
    return NotSupported(call->position, "this form of a call of a function that gives rows");
  }
  const std::string& name = call->name.last();
  std::vector<BoundPtr> arguments;
  std::vector<TypeId> types;
  for (const FunctionArgument& argument : call->arguments) {
    if (!argument.name.name.empty()) {
      return NotSupported(argument.name.position, "a named argument");
    }
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(*argument.value, inner));
    types.push_back(bound->type.id);
    arguments.push_back(std::move(bound));
  }
  // unnest(a, b) is unnest(a) beside unnest(b).
  const bool split = name == "unnest" && arguments.size() > 1;
  const size_t call_count = split ? arguments.size() : 1;
  for (size_t c = 0; c < call_count; ++c) {
    const std::span<const TypeId> own =
        split ? std::span<const TypeId>(types).subspan(c, 1) : std::span<const TypeId>(types);
    KYRO_ASSIGN_OR_RETURN(const SetFunction* function,
                          ResolveSetFunction(name, own, call->position));
    const TypeId element =
        AgreedElement(function->parameters, function->variadic, own).value_or(kUnknownId);
    SetCall set{function, relation->arguments.size(), own.size(), function->columns.size()};
    for (size_t i = 0; i < own.size(); ++i) {
      BoundPtr& argument = arguments[split ? c : i];
      const TypeId wanted =
          ConcreteType(function->parameters[std::min(i, function->parameters.size() - 1)], element);
      if (wanted == kUnknownId) {
        return Error(sqlstate::kDatatypeMismatch, call->position,
                     "could not determine polymorphic type because input has type unknown");
      }
      KYRO_ASSIGN_OR_RETURN(argument,
                            Coerce(std::move(argument), Type{wanted, 0}, CastContext::kImplicit));
      relation->arguments.push_back(std::move(argument));
    }
    for (const SetColumn& column : function->columns) {
      relation->columns.push_back({column.name.empty() ? name : column.name,
                                   Type{ConcreteType(column.type.id, element), 0}});
    }
    relation->calls.push_back(set);
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundPtr> Binder::BindSetOutput(const FunctionExpression& call, Scope* scope) {
  const Position at = call.position;
  const std::string& name = call.name.last();
  if (scope == nullptr || scope->select == nullptr || !scope->allows_sets) {
    return Error(sqlstate::kFeatureNotSupported, at,
                 "set-valued function called in context that cannot accept a set");
  }
  BoundSelect& select = *scope->select;
  const bool first = !scope->set_relation.has_value();
  BoundRelation relation;
  if (first) {
    relation.kind = RelationKind::kFunction;
    relation.alias = name;
    // It runs for every row of what stands in FROM, and sees that row as its level 1.
    relation.lateral = !select.relations.empty();
  } else {
    relation = std::move(select.relations[*scope->set_relation]);
  }
  const size_t column = relation.columns.size();
  Scope inner;
  inner.parent = relation.lateral ? scope : scope->parent;
  const bool allows_sets = std::exchange(scope->allows_sets, false);
  const absl::Status status = BindSetCall(call, &inner, &relation);
  scope->allows_sets = allows_sets;
  KYRO_RETURN_IF_ERROR(status);
  if (relation.columns.size() != column + 1) {
    return NotSupported(at, absl::StrCat("function ", name, " outside FROM"));
  }
  if (first) {
    relation.slot_begin = select.width;
    scope->set_relation = select.relations.size();
    auto from = std::make_unique<BoundFrom>();
    from->relation = static_cast<uint32_t>(select.relations.size());
    select.from.push_back(std::move(from));
    select.relations.emplace_back();
  }
  relation.used.push_back(true);
  const Type type = relation.columns[column].type;
  const uint32_t slot = select.width++;
  select.relations[*scope->set_relation] = std::move(relation);
  return MakeColumn(type, slot, name, at);
}

}  // namespace kyrodb::sql
