#include "sql/execute/modify.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/operator.h"
#include "sql/format.h"

namespace kyrodb::sql {
namespace {

// Text of a row for the DETAIL of an error, as PostgreSQL shortens it.
std::string RowText(const engine::TableSchema& schema, const Row& row) {
  constexpr size_t kShown = 64;
  std::vector<std::string> values;
  for (size_t i = 0; i < row.size(); ++i) {
    std::string text = IsNull(row[i]) ? "null" : FormatValue(schema.columns[i].type, row[i]);
    if (text.size() > kShown) {
      size_t cut = kShown;
      while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
      text = text.substr(0, cut) + "...";
    }
    values.push_back(std::move(text));
  }
  return absl::StrCat("(", absl::StrJoin(values, ", "), ")");
}

absl::Status CheckNotNull(const engine::TableSchema& schema, const Row& row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (!schema.columns[i].not_null || !IsNull(row[i])) continue;
    return WithDetail(
        Error(sqlstate::kNotNullViolation, 0,
              absl::StrCat("null value in column \"", schema.columns[i].name, "\" of relation \"",
                           schema.name, "\" violates not-null constraint")),
        absl::StrCat("Failing row contains ", RowText(schema, row), "."));
  }
  return absl::OkStatus();
}

absl::Status DuplicateKey(const engine::TableSchema& schema, const Row& row) {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (const uint32_t part : schema.primary_key) {
    names.push_back(QuoteIdentifier(schema.columns[part].name));
    values.push_back(FormatValue(schema.columns[part].type, row[part]));
  }
  return WithDetail(Error(sqlstate::kUniqueViolation, 0,
                          absl::StrCat("duplicate key value violates unique constraint \"",
                                       schema.name, "_pkey\"")),
                    absl::StrCat("Key (", absl::StrJoin(names, ", "), ")=(",
                                 absl::StrJoin(values, ", "), ") already exists."));
}

absl::Status Compute(const std::vector<BoundGenerated>& generated, ExecutionContext& context,
                     Row* row) {
  for (const BoundGenerated& column : generated) {
    KYRO_ASSIGN_OR_RETURN((*row)[column.column],
                          EvaluateToValue(*column.expression, row->data(), context.evaluation));
  }
  return absl::OkStatus();
}

// Only those columns whose inputs are not what they were.
absl::Status Recompute(const std::vector<BoundGenerated>& generated, const Row& before,
                       ExecutionContext& context, Row* row) {
  for (const BoundGenerated& column : generated) {
    const bool same = std::all_of(column.inputs.begin(), column.inputs.end(),
                                  [&](uint32_t input) { return before[input] == (*row)[input]; });
    if (same) continue;
    KYRO_ASSIGN_OR_RETURN((*row)[column.column],
                          EvaluateToValue(*column.expression, row->data(), context.evaluation));
  }
  return absl::OkStatus();
}

absl::Status Return(const std::vector<BoundPtr>& returning, const Row& row,
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

absl::Status Put(const engine::TableSchema& schema, const std::string& key, const Row& row,
                 ExecutionContext& context) {
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, engine::EncodeRow(schema, row));
  return context.transaction->Put(schema.id, key, bytes);
}

absl::Status PrepareAll(std::vector<BoundPtr>* expressions, Planner* planner) {
  for (BoundPtr& e : *expressions) {
    if (e != nullptr) KYRO_RETURN_IF_ERROR(planner->Prepare(&e));
  }
  return absl::OkStatus();
}

class Inserter {
 public:
  Inserter(const BoundInsert& insert, ExecutionContext& context)
      : insert_(insert), schema_(*insert.table), context_(context) {
    // Whether DO UPDATE reads a generated column of the proposed row.
    const auto look = [this](const BoundExpression& e) {
      if (e.kind != BoundKind::kColumn || e.slot < schema_.columns.size()) return;
      const uint32_t column = e.slot - static_cast<uint32_t>(schema_.columns.size());
      if (!schema_.columns[column].generated_sql.empty()) reads_generated_ = true;
    };
    for (const auto& [column, e] : insert.conflict_set) VisitExpression(*e, look);
    if (insert.conflict_where != nullptr) VisitExpression(*insert.conflict_where, look);
    for (const uint32_t part : schema_.primary_key) {
      if (!schema_.columns[part].generated_sql.empty()) reads_generated_ = true;
    }
  }

