#include "sql/statement/row_expressions.h"

#include <utility>

#include "engine/base/status.h"
#include "sql/bind/binder.h"
#include "sql/execute/evaluate.h"
#include "sql/parse/parser.h"

namespace kyrodb::sql {
namespace {

class BoundRowExpression final : public engine::RowExpression {
 public:
  explicit BoundRowExpression(BoundPtr expression) : expression_(std::move(expression)) {}
  absl::StatusOr<engine::Value> Evaluate(std::span<const engine::Value> row) const override {
    EvaluationContext context;
    return EvaluateToValue(*expression_, row.data(), context);
  }

 private:
  const BoundPtr expression_;
};

class Compiler final : public engine::RowExpressionCompiler {
 public:
  absl::StatusOr<std::shared_ptr<const engine::RowExpression>> Compile(
      const engine::TableSchema& table, absl::string_view sql) const override {
    KYRO_ASSIGN_OR_RETURN(const ExpressionPtr expression, ParseExpression(sql));
    BindContext bind;
    bind.catalog = std::make_shared<const engine::Catalog>();
    Binder binder(bind);
    KYRO_ASSIGN_OR_RETURN(
        BoundPtr bound,
        binder.BindRowExpression(table, *expression, "index expressions", /*immutable=*/true));
    return std::make_shared<const BoundRowExpression>(std::move(bound));
  }
};

}  // namespace

const engine::RowExpressionCompiler& RowExpressions() {
  static const Compiler* const kCompiler = new Compiler();
  return *kCompiler;
}

}  // namespace kyrodb::sql
