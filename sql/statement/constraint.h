// Constraints, for CREATE TABLE and ALTER TABLE.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "engine/schema.h"
#include "sql/parse/ast.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

// Adds CHECK to a definition; the rows are not looked at. `column` names the one that it was
// written with.
absl::Status AddCheck(const Constraint& constraint, absl::string_view column,
                      const DefinitionContext& context, engine::TableSchema* schema);
// Adds UNIQUE, or PRIMARY KEY as an index, to a table that exists, over these columns.
absl::Status AddUnique(const Constraint& constraint, const std::vector<Identifier>& columns,
                       engine::ObjectId table, const DefinitionContext& context);
// Adds FOREIGN KEY to a table that exists; with `check_rows` to one that may have rows.
absl::Status AddForeignKey(const Constraint& constraint, const std::vector<Identifier>& columns,
                           engine::ObjectId table, bool check_rows,
                           const DefinitionContext& context);

// A name for a constraint that has none.
std::string FreeConstraintName(const engine::TableSchema& table, absl::string_view part,
                               absl::string_view suffix);
// Whether a constraint of the table has the name.
bool HasConstraint(const engine::TableSchema& table, absl::string_view name);

// 0A000 for what is written with a constraint and not kept.
absl::Status CheckPlainConstraint(const Constraint& constraint);

}  // namespace kyrodb::sql
