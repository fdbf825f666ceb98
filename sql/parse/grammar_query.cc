// SELECT, VALUES, set operations, WITH and FROM.
#include <memory>

#include "sql/parse/grammar.h"

namespace kyrodb::sql {

bool Grammar::AtQueryStart(size_t ahead) {
  switch (Peek(ahead).keyword) {
    case Keyword::kSelect:
    case Keyword::kWith:
    case Keyword::kTable:
      return true;
    case Keyword::kValues:
      return PeekIs(ahead + 1, '(');  // else a column of that name
    default:
      return false;
  }
}

// What can follow a query in parentheses that is an operand, but never an expression.
bool Grammar::AtQueryContinuation() const {
  switch (token().keyword) {
    case Keyword::kUnion:
    case Keyword::kIntersect:
    case Keyword::kExcept:
    case Keyword::kOrder:
    case Keyword::kLimit:
    case Keyword::kOffset:
    case Keyword::kFetch:
    case Keyword::kFor:
      return true;
    default:
      return false;
  }
}

QueryPtr Grammar::ParseQuery() {
  const Position position = token().position;
  WithPtr with;
  if (At(Keyword::kWith)) with = ParseWith();
  return ParseQueryWith(std::move(with), position);
}

QueryPtr Grammar::ParseParenthesisedQuery() {
  Expect('(');
  QueryPtr query = ParseQuery();
  Expect(')');
  return query;
}

QueryPtr Grammar::ParseQueryWith(WithPtr with, Position position) {
  const Scope scope(*this);
  auto query = std::make_unique<Query>(position);
  query->with = std::move(with);
  if (query->with == nullptr && At('(')) {
    Advance();
    QueryPtr inner = ParseQuery();
    Expect(')');
    if (!AtQueryContinuation()) return inner;  // parentheses around all of it
    query->body = ParseSetOperations(BodyOfOperand(std::move(inner)), false);
  } else {
    query->body = ParseSetOperations(ParseQueryOperand(), false);
  }
  ParseQuerySuffix(*query);
  return query;
}

QueryPtr Grammar::ContinueQuery(QueryPtr left) {
  const Scope scope(*this);
  auto query = std::make_unique<Query>(left == nullptr ? 0 : left->position);
  query->body = ParseSetOperations(BodyOfOperand(std::move(left)), false);
  ParseQuerySuffix(*query);
  Grow();
  return query;
}

// A query that is nothing but its body needs no node of its own.
QueryBodyPtr Grammar::BodyOfOperand(QueryPtr query) {
  if (query == nullptr) return nullptr;
  if (query->with == nullptr && query->order_by.empty() && query->limit_position == 0 &&
      query->offset_position == 0 && query->locking.empty()) {
    return std::move(query->body);
  }
  auto nested = std::make_unique<NestedBody>(query->position);
  nested->query = std::move(query);
  return nested;
}

// UNION and EXCEPT from the left; INTERSECT binds more strongly.
QueryBodyPtr Grammar::ParseSetOperations(QueryBodyPtr left, bool intersect_only) {
  for (;;) {
    SetOperation operation = SetOperation::kIntersect;
    if (!At(Keyword::kIntersect)) {
      if (intersect_only) return left;
      if (At(Keyword::kUnion)) {
        operation = SetOperation::kUnion;
      } else if (At(Keyword::kExcept)) {
        operation = SetOperation::kExcept;
      } else {
        return left;
      }
    }
    auto node = std::make_unique<SetOperationBody>(token().position);
    node->operation = operation;
    Advance();
    node->all = Accept(Keyword::kAll);
    if (!node->all) Accept(Keyword::kDistinct);
    node->left = std::move(left);
    QueryBodyPtr right = ParseQueryOperand();
    if (operation != SetOperation::kIntersect) right = ParseSetOperations(std::move(right), true);
    node->right = std::move(right);
    left = std::move(node);
    Grow();
  }
}

QueryBodyPtr Grammar::ParseQueryOperand() {
  const Scope scope(*this);
  const Position position = token().position;
  switch (token().keyword) {
    case Keyword::kSelect:
      return ParseSelectBody();
    case Keyword::kValues:
      return ParseValuesBody();
    case Keyword::kTable: {
      Advance();
      auto body = std::make_unique<SelectBody>(position);
      SelectItem all;
      all.position = position;
      all.expression = std::make_unique<StarExpression>(position);
      body->items.push_back(std::move(all));
      auto table = std::make_unique<NamedTable>(token().position);
      table->name = ParseTargetTable(table->only);
      body->from.push_back(std::move(table));
      return body;
    }
    default:
      break;
  }
  if (At('(')) {
    Advance();
    QueryPtr query = ParseQuery();
    Expect(')');
    return BodyOfOperand(std::move(query));
  }
  FailSyntax();
  return nullptr;
}

void Grammar::ParseQuerySuffix(Query& query) {
  if (AcceptAll({Keyword::kOrder, Keyword::kBy})) query.order_by = ParseOrderBy();
  // LIMIT, OFFSET and FOR come in any order; LIMIT and FETCH are the same clause.
  for (;;) {
    const Position position = token().position;
    if (At(Keyword::kLimit)) {
      if (query.limit_position != 0) {
        Fail(Error(sqlstate::kSyntaxError, position, "multiple LIMIT clauses not allowed"));
        return;
      }
      Advance();
      query.limit_position = position;
      if (!Accept(Keyword::kAll)) query.limit = ParseExpression();
      if (At(',')) {
        Fail(WithHint(Error(sqlstate::kSyntaxError, position, "LIMIT #,# syntax is not supported"),
                      "Use separate LIMIT and OFFSET clauses."));
        return;
      }
    } else if (At(Keyword::kFetch)) {
      if (query.limit_position != 0) {
        Fail(Error(sqlstate::kSyntaxError, position, "multiple LIMIT clauses not allowed"));
        return;
      }
      Advance();
      query.limit_position = position;
      if (!Accept(Keyword::kFirst)) Expect(Keyword::kNext);
      if (At(Keyword::kRow) || At(Keyword::kRows)) {
        auto one = std::make_unique<LiteralExpression>(token().position);
        one->type = LiteralType::kInteger;
        one->integer = 1;
        query.limit = std::move(one);
      } else {
        // No operators here, as in PostgreSQL, except a sign.
        query.limit = ParseExpressionAt(Precedence::kCast, true);
      }
      if (!Accept(Keyword::kRow)) Expect(Keyword::kRows);
      if (Accept(Keyword::kWith)) {
        Expect(Keyword::kTies);
        query.with_ties = true;
      } else {
        Expect(Keyword::kOnly);
      }
    } else if (At(Keyword::kOffset)) {
      if (query.offset_position != 0) {
        Fail(Error(sqlstate::kSyntaxError, position, "multiple OFFSET clauses not allowed"));
        return;
      }
      Advance();
      query.offset_position = position;
      query.offset = ParseExpression();
      if (!Accept(Keyword::kRow)) Accept(Keyword::kRows);
    } else if (At(Keyword::kFor)) {
      if (AcceptAll({Keyword::kFor, Keyword::kRead, Keyword::kOnly})) continue;
      query.locking.push_back(ParseLocking());
    } else {
      return;
    }
  }
}

LockingClause Grammar::ParseLocking() {
  LockingClause locking;
  locking.position = token().position;
  Expect(Keyword::kFor);
  if (Accept(Keyword::kUpdate)) {
    locking.strength = LockStrength::kUpdate;
  } else if (AcceptAll({Keyword::kNo, Keyword::kKey, Keyword::kUpdate})) {
    locking.strength = LockStrength::kNoKeyUpdate;
  } else if (Accept(Keyword::kShare)) {
    locking.strength = LockStrength::kShare;
  } else if (AcceptAll({Keyword::kKey, Keyword::kShare})) {
    locking.strength = LockStrength::kKeyShare;
  } else {
    FailSyntax();
  }
  if (Accept(Keyword::kOf)) {
    do {
      locking.of.push_back(ParseQualifiedName());
    } while (Accept(','));
  }
  if (Accept(Keyword::kNowait)) {
    locking.nowait = true;
  } else if (AcceptAll({Keyword::kSkip, Keyword::kLocked})) {
    locking.skip_locked = true;
  }
  return locking;
}

// SELECT -----------------------------------------------------------------------------------------

bool Grammar::AtSelectListEnd() const {
  switch (token().kind) {
    case TokenKind::kEnd:
      return true;
    case TokenKind::kPunctuation:
      return At(')') || At(';');
    case TokenKind::kKeyword:
      break;
    default:
      return false;
  }
  switch (token().keyword) {
    case Keyword::kFrom:
    case Keyword::kInto:
    case Keyword::kWhere:
    case Keyword::kGroup:
    case Keyword::kHaving:
    case Keyword::kWindow:
    case Keyword::kOn:
    case Keyword::kReturning:
      return true;
    default:
      return AtQueryContinuation();
  }
}

QueryBodyPtr Grammar::ParseSelectBody() {
  auto body = std::make_unique<SelectBody>(token().position);
  Expect(Keyword::kSelect);
  bool list_needed = false;
  if (Accept(Keyword::kDistinct)) {
    body->distinct = true;
    list_needed = true;
    if (Accept(Keyword::kOn)) {
      Expect('(');
      body->distinct_on = ParseExpressionList();
      Expect(')');
    }
  } else {
    Accept(Keyword::kAll);
  }
  if (list_needed || !AtSelectListEnd()) body->items = ParseSelectList();
  if (At(Keyword::kInto)) {
    FailUnsupported(token().position, "SELECT INTO");
    return nullptr;
  }
  if (Accept(Keyword::kFrom)) body->from = ParseFromList();
  body->where = ParseWhere();
  if (AcceptAll({Keyword::kGroup, Keyword::kBy})) {
    if (Accept(Keyword::kDistinct)) {
      body->group_by_distinct = true;
    } else {
      Accept(Keyword::kAll);
    }
    body->group_by = ParseGroupingList();
  }
  if (Accept(Keyword::kHaving)) body->having = ParseExpression();
  if (Accept(Keyword::kWindow)) {
    do {
      NamedWindow window;
      window.name = ParseColumnId();
      Expect(Keyword::kAs);
      window.specification = ParseWindowSpecification();
      body->windows.push_back(std::move(window));
    } while (Accept(','));
  }
  return body;
}

std::vector<SelectItem> Grammar::ParseSelectList() {
  std::vector<SelectItem> items;
  do {
    SelectItem item;
    item.position = token().position;
    if (AcceptOperator("*")) {
      item.expression = std::make_unique<StarExpression>(item.position);
    } else {
      item.expression = ParseExpression();
      if (Accept(Keyword::kAs)) {
        item.alias = ParseLabel();
      } else if (IsBareLabel(token())) {
        item.alias = TakeIdentifier();
      }
    }
    items.push_back(std::move(item));
  } while (Accept(','));
  return items;
}

QueryBodyPtr Grammar::ParseValuesBody() {
  auto body = std::make_unique<ValuesBody>(token().position);
  Expect(Keyword::kValues);
  do {
    body->row_positions.push_back(token().position);
    Expect('(');
    body->rows.push_back(ParseExpressionList());
    Expect(')');
  } while (Accept(','));
  return body;
}

WithPtr Grammar::ParseWith() {
  const Scope scope(*this);
  auto with = std::make_unique<WithClause>();
  with->position = token().position;
  Expect(Keyword::kWith);
  with->recursive = Accept(Keyword::kRecursive);
  do {
    CommonTable table;
    table.name = ParseColumnId();
    if (At('(')) table.columns = ParseParenthesisedColumnIds();
    Expect(Keyword::kAs);
    if (Accept(Keyword::kMaterialized)) {
      table.materialized = Materialization::kAlways;
    } else if (AcceptAll({Keyword::kNot, Keyword::kMaterialized})) {
      table.materialized = Materialization::kNever;
    }
    Expect('(');
    const Position position = token().position;
    if (At(Keyword::kWith)) {
      table.statement = ParseWithStatement(ParseWith(), position);
    } else {
      table.statement = ParseWithStatement(nullptr, position);
    }
    Expect(')');
    if (At(Keyword::kSearch) || At(Keyword::kCycle)) {
      FailUnsupported(token().position, "SEARCH or CYCLE in WITH");
    }
    with->tables.push_back(std::move(table));
  } while (Accept(','));
  return with;
}

std::vector<OrderItem> Grammar::ParseOrderBy() {
  std::vector<OrderItem> items;
  do {
    OrderItem item;
    item.position = token().position;
    item.expression = ParseExpression();
    if (Accept(Keyword::kDesc)) {
      item.descending = true;
    } else if (Accept(Keyword::kUsing)) {
      std::vector<Identifier> schema;
      ParseOperatorName(item.using_op, schema);
    } else {
      Accept(Keyword::kAsc);
    }
    item.nulls = ParseNullsOrder();
    items.push_back(std::move(item));
  } while (Accept(','));
  return items;
}

NullsOrder Grammar::ParseNullsOrder() {
  if (AcceptAll({Keyword::kNulls, Keyword::kFirst})) return NullsOrder::kFirst;
  if (AcceptAll({Keyword::kNulls, Keyword::kLast})) return NullsOrder::kLast;
  return NullsOrder::kDefault;
}

std::vector<GroupingElement> Grammar::ParseGroupingList() {
  std::vector<GroupingElement> list;
  do {
    list.push_back(ParseGroupingElement());
  } while (Accept(','));
  return list;
}

GroupingElement Grammar::ParseGroupingElement() {
  const Scope scope(*this);
  GroupingElement element;
  element.position = token().position;
  if (At('(') && PeekIs(1, ')')) {
    Advance();
    Advance();
    return element;
  }
  if ((At(Keyword::kRollup) || At(Keyword::kCube)) && PeekIs(1, '(')) {
    element.type = At(Keyword::kRollup) ? GroupingType::kRollup : GroupingType::kCube;
    Advance();
    Advance();
    element.expressions = ParseExpressionList();
    Expect(')');
    return element;
  }
  if (At(Keyword::kGrouping) && PeekIs(1, Keyword::kSets)) {
    element.type = GroupingType::kSets;
    Advance();
    Advance();
    Expect('(');
    element.sets = ParseGroupingList();
    Expect(')');
    return element;
  }
  element.expression = ParseExpression();
  return element;
}

// FROM -------------------------------------------------------------------------------------------

std::vector<TableRefPtr> Grammar::ParseFromList() {
  std::vector<TableRefPtr> list;
  do {
    list.push_back(ParseTableRef());
  } while (Accept(','));
  return list;
}

TableRefPtr Grammar::ParseTableRef() {
  const Scope scope(*this);
  return ParseJoins(ParseTablePrimary());
}

TableRefPtr Grammar::ParseJoins(TableRefPtr left) {
  for (;;) {
    auto join = std::make_unique<JoinTable>(token().position);
    switch (token().keyword) {
      case Keyword::kCross:
        Advance();
        join->type = JoinType::kCross;
        break;
      case Keyword::kNatural:
        Advance();
        join->natural = true;
        break;
      case Keyword::kJoin:
      case Keyword::kInner:
      case Keyword::kLeft:
      case Keyword::kRight:
      case Keyword::kFull:
        break;
      default:
        return left;
    }
    if (join->type != JoinType::kCross && !At(Keyword::kJoin)) {
      if (Accept(Keyword::kLeft)) {
        join->type = JoinType::kLeft;
      } else if (Accept(Keyword::kRight)) {
        join->type = JoinType::kRight;
      } else if (Accept(Keyword::kFull)) {
        join->type = JoinType::kFull;
      } else {
        Expect(Keyword::kInner);
      }
      if (join->type != JoinType::kInner) Accept(Keyword::kOuter);
    }
    Expect(Keyword::kJoin);
    join->left = std::move(left);
    if (join->type == JoinType::kCross || join->natural) {
      join->right = ParseTablePrimary();
    } else {
      join->right = ParseTableRef();
      if (Accept(Keyword::kOn)) {
        join->on = ParseExpression();
      } else {
        Expect(Keyword::kUsing);
        join->using_columns = ParseParenthesisedColumnIds();
        if (Accept(Keyword::kAs)) join->using_alias = ParseColumnId();
      }
    }
    left = std::move(join);
    Grow();
  }
}

bool Grammar::ParseAlias(Alias& alias) {
  const bool as = Accept(Keyword::kAs);
  if (as && At('(')) {
    FailUnsupported(token().position, "a column definition list");
    return false;
  }
  if (!as && !IsColumnId(token())) return false;
  alias.name = ParseColumnId();
  if (At('(')) {
    // `t(a int)` defines columns of a record-returning function.
    if (IsColumnId(Peek(1)) && !PeekIs(2, ',') && !PeekIs(2, ')')) {
      if (IsLabel(Peek(2))) {
        FailUnsupported(Peek(1).position, "a column definition list");
      } else {
        FailSyntaxAt(Peek(2));
      }
      return false;
    }
    alias.columns = ParseParenthesisedColumnIds();
  }
  return true;
}

TableRefPtr Grammar::ParseTablePrimary() {
  const Position position = token().position;
  if (At(Keyword::kLateral)) {
    Advance();
    if (At('(')) return FinishSubquery(ParseParenthesisedQuery(), position, true);
    TableRefPtr table = ParseFunctionTable();
    if (table != nullptr) {
      table->lateral = true;
      table->position = position;
    }
    return table;
  }
  if (At('(')) {
    QueryOrTable inner = ParseParenthesisedTable();
    if (inner.query != nullptr) return FinishSubquery(std::move(inner.query), position, false);
    if (inner.table != nullptr && inner.table->alias.name.name.empty()) {
      Alias alias;
      if (ParseAlias(alias)) inner.table->alias = std::move(alias);
    }
    return std::move(inner.table);
  }
  switch (token().keyword) {
    case Keyword::kRows:
      if (PeekIs(1, Keyword::kFrom)) {
        FailUnsupported(position, "ROWS FROM");
        return nullptr;
      }
      break;
    case Keyword::kXmltable:
      FailUnsupported(position, "XMLTABLE");
      return nullptr;
    case Keyword::kOnly: {
      auto table = std::make_unique<NamedTable>(position);
      table->name = ParseTargetTable(table->only);
      ParseAlias(table->alias);
      return table;
    }
    case Keyword::kCurrentDate:
    case Keyword::kCurrentTime:
    case Keyword::kCurrentTimestamp:
    case Keyword::kLocaltime:
    case Keyword::kLocaltimestamp:
    case Keyword::kCurrentUser:
    case Keyword::kSessionUser:
    case Keyword::kUser:
    case Keyword::kCurrentRole:
    case Keyword::kCurrentCatalog:
    case Keyword::kCurrentSchema:
    case Keyword::kCoalesce:
    case Keyword::kNullif:
    case Keyword::kGreatest:
    case Keyword::kLeast:
    case Keyword::kSubstring:
    case Keyword::kPosition:
    case Keyword::kExtract:
    case Keyword::kOverlay:
    case Keyword::kTrim:
      if (IsColumnId(token()) && !PeekIs(1, '(')) break;
      return ParseFunctionTable();
    default:
      break;
  }
  if (!IsColumnId(token()) && !IsTypeOrFunctionName(token())) {
    FailSyntax();
    return nullptr;
  }
  const bool column_id = IsColumnId(token());
  const bool function_name = IsTypeOrFunctionName(token());
  if (function_name && PeekIs(1, '(')) return ParseFunctionTable();
  if (!column_id) {
    FailSyntax();
    return nullptr;
  }
  QualifiedName name = ParseQualifiedName();
  if (At('(') && name.parts.size() > 1) {
    auto function = std::make_unique<FunctionTable>(position);
    function->call = ParseFunctionCall(std::move(name));
    if (AcceptAll({Keyword::kWith, Keyword::kOrdinality})) function->with_ordinality = true;
    ParseAlias(function->alias);
    return function;
  }
  auto table = std::make_unique<NamedTable>(position);
  table->name = std::move(name);
  if (AtOperator("*")) {
    FailUnsupported(token().position, "table inheritance (*)");
    return nullptr;
  }
  ParseAlias(table->alias);
  if (At(Keyword::kTablesample)) {
    FailUnsupported(token().position, "TABLESAMPLE");
    return nullptr;
  }
  return table;
}

TableRefPtr Grammar::ParseFunctionTable() {
  auto function = std::make_unique<FunctionTable>(token().position);
  if (At(Keyword::kCast)) {
    FailUnsupported(token().position, "CAST in FROM");
    return nullptr;
  }
  const Token first = token();
  function->call = ParsePrefix(false);
  if (function->call == nullptr) return nullptr;
  switch (function->call->kind) {
    case ExpressionKind::kFunction:
    case ExpressionKind::kSpecialValue:
    case ExpressionKind::kCoalesce:
      break;
    default:
      FailSyntaxAt(first);
      return nullptr;
  }
  if (const auto* call = function->call->If<FunctionExpression>();
      call != nullptr &&
      (call->filter != nullptr || call->over != nullptr || !call->within_group.empty())) {
    FailSyntaxAt(first);  // an aggregate's clauses have no place here
    return nullptr;
  }
  if (AcceptAll({Keyword::kWith, Keyword::kOrdinality})) function->with_ordinality = true;
  ParseAlias(function->alias);
  return function;
}

TableRefPtr Grammar::FinishSubquery(QueryPtr query, Position position, bool lateral) {
  auto subquery = std::make_unique<SubqueryTable>(position);
  subquery->lateral = lateral;
  const bool values =
      query != nullptr && query->body != nullptr && query->body->kind == QueryBodyKind::kValues;
  subquery->query = std::move(query);
  if (!ParseAlias(subquery->alias)) {
    if (values) {
      Fail(WithHint(Error(sqlstate::kSyntaxError, position, "VALUES in FROM must have an alias"),
                    "For example, FROM (VALUES ...) [AS] foo."));
    } else {
      Fail(WithHint(Error(sqlstate::kSyntaxError, position, "subquery in FROM must have an alias"),
                    "For example, FROM (SELECT ...) [AS] foo."));
    }
  }
  return subquery;
}

// At '(': a query or a join in parentheses; which of the two only its inside tells.
Grammar::QueryOrTable Grammar::ParseParenthesisedTable() {
  const Scope scope(*this);
  QueryOrTable result;
  const Position position = token().position;
  Advance();
  if (AtQueryStart()) {
    result.query = ParseQuery();
    Expect(')');
    return result;
  }
  TableRefPtr table;
  if (At('(')) {
    const Position inner_position = token().position;
    QueryOrTable inner = ParseParenthesisedTable();
    if (inner.query != nullptr) {
      if (AtQueryContinuation()) inner.query = ContinueQuery(std::move(inner.query));
      if (At(')')) {
        Advance();
        result.query = std::move(inner.query);
        return result;
      }
      table = FinishSubquery(std::move(inner.query), inner_position, false);
    } else {
      table = std::move(inner.table);
      if (table != nullptr && table->alias.name.name.empty()) {
        Alias alias;
        if (ParseAlias(alias)) table->alias = std::move(alias);
      }
    }
    table = ParseJoins(std::move(table));
  } else {
    table = ParseTableRef();
  }
  // Only joins may stand in parentheses.
  if (table != nullptr && table->kind != TableRefKind::kJoin) {
    FailSyntax();
    return result;
  }
  Expect(')');
  if (table != nullptr) table->position = position;
  result.table = std::move(table);
  return result;
}

}  // namespace kyrodb::sql
