// Statements after binding: what the planner is given.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/schema.h"
#include "sql/bind/expression.h"
#include "sql/functions/set_function.h"
#include "sql/session.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

enum class RelationKind { kTable, kVirtual, kSeries, kFunction, kSubquery, kWorkTable };

// One call of a function in FROM. Several calls of one relation run side by side, the shorter ones
// filled up with nulls.
struct SetCall {
  const SetFunction* function = nullptr;  // null: one row with the value of its only argument
  size_t argument_begin = 0;              // among the relation's
  size_t argument_count = 0;
  size_t column_count = 1;
};

// Rows that a statement keeps while it runs: of the last step of a recursive query, or what a
// statement in WITH gave. Executions keep them under its address.
struct WorkTable {
  std::vector<ResultColumn> columns;
};

// One entry of FROM. Its columns lie in slots [slot_begin, slot_begin + columns.size()) of the row.
struct BoundRelation {
  RelationKind kind = RelationKind::kTable;
  std::string alias;
  std::vector<ResultColumn> columns;
  uint32_t slot_begin = 0;
  std::shared_ptr<const engine::TableSchema> table;
  std::shared_ptr<const VirtualTable> virtual_table;
  std::shared_ptr<const WorkTable> work_table;
  std::vector<BoundPtr> arguments;  // of functions
  std::vector<SetCall> calls;
  bool with_ordinality = false;  // the last column counts the rows
  std::shared_ptr<BoundQuery> query;
  // Which columns anything reads; the others are not decoded.
  std::vector<bool> used;
  // The slot that gets the row's key in bytes, where a write needs it.
  std::optional<uint32_t> key_slot;
  // It names columns of relations before it: those are its level 1.
  bool lateral = false;
};

struct BoundFrom {
  // A leaf names a relation; otherwise both sides are set.
  uint32_t relation = 0;
  JoinType type = JoinType::kInner;
  std::unique_ptr<BoundFrom> left;
  std::unique_ptr<BoundFrom> right;
  BoundPtr condition;  // null: none
};

struct SortKey {
  uint32_t slot = 0;  // of the output row; of a window's order its number there
  Type type;
  bool descending = false;
  bool nulls_first = false;
};

struct BoundAggregate {
  const AggregateFunction* function = nullptr;
  std::vector<BoundPtr> arguments;
  bool distinct = false;
  BoundPtr filter;
  // The order in which the values come; slots of the keys number `order_keys`.
  std::vector<BoundPtr> order_keys;
  std::vector<SortKey> order_by;
  std::string text;  // for EXPLAIN
};

enum class WindowFunction {
  kAggregate,
  kRowNumber,
  kRank,
  kDenseRank,
  kPercentRank,
  kCumeDist,
  kNtile,
  kLag,
  kLead,
  kFirstValue,
  kLastValue,
  kNthValue,
};

// A window function with its window.
struct BoundWindow {
  struct Bound {
    FrameBoundType type = FrameBoundType::kCurrentRow;
    BoundPtr offset;  // bigint, or of RANGE what is added to the order's value
    // RANGE: the value at the edge of the frame, and the order's value as it is compared with it.
    BoundPtr edge;
    BoundPtr key;
  };
  WindowFunction function = WindowFunction::kAggregate;
  const AggregateFunction* aggregate = nullptr;
  std::vector<BoundPtr> arguments;
  BoundPtr filter;
  std::vector<BoundPtr> partition_by;
  std::vector<BoundPtr> order_by;
  std::vector<SortKey> order_keys;
  FrameUnit frame = FrameUnit::kRange;
  Bound begin{.type = FrameBoundType::kUnboundedPreceding, .offset = {}, .edge = {}, .key = {}};
  Bound end;
  FrameExclusion exclusion = FrameExclusion::kNoOthers;
  std::string text;  // for EXPLAIN
};

