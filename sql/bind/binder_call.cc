// Calls: functions, aggregates, subqueries, and comparisons with ANY and ALL.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

BoundPtr Make(BoundKind kind, const Type& type, Position position) {
  return std::make_unique<BoundExpression>(kind, type, position);
}

}  // namespace

absl::StatusOr<BoundPtr> Binder::BindSpecialValue(const SpecialValueExpression& value) {
  const char* function = nullptr;
  switch (value.value) {
    case SpecialValue::kCurrentTimestamp:
      function = "now";
      break;
    case SpecialValue::kCurrentUser:
    case SpecialValue::kSessionUser:
    case SpecialValue::kUser:
    case SpecialValue::kCurrentRole:
      function = "current_user";
      break;
    case SpecialValue::kCurrentCatalog:
      function = "current_database";
      break;
    case SpecialValue::kCurrentSchema:
      function = "current_schema";
      break;
    case SpecialValue::kCurrentDate:
      function = "current_date";
      break;
    case SpecialValue::kCurrentTime:
      return NotSupported(value.position, "CURRENT_TIME (there is no type time with time zone)");
    case SpecialValue::kLocaltime:
      function = "localtime";
      break;
    case SpecialValue::kLocaltimestamp:
      function = "localtimestamp";
      break;
  }
  KYRO_ASSIGN_OR_RETURN(const ScalarFunction* found, ResolveFunction(function, {}, value.position));
  KYRO_ASSIGN_OR_RETURN(BoundPtr call, MakeCall(found, {}, value.position));
  if (!value.precision.has_value()) return call;
  Type rounded = call->type;
  rounded.dimensions = static_cast<uint32_t>(std::min<int64_t>(*value.precision, 6)) + 1;
  return Coerce(std::move(call), rounded, CastContext::kExplicit);
}

absl::StatusOr<BoundPtr> Binder::BindCall(const FunctionExpression& call, Scope* scope) {
  const Position at = call.position;
  if (call.over != nullptr) return NotSupported(at, "a window function");
  if (!call.within_group.empty()) return NotSupported(at, "WITHIN GROUP");
  if (call.variadic) return NotSupported(at, "VARIADIC");
  if (call.name.parts.size() > 2 ||
      (call.name.parts.size() == 2 && call.name.parts[0].name != "pg_catalog" &&
       call.name.parts[0].name != "public")) {
    return Error("3F000", at,
                 absl::StrCat("schema \"", call.name.parts[0].name, "\" does not exist"));
  }
  const std::string& name = call.name.last();
  for (const FunctionArgument& argument : call.arguments) {
    if (!argument.name.name.empty()) {
      return NotSupported(argument.name.position, "a named argument");
    }
  }
  if (!FunctionRegistry::Get().FindAggregate(name).empty()) {
    return BindAggregate(call, name, scope);
  }
  if (call.star || call.distinct || !call.order_by.empty() || call.filter != nullptr) {
    const char* what = call.star       ? "(*)"
                       : call.distinct ? "DISTINCT"
                       : call.filter   ? "FILTER"
                                       : "ORDER BY";
    if (FunctionRegistry::Get().FindScalar(name).empty()) {
      return Error(sqlstate::kUndefinedFunction, at,
                   absl::StrCat("function ", name, "() does not exist"));
    }
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat(what, " specified, but ", name, " is not an aggregate function"));
  }
  if (name == "generate_series" || name == "unnest") {
    return NotSupported(at, "a set-returning function outside FROM");
  }
  std::vector<BoundPtr> arguments;
  std::vector<TypeId> types;
  for (const FunctionArgument& argument : call.arguments) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(*argument.value, scope));
    types.push_back(bound->type.id);
    arguments.push_back(std::move(bound));
  }
  if (name == "pg_typeof" && arguments.size() == 1) {
    return MakeConstant(kTextType, BaseTypeName(types[0]), at);
  }
  absl::StatusOr<const ScalarFunction*> function = ResolveFunction(name, types, at);
  if (!function.ok()) {
    if (FunctionRegistry::Get().FindScalar(name).empty()) {
      const std::string near = Nearest(name, FunctionRegistry::Get().names());
      if (!near.empty()) {
        return WithHint(function.status(),
                        absl::StrCat("Perhaps you meant the function \"", near, "\"."));
      }
    }
    return function.status();
  }
  return MakeCall(*function, std::move(arguments), at);
}

