// Queries: FROM, WHERE, grouping, select lists, ordering, set operations.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"
#include "sql/parse/deparse.h"

namespace kyrodb::sql {
namespace {

// Joins of more relations than this are refused, as are rows of more columns.
constexpr size_t kRelationsMax = 256;
constexpr size_t kSlotsMax = 20000;
constexpr size_t kOutputsMax = 1664;  // PostgreSQL's limit for a target list

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// The internal names that PostgreSQL gives to outputs that are casts.
std::string CastName(const TypeName& type) { return type.name.last(); }

bool IsSortable(TypeId id) { return id != TypeId::kJsonb; }

void VisitFrom(BoundFrom* from, uint32_t depth,
               const std::function<void(BoundPtr*, uint32_t)>& visit) {
  if (from->condition != nullptr) visit(&from->condition, depth);
  if (from->left != nullptr) VisitFrom(from->left.get(), depth, visit);
  if (from->right != nullptr) VisitFrom(from->right.get(), depth, visit);
}

}  // namespace

void VisitQuery(BoundQuery* query, uint32_t depth,
                const std::function<void(BoundPtr*, uint32_t)>& visit) {
  // Visits a whole expression and the queries in it.
  const std::function<void(BoundPtr*, uint32_t)> walk = [&](BoundPtr* e, uint32_t at) {
    if (*e == nullptr) return;
    visit(e, at);
    for (BoundPtr& argument : (*e)->arguments) walk(&argument, at);
    if ((*e)->query != nullptr) VisitQuery((*e)->query.get(), at + 1, visit);
  };
  if (query->select != nullptr) {
    BoundSelect& select = *query->select;
    for (BoundRelation& relation : select.relations) {
      const uint32_t inner = depth + (relation.lateral ? 1 : 0);
      for (BoundPtr& argument : relation.arguments) walk(&argument, inner);
      if (relation.query != nullptr) VisitQuery(relation.query.get(), inner, visit);
    }
    for (auto& from : select.from) VisitFrom(from.get(), depth, walk);
    for (BoundPtr& e : select.where) walk(&e, depth);
    for (BoundAggregate& aggregate : select.aggregates) {
      for (BoundPtr& e : aggregate.arguments) walk(&e, depth);
      walk(&aggregate.filter, depth);
    }
    for (BoundPtr& e : select.group_keys) walk(&e, depth);
    walk(&select.having, depth);
    for (BoundPtr& e : select.outputs) walk(&e, depth);
  }
  if (query->set_operation != nullptr) {
    VisitQuery(query->set_operation->left.get(), depth, visit);
    VisitQuery(query->set_operation->right.get(), depth, visit);
  }
  for (auto& row : query->values) {
    for (BoundPtr& e : row) walk(&e, depth);
  }
  walk(&query->limit, depth);
  walk(&query->offset, depth);
}

std::string OutputName(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kColumn:
      return expression.As<ColumnExpression>().name.last();
    case ExpressionKind::kFunction:
      return expression.As<FunctionExpression>().name.last();
    case ExpressionKind::kCast: {
      const auto& cast = expression.As<CastExpression>();
      const std::string inner = OutputName(*cast.operand);
      return inner == "?column?" ? CastName(cast.type) : inner;
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
  if (query.with != nullptr) {
    if (query.with->recursive) return NotSupported(query.with->position, "WITH RECURSIVE");
    for (const CommonTable& table : query.with->tables) {
      if (table.statement->kind != StatementKind::kQuery) {
        return NotSupported(table.name.position, "a data-modifying statement in WITH");
      }
      for (size_t i = common_tables_before; i < common_tables_.size(); ++i) {
        if (common_tables_[i].table->name.name == table.name.name) {
          return Error(
              sqlstate::kDuplicateAlias, table.name.position,
              absl::StrCat("WITH query name \"", table.name.name, "\" specified more than once"));
        }
      }
      common_tables_.push_back({&table, common_tables_.size()});
    }
  }
  auto bound = std::make_shared<BoundQuery>();
  absl::Status status = BindBody(*query.body, &query, outer, bound.get());
  if (status.ok()) status = BindLimit(query, outer, bound.get());
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

// ---------------------------------------------------------------------------------------------
// FROM

absl::StatusOr<std::shared_ptr<const engine::TableSchema>> Binder::FindTable(
    const QualifiedName& name) {
  if (name.parts.size() > 1 && name.parts[0].name != "public") {
    return Error(name.parts.size() == 2 ? absl::string_view(sqlstate::kUndefinedTable)
                                        : sqlstate::kFeatureNotSupported,
                 name.position(), absl::StrCat("relation \"", ToString(name), "\" does not exist"));
  }
  std::shared_ptr<const engine::TableSchema> table = context_.catalog->FindTable(name.last());
  if (table != nullptr) return table;
  for (const VirtualTableRegistry* registry :
       {context_.own_virtual_tables, context_.virtual_tables}) {
    if (registry != nullptr && registry->Find(name.last()) != nullptr) {
      return Error(sqlstate::kWrongObjectType, name.position(),
                   absl::StrCat("\"", name.last(), "\" is a virtual table and cannot be changed"));
    }
  }
  absl::Status status = Error(sqlstate::kUndefinedTable, name.position(),
                              absl::StrCat("relation \"", ToString(name), "\" does not exist"));
  std::vector<std::string> names;
  for (const auto& known : context_.catalog->tables()) names.push_back(known->name);
  const std::string near = Nearest(name.last(), names);
  if (!near.empty()) {
    status = WithHint(status, absl::StrCat("Perhaps you meant the table \"", near, "\"."));
  }
  return status;
}

absl::StatusOr<BoundRelation> Binder::BindNamedTable(const NamedTable& table, Scope* outer) {
  BoundRelation relation;
  relation.alias = table.name.last();
  // Common tables first, the innermost of a name.
  if (table.name.parts.size() == 1) {
    for (size_t i = common_tables_.size(); i > 0; --i) {
      const CommonTableScope common = common_tables_[i - 1];
      if (common.table->name.name != table.name.last()) continue;
      // It sees only those before it.
      const std::vector<CommonTableScope> saved = common_tables_;
      common_tables_.resize(common.depth);
      absl::StatusOr<std::shared_ptr<BoundQuery>> query =
          BindQuery(common.table->statement->As<Query>(), outer);
      common_tables_ = saved;
      if (!query.ok()) return query.status();
      relation.kind = RelationKind::kSubquery;
      relation.query = *std::move(query);
      relation.columns = relation.query->columns;
      if (common.table->columns.size() > relation.columns.size()) {
        return Error(sqlstate::kInvalidColumnReference, common.table->name.position,
                     absl::StrCat("WITH query \"", common.table->name.name, "\" has ",
                                  relation.columns.size(), " columns available but ",
                                  common.table->columns.size(), " columns specified"));
      }
      for (size_t c = 0; c < common.table->columns.size(); ++c) {
        relation.columns[c].name = common.table->columns[c].name;
      }
      return relation;
    }
  }
  const QualifiedName& name = table.name;
  if (name.parts.size() == 1 || (name.parts.size() == 2 && name.parts[0].name == "public")) {
    if (auto schema = context_.catalog->FindTable(name.last()); schema != nullptr) {
      relation.kind = RelationKind::kTable;
      for (const engine::ColumnSchema& column : schema->columns) {
        relation.columns.push_back({column.name, column.type});
      }
      relation.table = std::move(schema);
      return relation;
    }
    for (const VirtualTableRegistry* registry :
         {context_.own_virtual_tables, context_.virtual_tables}) {
      if (registry == nullptr) continue;
      if (auto found = registry->Find(name.last()); found != nullptr) {
        relation.kind = RelationKind::kVirtual;
        for (const VirtualColumn& column : found->columns()) {
          relation.columns.push_back({column.name, column.type});
        }
        relation.virtual_table = std::move(found);
        return relation;
      }
    }
  }
  // Not there: this says so, with a hint.
  KYRO_RETURN_IF_ERROR(FindTable(name).status());
  return Error(sqlstate::kUndefinedTable, name.position(),
               absl::StrCat("relation \"", ToString(name), "\" does not exist"));
}

absl::StatusOr<BoundRelation> Binder::BindFunctionTable(const FunctionTable& table, Scope* scope,
                                                        Scope* outer) {
  const Position at = table.position;
  if (table.with_ordinality) return NotSupported(at, "WITH ORDINALITY");
  const auto* call = table.call->If<FunctionExpression>();
  if (call == nullptr) return NotSupported(at, "this expression in FROM");
  const std::string& name = call->name.last();
  if (name != "generate_series") {
    if (FunctionRegistry::Get().FindScalar(name).empty() && name != "unnest") {
      return Error(sqlstate::kUndefinedFunction, call->position,
                   absl::StrCat("function ", name, "() does not exist"));
    }
    return NotSupported(call->position, absl::StrCat("function ", name, " in FROM"));
  }
  if (call->arguments.size() < 2 || call->arguments.size() > 3) {
    return Error(sqlstate::kUndefinedFunction, call->position,
                 "function generate_series does not exist with these arguments");
  }
  BoundRelation relation;
  relation.kind = RelationKind::kSeries;
  relation.alias = name;
  // First as if it did not look to its left; with the left side in sight when that fails.
  absl::Status status;
  for (const bool lateral : {false, true}) {
    relation.arguments.clear();
    relation.lateral = lateral;
    // Inside, level 0 is nobody's; so level 1 is the row to the left, or the query around.
    Scope inner;
    inner.parent = lateral ? scope : outer;
    status = absl::OkStatus();
    for (const FunctionArgument& argument : call->arguments) {
      absl::StatusOr<BoundPtr> bound = Bind(*argument.value, &inner);
      if (!bound.ok()) {
        status = bound.status();
        break;
      }
      relation.arguments.push_back(*std::move(bound));
    }
    if (status.ok() || scope->relations.empty() ||
        (SqlStateOf(status) != sqlstate::kUndefinedColumn &&
         SqlStateOf(status) != sqlstate::kUndefinedTable)) {
      break;
    }
  }
  KYRO_RETURN_IF_ERROR(status);
  Type type = kIntegerType;
  for (const BoundPtr& argument : relation.arguments) {
    const TypeId id = argument->type.id;
    if (id == TypeId::kBigint) type = kBigintType;
    if (id != TypeId::kInteger && id != TypeId::kBigint && id != kUnknownId) {
      return NotSupported(argument->position,
                          absl::StrCat("generate_series of type ", BaseTypeName(id)));
    }
  }
  for (BoundPtr& argument : relation.arguments) {
    KYRO_ASSIGN_OR_RETURN(argument, Coerce(std::move(argument), type, CastContext::kImplicit));
  }
  // A function of one column: its alias names the column too.
  relation.columns.push_back({table.alias.name.name.empty() ? name : table.alias.name.name, type});
  return relation;
}

absl::StatusOr<std::unique_ptr<BoundFrom>> Binder::AddRelation(BoundRelation relation,
                                                               const Alias& alias,
                                                               Position position, Scope* scope) {
  if (!alias.name.name.empty()) relation.alias = alias.name.name;
  if (alias.columns.size() > relation.columns.size()) {
    return Error(
        sqlstate::kInvalidColumnReference, position,
        absl::StrCat("table \"", relation.alias, "\" has ", relation.columns.size(),
                     " columns available but ", alias.columns.size(), " columns specified"));
  }
  for (size_t i = 0; i < alias.columns.size(); ++i)
    relation.columns[i].name = alias.columns[i].name;
  for (const Scope::Relation& other : scope->relations) {
    if (!relation.alias.empty() && other.alias == relation.alias) {
      return Error(sqlstate::kDuplicateAlias, position,
                   absl::StrCat("table name \"", relation.alias, "\" specified more than once"));
    }
  }
  BoundSelect& select = *scope->select;
  relation.slot_begin = select.width;
  relation.used.assign(relation.columns.size(), false);
  if (select.relations.size() >= kRelationsMax ||
      select.width + relation.columns.size() > kSlotsMax) {
    return Error(sqlstate::kProgramLimitExceeded, position,
                 absl::StrCat("a query cannot join more than ", kRelationsMax, " tables or ",
                              kSlotsMax, " columns"));
  }
  Scope::Relation names;
  names.alias = relation.alias;
  const auto index = static_cast<uint32_t>(select.relations.size());
  for (uint32_t i = 0; i < relation.columns.size(); ++i) {
    names.columns.push_back({relation.columns[i].name, relation.columns[i].type,
                             relation.slot_begin + i, index, i, false});
  }
  select.width += static_cast<uint32_t>(relation.columns.size());
  select.relations.push_back(std::move(relation));
  scope->relations.push_back(std::move(names));
  auto from = std::make_unique<BoundFrom>();
  from->relation = index;
  return from;
}

absl::StatusOr<std::unique_ptr<BoundFrom>> Binder::BindFrom(const TableRef& ref, Scope* scope,
                                                            Scope* outer) {
  switch (ref.kind) {
    case TableRefKind::kTable: {
      KYRO_ASSIGN_OR_RETURN(BoundRelation relation, BindNamedTable(ref.As<NamedTable>(), outer));
      return AddRelation(std::move(relation), ref.alias, ref.position, scope);
    }
    case TableRefKind::kFunction: {
      KYRO_ASSIGN_OR_RETURN(BoundRelation relation,
                            BindFunctionTable(ref.As<FunctionTable>(), scope, outer));
      return AddRelation(std::move(relation), ref.alias, ref.position, scope);
    }
    case TableRefKind::kSubquery: {
      BoundRelation relation;
      relation.kind = RelationKind::kSubquery;
      relation.lateral = ref.lateral;
      KYRO_ASSIGN_OR_RETURN(relation.query,
                            BindQuery(*ref.As<SubqueryTable>().query, ref.lateral ? scope : outer));
      relation.columns = relation.query->columns;
      if (ref.alias.name.name.empty()) {
        return WithHint(
            Error(sqlstate::kSyntaxError, ref.position, "subquery in FROM must have an alias"),
            "For example, FROM (SELECT ...) [AS] foo.");
      }
      return AddRelation(std::move(relation), ref.alias, ref.position, scope);
    }
    case TableRefKind::kJoin:
      return BindJoin(ref.As<JoinTable>(), scope, outer);
  }
  return Error(sqlstate::kInternalError, ref.position, "unknown kind of table reference");
}

absl::StatusOr<std::unique_ptr<BoundFrom>> Binder::BindJoin(const JoinTable& join, Scope* scope,
                                                            Scope* outer) {
  if (!join.alias.name.name.empty())
    return NotSupported(join.alias.name.position, "an alias of a join");
  if (!join.using_alias.name.empty()) {
    return NotSupported(join.using_alias.position, "an alias of JOIN USING");
  }
  const size_t begin = scope->relations.size();
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<BoundFrom> left, BindFrom(*join.left, scope, outer));
  const size_t middle = scope->relations.size();
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<BoundFrom> right, BindFrom(*join.right, scope, outer));
  auto bound = std::make_unique<BoundFrom>();
  bound->type = join.type;
  bound->left = std::move(left);
  bound->right = std::move(right);
  // ON sees the two sides only (and queries around).
  std::vector<Scope::Relation> before(scope->relations.begin(),
                                      scope->relations.begin() + static_cast<ptrdiff_t>(begin));
  const auto columns_of = [&](size_t from, size_t to) {
    std::vector<Scope::Column*> columns;
    for (size_t r = from; r < to; ++r) {
      for (Scope::Column& column : scope->relations[r].columns) {
        if (!column.merged) columns.push_back(&column);
      }
    }
    return columns;
  };
  std::vector<Identifier> shared = join.using_columns;
  if (join.natural) {
    shared.clear();
    for (const Scope::Column* a : columns_of(begin, middle)) {
      for (const Scope::Column* b : columns_of(middle, scope->relations.size())) {
        if (a->name == b->name) shared.push_back({a->name, join.position});
      }
    }
  }
  if (!shared.empty()) {
    if (join.type == JoinType::kFull) {
      return NotSupported(join.position, "FULL JOIN with USING or NATURAL");
    }
    BoundPtr condition =
        std::make_unique<BoundExpression>(BoundKind::kAnd, kBooleanType, join.position);
    for (const Identifier& name : shared) {
      const auto find = [&](size_t from, size_t to,
                            absl::string_view side) -> absl::StatusOr<Scope::Column*> {
        Scope::Column* found = nullptr;
        for (Scope::Column* column : columns_of(from, to)) {
          if (column->name != name.name) continue;
          if (found != nullptr) {
            return Error(sqlstate::kAmbiguousColumn, name.position,
                         absl::StrCat("common column name \"", name.name,
                                      "\" appears more than once in ", side, " table"));
          }
          found = column;
        }
        if (found == nullptr) {
          return Error(sqlstate::kUndefinedColumn, name.position,
                       absl::StrCat("column \"", name.name,
                                    "\" specified in USING clause does not "
                                    "exist in ",
                                    side, " table"));
        }
        return found;
      };
      KYRO_ASSIGN_OR_RETURN(Scope::Column * a, find(begin, middle, "left"));
      KYRO_ASSIGN_OR_RETURN(Scope::Column * b, find(middle, scope->relations.size(), "right"));
      std::vector<BoundPtr> arguments;
      for (const Scope::Column* column : {a, b}) {
        scope->select->relations[column->relation].used[column->column] = true;
        arguments.push_back(MakeColumn(column->type, column->slot, column->name, name.position));
      }
      KYRO_ASSIGN_OR_RETURN(BoundPtr equal,
                            BindOperator("=", {}, std::move(arguments), name.position));
      condition->arguments.push_back(std::move(equal));
      // The name stands for the side that is never padded with nulls.
      (join.type == JoinType::kRight ? a : b)->merged = true;
    }
    bound->condition = std::move(condition);
  } else if (join.on != nullptr) {
    std::vector<Scope::Relation> all = scope->relations;
    scope->relations.erase(scope->relations.begin(),
                           scope->relations.begin() + static_cast<ptrdiff_t>(begin));
    scope->clause = "JOIN conditions";
    absl::StatusOr<BoundPtr> condition = BindBoolean(*join.on, scope, "JOIN/ON");
    scope->clause = "";
    scope->relations = std::move(all);
    if (!condition.ok()) return condition.status();
    bound->condition = *std::move(condition);
  }
  return bound;
}

// ---------------------------------------------------------------------------------------------
// SELECT

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
  if (!body.distinct_on.empty()) {
    return NotSupported(body.distinct_on[0]->position, "DISTINCT ON");
  }
  if (!body.windows.empty()) {
    return NotSupported(body.windows[0].name.position, "the WINDOW clause");
  }
  // Only the outermost SELECT of an INSERT knows its target.
  const std::vector<Type> wanted = std::exchange(insert_types_, {});
  query->select = std::make_unique<BoundSelect>();
  BoundSelect& select = *query->select;
  select.distinct = body.distinct;
  Scope scope;
  scope.parent = outer;
  scope.select = &select;
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
  KYRO_RETURN_IF_ERROR(
      BindSelectItems(body.items, &scope, &select.outputs, &query->columns, wanted));

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
      VisitExpression(*select.outputs[*output], [&has_aggregate](const BoundExpression& e) {
        has_aggregate = has_aggregate || e.kind == BoundKind::kAggregate;
      });
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
  if (select.grouped || !select.aggregates.empty()) {
    select.grouped = true;
    for (BoundPtr& output : select.outputs) KYRO_RETURN_IF_ERROR(RewriteGrouped(&output, &select));
    if (select.having != nullptr) KYRO_RETURN_IF_ERROR(RewriteGrouped(&select.having, &select));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Binder::GroupSlotOf(const BoundExpression& column, uint32_t slot,
                                             BoundSelect* select, bool from_subquery) {
  const auto base = static_cast<uint32_t>(select->aggregates.size());
  for (uint32_t k = 0; k < select->group_keys.size(); ++k) {
    const BoundExpression& key = *select->group_keys[k];
    if (key.kind == BoundKind::kColumn && key.slot == slot) return base + k;
  }
  // A column depends on its table's primary key: grouped by that, it has one value per group.
  for (const BoundRelation& relation : select->relations) {
    if (slot < relation.slot_begin || slot >= relation.slot_begin + relation.columns.size()) {
      continue;
    }
    if (relation.table == nullptr || relation.table->primary_key.empty()) break;
    bool determined = true;
    for (const uint32_t part : relation.table->primary_key) {
      determined = determined && std::any_of(select->group_keys.begin(), select->group_keys.end(),
                                             [&](const BoundPtr& key) {
                                               return key->kind == BoundKind::kColumn &&
                                                      key->slot == relation.slot_begin + part;
                                             });
    }
    if (!determined) break;
    select->group_keys.push_back(MakeColumn(column.type, slot, column.name, column.position));
    return base + static_cast<uint32_t>(select->group_keys.size() - 1);
  }
  if (from_subquery) {
    return Error(
        sqlstate::kGroupingError, column.position,
        absl::StrCat("subquery uses ungrouped column \"", column.name, "\" from outer query"));
  }
  return Error(sqlstate::kGroupingError, column.position,
               absl::StrCat("column \"", column.name,
                            "\" must appear in the GROUP BY clause or be used in an aggregate "
                            "function"));
}

absl::Status Binder::RewriteGrouped(BoundPtr* expression, BoundSelect* select) {
  BoundExpression& e = **expression;
  if (e.kind == BoundKind::kAggregate) {
    e.kind = BoundKind::kColumn;
    e.name = select->aggregates[e.slot].text;
    return absl::OkStatus();
  }
  const auto base = static_cast<uint32_t>(select->aggregates.size());
  for (uint32_t k = 0; k < select->group_keys.size(); ++k) {
    if (SameExpression(e, *select->group_keys[k])) {
      *expression = MakeColumn(e.type, base + k, ToSql(e), e.position);
      return absl::OkStatus();
    }
  }
  if (e.kind == BoundKind::kColumn) {
    KYRO_ASSIGN_OR_RETURN(e.slot, GroupSlotOf(e, e.slot, select, false));
    return absl::OkStatus();
  }
  for (BoundPtr& argument : e.arguments) KYRO_RETURN_IF_ERROR(RewriteGrouped(&argument, select));
  if (e.query != nullptr) return RewriteOuter(e.query.get(), 1, select);
  return absl::OkStatus();
}

absl::Status Binder::RewriteOuter(BoundQuery* query, uint32_t depth, BoundSelect* select) {
  absl::Status status;
  VisitQuery(query, depth, [&](BoundPtr* e, uint32_t at) {
    if ((*e)->kind != BoundKind::kOuterColumn || (*e)->level != at || !status.ok()) return;
    absl::StatusOr<uint32_t> slot = GroupSlotOf(**e, (*e)->slot, select, true);
    if (slot.ok()) {
      (*e)->slot = *slot;
    } else {
      status = slot.status();
    }
  });
  return status;
}

}  // namespace kyrodb::sql
