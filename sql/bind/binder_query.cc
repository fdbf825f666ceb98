// Queries: select lists, WHERE, ordering, limits, VALUES, set operations.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kOutputsMax = 1664;  // PostgreSQL's limit for a target list

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// The internal names that PostgreSQL gives to outputs that are casts.
std::string CastName(const TypeName& type) { return type.name.last(); }

bool IsSortable(TypeId id) { return id != TypeId::kJsonb; }

}  // namespace

std::string OutputName(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kColumn:
      return expression.As<ColumnExpression>().name.last();
    case ExpressionKind::kFunction:
      return expression.As<FunctionExpression>().name.last();
    case ExpressionKind::kCast: {
      const auto& cast = expression.As<CastExpression>();
      // Names of casts and CASE are weak: the outermost type wins over them.
      const Expression* operand = cast.operand.get();
      while (operand->kind == ExpressionKind::kCast) {
        operand = operand->As<CastExpression>().operand.get();
      }
      const std::string inner = OutputName(*operand);
      const bool weak =
          inner == "?column?" || (operand->kind == ExpressionKind::kCase && inner == "case");
      return weak ? CastName(cast.type) : inner;
    }
    case ExpressionKind::kCase: {
      const auto& branch = expression.As<CaseExpression>();
      if (branch.otherwise != nullptr && branch.otherwise->kind == ExpressionKind::kColumn) {
        return OutputName(*branch.otherwise);
      }
      return "case";
    }
    case ExpressionKind::kCoalesce:
      switch (expression.As<CoalesceExpression>().type) {
        case CoalesceType::kCoalesce:
          return "coalesce";
        case CoalesceType::kNullif:
          return "nullif";
        case CoalesceType::kGreatest:
          return "greatest";
        case CoalesceType::kLeast:
          return "least";
      }
      return "coalesce";
    case ExpressionKind::kSpecialValue:
      switch (expression.As<SpecialValueExpression>().value) {
        case SpecialValue::kCurrentDate:
          return "current_date";
        case SpecialValue::kCurrentTime:
          return "current_time";
        case SpecialValue::kCurrentTimestamp:
          return "current_timestamp";
        case SpecialValue::kLocaltime:
          return "localtime";
        case SpecialValue::kLocaltimestamp:
          return "localtimestamp";
        case SpecialValue::kCurrentUser:
          return "current_user";
        case SpecialValue::kSessionUser:
          return "session_user";
        case SpecialValue::kUser:
          return "user";
        case SpecialValue::kCurrentRole:
          return "current_role";
        case SpecialValue::kCurrentCatalog:
          return "current_catalog";
        case SpecialValue::kCurrentSchema:
          return "current_schema";
      }
      return "?column?";
    case ExpressionKind::kSubquery: {
      const auto& subquery = expression.As<SubqueryExpression>();
      if (subquery.type == SubqueryType::kExists) return "exists";
      if (subquery.type == SubqueryType::kArray) return "array";
      if (subquery.type != SubqueryType::kScalar) return "?column?";
      const QueryBody* body = subquery.query->body.get();
      if (body->kind != QueryBodyKind::kSelect) {
        return body->kind == QueryBodyKind::kValues ? "column1" : "?column?";
      }
      const auto& items = body->As<SelectBody>().items;
      if (items.empty()) return "?column?";
      if (!items[0].alias.name.empty()) return items[0].alias.name;
      return OutputName(*items[0].expression);
    }
    case ExpressionKind::kArray:
      return "array";
    case ExpressionKind::kSubscript:
      return OutputName(*expression.As<SubscriptExpression>().operand);
    case ExpressionKind::kCollate:
      return OutputName(*expression.As<CollateExpression>().operand);
    default:
      return "?column?";
  }
}

absl::StatusOr<std::shared_ptr<BoundQuery>> Binder::BindQuery(const Query& query, Scope* outer) {
  if (!query.locking.empty()) {
    return NotSupported(query.locking[0].position, "FOR UPDATE and FOR SHARE");
  }
  if (query.with_ties) return NotSupported(query.limit_position, "WITH TIES");
  const size_t common_tables_before = common_tables_.size();
  ++query_depth_;
  absl::Status status = PushCommonTables(query.with.get());
  auto bound = std::make_shared<BoundQuery>();
  if (status.ok()) status = BindBody(*query.body, &query, outer, bound.get());
  if (status.ok()) status = BindLimit(query, outer, bound.get());
  --query_depth_;
  common_tables_.resize(common_tables_before);
  KYRO_RETURN_IF_ERROR(status);
  return bound;
}

