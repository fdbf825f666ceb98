// FROM: tables, functions, subqueries, joins.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/catalog/catalog_table.h"
#include "sql/error.h"
#include "sql/functions/set_function.h"
#include "sql/parse/deparse.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {
namespace {

// Joins of more relations than this are refused, as are rows of more columns.
constexpr size_t kRelationsMax = 256;
constexpr size_t kSlotsMax = 20000;

absl::Status NotSupported(Position position, absl::string_view what) {
  return Error(sqlstate::kFeatureNotSupported, position,
               absl::StrCat(what, " is not supported yet"));
}

// A table of pg_catalog, which is found without its schema too, or of information_schema.
std::shared_ptr<const VirtualTable> FindCatalogTable(const QualifiedName& name) {
  if (name.parts.size() == 1) {
    if (!absl::StartsWith(name.last(), "pg_")) return nullptr;
    return SystemCatalog().Find(absl::StrCat("pg_catalog.", name.last()));
  }
  if (name.parts.size() != 2) return nullptr;
  return SystemCatalog().Find(absl::StrCat(name.parts[0].name, ".", name.last()));
}

}  // namespace

std::shared_ptr<const engine::TableSchema> Binder::FindTableOrNull(
    const QualifiedName& name) const {
  if (name.parts.size() > 2) return nullptr;
  if (name.parts.size() == 2) return context_.catalog->FindTable(name.parts[0].name, name.last());
  for (const std::string& schema : context_.search_path) {
    // A view of an earlier schema hides the table.
    if (context_.catalog->FindRelation(schema, name.last()) != nullptr) return nullptr;
    if (auto table = context_.catalog->FindTable(schema, name.last()); table != nullptr) {
      return table;
    }
  }
  return nullptr;
}

std::shared_ptr<const engine::ObjectSchema> Binder::FindObject(const QualifiedName& name) const {
  if (name.parts.size() > 2) return nullptr;
  if (name.parts.size() == 2) {
    return context_.catalog->FindRelation(name.parts[0].name, name.last());
  }
  for (const std::string& schema : context_.search_path) {
    if (auto object = context_.catalog->FindRelation(schema, name.last()); object != nullptr) {
      return object;
    }
  }
  return nullptr;
}

