// Calls: functions, aggregates, subqueries, and comparisons with ANY and ALL.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/functions/set_function.h"
#include "sql/types/array_text.h"

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
  if (call.over != nullptr || IsWindowFunction(name)) return BindWindow(call, name, scope);
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
  if (!FindSetFunction(name).empty()) return BindSetOutput(call, scope);
  if (!call.within_group.empty()) {
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat(name,
                              " is not an ordered-set aggregate, so it cannot have WITHIN "
                              "GROUP"));
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
  BoundAggregate aggregate;
  aggregate.distinct = call.distinct;
  std::vector<TypeId> types;
  scope->in_aggregate = true;
  const bool allows_sets = std::exchange(scope->allows_sets, false);
  absl::Status status;
  const bool ordered_set = !call.within_group.empty();
  const std::vector<OrderItem>& order = ordered_set ? call.within_group : call.order_by;
  for (const OrderItem& item : order) {
    if (!status.ok()) break;
    absl::StatusOr<BoundPtr> key = Bind(*item.expression, scope);
    if (key.ok()) key = ResolveUnknown(*std::move(key));
    if (!key.ok()) {
      status = key.status();
      break;
    }
    absl::StatusOr<SortKey> sort =
        MakeSortKey(item, static_cast<uint32_t>(aggregate.order_keys.size()), (*key)->type);
    if (!sort.ok()) {
      status = sort.status();
      break;
    }
    aggregate.order_by.push_back(*sort);
    aggregate.order_keys.push_back(*std::move(key));
  }
  // Of an ordered set the ordered value is the first argument.
  if (ordered_set && status.ok()) {
    types.push_back(aggregate.order_keys[0]->type.id);
    aggregate.arguments.push_back(Clone(*aggregate.order_keys[0]));
  }
  for (const FunctionArgument& argument : call.arguments) {
    if (!status.ok()) break;
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
  scope->allows_sets = allows_sets;
  KYRO_RETURN_IF_ERROR(status);
  if (!call.star && call.arguments.empty() && !ordered_set) {
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat(name, "(*) must be used to call a parameterless aggregate function"));
  }
  KYRO_ASSIGN_OR_RETURN(aggregate.function, ResolveAggregate(name, types, at));
  if (aggregate.function->is_ordered_set != ordered_set) {
    return Error(sqlstate::kWrongObjectType, at,
                 ordered_set
                     ? absl::StrCat(name,
                                    " is not an ordered-set aggregate, so it cannot "
                                    "have WITHIN GROUP")
                     : absl::StrCat("WITHIN GROUP is required for ordered-set aggregate ", name));
  }
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
  for (size_t i = 0; i < aggregate.order_keys.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? " ORDER BY " : ", ", ToSql(*aggregate.order_keys[i]),
                    aggregate.order_by[i].descending ? " DESC" : "");
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
                other.arguments.size() == aggregate.arguments.size() &&
                other.order_keys.size() == aggregate.order_keys.size();
    for (size_t j = 0; same && j < other.order_keys.size(); ++j) {
      same = SameExpression(*other.order_keys[j], *aggregate.order_keys[j]) &&
             other.order_by[j].descending == aggregate.order_by[j].descending &&
             other.order_by[j].nulls_first == aggregate.order_by[j].nulls_first;
    }
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
    if (subquery.type == SubqueryType::kScalar || subquery.type == SubqueryType::kArray) {
      return Error(sqlstate::kSyntaxError, at, "subquery must return only one column");
    }
    if (subquery.operand->kind == ExpressionKind::kRow) return NotSupported(at, "IN over rows");
    return Error(sqlstate::kSyntaxError, at, "subquery has too many columns");
  }
  const Type column = bound->query->columns[0].type;
  if (subquery.type == SubqueryType::kArray) {
    // SELECT array_agg(x) FROM (query), or an empty array.
    const TypeId types[] = {column.id};
    KYRO_ASSIGN_OR_RETURN(const AggregateFunction* collect,
                          ResolveAggregate("array_agg", types, at));
    const Type array{IsArray(column.id) ? column.id : ArrayOf(column.id), 0};
    auto wrapper = std::make_shared<BoundQuery>();
    wrapper->select = std::make_unique<BoundSelect>();
    BoundRelation relation;
    relation.kind = RelationKind::kSubquery;
    relation.alias = "subquery";
    relation.columns = bound->query->columns;
    relation.used = {true};
    relation.query = bound->query;
    const std::string name = relation.columns[0].name;
    wrapper->select->relations.push_back(std::move(relation));
    wrapper->select->from.push_back(std::make_unique<BoundFrom>());
    wrapper->select->width = 1;
    wrapper->select->grouped = true;
    BoundAggregate aggregate;
    aggregate.function = collect;
    aggregate.arguments.push_back(MakeColumn(column, 0, name, at));
    aggregate.text = absl::StrCat("array_agg(", name, ")");
    wrapper->select->aggregates.push_back(std::move(aggregate));
    wrapper->select->outputs.push_back(MakeColumn(array, 0, "array_agg", at));
    wrapper->columns = {ResultColumn{"array", array}};
    bound->query = std::move(wrapper);
    bound->subquery_type = SubqueryType::kScalar;
    bound->type = array;
    BoundPtr whole = Make(BoundKind::kCoalesce, array, at);
    whole->arguments.push_back(std::move(bound));
    whole->arguments.push_back(MakeConstant(array, engine::EncodeArray(engine::Array{}), at));
    return whole;
  }
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
  std::string op = quantified.op;
  for (const auto& [word, symbol] : {std::pair("like", "~~"), std::pair("not like", "!~~"),
                                     std::pair("ilike", "~~*"), std::pair("not ilike", "!~~*")}) {
    if (absl::EqualsIgnoreCase(op, word)) op = symbol;
  }
  const auto* array = quantified.array->If<ArrayExpression>();
  const bool plain = array != nullptr && !array->elements.empty() &&
                     std::none_of(array->elements.begin(), array->elements.end(),
                                  [](const ExpressionPtr& element) {
                                    return element->kind == ExpressionKind::kArray;
                                  });
  if (!plain) {
    BoundPtr bound = Make(BoundKind::kAnyAll, kBooleanType, at);
    bound->is_all = quantified.is_all;
    bound->over_array = true;
    bound->arguments.resize(2);
    KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Bind(*quantified.operand, scope));
    KYRO_ASSIGN_OR_RETURN(bound->arguments[1], Bind(*quantified.array, scope));
    if (bound->arguments[1]->type.id == kUnknownId) {
      const TypeId id = bound->arguments[0]->type.id;
      KYRO_ASSIGN_OR_RETURN(
          bound->arguments[1],
          Coerce(std::move(bound->arguments[1]),
                 Type{ArrayOf(id == kUnknownId ? TypeId::kText : id), 0}, CastContext::kImplicit));
    }
    if (!IsArray(bound->arguments[1]->type.id)) {
      return Error(sqlstate::kWrongObjectType, at,
                   "op ANY/ALL (array) requires array on right side");
    }
    const TypeId element = ElementOf(bound->arguments[1]->type.id);
    const TypeId types[] = {bound->arguments[0]->type.id, element};
    KYRO_ASSIGN_OR_RETURN(bound->function, ResolveOperator(op, types, at));
    if (bound->function->result.id != TypeId::kBoolean) {
      return Error(sqlstate::kWrongObjectType, at,
                   "op ANY/ALL (array) requires operator to yield boolean");
    }
    const TypeId left = bound->function->parameters[0];
    const TypeId right = bound->function->parameters[1];
    if (left < kAnyElementId) {
      KYRO_ASSIGN_OR_RETURN(bound->arguments[0], Coerce(std::move(bound->arguments[0]),
                                                        Type{left, 0}, CastContext::kImplicit));
    } else {
      KYRO_ASSIGN_OR_RETURN(bound->arguments[0], ResolveUnknown(std::move(bound->arguments[0])));
    }
    if (right < kAnyElementId && right != element) {
      KYRO_ASSIGN_OR_RETURN(
          bound->arguments[1],
          Coerce(std::move(bound->arguments[1]), Type{ArrayOf(right), 0}, CastContext::kImplicit));
    }
    // Equal to any of constants is IN, which has access paths and a hash.
    const BoundExpression& items = *bound->arguments[1];
    if (op == "=" && !quantified.is_all && items.kind == BoundKind::kConstant &&
        !IsNull(items.value) && bound->arguments[0]->type.id == ElementOf(items.type.id)) {
      const TypeId id = ElementOf(items.type.id);
      const engine::Array list = LoadArray(id, items.value);
      if (!list.elements.empty()) {
        BoundPtr in = Make(BoundKind::kIn, kBooleanType, at);
        in->arguments.push_back(std::move(bound->arguments[0]));
        for (const Value& value : list.elements) {
          in->arguments.push_back(MakeConstant(Type{id, 0}, value, at));
        }
        return in;
      }
    }
    return bound;
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
  KYRO_RETURN_IF_ERROR(Unify(std::move(all), "", op, at));
  const TypeId id = bound->arguments[0]->type.id;
  const TypeId types[] = {id, id};
  KYRO_ASSIGN_OR_RETURN(bound->function, ResolveOperator(op, types, at));
  if (bound->function->result.id != TypeId::kBoolean) {
    return Error(sqlstate::kWrongObjectType, at,
                 "op ANY/ALL (array) requires operator to yield boolean");
  }
  return bound;
}

}  // namespace kyrodb::sql