absl::StatusOr<BoundPtr> Binder::BindAggregate(const FunctionExpression& call,
                                               const std::string& name, Scope* scope) {
  const Position at = call.position;
  if (scope == nullptr || scope->select == nullptr) {
    return Error(sqlstate::kGroupingError, at, "aggregate functions are not allowed here");
  }
  if (scope->in_aggregate) {
    return Error(sqlstate::kGroupingError, at, "aggregate function calls cannot be nested");
  }
  if (!scope->clause.empty()) {
    return Error(sqlstate::kGroupingError, at,
                 absl::StrCat("aggregate functions are not allowed in ", scope->clause));
  }
  if (!call.order_by.empty()) return NotSupported(at, "ORDER BY in an aggregate");
  BoundAggregate aggregate;
  aggregate.distinct = call.distinct;
  std::vector<TypeId> types;
  scope->in_aggregate = true;
  absl::Status status;
  for (const FunctionArgument& argument : call.arguments) {
    absl::StatusOr<BoundPtr> bound = Bind(*argument.value, scope);
    if (!bound.ok()) {
      status = bound.status();
      break;
    }
    types.push_back((*bound)->type.id);
    aggregate.arguments.push_back(*std::move(bound));
  }
  if (status.ok() && call.filter != nullptr) {
    absl::StatusOr<BoundPtr> filter = BindBoolean(*call.filter, scope, "FILTER");
    if (filter.ok()) {
      aggregate.filter = *std::move(filter);
    } else {
      status = filter.status();
    }
  }
  scope->in_aggregate = false;
  KYRO_RETURN_IF_ERROR(status);
  if (!call.star && call.arguments.empty()) {
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat(name, "(*) must be used to call a parameterless aggregate function"));
  }
  KYRO_ASSIGN_OR_RETURN(aggregate.function, ResolveAggregate(name, types, at));
  const TypeId element =
      AgreedElement(aggregate.function->parameters, aggregate.function->variadic, types)
          .value_or(kUnknownId);
  for (size_t i = 0; i < aggregate.arguments.size(); ++i) {
    TypeId wanted =
        aggregate.function->parameters[std::min(i, aggregate.function->parameters.size() - 1)];
    wanted = ConcreteType(wanted, element);
    BoundPtr& argument = aggregate.arguments[i];
    if (wanted == kUnknownId) {
      return Error(sqlstate::kDatatypeMismatch, at,
                   "could not determine polymorphic type because input has type unknown");
    }
    if (wanted == kAnyId) {
      KYRO_ASSIGN_OR_RETURN(argument, ResolveUnknown(std::move(argument)));
    } else {
      KYRO_ASSIGN_OR_RETURN(argument,
                            Coerce(std::move(argument), Type{wanted, 0}, CastContext::kImplicit));
    }
  }
  std::string text =
      absl::StrCat(name, "(", call.distinct ? "DISTINCT " : "", call.star ? "*" : "");
  for (size_t i = 0; i < aggregate.arguments.size(); ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", ToSql(*aggregate.arguments[i]));
  }
  text += ")";
  if (aggregate.filter != nullptr) {
    absl::StrAppend(&text, " FILTER (WHERE ", ToSql(*aggregate.filter), ")");
  }
  aggregate.text = text;
  Type result = aggregate.function->result;
  result.id = ConcreteType(result.id, element);
  BoundPtr bound = Make(BoundKind::kAggregate, result, at);
  // min and max of vectors of one length are of that length; nothing else depends on dimensions.
  bound->slot = static_cast<uint32_t>(scope->select->aggregates.size());
  // The same aggregate is computed once.
  for (size_t i = 0; i < scope->select->aggregates.size(); ++i) {
    const BoundAggregate& other = scope->select->aggregates[i];
    bool same = other.function == aggregate.function && other.distinct == aggregate.distinct &&
                (other.filter == nullptr) == (aggregate.filter == nullptr) &&
                (other.filter == nullptr || SameExpression(*other.filter, *aggregate.filter)) &&
                other.arguments.size() == aggregate.arguments.size();
    for (size_t j = 0; same && j < other.arguments.size(); ++j) {
      same = SameExpression(*other.arguments[j], *aggregate.arguments[j]) &&
             !IsVolatile(*other.arguments[j]);
    }
    if (same) {
      bound->slot = static_cast<uint32_t>(i);
      return bound;
    }
  }
  scope->select->aggregates.push_back(std::move(aggregate));
  return bound;
}