absl::Status Binder::BindBody(const QueryBody& body, const Query* around, Scope* outer,
                              BoundQuery* query) {
  switch (body.kind) {
    case QueryBodyKind::kSelect:
      return BindSelect(body.As<SelectBody>(), around, outer, query);
    case QueryBodyKind::kValues:
      KYRO_RETURN_IF_ERROR(BindValues(body.As<ValuesBody>(), outer, query));
      return around == nullptr ? absl::OkStatus() : BindOrderByOutput(*around, query);
    case QueryBodyKind::kSetOperation:
      KYRO_RETURN_IF_ERROR(BindSetOperation(body.As<SetOperationBody>(), outer, query));
      return around == nullptr ? absl::OkStatus() : BindOrderByOutput(*around, query);
    case QueryBodyKind::kNested: {
      KYRO_ASSIGN_OR_RETURN(std::shared_ptr<BoundQuery> inner,
                            BindQuery(*body.As<NestedBody>().query, outer));
      if (around == nullptr ||
          (around->order_by.empty() && around->limit == nullptr && around->offset == nullptr)) {
        *query = std::move(*inner);
        return absl::OkStatus();
      }
      // Ordered or cut twice: select from it.
      query->columns = inner->columns;
      query->select = std::make_unique<BoundSelect>();
      BoundSelect& select = *query->select;
      BoundRelation relation;
      relation.kind = RelationKind::kSubquery;
      relation.alias = "subquery";
      relation.columns = inner->columns;
      relation.used.assign(inner->columns.size(), true);
      for (uint32_t i = 0; i < inner->columns.size(); ++i) {
        select.outputs.push_back(
            MakeColumn(inner->columns[i].type, i, inner->columns[i].name, body.position));
      }
      select.width = static_cast<uint32_t>(inner->columns.size());
      relation.query = std::move(inner);
      select.relations.push_back(std::move(relation));
      select.from.push_back(std::make_unique<BoundFrom>());
      return BindOrderByOutput(*around, query);
    }
  }
  return absl::OkStatus();
}

absl::Status Binder::BindLimit(const Query& around, Scope* outer, BoundQuery* query) {
  const auto bind = [&](const Expression& expression, absl::string_view word,
                        BoundPtr* out) -> absl::Status {
    Scope none;
    none.parent = outer;
    KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, &none));
    if (bound->type.id != kUnknownId &&
        !CanCast(bound->type.id, TypeId::kBigint, CastContext::kAssignment)) {
      return Error(sqlstate::kDatatypeMismatch, expression.position,
                   absl::StrCat("argument of ", word, " must be type bigint, not type ",
                                BaseTypeName(bound->type.id)));
    }
    KYRO_ASSIGN_OR_RETURN(*out, Coerce(std::move(bound), kBigintType, CastContext::kAssignment));
    return absl::OkStatus();
  };
  if (around.limit != nullptr) KYRO_RETURN_IF_ERROR(bind(*around.limit, "LIMIT", &query->limit));
  if (around.offset != nullptr)
    KYRO_RETURN_IF_ERROR(bind(*around.offset, "OFFSET", &query->offset));
  return absl::OkStatus();
}

absl::Status Binder::BindValues(const ValuesBody& body, Scope* outer, BoundQuery* query) {
  query->is_values = true;
  const size_t width = body.rows[0].size();
  Scope scope;
  scope.parent = outer;
  for (size_t r = 0; r < body.rows.size(); ++r) {
    if (body.rows[r].size() != width) {
      return Error(sqlstate::kSyntaxError, body.row_positions[r],
                   "VALUES lists must all be the same length");
    }
    std::vector<BoundPtr> row;
    for (const ExpressionPtr& expression : body.rows[r]) {
      KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(*expression, &scope));
      row.push_back(std::move(bound));
    }
    query->values.push_back(std::move(row));
  }
  for (size_t c = 0; c < width; ++c) {
    std::vector<BoundPtr*> column;
    for (auto& row : query->values) column.push_back(&row[c]);
    KYRO_RETURN_IF_ERROR(Unify(std::move(column), "VALUES", "", body.position));
    query->columns.push_back({absl::StrCat("column", c + 1), query->values[0][c]->type});
  }
  return absl::OkStatus();
}

