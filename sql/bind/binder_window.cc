// Window functions: what stands before and inside of OVER.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

struct Name {
  absl::string_view name;
  WindowFunction function;
  size_t arguments_min;
  size_t arguments_max;
};
constexpr Name kNames[] = {
    {"row_number", WindowFunction::kRowNumber, 0, 0},
    {"rank", WindowFunction::kRank, 0, 0},
    {"dense_rank", WindowFunction::kDenseRank, 0, 0},
    {"percent_rank", WindowFunction::kPercentRank, 0, 0},
    {"cume_dist", WindowFunction::kCumeDist, 0, 0},
    {"ntile", WindowFunction::kNtile, 1, 1},
    {"lag", WindowFunction::kLag, 1, 3},
    {"lead", WindowFunction::kLead, 1, 3},
    {"first_value", WindowFunction::kFirstValue, 1, 1},
    {"last_value", WindowFunction::kLastValue, 1, 1},
    {"nth_value", WindowFunction::kNthValue, 2, 2},
};

const Name* FindName(absl::string_view name) {
  for (const Name& candidate : kNames) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

absl::Status CheckFrame(const WindowSpecification& specification) {
  const FrameBoundType begin = specification.frame_begin.type;
  const FrameBoundType end = specification.frame_end.type;
  const auto fail = [&](absl::string_view message) {
    return Error(sqlstate::kWindowingError, specification.position, message);
  };
  if (begin == FrameBoundType::kUnboundedFollowing) {
    return fail("frame start cannot be UNBOUNDED FOLLOWING");
  }
  if (end == FrameBoundType::kUnboundedPreceding) {
    return fail("frame end cannot be UNBOUNDED PRECEDING");
  }
  if (begin == FrameBoundType::kCurrentRow && end == FrameBoundType::kPreceding) {
    return fail("frame starting from current row cannot have preceding rows");
  }
  if (begin == FrameBoundType::kFollowing && end == FrameBoundType::kPreceding) {
    return fail("frame starting from following row cannot have preceding rows");
  }
  if (begin == FrameBoundType::kFollowing && end == FrameBoundType::kCurrentRow) {
    return fail("frame starting from following row cannot have preceding rows");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsWindowFunction(absl::string_view name) { return FindName(name) != nullptr; }

absl::StatusOr<BoundPtr> Binder::BindWindowOrder(const Expression& expression, Scope* scope) {
  KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, scope));
  return ResolveUnknown(std::move(bound));
}

absl::Status Binder::BindWindowDefinition(const WindowSpecification& specification, Scope* scope,
                                          BoundWindow* window) {
  if (!specification.name.name.empty()) {
    const NamedWindow* base = nullptr;
    if (scope->windows != nullptr) {
      for (const NamedWindow& named : *scope->windows) {
        if (named.name.name == specification.name.name) base = &named;
      }
    }
    if (base == nullptr) {
      return Error(sqlstate::kUndefinedObject, specification.name.position,
                   absl::StrCat("window \"", specification.name.name, "\" does not exist"));
    }
    KYRO_RETURN_IF_ERROR(BindWindowDefinition(base->specification, scope, window));
    if (specification.is_reference) return absl::OkStatus();
    const auto fail = [&](absl::string_view what) {
      return Error(sqlstate::kWindowingError, specification.position,
                   absl::StrCat("cannot ", what, " of window \"", specification.name.name, "\""));
    };
    if (!specification.partition_by.empty()) return fail("override PARTITION BY clause");
    if (!specification.order_by.empty() && !window->order_by.empty()) {
      return fail("override ORDER BY clause");
    }
    if (base->specification.frame != FrameUnit::kNone) {
      return Error(sqlstate::kWindowingError, specification.position,
                   absl::StrCat("cannot copy window \"", specification.name.name,
                                "\" because it has a frame clause"));
    }
  }
  for (const ExpressionPtr& expression : specification.partition_by) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, BindWindowOrder(*expression, scope));
    window->partition_by.push_back(std::move(bound));
  }
  for (const OrderItem& item : specification.order_by) {
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, BindWindowOrder(*item.expression, scope));
    KYRO_ASSIGN_OR_RETURN(
        const SortKey key,
        MakeSortKey(item, static_cast<uint32_t>(window->order_by.size()), bound->type));
    window->order_by.push_back(std::move(bound));
    window->order_keys.push_back(key);
  }
  if (specification.frame == FrameUnit::kNone) return absl::OkStatus();
  KYRO_RETURN_IF_ERROR(CheckFrame(specification));
  window->frame = specification.frame;
  window->exclusion = specification.exclusion;
  if (window->frame == FrameUnit::kGroups && window->order_by.empty()) {
    return Error(sqlstate::kWindowingError, specification.position,
                 "GROUPS mode requires an ORDER BY clause");
  }
  const FrameBound* const bounds[] = {&specification.frame_begin, &specification.frame_end};
  for (size_t side = 0; side < 2; ++side) {
    BoundWindow::Bound& bound = side == 0 ? window->begin : window->end;
    bound.type = bounds[side]->type;
    if (bounds[side]->offset == nullptr) continue;
    KYRO_ASSIGN_OR_RETURN(BoundPtr offset, Bind(*bounds[side]->offset, scope));
    absl::Status status;
    VisitExpression(*offset, [&](const BoundExpression& e) {
      if (e.kind != BoundKind::kColumn) return;
      status = Error(sqlstate::kInvalidColumnReference, e.position,
                     absl::StrCat("argument of ",
                                  window->frame == FrameUnit::kRows    ? "ROWS"
                                  : window->frame == FrameUnit::kRange ? "RANGE"
                                                                       : "GROUPS",
                                  " must not contain variables"));
    });
    KYRO_RETURN_IF_ERROR(status);
    if (window->frame != FrameUnit::kRange) {
      KYRO_ASSIGN_OR_RETURN(bound.offset,
                            Coerce(std::move(offset), kBigintType, CastContext::kAssignment));
      continue;
    }
    if (window->order_by.size() != 1) {
      return Error(sqlstate::kWindowingError, specification.position,
                   "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column");
    }
    // The value at the edge of the frame, from that of the current row.
    const bool is_preceding = bound.type == FrameBoundType::kPreceding;
    const bool minus = is_preceding != window->order_keys[0].descending;
    if (offset->type.id == kUnknownId) {
      KYRO_ASSIGN_OR_RETURN(
          offset, Coerce(std::move(offset), window->order_by[0]->type, CastContext::kImplicit));
    }
    const Type offset_type = offset->type;
    bound.offset = Clone(*offset);
    std::vector<BoundPtr> arguments;
    arguments.push_back(Clone(*window->order_by[0]));
    arguments.push_back(std::move(offset));
    absl::StatusOr<BoundPtr> edge =
        BindOperator(minus ? "-" : "+", {}, std::move(arguments), specification.position);
    if (!edge.ok()) {
      return Error(sqlstate::kFeatureNotSupported, specification.position,
                   absl::StrCat("RANGE with offset PRECEDING/FOLLOWING is not supported for column "
                                "type ",
                                BaseTypeName(window->order_by[0]->type.id), " and offset type ",
                                BaseTypeName(offset_type.id)));
    }
    // Compared as one type.
    bound.edge = *std::move(edge);
    BoundPtr key = Clone(*window->order_by[0]);
    KYRO_RETURN_IF_ERROR(Unify({&bound.edge, &key}, "", "<", specification.position));
    bound.key = std::move(key);
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundPtr> Binder::BindWindow(const FunctionExpression& call, const std::string& name,
                                            Scope* scope) {
  const Position at = call.position;
  const Name* const found = FindName(name);
  const bool is_aggregate = !FunctionRegistry::Get().FindAggregate(name).empty();
  if (found == nullptr && !is_aggregate) {
    if (FunctionRegistry::Get().FindScalar(name).empty()) {
      return Error(sqlstate::kUndefinedFunction, at,
                   absl::StrCat("function ", name, "() does not exist"));
    }
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat("OVER specified, but ", name,
                              " is not a window function nor an aggregate function"));
  }
  if (is_aggregate && FunctionRegistry::Get().FindAggregate(name)[0].is_ordered_set) {
    return call.within_group.empty()
               ? Error(sqlstate::kWrongObjectType, at,
                       absl::StrCat("WITHIN GROUP is required for ordered-set aggregate ", name))
               : Error(sqlstate::kFeatureNotSupported, at,
                       absl::StrCat("OVER is not supported for ordered-set aggregate ", name));
  }
  if (!call.within_group.empty()) {
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat(name,
                              " is not an ordered-set aggregate, so it cannot have "
                              "WITHIN GROUP"));
  }
  if (call.over == nullptr) {
    return Error(sqlstate::kWrongObjectType, at,
                 absl::StrCat("window function ", name, " requires an OVER clause"));
  }
  if (scope == nullptr || scope->select == nullptr) {
    return Error(sqlstate::kWindowingError, at, "window functions are not allowed here");
  }
  if (scope->in_aggregate) {
    return Error(sqlstate::kGroupingError, at,
                 "aggregate function calls cannot contain window function calls");
  }
  if (scope->in_window) {
    return Error(sqlstate::kWindowingError, at, "window function calls cannot be nested");
  }
  if (scope->in_window_definition) {
    return Error(sqlstate::kWindowingError, at,
                 "window functions are not allowed in window definitions");
  }
  if (!scope->clause.empty()) {
    return Error(sqlstate::kWindowingError, at,
                 absl::StrCat("window functions are not allowed in ", scope->clause));
  }
  if (call.distinct) {
    return Error(sqlstate::kFeatureNotSupported, at,
                 "DISTINCT is not implemented for window functions");
  }
  if (!call.order_by.empty()) {
    return Error(sqlstate::kFeatureNotSupported, at,
                 "aggregate ORDER BY is not implemented for window functions");
  }
  BoundWindow window;
  std::vector<TypeId> types;
  scope->in_window = true;
  absl::Status status;
  for (const FunctionArgument& argument : call.arguments) {
    absl::StatusOr<BoundPtr> bound = Bind(*argument.value, scope);
    if (!bound.ok()) {
      status = bound.status();
      break;
    }
    types.push_back((*bound)->type.id);
    window.arguments.push_back(*std::move(bound));
  }
  if (status.ok() && call.filter != nullptr) {
    absl::StatusOr<BoundPtr> filter = BindBoolean(*call.filter, scope, "FILTER");
    status = filter.status();
    if (filter.ok()) window.filter = *std::move(filter);
  }
  scope->in_window = false;
  KYRO_RETURN_IF_ERROR(status);
  scope->in_window_definition = true;
  status = BindWindowDefinition(*call.over, scope, &window);
  scope->in_window_definition = false;
  KYRO_RETURN_IF_ERROR(status);
  Type result;
  if (is_aggregate) {
    window.function = WindowFunction::kAggregate;
    if (!call.star && call.arguments.empty()) {
      return Error(
          sqlstate::kWrongObjectType, at,
          absl::StrCat(name, "(*) must be used to call a parameterless aggregate function"));
    }
    KYRO_ASSIGN_OR_RETURN(window.aggregate, ResolveAggregate(name, types, at));
    const AggregateFunction& aggregate = *window.aggregate;
    const TypeId element =
        AgreedElement(aggregate.parameters, aggregate.variadic, types).value_or(kUnknownId);
    for (size_t i = 0; i < window.arguments.size(); ++i) {
      const TypeId wanted =
          ConcreteType(aggregate.parameters[std::min(i, aggregate.parameters.size() - 1)], element);
      BoundPtr& argument = window.arguments[i];
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
    result = aggregate.result;
    result.id = ConcreteType(result.id, element);
  } else {
    window.function = found->function;
    if (window.filter != nullptr) {
      return Error(sqlstate::kFeatureNotSupported, at,
                   "FILTER is not implemented for non-aggregate window functions");
    }
    if (call.star || window.arguments.size() < found->arguments_min ||
        window.arguments.size() > found->arguments_max) {
      return Error(sqlstate::kUndefinedFunction, at,
                   absl::StrCat("function ", name, "(",
                                absl::StrJoin(types, ", ",
                                              [](std::string* out, TypeId id) {
                                                out->append(BaseTypeName(id));
                                              }),
                                ") does not exist"));
    }
    switch (window.function) {
      case WindowFunction::kPercentRank:
      case WindowFunction::kCumeDist:
        result = kDoubleType;
        break;
      case WindowFunction::kNtile: {
        result = kIntegerType;
        KYRO_ASSIGN_OR_RETURN(window.arguments[0], Coerce(std::move(window.arguments[0]),
                                                          kIntegerType, CastContext::kImplicit));
        break;
      }
      case WindowFunction::kLag:
      case WindowFunction::kLead:
      case WindowFunction::kFirstValue:
      case WindowFunction::kLastValue:
      case WindowFunction::kNthValue: {
        KYRO_ASSIGN_OR_RETURN(window.arguments[0], ResolveUnknown(std::move(window.arguments[0])));
        if (window.arguments.size() > 1) {
          KYRO_ASSIGN_OR_RETURN(window.arguments[1], Coerce(std::move(window.arguments[1]),
                                                            kIntegerType, CastContext::kImplicit));
        }
        if (window.arguments.size() > 2) {
          KYRO_RETURN_IF_ERROR(Unify({&window.arguments[0], &window.arguments[2]}, name, "", at));
        }
        result = window.arguments[0]->type;
        break;
      }
      default:
        result = kBigintType;
    }
  }
  window.text = absl::StrCat(
      name, "(", call.star ? "*" : "",
      absl::StrJoin(window.arguments, ", ",
                    [](std::string* out, const BoundPtr& e) { out->append(ToSql(*e)); }),
      ") OVER (?)");
  auto bound = std::make_unique<BoundExpression>(BoundKind::kWindow, result, at);
  bound->slot = static_cast<uint32_t>(scope->select->windows.size());
  bound->name = window.text;
  scope->select->windows.push_back(std::move(window));
  return bound;
}