struct BoundSelect {
  std::vector<BoundRelation> relations;
  std::vector<std::unique_ptr<BoundFrom>> from;  // a comma list; empty: one row without columns
  uint32_t width = 0;                            // slots of the row
  std::vector<BoundPtr> where;                   // all must hold
  bool grouped = false;
  std::vector<BoundAggregate> aggregates;
  std::vector<BoundPtr> group_keys;
  BoundPtr having;
  // Their values are in the slots after those of the row, or of the groups.
  std::vector<BoundWindow> windows;
  // What is computed: the visible columns first, then those that only ORDER BY needs.
  std::vector<BoundPtr> outputs;
  bool distinct = false;
  // DISTINCT ON: the outputs of which each combination comes once.
  std::vector<uint32_t> distinct_on;
  std::vector<Type> distinct_types;  // with it, of all outputs
};

struct BoundSetOperation {
  SetOperation operation = SetOperation::kUnion;
  bool all = false;
  std::shared_ptr<BoundQuery> left;
  std::shared_ptr<BoundQuery> right;
};

// `right` runs over the rows that it, or first `left`, gave the time before.
struct BoundRecursive {
  bool all = false;
  std::shared_ptr<BoundQuery> left;
  std::shared_ptr<BoundQuery> right;
  std::shared_ptr<const WorkTable> rows;
};

// Exactly one of `select`, `set_operation`, `recursive` and `values` is there.
struct BoundQuery {
  std::vector<ResultColumn> columns;
  std::unique_ptr<BoundRecursive> recursive;
  std::unique_ptr<BoundSelect> select;
  std::unique_ptr<BoundSetOperation> set_operation;
  bool is_values = false;
  std::vector<std::vector<BoundPtr>> values;
  std::vector<SortKey> order_by;
  BoundPtr limit;   // bigint; null: none
  BoundPtr offset;  // bigint; null: none
  // Set by the planner, which takes everything else away.
  std::shared_ptr<const PlanNode> plan;
};

// How a generated column is computed from its row (slots are the table's columns).
struct BoundGenerated {
  uint32_t column = 0;
  BoundPtr expression;
  std::vector<uint32_t> inputs;
};

// A CHECK constraint, over the table's row.
struct BoundCheck {
  std::string name;
  BoundPtr expression;
};

struct BoundInsert {
  std::shared_ptr<const engine::TableSchema> table;
  std::vector<BoundCheck> checks;
  // Either rows of expressions, one per column of the table in order (null for a generated one),
  // or a query and those expressions over its row.
  std::vector<std::vector<BoundPtr>> rows;
  std::shared_ptr<BoundQuery> source;
  std::vector<BoundPtr> from_source;
  std::vector<BoundGenerated> generated;
  ConflictAction conflict = ConflictAction::kNone;
  // What decides whether there is a conflict: the key of the rows, and unique indexes by name.
  bool conflict_on_key = false;
  std::vector<std::string> conflict_indexes;
  // Over [existing row, proposed row].
  std::vector<std::pair<uint32_t, BoundPtr>> conflict_set;
  BoundPtr conflict_where;
  std::vector<ResultColumn> returning_columns;
  std::vector<BoundPtr> returning;  // over the new row
};

// The source gives the old row, its key, and then the new values.
struct BoundUpdate {
  std::shared_ptr<const engine::TableSchema> table;
  std::vector<BoundCheck> checks;
  std::shared_ptr<BoundQuery> source;
  std::vector<uint32_t> columns;  // that the new values are for
  std::vector<BoundGenerated> generated;
  std::vector<ResultColumn> returning_columns;
  std::vector<BoundPtr> returning;  // over the new row
};

// The source gives the old row and its key.
struct BoundDelete {
  std::shared_ptr<const engine::TableSchema> table;
  std::shared_ptr<BoundQuery> source;
  std::vector<ResultColumn> returning_columns;
  std::vector<BoundPtr> returning;  // over the old row
};

// A statement in WITH that changes rows; what it returns is kept as `rows`. One of the three is
// there.
struct BoundCommonWrite {
  std::unique_ptr<BoundInsert> insert;
  std::unique_ptr<BoundUpdate> update;
  std::unique_ptr<BoundDelete> remove;
  std::shared_ptr<const WorkTable> rows;
};

}  // namespace kyrodb::sql
