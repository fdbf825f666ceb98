// Plans: trees of steps, each with the slots it fills and the words that EXPLAIN prints. Immutable
// once made; an execution makes operators from it (execute/operator.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/schema.h"
#include "sql/bind/bound.h"

namespace kyrodb::sql {

enum class PlanKind {
  kOneRow,   // one row without columns
  kValues,   // `rows`
  kScan,     // a table, by `path`
  kNearest,  // a table by vector index, nearest first
  kVirtualScan,
  kSeries,        // generate_series
  kFunctionScan,  // any other functions in FROM
  kSubqueryScan,  // child 0 at another place of the row
  kFilter,        // `conditions`
  kJoin,          // child 0 with child 1
  kAggregate,     // row becomes [aggregates…, group keys…]
  kWindow,        // row gets the values of `windows` at its end
  kProject,       // row becomes `expressions`
  kDistinct,
  kSort,  // with a limit it keeps only that many rows
  kLimit,
  kSetOperation,
  kRecursive,  // child 0, then child 1 over the rows of the step before, until it gives none
  kWorkTable,  // those rows, or what a statement in WITH gave
};

enum class PathKind { kSequential, kPoint, kRange, kBox, kIndex };

// Bounds of one column of a zorder index: the strictest of each side counts.
struct BoxBounds {
  std::vector<BoundPtr> lower;
  std::vector<BoundPtr> upper;
  // What the column is compared by; a search includes its bounds all the same.
  bool lower_inclusive = true;
  bool upper_inclusive = true;
};

// How the rows of a table are found by primary key or zorder index. All expressions are independent
// of the row.
struct AccessPath {
  PathKind kind = PathKind::kSequential;
  // Point: for each key column the values it may have. Range: one value for each column of the
  // prefix that is fixed. Index: for each part of the prefix that is fixed the values it may have,
  // null for NULL.
  std::vector<std::vector<BoundPtr>> equal;
  // Range, index: bounds of the key column after the prefix; null: none.
  BoundPtr lower;
  BoundPtr upper;
  bool lower_inclusive = true;
  bool upper_inclusive = true;
  // Index: a btree index of the table. Box: the bounds of each column of a zorder index.
  const engine::IndexSchema* index = nullptr;
  std::vector<BoxBounds> box;
  // Conditions that the index guarantees.
  std::vector<BoundPtr> covered;
  bool is_point = false;  // of a unique index: at most one row for each value
  std::string reason;
};

struct TableStatistics;

struct PlanNode {
  explicit PlanNode(PlanKind k) : kind(k) {}

  PlanKind kind;
  uint32_t width = 0;  // slots of the rows that come out
  std::vector<std::shared_ptr<const PlanNode>> children;

  // EXPLAIN: the line of the node and the lines below it.
  std::string title;
  std::vector<std::string> details;
  double estimated_rows = 0;

  // Rows that do not fulfil all of these are dropped; for a join, pairs.
  std::vector<BoundPtr> conditions;
  // Outputs of a projection, group keys, arguments of generate_series.
  std::vector<BoundPtr> expressions;
  std::vector<std::vector<BoundPtr>> rows;

  // Scans: where the relation's columns lie, and which are read.
  std::shared_ptr<const engine::TableSchema> table;
  std::shared_ptr<const TableStatistics> statistics;  // of `table`; null: none
  std::shared_ptr<const VirtualTable> virtual_table;
  std::shared_ptr<const WorkTable> work_table;
  uint32_t slot_begin = 0;
  std::vector<uint32_t> condition_columns;  // needed by `conditions`
  std::vector<uint32_t> other_columns;      // needed above
  std::optional<uint32_t> key_slot;
  AccessPath path;
  bool reverse = false;  // kScan: from the greatest key down

  // kNearest
  const engine::IndexSchema* index = nullptr;  // of `table`
  BoundPtr query_vector;
  uint32_t distance_slot = 0;
  Type series_type;

  // kFunctionScan: over `expressions`
  std::vector<SetCall> set_calls;
  bool with_ordinality = false;

  // kJoin: the slots that child 1 fills; equal pairs for hashing (expressions over the left and the
  // right row); whether child 1 must run again for each left row.
  JoinType join_type = JoinType::kInner;
  std::vector<std::pair<uint32_t, uint32_t>> right_slots;
  std::vector<std::pair<uint32_t, uint32_t>> left_slots;
  std::vector<BoundPtr> left_keys;
  std::vector<BoundPtr> right_keys;
  bool lateral = false;

  std::vector<BoundAggregate> aggregates;
  std::vector<BoundWindow> windows;
  std::vector<uint32_t> distinct_slots;  // kDistinct: only these count; empty: all

  std::vector<SortKey> sort_keys;
  uint32_t visible_width = 0;  // kSort: columns after these are dropped
  BoundPtr limit;              // kSort, kLimit, kNearest: bigint or null for none
  BoundPtr offset;

  SetOperation set_operation = SetOperation::kUnion;
  bool set_all = false;
  std::vector<Type> types;  // of the row: kDistinct, kSetOperation
};

using PlanPtr = std::shared_ptr<const PlanNode>;

}  // namespace kyrodb::sql
