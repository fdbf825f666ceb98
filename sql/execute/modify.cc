#include "sql/execute/modify.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "sql/execute/operator.h"
#include "sql/execute/row_writer.h"

namespace kyrodb::sql {
namespace {

absl::Status PrepareAll(std::vector<BoundPtr>* expressions, Planner* planner) {
  for (BoundPtr& e : *expressions) {
    if (e != nullptr) KYRO_RETURN_IF_ERROR(planner->Prepare(&e));
  }
  return absl::OkStatus();
}

// Whether new values of these columns may make two rows want one entry for a moment.
bool ChangesUniqueIndex(const engine::TableSchema& schema, const std::vector<uint32_t>& columns) {
  for (const engine::IndexSchema& index : schema.indexes) {
    if (!index.is_btree() || !index.unique) continue;
    if (!index.where_sql.empty()) return true;
    for (const engine::IndexPart& part : index.parts) {
      if (part.is_expression() || !schema.columns[part.column].generated_sql.empty() ||
          std::find(columns.begin(), columns.end(), part.column) != columns.end()) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

absl::Status ReturnRow(const std::vector<BoundPtr>& returning, const Row& row,
                       ExecutionContext& context, WriteResult* result) {
  if (returning.empty()) return absl::OkStatus();
  Row out;
  out.reserve(returning.size());
  for (const BoundPtr& e : returning) {
    KYRO_ASSIGN_OR_RETURN(Value value, EvaluateToValue(*e, row.data(), context.evaluation));
    out.push_back(std::move(value));
  }
  KYRO_RETURN_IF_ERROR(context.Charge(RowBytes(out)));
  result->returned.push_back(std::move(out));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Row>> CollectRows(const PlanNode& source, ExecutionContext& context) {
  std::vector<Row> rows;
  KYRO_RETURN_IF_ERROR(RunPlan(source, context, [&](std::span<Row> batch) -> absl::Status {
    for (Row& row : batch) {
      KYRO_RETURN_IF_ERROR(context.Charge(RowBytes(row)));
      rows.push_back(std::move(row));
    }
    return absl::OkStatus();
  }));
  return rows;
}

absl::StatusOr<PlanPtr> PlanInsert(BoundInsert* insert, Planner* planner) {
  PlanPtr source;
  if (insert->source != nullptr) {
    KYRO_ASSIGN_OR_RETURN(source, planner->Plan(insert->source.get()));
  }
  for (auto& row : insert->rows) KYRO_RETURN_IF_ERROR(PrepareAll(&row, planner));
  KYRO_RETURN_IF_ERROR(PrepareAll(&insert->from_source, planner));
  for (auto& [column, e] : insert->conflict_set) KYRO_RETURN_IF_ERROR(planner->Prepare(&e));
  if (insert->conflict_where != nullptr) {
    KYRO_RETURN_IF_ERROR(planner->Prepare(&insert->conflict_where));
  }
  KYRO_RETURN_IF_ERROR(PrepareAll(&insert->returning, planner));
  for (BoundCheck& check : insert->checks) {
    KYRO_RETURN_IF_ERROR(planner->Prepare(&check.expression));
  }
  return source;
}

absl::StatusOr<PlanPtr> PlanUpdate(BoundUpdate* update, Planner* planner) {
  KYRO_RETURN_IF_ERROR(PrepareAll(&update->returning, planner));
  for (BoundCheck& check : update->checks) {
    KYRO_RETURN_IF_ERROR(planner->Prepare(&check.expression));
  }
  return planner->Plan(update->source.get());
}

absl::StatusOr<PlanPtr> PlanDelete(BoundDelete* statement, Planner* planner) {
  KYRO_RETURN_IF_ERROR(PrepareAll(&statement->returning, planner));
  return planner->Plan(statement->source.get());
}

absl::StatusOr<WriteResult> RunUpdate(const BoundUpdate& update, const PlanNode& source,
                                      ExecutionContext& context) {
  const engine::TableSchema& schema = *update.table;
  const size_t width = schema.columns.size();
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(source, context));
  WriteResult result;
  RowWriter writer(update.table, update.checks, context);
  const bool moves_all = ChangesUniqueIndex(schema, update.columns);
  // A join may find a row several times: the first one counts.
  absl::flat_hash_set<std::string> seen;
  struct Moved {
    std::string key;
    Row before;
    Row row;
  };
  std::vector<Moved> moved;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    Row& from = rows[r];
    const std::string key = std::get<std::string>(from[width]);
    if (!seen.insert(key).second) continue;
    Row row(from.begin(), from.begin() + static_cast<ptrdiff_t>(width));
    for (size_t i = 0; i < update.columns.size(); ++i) {
      row[update.columns[i]] = std::move(from[width + 1 + i]);
    }
    from.resize(width);
    KYRO_RETURN_IF_ERROR(ComputeGenerated(update.generated, &from, context, &row));
    KYRO_RETURN_IF_ERROR(writer.Check(row));
    std::string new_key = key;
    if (!schema.has_hidden_key()) {
      KYRO_ASSIGN_OR_RETURN(new_key, engine::EncodeKey(schema, row));
    }
    ++result.affected;
    KYRO_RETURN_IF_ERROR(ReturnRow(update.returning, row, context, &result));
    if (new_key == key && !moves_all) {
      KYRO_RETURN_IF_ERROR(writer.Update(key, from, row));
    } else {
      // All old keys go before the new ones come, so that they may be exchanged.
      KYRO_RETURN_IF_ERROR(writer.Remove(key));
      moved.push_back({std::move(new_key), std::move(from), std::move(row)});
    }
  }
  for (const Moved& one : moved) {
    KYRO_RETURN_IF_ERROR(writer.PutBack(one.key, one.before, one.row));
  }
  KYRO_RETURN_IF_ERROR(writer.Finish());
  return result;
}

absl::StatusOr<WriteResult> RunDelete(const BoundDelete& statement, const PlanNode& source,
                                      ExecutionContext& context) {
  const engine::TableSchema& schema = *statement.table;
  const size_t width = schema.columns.size();
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(source, context));
  WriteResult result;
  const std::vector<BoundCheck> no_checks;
  RowWriter writer(statement.table, no_checks, context);
  absl::flat_hash_set<std::string> seen;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    const std::string& key = std::get<std::string>(rows[r][width]);
    if (!seen.insert(key).second) continue;
    KYRO_RETURN_IF_ERROR(ReturnRow(statement.returning, rows[r], context, &result));
    KYRO_RETURN_IF_ERROR(writer.Delete(key, rows[r]));
    ++result.affected;
  }
  KYRO_RETURN_IF_ERROR(writer.Finish());
  return result;
}

}  // namespace kyrodb::sql
