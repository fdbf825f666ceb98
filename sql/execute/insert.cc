// INSERT, with what happens when a row is there already.
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "engine/base/status.h"
#include "engine/index_key.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"
#include "sql/execute/modify.h"
#include "sql/execute/operator.h"
#include "sql/execute/row_writer.h"
#include "sql/statement/row_expressions.h"

namespace kyrodb::sql {
namespace {

class Inserter {
 public:
  Inserter(const BoundInsert& insert, ExecutionContext& context)
      : insert_(insert),
        schema_(*insert.table),
        context_(context),
        writer_(insert.table, insert.checks, context) {
    // Whether DO UPDATE, a key or an arbiter reads a generated column of the proposed row.
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
    if (!insert.conflict_indexes.empty()) reads_generated_ = true;
  }

  absl::Status Open() {
    for (const std::string& name : insert_.conflict_indexes) {
      const engine::IndexSchema* const index = schema_.FindIndex(name);
      KYRO_CHECK(index != nullptr);
      KYRO_ASSIGN_OR_RETURN(auto keys,
                            engine::IndexKeys::Make(insert_.table, *index, &RowExpressions()));
      arbiters_.push_back(std::move(keys));
    }
    return absl::OkStatus();
  }

  // `rows_left` guesses how many rows come, this one included.
  absl::Status Insert(Row row, uint64_t rows_left) {
    bool computed = insert_.generated.empty();
    if (!computed && (reads_generated_ || schema_.has_hidden_key())) {
      KYRO_RETURN_IF_ERROR(ComputeGenerated(insert_.generated, nullptr, context_, &row));
      computed = true;
    }
    std::string key;
    if (!schema_.has_hidden_key()) {
      // A null in the key is reported with the whole row.
      for (const uint32_t part : schema_.primary_key) {
        if (IsNull(row[part])) return CheckNotNull(schema_, row);
      }
      KYRO_ASSIGN_OR_RETURN(key, engine::EncodeKey(schema_, row));
      KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                            context_.transaction->Get(schema_.id, key));
      if (existing.has_value()) {
        if (!insert_.conflict_on_key) return DuplicateKey(schema_, row);
        return Conflict(std::move(row), key, *existing);
      }
      if (!computed) {
        KYRO_RETURN_IF_ERROR(ComputeGenerated(insert_.generated, nullptr, context_, &row));
      }
    }
    if (!arbiters_.empty()) {
      KYRO_RETURN_IF_ERROR(CheckNotNull(schema_, row));
      for (const auto& arbiter : arbiters_) {
        KYRO_ASSIGN_OR_RETURN(const std::optional<engine::IndexEntry> entry,
                              arbiter->EntryOf(row, ""));
        if (!entry.has_value() || !entry->unique) continue;
        KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> found,
                              context_.transaction->Get(arbiter->index().id, entry->key));
        if (!found.has_value()) continue;
        KYRO_ASSIGN_OR_RETURN(const absl::string_view other,
                              engine::RowKeyOfEntry(entry->key, *found));
        const std::string other_key(other);
        KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                              context_.transaction->Get(schema_.id, other_key));
        if (!existing.has_value()) {
          return absl::DataLossError("an entry of an index has no row");
        }
        return Conflict(std::move(row), other_key, *existing);
      }
    }
    KYRO_RETURN_IF_ERROR(writer_.Check(row));
    if (schema_.has_hidden_key()) {
      KYRO_ASSIGN_OR_RETURN(key, writer_.NewRowId(rows_left));
    }
    if (insert_.conflict == ConflictAction::kUpdate) {
      KYRO_RETURN_IF_ERROR(context_.Charge(key.size() + 48));
      touched_.insert(key);
    }
    KYRO_RETURN_IF_ERROR(writer_.Insert(key, row));
    ++result_.affected;
    return ReturnRow(insert_.returning, row, context_, &result_);
  }

  absl::StatusOr<WriteResult> Finish() {
    KYRO_RETURN_IF_ERROR(writer_.Finish());
    return std::move(result_);
  }

 private:
  absl::Status Conflict(Row proposed, const std::string& key, const std::string& existing_bytes) {
    if (insert_.conflict == ConflictAction::kNothing) return absl::OkStatus();
    if (!touched_.insert(key).second) {
      return WithHint(
          Error("21000", 0, "ON CONFLICT DO UPDATE command cannot affect row a second time"),
          "Ensure that no rows proposed for insertion within the same command have duplicate "
          "constrained values.");
    }
    KYRO_RETURN_IF_ERROR(context_.Charge(key.size() + 48));
    KYRO_ASSIGN_OR_RETURN(Row existing, engine::DecodeRow(schema_, existing_bytes));
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
    KYRO_RETURN_IF_ERROR(ComputeGenerated(insert_.generated, &existing, context_, &updated));
    KYRO_RETURN_IF_ERROR(writer_.Check(updated));
    std::string new_key = key;
    if (!schema_.has_hidden_key()) {
      KYRO_ASSIGN_OR_RETURN(new_key, engine::EncodeKey(schema_, updated));
    }
    if (new_key != key) {
      KYRO_RETURN_IF_ERROR(writer_.Remove(key));
      KYRO_RETURN_IF_ERROR(writer_.PutBack(new_key, existing, updated));
      touched_.insert(new_key);
    } else {
      KYRO_RETURN_IF_ERROR(writer_.Update(key, existing, updated));
    }
    ++result_.affected;
    return ReturnRow(insert_.returning, updated, context_, &result_);
  }

  const BoundInsert& insert_;
  const engine::TableSchema& schema_;
  ExecutionContext& context_;
  RowWriter writer_;
  bool reads_generated_ = false;
  std::vector<std::shared_ptr<const engine::IndexKeys>> arbiters_;
  absl::flat_hash_set<std::string> touched_;
  WriteResult result_;
};

}  // namespace

absl::StatusOr<WriteResult> RunInsert(const BoundInsert& insert, const PlanNode* source,
                                      ExecutionContext& context) {
  Inserter inserter(insert, context);
  KYRO_RETURN_IF_ERROR(inserter.Open());
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
    return inserter.Finish();
  }
  KYRO_ASSIGN_OR_RETURN(std::vector<Row> rows, CollectRows(*source, context));
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r % kBatchRows == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    KYRO_ASSIGN_OR_RETURN(Row row, evaluate(insert.from_source, rows[r].data()));
    KYRO_RETURN_IF_ERROR(inserter.Insert(std::move(row), rows.size() - r));
  }
  return inserter.Finish();
}

}  // namespace kyrodb::sql
