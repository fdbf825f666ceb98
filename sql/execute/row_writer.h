// Writes rows of one table with everything that its definition asks for: NOT NULL, CHECK, unique
// indexes, foreign keys.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/schema.h"
#include "sql/bind/bound.h"
#include "sql/execute/context.h"

namespace kyrodb::sql {

// 23505 for a key of the table that is there already.
absl::Status DuplicateKey(const engine::TableSchema& schema, const Row& row);
// 23505 in PostgreSQL's words for the `AlreadyExists` of a unique index; other errors as they are.
absl::Status TranslateUnique(const engine::TableSchema& schema, absl::Status status);
// 23502 when a column that must not be is null.
absl::Status CheckNotNull(const engine::TableSchema& schema, const Row& row);
// "(1, null, some text)", as PostgreSQL shortens it.
std::string RowText(const engine::TableSchema& schema, const Row& row);
// Computes generated columns, those whose inputs are not what they were `before` (null: all).
absl::Status ComputeGenerated(const std::vector<BoundGenerated>& generated, const Row* before,
                              ExecutionContext& context, Row* row);

// Order:     `Insert`, `Update` and `Delete` as rows come, then `Finish` once.
// Lifetime:  borrows the table, the checks and the context.
class RowWriter {
 public:
  RowWriter(std::shared_ptr<const engine::TableSchema> table, const std::vector<BoundCheck>& checks,
            ExecutionContext& context);

  const engine::TableSchema& table() const { return *table_; }

  // NOT NULL and CHECK.
  absl::Status Check(const Row& row);
  // Writes a checked row under a key that is free.
  absl::Status Insert(const std::string& key, const Row& row);
  // Writes a checked row over another.
  absl::Status Update(const std::string& key, const Row& before, const Row& row);
  absl::Status Delete(const std::string& key, const Row& before);
  // The same in two steps, for statements that exchange keys or unique values: takes all rows away
  // before any comes.
  absl::Status Remove(const std::string& key);
  absl::Status PutBack(const std::string& key, const Row& before, const Row& row);

  // Rows must give back what `Delete` and `Update` need of the row before.
  bool wants_before() const { return !referencing_.empty(); }
  // Keeps the foreign keys: checks what must be there, does what deletes and updates entail.
  absl::Status Finish();

  // A key of the table's hidden row ids; `rows_left` guesses how many rows come, this one included.
  absl::StatusOr<std::string> NewRowId(uint64_t rows_left);

 private:
  struct Referencing {
    std::shared_ptr<const engine::TableSchema> table;
    size_t key;  // of its foreign keys
  };
  // Of a row that was referenced by these values; `after` is empty when it is gone.
  struct Change {
    size_t referencing;
    Row before;
    Row after;
  };

  absl::Status Put(const std::string& key, const Row& row);
  absl::Status NoteReferences(const std::string& key, const Row* before, const Row& row);
  absl::Status NoteChange(const Row& before, const Row* after);

  const std::shared_ptr<const engine::TableSchema> table_;
  const std::vector<BoundCheck>& checks_;
  ExecutionContext& context_;
  std::vector<Referencing> referencing_;
  std::vector<PendingReference> references_;
  std::vector<Change> changes_;
  int64_t next_row_id_ = 0;
  int64_t end_row_id_ = 0;
};

}  // namespace kyrodb::sql
