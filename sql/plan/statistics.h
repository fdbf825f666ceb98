// What ANALYZE has found out about a table, and what it says of conditions.
// Source: PostgreSQL 15 documentation, section 76.1 ("Row Estimation Examples"), for how the parts
// are put together.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "sql/functions/function.h"

namespace kyrodb::sql {

// Units:  shares of the table's rows, between 0 and 1.
struct ColumnStatistics {
  double null_share = 0;
  double distinct_count = 1;
  // The most common values, each with its share.
  std::vector<std::pair<Value, double>> common;
  // Bounds of stretches that hold equally many of the other rows, ascending.
  std::vector<Value> bounds;
};

struct TableStatistics {
  double row_count = 0;
  uint64_t version = 0;  // of the definition
  std::vector<ColumnStatistics> columns;
};

// The share of rows with this value.
double EqualShare(const ColumnStatistics& column, const Type& type, const Value& value);
// The share of rows with any one value, when it is not known which.
double AnyEqualShare(const ColumnStatistics& column);
// The share of rows below a value, or up to it.
double BelowShare(const ColumnStatistics& column, const Type& type, const Value& value,
                  bool inclusive);

std::string EncodeStatistics(const engine::TableSchema& table, const TableStatistics& statistics);
// `DataLoss` when the bytes are none of this table.
absl::StatusOr<TableStatistics> DecodeStatistics(const engine::TableSchema& table,
                                                 absl::string_view bytes);

}  // namespace kyrodb::sql
