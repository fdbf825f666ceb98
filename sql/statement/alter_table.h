// ALTER TABLE, and ALTER INDEX and VIEW as far as they are like it.
#pragma once

#include "absl/status/status.h"
#include "sql/parse/ast.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

absl::Status AlterTable(const AlterTableStatement& statement, const DefinitionContext& context);

}  // namespace kyrodb::sql