absl::Status Binder::FinishWindows(BoundSelect* select) {
  if (select->windows.empty()) return absl::OkStatus();
  const auto each = [&](const std::function<absl::Status(BoundPtr*)>& visit) -> absl::Status {
    for (BoundWindow& window : select->windows) {
      for (BoundPtr& e : window.arguments) KYRO_RETURN_IF_ERROR(visit(&e));
      for (BoundPtr& e : window.partition_by) KYRO_RETURN_IF_ERROR(visit(&e));
      for (BoundPtr& e : window.order_by) KYRO_RETURN_IF_ERROR(visit(&e));
      for (BoundPtr* e :
           {&window.filter, &window.begin.offset, &window.begin.edge, &window.begin.key,
            &window.end.offset, &window.end.edge, &window.end.key}) {
        if (*e != nullptr) KYRO_RETURN_IF_ERROR(visit(e));
      }
    }
    return absl::OkStatus();
  };
  if (select->grouped) {
    KYRO_RETURN_IF_ERROR(each([&](BoundPtr* e) { return RewriteGrouped(e, select); }));
  }
  const auto base =
      select->grouped ? static_cast<uint32_t>(select->aggregates.size() + select->group_keys.size())
                      : select->width;
  const std::function<void(BoundExpression*)> place = [&](BoundExpression* e) {
    if (e->kind == BoundKind::kWindow) {
      e->kind = BoundKind::kColumn;
      e->slot += base;
    }
    for (BoundPtr& argument : e->arguments) place(argument.get());
  };
  for (BoundPtr& output : select->outputs) place(output.get());
  return absl::OkStatus();
}

}  // namespace kyrodb::sql