absl::StatusOr<BoundPtr> Binder::BindSubquery(const SubqueryExpression& subquery, Scope* scope) {
  const Position at = subquery.position;
  if (subquery.type == SubqueryType::kArray) return NotSupported(at, "ARRAY(query)");
  BoundPtr bound = Make(BoundKind::kSubquery, kBooleanType, at);
  bound->subquery_type = subquery.type;
  bound->negated = subquery.negated;
  // Inside, this scope is the one around; a query without FROM around has an empty one.
  Scope empty;
  Scope* outer = scope != nullptr ? scope : &empty;
  const bool in_aggregate = outer->in_aggregate;
  KYRO_ASSIGN_OR_RETURN(bound->query, BindQuery(*subquery.query, outer));
  outer->in_aggregate = in_aggregate;
  // Correlated when anything in it reaches out of it.
  VisitQuery(bound->query.get(), 1, [&bound](BoundPtr* e, uint32_t depth) {
    if ((*e)->kind == BoundKind::kOuterColumn && (*e)->level >= depth) bound->correlated = true;
  });
  const size_t width = bound->query->columns.size();
  if (subquery.type == SubqueryType::kExists) return bound;
  if (width != 1) {
    if (subquery.type == SubqueryType::kScalar) {
      return Error(sqlstate::kSyntaxError, at, "subquery must return only one column");
    }
    if (subquery.operand->kind == ExpressionKind::kRow) return NotSupported(at, "IN over rows");
    return Error(sqlstate::kSyntaxError, at, "subquery has too many columns");
  }
  const Type column = bound->query->columns[0].type;
  if (subquery.type == SubqueryType::kScalar) {
    bound->type = column;
    return bound;
  }
  KYRO_ASSIGN_OR_RETURN(BoundPtr operand, Bind(*subquery.operand, scope));
  const std::string op = subquery.type == SubqueryType::kIn ? "=" : subquery.op;
  if (absl::ascii_isalpha(static_cast<unsigned char>(op[0]))) {
    return NotSupported(at, absl::StrCat(op, " ANY|ALL (query)"));
  }
  const TypeId types[] = {operand->type.id, column.id};
  KYRO_ASSIGN_OR_RETURN(bound->function, ResolveOperator(op, types, at));
  KYRO_ASSIGN_OR_RETURN(operand, Coerce(std::move(operand), Type{bound->function->parameters[0], 0},
                                        CastContext::kImplicit));
  if (bound->function->parameters[1] != column.id) {
    // The query's column is cast where it is computed.
    BoundQuery& query = *bound->query;
    const Type wanted{bound->function->parameters[1], 0};
    auto wrapper = std::make_shared<BoundQuery>();
    wrapper->select = std::make_unique<BoundSelect>();
    BoundRelation relation;
    relation.kind = RelationKind::kSubquery;
    relation.alias = "subquery";
    relation.columns = query.columns;
    relation.used = {true};
    relation.query = bound->query;
    wrapper->select->relations.push_back(std::move(relation));
    wrapper->select->from.push_back(std::make_unique<BoundFrom>());
    wrapper->select->width = 1;
    KYRO_ASSIGN_OR_RETURN(BoundPtr output, Coerce(MakeColumn(column, 0, query.columns[0].name, at),
                                                  wanted, CastContext::kImplicit));
    wrapper->select->outputs.push_back(std::move(output));
    wrapper->columns = {ResultColumn{query.columns[0].name, wanted}};
    bound->query = std::move(wrapper);
  }
  bound->arguments.push_back(std::move(operand));
  return bound;
}

absl::StatusOr<BoundPtr> Binder::BindQuantified(const QuantifiedExpression& quantified,
                                                Scope* scope) {
  const Position at = quantified.position;
  const auto* array = quantified.array->If<ArrayExpression>();
  if (array == nullptr || absl::ascii_isalpha(static_cast<unsigned char>(quantified.op[0]))) {
    return NotSupported(at, absl::StrCat(quantified.op, quantified.is_all ? " ALL" : " ANY",
                                         " over anything but ARRAY[…]"));
  }
  BoundPtr bound = Make(BoundKind::kAnyAll, kBooleanType, at);
  bound->is_all = quantified.is_all;
  bound->arguments.resize(1);
  KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*quantified.operand, scope));
  for (const ExpressionPtr& element : array->elements) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr one, Bind(*element, scope));
    bound->arguments.push_back(std::move(one));
  }
  std::vector<BoundPtr*> all;
  for (BoundPtr& argument : bound->arguments) all.push_back(&argument);
  KYRO_RETURN_IF_ERROR(Unify(std::move(all), "", quantified.op, at));
  const TypeId id = bound->arguments[0]->type.id;
  const TypeId types[] = {id, id};
  KYRO_ASSIGN_OR_RETURN(bound->function, ResolveOperator(quantified.op, types, at));
  if (bound->function->result.id != TypeId::kBoolean) {
    return Error(sqlstate::kWrongObjectType, at,
                 "op ANY/ALL (array) requires operator to yield boolean");
  }
  return bound;
}

}  // namespace kyrodb::sql
