// What the engine has to compute and cannot: expressions of SQL over a row, for indexes on them.
// The SQL layer introduces the compiler (`Database::SetRowExpressionCompiler`).
#pragma once

#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "engine/value.h"

namespace kyrodb::engine {

// Thread-safety:  any number of threads.
class RowExpression {
 public:
  virtual ~RowExpression() = default;
  // `row` has one value for each column of the table.
  virtual absl::StatusOr<Value> Evaluate(std::span<const Value> row) const = 0;
};

// Thread-safety:  any number of threads.
class RowExpressionCompiler {
 public:
  virtual ~RowExpressionCompiler() = default;
  virtual absl::StatusOr<std::shared_ptr<const RowExpression>> Compile(
      const TableSchema& table, absl::string_view sql) const = 0;
};

}  // namespace kyrodb::engine
