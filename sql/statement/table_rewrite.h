// Changes of a table's definition that its rows have to follow.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/schema.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

// Makes `next` the definition and writes every row again: `change` turns one of the old definition
// into one of the new. Rows get new keys when the primary key or a type in it is another. Indexes
// are made anew.
absl::Status RewriteTable(const engine::TableSchema& before, engine::TableSchema next,
                          const std::function<absl::StatusOr<Row>(Row)>& change,
                          const DefinitionContext& context);

// Calls `visit` with each row, while nobody else may change any until the commit.
absl::Status VisitRows(const engine::TableSchema& table, const DefinitionContext& context,
                       const std::function<absl::Status(Row row)>& visit);

// `schema` without a column: what is about it goes, and ordinals are those that remain.
// `primary_key` columns are not its business.
void RemoveColumn(uint32_t column, engine::TableSchema* schema);

// An expression's text with a column under another name.
absl::StatusOr<std::string> RenameInExpression(const std::string& sql, const std::string& table,
                                               const std::string& from, const std::string& to);
// Whether the text names the column.
bool NamesColumn(const std::string& sql, const std::string& column);

}  // namespace kyrodb::sql