absl::Status Binder::BindSetOperation(const SetOperationBody& body, Scope* outer,
                                      BoundQuery* query) {
  auto operation = std::make_unique<BoundSetOperation>();
  operation->operation = body.operation;
  operation->all = body.all;
  operation->left = std::make_shared<BoundQuery>();
  operation->right = std::make_shared<BoundQuery>();
  KYRO_RETURN_IF_ERROR(BindBody(*body.left, nullptr, outer, operation->left.get()));
  KYRO_RETURN_IF_ERROR(BindBody(*body.right, nullptr, outer, operation->right.get()));
  const char* word = body.operation == SetOperation::kUnion       ? "UNION"
                     : body.operation == SetOperation::kIntersect ? "INTERSECT"
                                                                  : "EXCEPT";
  if (operation->left->columns.size() != operation->right->columns.size()) {
    return Error(sqlstate::kSyntaxError, body.right->position,
                 absl::StrCat("each ", word, " query must have the same number of columns"));
  }
  // Columns of both sides get one type by casting where one side must.
  for (size_t c = 0; c < operation->left->columns.size(); ++c) {
    const Type left = operation->left->columns[c].type;
    const Type right = operation->right->columns[c].type;
    Type type = left;
    if (left.id != right.id) {
      BoundPtr a = MakeColumn(left, 0, "", body.left->position);
      BoundPtr b = MakeColumn(right, 0, "", body.right->position);
      KYRO_RETURN_IF_ERROR(Unify({&a, &b}, word, "", body.position));
      type = a->type;
    } else if (left.dimensions != right.dimensions) {
      type.dimensions = 0;
    }
    query->columns.push_back({operation->left->columns[c].name, type});
  }
  const auto adapt = [&](std::shared_ptr<BoundQuery>* side) -> absl::Status {
    bool same = true;
    for (size_t c = 0; c < query->columns.size(); ++c) {
      same = same && (*side)->columns[c].type.id == query->columns[c].type.id;
    }
    if (same) return absl::OkStatus();
    auto wrapper = std::make_shared<BoundQuery>();
    wrapper->columns = query->columns;
    wrapper->select = std::make_unique<BoundSelect>();
    BoundSelect& select = *wrapper->select;
    BoundRelation relation;
    relation.kind = RelationKind::kSubquery;
    relation.alias = "subquery";
    relation.columns = (*side)->columns;
    relation.used.assign(relation.columns.size(), true);
    relation.query = *side;
    select.width = static_cast<uint32_t>(relation.columns.size());
    for (uint32_t c = 0; c < relation.columns.size(); ++c) {
      KYRO_ASSIGN_OR_RETURN(
          BoundPtr output,
          Coerce(MakeColumn(relation.columns[c].type, c, relation.columns[c].name, body.position),
                 Type{query->columns[c].type.id, 0}, CastContext::kImplicit));
      select.outputs.push_back(std::move(output));
    }
    select.relations.push_back(std::move(relation));
    select.from.push_back(std::make_unique<BoundFrom>());
    *side = std::move(wrapper);
    return absl::OkStatus();
  };
  KYRO_RETURN_IF_ERROR(adapt(&operation->left));
  KYRO_RETURN_IF_ERROR(adapt(&operation->right));
  query->set_operation = std::move(operation);
  return absl::OkStatus();
}

absl::StatusOr<SortKey> Binder::MakeSortKey(const OrderItem& item, uint32_t slot,
                                            const Type& type) {
  if (!IsSortable(type.id)) {
    return NotSupported(item.position,
                        absl::StrCat("ordering values of type ", BaseTypeName(type.id)));
  }
  SortKey key;
  key.slot = slot;
  key.type = type;
  key.descending = item.descending;
  if (!item.using_op.empty()) {
    if (item.using_op != "<" && item.using_op != ">") {
      return NotSupported(item.position, absl::StrCat("ORDER BY USING ", item.using_op));
    }
    key.descending = item.using_op == ">";
  }
  key.nulls_first =
      item.nulls == NullsOrder::kDefault ? key.descending : item.nulls == NullsOrder::kFirst;
  return key;
}

