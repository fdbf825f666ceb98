// Expressions after binding: every name is a slot, every operator a function, every type known.
// The executor evaluates this tree as it is (execute/evaluate.h).
//
// Slots: all relations of one SELECT share one row; a column is an index into it, whatever the
// join order. Above an aggregation the row is [aggregates…, group keys…]. A column of an enclosing
// query is (level, slot): level 1 is the row of the query just around.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "sql/functions/function.h"
#include "sql/parse/ast.h"
#include "sql/types/type.h"

namespace kyrodb::sql {

struct BoundQuery;
struct PlanNode;
struct BoundExpression;
using BoundPtr = std::unique_ptr<BoundExpression>;

enum class BoundKind {
  kConstant,     // `value`
  kParameter,    // `slot` counts from 0
  kColumn,       // `slot`
  kOuterColumn,  // `level`, `slot`
  kAggregate,    // `slot` numbers the aggregate; gone after binding
  kWindow,       // `slot` numbers the window function; gone after binding
  kCall,         // `function`, arguments
  kCast,         // argument 0 to `type`
  kAnd,
  kOr,
  kNot,
  kIsTest,    // `test`, `negated`
  kDistinct,  // IS DISTINCT FROM; `negated`
  kBetween,   // x, low, high of one type; `negated`, `symmetric`
  kIn,        // x, items… of one type; `negated`
  kLike,      // text, pattern [, escape]; `negated`, `ignore_case`
  kCase,      // [operand,] when, then, …, else; `has_operand`
  kCoalesce,
  kNullif,
  kGreatest,
  kLeast,
  kSubquery,  // `subquery_type`, `query`; argument 0 is the operand of IN, ANY, ALL
  kAnyAll,    // x op ANY|ALL (items…): `function`, `is_all`
};

struct BoundExpression {
  BoundExpression(BoundKind k, const Type& t, Position p) : kind(k), type(t), position(p) {}

  BoundKind kind;
  Type type;
  Position position = 0;
  std::vector<BoundPtr> arguments;
  Value value;
  uint32_t slot = 0;
  uint32_t level = 0;
  const ScalarFunction* function = nullptr;
  IsTest test = IsTest::kNull;
  SubqueryType subquery_type = SubqueryType::kScalar;
  bool negated = false;
  bool symmetric = false;
  bool ignore_case = false;
  bool has_operand = false;
  bool is_all = false;
  bool over_array = false;  // of ANY and ALL: argument 1 is an array instead of items
  bool correlated = false;  // of a subquery: it names a column of an enclosing query
  bool explicit_cast = false;
  std::string name;  // of a column: as messages name it, "docs.id"
  std::shared_ptr<BoundQuery> query;
  std::shared_ptr<const PlanNode> plan;  // of a subquery, set by the planner
  // Of IN over constants, set by the planner: the identities of the items.
  std::shared_ptr<const absl::flat_hash_set<std::string>> items;
  bool items_have_null = false;
};

BoundPtr MakeConstant(const Type& type, Value value, Position position);
BoundPtr MakeColumn(const Type& type, uint32_t slot, std::string name, Position position);

// A deep copy; subqueries are shared.
BoundPtr Clone(const BoundExpression& expression);
// The same computation.
bool SameExpression(const BoundExpression& a, const BoundExpression& b);
// SQL text, for EXPLAIN.
std::string ToSql(const BoundExpression& expression);

// Calls `visit` for the expression and everything below it, without entering subqueries.
void VisitExpression(const BoundExpression& expression,
                     const std::function<void(const BoundExpression&)>& visit);
// Nothing in it depends on a row, a parameter or the moment; subqueries do.
bool IsImmutableConstant(const BoundExpression& expression);
// Nothing in it depends on the row of its own query (it may be volatile or a subquery: no).
bool IsRowIndependent(const BoundExpression& expression);
bool IsVolatile(const BoundExpression& expression);

}  // namespace kyrodb::sql