std::shared_ptr<const engine::TableSchema> Binder::FindIndexOwner(const QualifiedName& name) const {
  if (name.parts.size() > 2) return nullptr;
  if (name.parts.size() == 2) {
    return context_.catalog->FindIndexOwner(name.parts[0].name, name.last());
  }
  for (const std::string& schema : context_.search_path) {
    if (auto owner = context_.catalog->FindIndexOwner(schema, name.last()); owner != nullptr) {
      return owner;
    }
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const engine::TableSchema>> Binder::FindTable(
    const QualifiedName& name) {
  if (FindCatalogTable(name) != nullptr && FindTableOrNull(name) == nullptr) {
    return Error(sqlstate::kInsufficientPrivilege, name.position(),
                 absl::StrCat("permission denied: \"", name.last(), "\" is a system catalog"));
  }
  if (name.parts.size() > 2) {
    return NotSupported(name.position(), "a name of three parts");
  }
  std::shared_ptr<const engine::TableSchema> table = FindTableOrNull(name);
  if (table != nullptr) {
    if (context_.referenced != nullptr) context_.referenced->insert(table->id);
    return table;
  }
  if (const auto object = FindObject(name); object != nullptr) {
    const bool is_view = object->kind == engine::ObjectKind::kView;
    return Error(is_view ? sqlstate::kFeatureNotSupported : sqlstate::kWrongObjectType,
                 name.position(),
                 is_view ? absl::StrCat("\"", name.last(),
                                        "\" is a view; changing the rows or the "
                                        "definition of what is below it is not supported yet")
                         : absl::StrCat("\"", name.last(), "\" is not a table"));
  }
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

absl::StatusOr<BoundRelation> Binder::BindView(const engine::ObjectSchema& view,
                                               Position position) {
  constexpr int32_t kViewDepthMax = 50;
  if (++view_depth_ > kViewDepthMax) {
    return Error(
        sqlstate::kInvalidObjectDefinition, position,
        absl::StrCat("infinite recursion detected in rules for relation \"", view.name, "\""));
  }
  if (context_.referenced != nullptr) context_.referenced->insert(view.id);
  KYRO_ASSIGN_OR_RETURN(const ParsedStatement parsed, ParseStatement(view.sql));
  // It sees nothing of the statement around it.
  const std::vector<CommonTableScope> common_tables = std::exchange(common_tables_, {});
  const std::vector<Type> insert_types = std::exchange(insert_types_, {});
  absl::StatusOr<std::shared_ptr<BoundQuery>> query =
      BindQuery(parsed.statement->As<Query>(), nullptr);
  common_tables_ = common_tables;
  insert_types_ = insert_types;
  --view_depth_;
  if (!query.ok()) return Annotate(query.status(), absl::StrCat("view \"", view.name, "\""));
  // `*` in it may stand for more columns by now, or for fewer.
  if ((*query)->columns.size() < view.columns.size()) {
    return Error(sqlstate::kInvalidObjectDefinition, position,
                 absl::StrCat("view \"", view.name, "\" has lost columns of what it names"));
  }
  BoundRelation relation;
  relation.alias = view.name;
  relation.kind = RelationKind::kSubquery;
  relation.query = *std::move(query);
  relation.columns = relation.query->columns;
  relation.columns.resize(view.columns.size());
  if (relation.query->columns.size() > view.columns.size()) {
    KYRO_ASSIGN_OR_RETURN(relation.query,
                          CastColumns(std::move(relation.query), relation.columns, position));
  }
  for (size_t i = 0; i < view.columns.size(); ++i) relation.columns[i].name = view.columns[i].name;
  return relation;
}

absl::StatusOr<BoundRelation> Binder::BindNamedTable(const NamedTable& table, Scope* outer) {
  BoundRelation relation;
  relation.alias = table.name.last();
  // Common tables first, the innermost of a name.
  if (table.name.parts.size() == 1) {
    for (size_t i = common_tables_.size(); i > 0; --i) {
      if (common_tables_[i - 1].table->name.name != table.name.last()) continue;
      return BindCommonTable(i - 1, outer);
    }
  }
  const QualifiedName& name = table.name;
  if (name.parts.size() <= 2) {
    if (const auto object = FindObject(name);
        object != nullptr && object->kind == engine::ObjectKind::kView) {
      return BindView(*object, name.position());
    }
    if (auto schema = FindTableOrNull(name); schema != nullptr) {
      if (context_.referenced != nullptr) context_.referenced->insert(schema->id);
      relation.kind = RelationKind::kTable;
      for (const engine::ColumnSchema& column : schema->columns) {
        relation.columns.push_back({column.name, column.type});
      }
      relation.table = std::move(schema);
      return relation;
    }
    const bool may_be_virtual = name.parts.size() == 1 || name.parts[0].name == "public";
    for (const VirtualTableRegistry* registry :
         {context_.own_virtual_tables, context_.virtual_tables}) {
      if (registry == nullptr || !may_be_virtual) continue;
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
  if (auto found = FindCatalogTable(name); found != nullptr) {
    relation.kind = RelationKind::kVirtual;
    for (const VirtualColumn& column : found->columns()) {
      relation.columns.push_back({column.name, column.type});
    }
    relation.virtual_table = std::move(found);
    return relation;
  }
  // Not there: this says so, with a hint.
  KYRO_RETURN_IF_ERROR(FindTable(name).status());
  return Error(sqlstate::kUndefinedTable, name.position(),
               absl::StrCat("relation \"", ToString(name), "\" does not exist"));
}

absl::StatusOr<BoundRelation> Binder::BindFunctionTable(const FunctionTable& table, Scope* scope,
                                                        Scope* outer) {
  const auto* call = table.call->If<FunctionExpression>();
  const std::string name = call != nullptr ? call->name.last() : OutputName(*table.call);
  BoundRelation relation;
  // First as if it did not look to its left; with the left side in sight when that fails.
  absl::Status status;
  for (const bool lateral : {false, true}) {
    relation = BoundRelation();
    relation.kind = RelationKind::kFunction;
    relation.alias = name;
    relation.lateral = lateral;
    // Inside, level 0 is nobody's; so level 1 is the row to the left, or the query around.
    Scope inner;
    inner.parent = lateral ? scope : outer;
    status = BindSetCall(*table.call, &inner, &relation);
    if (status.ok() || scope->relations.empty() ||
        (SqlStateOf(status) != sqlstate::kUndefinedColumn &&
         SqlStateOf(status) != sqlstate::kUndefinedTable)) {
      break;
    }
  }
  KYRO_RETURN_IF_ERROR(status);
  const SetFunction* function = relation.calls[0].function;
  // A function of one column without a name of its own: its alias names the column too.
  if (relation.columns.size() == 1 && !table.alias.name.name.empty() &&
      (function == nullptr || function->columns[0].name.empty())) {
    relation.columns[0].name = table.alias.name.name;
  }
  if (table.with_ordinality) {
    relation.with_ordinality = true;
    relation.columns.push_back({"ordinality", kBigintType});
  } else if (name == "generate_series" && IsInteger(relation.columns[0].type.id)) {
    relation.kind = RelationKind::kSeries;
  }
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

}  // namespace kyrodb::sql