absl::Status Binder::BindOrderByOutput(const Query& around, BoundQuery* query) {
  for (const OrderItem& item : around.order_by) {
    uint32_t slot = 0;
    const auto* literal = item.expression->If<LiteralExpression>();
    const auto* column = item.expression->If<ColumnExpression>();
    if (literal != nullptr && literal->type == LiteralType::kInteger) {
      if (literal->integer < 1 || literal->integer > static_cast<int64_t>(query->columns.size())) {
        return Error(
            sqlstate::kInvalidColumnReference, item.expression->position,
            absl::StrCat("ORDER BY position ", literal->integer, " is not in select list"));
      }
      slot = static_cast<uint32_t>(literal->integer - 1);
    } else if (column != nullptr && column->name.parts.size() == 1) {
      while (slot < query->columns.size() && query->columns[slot].name != column->name.last()) {
        ++slot;
      }
      if (slot == query->columns.size()) {
        return Error(sqlstate::kUndefinedColumn, item.expression->position,
                     absl::StrCat("column \"", column->name.last(), "\" does not exist"));
      }
    } else {
      return WithHint(
          WithDetail(Error(sqlstate::kFeatureNotSupported, item.expression->position,
                           "invalid UNION/INTERSECT/EXCEPT ORDER BY clause"),
                     "Only result column names can be used, not expressions or functions."),
          "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
    }
    KYRO_ASSIGN_OR_RETURN(const SortKey key, MakeSortKey(item, slot, query->columns[slot].type));
    query->order_by.push_back(key);
  }
  return absl::OkStatus();
}

absl::Status Binder::BindSelectItems(const std::vector<SelectItem>& items, Scope* scope,
                                     std::vector<BoundPtr>* outputs,
                                     std::vector<ResultColumn>* columns,
                                     const std::vector<Type>& wanted) {
  for (const SelectItem& item : items) {
    if (const auto* star = item.expression->If<StarExpression>()) {
      bool found = star->qualifier.empty();
      if (found && scope->relations.empty()) {
        return Error(sqlstate::kSyntaxError, star->position,
                     "SELECT * with no tables specified is not valid");
      }
      for (Scope::Relation& relation : scope->relations) {
        if (!star->qualifier.empty() && relation.alias != star->qualifier.last()) continue;
        found = true;
        for (const Scope::Column& column : relation.columns) {
          if (star->qualifier.empty() && column.merged) continue;
          if (scope->select != nullptr && column.relation < scope->select->relations.size()) {
            scope->select->relations[column.relation].used[column.column] = true;
          }
          outputs->push_back(MakeColumn(column.type, column.slot,
                                        absl::StrCat(relation.alias, ".", column.name),
                                        star->position));
          columns->push_back({column.name, column.type});
        }
      }
      if (!found) {
        return Error(
            sqlstate::kUndefinedTable, star->position,
            absl::StrCat("missing FROM-clause entry for table \"", star->qualifier.last(), "\""));
      }
    } else {
      KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(*item.expression, scope));
      if (bound->type.id == kUnknownId && outputs->size() < wanted.size()) {
        KYRO_ASSIGN_OR_RETURN(
            bound, Coerce(std::move(bound), wanted[outputs->size()], CastContext::kAssignment));
      }
      KYRO_ASSIGN_OR_RETURN(bound, ResolveUnknown(std::move(bound)));
      columns->push_back(
          {item.alias.name.empty() ? OutputName(*item.expression) : item.alias.name, bound->type});
      outputs->push_back(std::move(bound));
    }
    if (outputs->size() > kOutputsMax) {
      return Error(sqlstate::kTooManyColumns, item.position,
                   absl::StrCat("target lists can have at most ", kOutputsMax, " entries"));
    }
  }
  return absl::OkStatus();
}