  // `rows_left` guesses how many rows come, this one included.
  absl::Status Insert(Row row, uint64_t rows_left) {
    std::string key;
    bool computed = insert_.generated.empty();
    if (!computed && (reads_generated_ || schema_.has_hidden_key())) {
      KYRO_RETURN_IF_ERROR(Compute(insert_.generated, context_, &row));
      computed = true;
    }
    if (schema_.has_hidden_key()) {
      KYRO_RETURN_IF_ERROR(CheckNotNull(schema_, row));
      if (next_row_id_ == end_row_id_) {
        const uint64_t count = std::clamp<uint64_t>(rows_left, 1, 10000);
        KYRO_ASSIGN_OR_RETURN(next_row_id_, context_.database->AllocateRowIds(schema_.id, count));
        end_row_id_ = next_row_id_ + static_cast<int64_t>(count);
      }
      key = engine::EncodeRowId(next_row_id_++);
    } else {
      // A null in the key is reported with the whole row.
      for (const uint32_t part : schema_.primary_key) {
        if (IsNull(row[part])) return CheckNotNull(schema_, row);
      }
      KYRO_ASSIGN_OR_RETURN(key, engine::EncodeKey(schema_, row));
      KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                            context_.transaction->Get(schema_.id, key));
      if (existing.has_value()) return Conflict(std::move(row), computed, key, *existing);
      if (!computed) KYRO_RETURN_IF_ERROR(Compute(insert_.generated, context_, &row));
      KYRO_RETURN_IF_ERROR(CheckNotNull(schema_, row));
      if (insert_.conflict == ConflictAction::kUpdate) {
        KYRO_RETURN_IF_ERROR(context_.Charge(key.size() + 48));
        touched_.insert(key);
      }
    }
    KYRO_RETURN_IF_ERROR(Put(schema_, key, row, context_));
    ++result_.affected;
    return Return(insert_.returning, row, context_, &result_);
  }

  WriteResult TakeResult() { return std::move(result_); }

 private:
  absl::Status Conflict(Row proposed, bool computed, const std::string& key,
                        const std::string& existing_bytes) {
    switch (insert_.conflict) {
      case ConflictAction::kNone:
        return DuplicateKey(schema_, proposed);
      case ConflictAction::kNothing:
        return absl::OkStatus();
      case ConflictAction::kUpdate:
        break;
    }
    if (!touched_.insert(key).second) {
      return WithHint(
          Error("21000", 0, "ON CONFLICT DO UPDATE command cannot affect row a second time"),
          "Ensure that no rows proposed for insertion within the same command have duplicate "
          "constrained values.");
    }
    KYRO_RETURN_IF_ERROR(context_.Charge(key.size() + 48));
    KYRO_ASSIGN_OR_RETURN(Row existing, engine::DecodeRow(schema_, existing_bytes));
    if (!computed && reads_generated_) {
      KYRO_RETURN_IF_ERROR(Compute(insert_.generated, context_, &proposed));
    }
    Row both = existing;
    both.insert(both.end(), std::make_move_iterator(proposed.begin()),
                std::make_move_iterator(proposed.end()));
    if (insert_.conflict_where != nullptr) {
      KYRO_ASSIGN_OR_RETURN(const Value holds, EvaluateToValue(*insert_.conflict_where, both.data(),
                                                               context_.evaluation));
      if (IsNull(holds) || !std::get<bool>(holds)) return absl::OkStatus();
    }
    Row updated = existing;
    for (const auto& [column, e] : insert_.conflict_set) {
      KYRO_ASSIGN_OR_RETURN(updated[column], EvaluateToValue(*e, both.data(), context_.evaluation));
    }
    KYRO_RETURN_IF_ERROR(Recompute(insert_.generated, existing, context_, &updated));
    KYRO_RETURN_IF_ERROR(CheckNotNull(schema_, updated));
    KYRO_ASSIGN_OR_RETURN(const std::string new_key, engine::EncodeKey(schema_, updated));
    if (new_key != key) {
      KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> other,
                            context_.transaction->Get(schema_.id, new_key));
      if (other.has_value()) return DuplicateKey(schema_, updated);
      KYRO_RETURN_IF_ERROR(context_.transaction->Delete(schema_.id, key));
      touched_.insert(new_key);
    }
    KYRO_RETURN_IF_ERROR(Put(schema_, new_key, updated, context_));
    ++result_.affected;
    return Return(insert_.returning, updated, context_, &result_);
  }

  const BoundInsert& insert_;
  const engine::TableSchema& schema_;
  ExecutionContext& context_;
  bool reads_generated_ = false;
  int64_t next_row_id_ = 0;
  int64_t end_row_id_ = 0;
  absl::flat_hash_set<std::string> touched_;
  WriteResult result_;
};

