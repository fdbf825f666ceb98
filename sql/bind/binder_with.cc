// WITH: common tables, recursive ones, and statements that change rows in it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

absl::Status CheckColumnCount(const CommonTable& table, size_t available) {
  if (table.columns.size() <= available) return absl::OkStatus();
  return Error(sqlstate::kInvalidColumnReference, table.name.position,
               absl::StrCat("WITH query \"", table.name.name, "\" has ", available,
                            " columns available but ", table.columns.size(), " columns specified"));
}

void Rename(const CommonTable& table, std::vector<ResultColumn>* columns) {
  for (size_t c = 0; c < table.columns.size(); ++c) (*columns)[c].name = table.columns[c].name;
}

}  // namespace

absl::Status Binder::PushCommonTables(const WithClause* with) {
  if (with == nullptr) return absl::OkStatus();
  const size_t before = common_tables_.size();
  for (const CommonTable& table : with->tables) {
    for (size_t i = before; i < common_tables_.size(); ++i) {
      if (common_tables_[i].table->name.name != table.name.name) continue;
      return Error(
          sqlstate::kDuplicateAlias, table.name.position,
          absl::StrCat("WITH query name \"", table.name.name, "\" specified more than once"));
    }
    std::shared_ptr<const WorkTable> rows;
    if (table.statement->kind != StatementKind::kQuery) {
      if (query_depth_ > 1 || view_depth_ > 0) {
        return Error(sqlstate::kFeatureNotSupported, table.name.position,
                     "WITH clause containing a data-modifying statement must be at the top level");
      }
      KYRO_ASSIGN_OR_RETURN(rows, BindCommonWrite(table));
    }
    // Of a recursive clause each sees itself, too.
    common_tables_.push_back({&table, common_tables_.size(), with->recursive, std::move(rows)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const WorkTable>> Binder::BindCommonWrite(const CommonTable& table) {
  BoundCommonWrite write;
  auto rows = std::make_shared<WorkTable>();
  switch (table.statement->kind) {
    case StatementKind::kInsert: {
      write.insert = std::make_unique<BoundInsert>();
      KYRO_ASSIGN_OR_RETURN(*write.insert, BindInsert(table.statement->As<InsertStatement>()));
      rows->columns = write.insert->returning_columns;
      break;
    }
    case StatementKind::kUpdate: {
      write.update = std::make_unique<BoundUpdate>();
      KYRO_ASSIGN_OR_RETURN(*write.update, BindUpdate(table.statement->As<UpdateStatement>()));
      rows->columns = write.update->returning_columns;
      break;
    }
    default: {
      write.remove = std::make_unique<BoundDelete>();
      KYRO_ASSIGN_OR_RETURN(*write.remove, BindDelete(table.statement->As<DeleteStatement>()));
      rows->columns = write.remove->returning_columns;
    }
  }
  KYRO_RETURN_IF_ERROR(CheckColumnCount(table, rows->columns.size()));
  Rename(table, &rows->columns);
  write.rows = rows;
  common_writes_.push_back(std::move(write));
  return rows;
}

absl::StatusOr<BoundRelation> Binder::BindCommonTable(size_t index, Scope* outer) {
  const CommonTableScope common = common_tables_[index];
  const CommonTable& table = *common.table;
  BoundRelation relation;
  relation.alias = table.name.name;
  if (common.rows != nullptr) {
    if (common.rows->columns.empty()) {
      return Error(
          sqlstate::kFeatureNotSupported, table.name.position,
          absl::StrCat("WITH query \"", table.name.name, "\" does not have a RETURNING clause"));
    }
    relation.kind = RelationKind::kWorkTable;
    relation.work_table = common.rows;
    relation.columns = common.rows->columns;
    return relation;
  }
  // It sees only those before it.
  const std::vector<CommonTableScope> saved = common_tables_;
  common_tables_.resize(common.depth);
  absl::StatusOr<std::shared_ptr<BoundQuery>> query =
      common.recursive ? BindRecursive(table, outer)
                       : BindQuery(table.statement->As<Query>(), outer);
  common_tables_ = saved;
  if (!query.ok()) return query.status();
  relation.kind = RelationKind::kSubquery;
  relation.query = *std::move(query);
  relation.columns = relation.query->columns;
  KYRO_RETURN_IF_ERROR(CheckColumnCount(table, relation.columns.size()));
  Rename(table, &relation.columns);
  return relation;
}

absl::StatusOr<std::shared_ptr<BoundQuery>> Binder::BindRecursive(const CommonTable& table,
                                                                  Scope* outer) {
  const Query& query = table.statement->As<Query>();
  const auto* operation = query.body->kind == QueryBodyKind::kSetOperation
                              ? &query.body->As<SetOperationBody>()
                              : nullptr;
  if (operation == nullptr || operation->operation != SetOperation::kUnion) {
    return BindQuery(query, outer);
  }
  const size_t before = common_tables_.size();
  KYRO_RETURN_IF_ERROR(PushCommonTables(query.with.get()));
  auto left = std::make_shared<BoundQuery>();
  KYRO_RETURN_IF_ERROR(BindBody(*operation->left, nullptr, outer, left.get()));
  // In the other operand its name stands for the rows of the step before.
  auto rows = std::make_shared<WorkTable>();
  rows->columns = left->columns;
  KYRO_RETURN_IF_ERROR(CheckColumnCount(table, rows->columns.size()));
  Rename(table, &rows->columns);
  common_tables_.push_back({&table, common_tables_.size(), false, rows});
  auto right = std::make_shared<BoundQuery>();
  const absl::Status status = BindBody(*operation->right, nullptr, outer, right.get());
  common_tables_.resize(before);
  KYRO_RETURN_IF_ERROR(status);
  // Nobody else has it when nothing in the operand names it.
  if (rows.use_count() == 1) return BindQuery(query, outer);
  if (!query.order_by.empty() || query.limit != nullptr || query.offset != nullptr) {
    return Error(sqlstate::kFeatureNotSupported, table.name.position,
                 query.order_by.empty() ? "LIMIT in a recursive query is not implemented"
                                        : "ORDER BY in a recursive query is not implemented");
  }
  if (left->columns.size() != right->columns.size()) {
    return Error(sqlstate::kSyntaxError, operation->right->position,
                 "each UNION query must have the same number of columns");
  }
  // The rows are of the first operand's types.
  bool same = true;
  for (size_t c = 0; c < left->columns.size(); ++c) {
    const Type& wanted = left->columns[c].type;
    const Type& given = right->columns[c].type;
    same = same && wanted.id == given.id;
    if (wanted.id == given.id || CanCast(given.id, wanted.id, CastContext::kImplicit)) continue;
    return WithHint(
        Error(sqlstate::kDatatypeMismatch, operation->left->position,
              absl::StrCat("recursive query \"", table.name.name, "\" column ", c + 1, " has type ",
                           engine::TypeName(wanted), " in non-recursive term but type ",
                           engine::TypeName(given), " overall")),
        "Cast the output of the non-recursive term to the correct type.");
  }
  if (!same) {
    KYRO_ASSIGN_OR_RETURN(right,
                          CastColumns(std::move(right), left->columns, operation->right->position));
  }
  auto bound = std::make_shared<BoundQuery>();
  bound->columns = left->columns;
  bound->recursive = std::make_unique<BoundRecursive>();
  bound->recursive->left = std::move(left);
  bound->recursive->right = std::move(right);
  bound->recursive->all = operation->all;
  bound->recursive->rows = std::move(rows);
  return bound;
}

absl::StatusOr<std::shared_ptr<BoundQuery>> Binder::CastColumns(
    std::shared_ptr<BoundQuery> query, const std::vector<ResultColumn>& columns,
    Position position) {
  auto wrapper = std::make_shared<BoundQuery>();
  wrapper->columns = columns;
  wrapper->select = std::make_unique<BoundSelect>();
  BoundSelect& select = *wrapper->select;
  BoundRelation relation;
  relation.kind = RelationKind::kSubquery;
  relation.alias = "subquery";
  relation.columns = query->columns;
  relation.used.assign(relation.columns.size(), true);
  relation.query = std::move(query);
  select.width = static_cast<uint32_t>(relation.columns.size());
  for (uint32_t c = 0; c < columns.size(); ++c) {
    KYRO_ASSIGN_OR_RETURN(
        BoundPtr output,
        Coerce(MakeColumn(relation.columns[c].type, c, relation.columns[c].name, position),
               Type{columns[c].type.id, 0}, CastContext::kImplicit));
    select.outputs.push_back(std::move(output));
  }
  select.relations.push_back(std::move(relation));
  select.from.push_back(std::make_unique<BoundFrom>());
  return wrapper;
}

}  // namespace kyrodb::sql