absl::Status Binder::BindSelect(const SelectBody& body, const Query* around, Scope* outer,
                                BoundQuery* query) {
  for (size_t i = 0; i < body.windows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (body.windows[i].name.name != body.windows[j].name.name) continue;
      return Error("42P20", body.windows[i].name.position,
                   absl::StrCat("window \"", body.windows[i].name.name, "\" is already defined"));
    }
  }
  // Only the outermost SELECT of an INSERT knows its target.
  const std::vector<Type> wanted = std::exchange(insert_types_, {});
  query->select = std::make_unique<BoundSelect>();
  BoundSelect& select = *query->select;
  select.distinct = body.distinct && body.distinct_on.empty();
  Scope scope;
  scope.parent = outer;
  scope.select = &select;
  scope.windows = &body.windows;
  for (const TableRefPtr& ref : body.from) {
    KYRO_ASSIGN_OR_RETURN(std::unique_ptr<BoundFrom> from, BindFrom(*ref, &scope, outer));
    select.from.push_back(std::move(from));
  }
  if (body.where != nullptr) {
    scope.clause = "WHERE";
    KYRO_ASSIGN_OR_RETURN(BoundPtr where, BindBoolean(*body.where, &scope, "WHERE"));
    scope.clause = "";
    select.where.push_back(std::move(where));
  }
  scope.allows_sets = true;
  KYRO_RETURN_IF_ERROR(
      BindSelectItems(body.items, &scope, &select.outputs, &query->columns, wanted));
  scope.allows_sets = false;

  // GROUP BY may name outputs, so it comes after them.
  for (const GroupingElement& element : body.group_by) {
    if (element.type != GroupingType::kExpression) {
      return NotSupported(element.position, "ROLLUP, CUBE and GROUPING SETS");
    }
    select.grouped = true;
    if (element.expression == nullptr) continue;
    const Expression& expression = *element.expression;
    scope.clause = "GROUP BY";
    BoundPtr key;
    const auto* literal = expression.If<LiteralExpression>();
    const auto* column = expression.If<ColumnExpression>();
    std::optional<size_t> output;
    if (literal != nullptr && literal->type == LiteralType::kInteger) {
      if (literal->integer < 1 || literal->integer > static_cast<int64_t>(query->columns.size())) {
        return Error(
            sqlstate::kInvalidColumnReference, expression.position,
            absl::StrCat("GROUP BY position ", literal->integer, " is not in select list"));
      }
      output = static_cast<size_t>(literal->integer - 1);
    } else if (literal != nullptr && literal->type != LiteralType::kNull) {
      return Error(sqlstate::kSyntaxError, expression.position, "non-integer constant in GROUP BY");
    } else {
      absl::StatusOr<BoundPtr> bound = Bind(expression, &scope);
      if (bound.ok() && !(column != nullptr && (*bound)->kind == BoundKind::kOuterColumn)) {
        key = *std::move(bound);
      } else if (column != nullptr && column->name.parts.size() == 1 &&
                 (bound.ok() || SqlStateOf(bound.status()) == sqlstate::kUndefinedColumn)) {
        for (size_t i = 0; i < query->columns.size(); ++i) {
          if (query->columns[i].name == column->name.last()) {
            output = i;
            break;
          }
        }
        if (!output.has_value()) {
          if (!bound.ok()) return bound.status();
          key = *std::move(bound);
        }
      } else {
        return bound.status();
      }
    }
    if (output.has_value()) {
      bool has_aggregate = false;
      bool has_window = false;
      VisitExpression(*select.outputs[*output], [&](const BoundExpression& e) {
        has_aggregate = has_aggregate || e.kind == BoundKind::kAggregate;
        has_window = has_window || e.kind == BoundKind::kWindow;
      });
      if (has_window) {
        return Error("42P20", select.outputs[*output]->position,
                     "window functions are not allowed in GROUP BY");
      }
      if (has_aggregate) {
        return Error(sqlstate::kGroupingError, select.outputs[*output]->position,
                     "aggregate functions are not allowed in GROUP BY");
      }
      key = Clone(*select.outputs[*output]);
    }
    scope.clause = "";
    KYRO_ASSIGN_OR_RETURN(key, ResolveUnknown(std::move(key)));
    select.group_keys.push_back(std::move(key));
  }
  scope.clause = "";
  if (body.having != nullptr) {
    select.grouped = true;
    KYRO_ASSIGN_OR_RETURN(select.having, BindBoolean(*body.having, &scope, "HAVING"));
    bool has_window = false;
    VisitExpression(*select.having, [&has_window](const BoundExpression& e) {
      has_window = has_window || e.kind == BoundKind::kWindow;
    });
    if (has_window) {
      return Error(sqlstate::kWindowingError, body.having->position,
                   "window functions are not allowed in HAVING");
    }
  }

  // ORDER BY: an output's number, an output's name, or an expression of its own.
  const size_t visible = query->columns.size();
  if (around != nullptr) {
    for (const OrderItem& item : around->order_by) {
      const Expression& expression = *item.expression;
      std::optional<uint32_t> slot;
      const auto* literal = expression.If<LiteralExpression>();
      const auto* column = expression.If<ColumnExpression>();
      if (literal != nullptr && literal->type == LiteralType::kInteger) {
        if (literal->integer < 1 || literal->integer > static_cast<int64_t>(visible)) {
          return Error(
              sqlstate::kInvalidColumnReference, expression.position,
              absl::StrCat("ORDER BY position ", literal->integer, " is not in select list"));
        }
        slot = static_cast<uint32_t>(literal->integer - 1);
      } else if (literal != nullptr && literal->type != LiteralType::kNull) {
        return Error(sqlstate::kSyntaxError, expression.position,
                     "non-integer constant in ORDER BY");
      } else if (column != nullptr && column->name.parts.size() == 1) {
        for (uint32_t i = 0; i < visible; ++i) {
          if (query->columns[i].name != column->name.last()) continue;
          if (slot.has_value() && !SameExpression(*select.outputs[*slot], *select.outputs[i])) {
            return Error(sqlstate::kAmbiguousColumn, expression.position,
                         absl::StrCat("ORDER BY \"", column->name.last(), "\" is ambiguous"));
          }
          if (!slot.has_value()) slot = i;
        }
      }
      if (!slot.has_value()) {
        KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(expression, &scope));
        KYRO_ASSIGN_OR_RETURN(bound, ResolveUnknown(std::move(bound)));
        for (uint32_t i = 0; i < select.outputs.size() && !slot.has_value(); ++i) {
          if (SameExpression(*select.outputs[i], *bound) && !IsVolatile(*bound)) slot = i;
        }
        if (!slot.has_value()) {
          if (select.distinct) {
            return Error(sqlstate::kInvalidColumnReference, expression.position,
                         "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
          }
          slot = static_cast<uint32_t>(select.outputs.size());
          select.outputs.push_back(std::move(bound));
        }
      }
      KYRO_ASSIGN_OR_RETURN(const SortKey key,
                            MakeSortKey(item, *slot, select.outputs[*slot]->type));
      query->order_by.push_back(key);
    }
  }
  // DISTINCT ON: an output's number or name, or an expression of its own.
  for (const ExpressionPtr& expression : body.distinct_on) {
    std::optional<uint32_t> slot;
    const auto* literal = expression->If<LiteralExpression>();
    if (literal != nullptr && literal->type == LiteralType::kInteger) {
      if (literal->integer < 1 || literal->integer > static_cast<int64_t>(visible)) {
        return Error(sqlstate::kInvalidColumnReference, expression->position,
                     absl::StrCat("SELECT DISTINCT ON position ", literal->integer,
                                  " is not in select list"));
      }
      slot = static_cast<uint32_t>(literal->integer - 1);
    } else {
      const auto* column = expression->If<ColumnExpression>();
      for (uint32_t i = 0; column != nullptr && column->name.parts.size() == 1 && i < visible;
           ++i) {
        if (query->columns[i].name == column->name.last() && !slot.has_value()) slot = i;
      }
    }
    if (!slot.has_value()) {
      KYRO_ASSIGN_OR_RETURN(BoundPtr bound, Bind(*expression, &scope));
      KYRO_ASSIGN_OR_RETURN(bound, ResolveUnknown(std::move(bound)));
      for (uint32_t i = 0; i < select.outputs.size() && !slot.has_value(); ++i) {
        if (SameExpression(*select.outputs[i], *bound)) slot = i;
      }
      if (!slot.has_value()) {
        slot = static_cast<uint32_t>(select.outputs.size());
        select.outputs.push_back(std::move(bound));
      }
    }
    if (std::find(select.distinct_on.begin(), select.distinct_on.end(), *slot) ==
        select.distinct_on.end()) {
      select.distinct_on.push_back(*slot);
    }
  }
  if (!select.distinct_on.empty()) {
    select.distinct = false;
    for (const BoundPtr& output : select.outputs) select.distinct_types.push_back(output->type);
    // The first of each combination is that of the order, so the order begins with them.
    const size_t count = std::min(select.distinct_on.size(), query->order_by.size());
    for (size_t i = 0; i < count; ++i) {
      if (std::find(select.distinct_on.begin(), select.distinct_on.end(),
                    query->order_by[i].slot) == select.distinct_on.end()) {
        return Error(sqlstate::kInvalidColumnReference, body.distinct_on[0]->position,
                     "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
      }
    }
  }
  if (select.grouped || !select.aggregates.empty()) {
    select.grouped = true;
    for (BoundPtr& output : select.outputs) KYRO_RETURN_IF_ERROR(RewriteGrouped(&output, &select));
    if (select.having != nullptr) KYRO_RETURN_IF_ERROR(RewriteGrouped(&select.having, &select));
  }
  return FinishWindows(&select);
}

}  // namespace kyrodb::sql