// Everything the source gives, so that the writes do not disturb the reading.
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

}  // namespace

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
  return source;
}

absl::StatusOr<PlanPtr> PlanUpdate(BoundUpdate* update, Planner* planner) {
  KYRO_RETURN_IF_ERROR(PrepareAll(&update->returning, planner));
  return planner->Plan(update->source.get());
}

absl::StatusOr<PlanPtr> PlanDelete(BoundDelete* statement, Planner* planner) {
  KYRO_RETURN_IF_ERROR(PrepareAll(&statement->returning, planner));
  return planner->Plan(statement->source.get());
}

absl::StatusOr<WriteResult> RunInsert(const BoundInsert& insert, const PlanNode* source,
                                      ExecutionContext& context) {
  Inserter inserter(insert, context);
  const size_t width = insert.table->columns.size();
  const auto evaluate = [&](const std::vector<BoundPtr>& expressions,
                            const Value* from) -> absl::StatusOr<Row> {
    Row row(width);
    for (size_t i = 0; i < width; ++i) {
      if (expressions[i] == nullptr) continue;
      KYRO_ASSIGN_OR_RETURN(row[i], EvaluateToValue(*expressions[i], from, context.evaluation));
    }
    return row;
  };
  if (source == nullptr) {
    for (size_t r = 0; r < insert.rows.size(); ++r) {
      if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
      KYRO_ASSIGN_OR_RETURN(Row row, evaluate(insert.rows[r], nullptr));
      KYRO_RETURN_IF_ERROR(inserter.Insert(std::move(row), insert.rows.size() - r));
    }
    return inserter.TakeResult();
  }
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(*source, context));
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    KYRO_ASSIGN_OR_RETURN(Row row, evaluate(insert.from_source, rows[r].data()));
    KYRO_RETURN_IF_ERROR(inserter.Insert(std::move(row), rows.size() - r));
  }
  return inserter.TakeResult();
}

absl::StatusOr<WriteResult> RunUpdate(const BoundUpdate& update, const PlanNode& source,
                                      ExecutionContext& context) {
  const engine::TableSchema& schema = *update.table;
  const size_t width = schema.columns.size();
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(source, context));
  WriteResult result;
  // A join may find a row several times: the first one counts.
  absl::flat_hash_set<std::string> seen;
  struct Moved {
    std::string key;
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
    KYRO_RETURN_IF_ERROR(Recompute(update.generated, from, context, &row));
    KYRO_RETURN_IF_ERROR(CheckNotNull(schema, row));
    std::string new_key = key;
    if (!schema.has_hidden_key()) {
      KYRO_ASSIGN_OR_RETURN(new_key, engine::EncodeKey(schema, row));
    }
    ++result.affected;
    KYRO_RETURN_IF_ERROR(Return(update.returning, row, context, &result));
    if (new_key == key) {
      KYRO_RETURN_IF_ERROR(Put(schema, key, row, context));
    } else {
      // All old keys go before the new ones come, so that keys may be exchanged.
      KYRO_RETURN_IF_ERROR(context.transaction->Delete(schema.id, key));
      moved.push_back({std::move(new_key), std::move(row)});
    }
  }
  for (const Moved& one : moved) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                          context.transaction->Get(schema.id, one.key));
    if (existing.has_value()) return DuplicateKey(schema, one.row);
    KYRO_RETURN_IF_ERROR(Put(schema, one.key, one.row, context));
  }
  return result;
}

absl::StatusOr<WriteResult> RunDelete(const BoundDelete& statement, const PlanNode& source,
                                      ExecutionContext& context) {
  const engine::TableSchema& schema = *statement.table;
  const size_t width = schema.columns.size();
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(source, context));
  WriteResult result;
  absl::flat_hash_set<std::string> seen;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    const std::string& key = std::get<std::string>(rows[r][width]);
    if (!seen.insert(key).second) continue;
    KYRO_RETURN_IF_ERROR(Return(statement.returning, rows[r], context, &result));
    KYRO_RETURN_IF_ERROR(context.transaction->Delete(schema.id, key));
    ++result.affected;
  }
  return result;
}

}  // namespace kyrodb::sql
