// ANALYZE: looks at a table's rows and keeps what the planner wants to know.
#pragma once

#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "engine/transaction.h"
#include "sql/execute/context.h"
#include "sql/plan/statistics.h"

namespace kyrodb::sql {

// The table in which statistics are kept: number of the table, bytes.
inline constexpr absl::string_view kStatisticsSchema = "kyro_internal";
inline constexpr absl::string_view kStatisticsTable = "statistics";

// Reads every row, keeps a sample, and stores the statistics in the transaction.
absl::Status AnalyzeTable(const engine::TableSchema& table, ExecutionContext& context);

// What was read already, by table, with the commit that it is of.
struct StatisticsCache {
  struct Entry {
    engine::Lsn lsn = 0;
    uint64_t table_version = 0;
    std::shared_ptr<const TableStatistics> statistics;
  };
  absl::flat_hash_map<engine::ObjectId, Entry> entries;
};

// What was stored of a table; null when nothing was, or the table is another by now.
std::shared_ptr<const TableStatistics> LoadStatistics(const engine::TableSchema& table,
                                                      engine::Transaction* transaction,
                                                      StatisticsCache* cache);

}  // namespace kyrodb::sql
