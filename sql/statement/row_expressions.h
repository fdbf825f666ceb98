// Expressions over a row that the engine asks for: of indexes on expressions, and partial ones.
#pragma once

#include "engine/row_expression.h"

namespace kyrodb::sql {

// Binds and computes what definitions say in SQL; the expressions must be immutable.
const engine::RowExpressionCompiler& RowExpressions();

}  // namespace kyrodb::sql
