#include "sql/statement/analyze.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "sql/error.h"

namespace kyrodb::sql {
namespace {

constexpr size_t kSampleRows = 30000;  // 300 for each stretch, as PostgreSQL
constexpr size_t kStretches = 100;
constexpr size_t kCommonMax = 100;
constexpr size_t kValueBytesMax = 1024;

bool IsOrdered(const Type& type) { return type.id != TypeId::kJsonb && type.id != TypeId::kVector; }

// The number of distinct values of the table, from those of the sample.
// Source: Haas and Stokes, "Estimating the number of classes in a finite population", 1998 (Duj1).
double EstimateDistinct(double rows, double sample, double distinct, double once) {
  if (sample >= rows) return distinct;
  if (once >= sample) return rows;  // no value came twice
  const double share = 1 - once * (1 - sample / rows) / sample;
  return std::clamp(distinct / std::max(share, 1e-9), distinct, rows);
}

ColumnStatistics Summarize(const Type& type, std::vector<Value> values, double row_count) {
  ColumnStatistics statistics;
  const auto sample = static_cast<double>(values.size());
  const auto kept =
      std::partition(values.begin(), values.end(), [](const Value& v) { return !IsNull(v); });
  statistics.null_share = sample > 0 ? static_cast<double>(values.end() - kept) / sample : 0;
  values.erase(kept, values.end());
  if (values.empty()) return statistics;
  if (!IsOrdered(type)) {
    statistics.distinct_count = row_count;
    return statistics;
  }
  const auto less = [&](const Value& a, const Value& b) {
    return CompareValues(type.id, a, b) < 0;
  };
  std::sort(values.begin(), values.end(), less);
  struct Run {
    size_t begin;
    size_t count;
  };
  std::vector<Run> runs;
  double once = 0;
  for (size_t begin = 0; begin < values.size();) {
    size_t end = begin + 1;
    while (end < values.size() && !less(values[begin], values[end])) ++end;
    runs.push_back({begin, end - begin});
    once += end - begin == 1 ? 1 : 0;
    begin = end;
  }
  const auto distinct = static_cast<double>(runs.size());
  const double not_null = row_count * (1 - statistics.null_share);
  statistics.distinct_count =
      std::max(1.0, EstimateDistinct(not_null, static_cast<double>(values.size()), distinct, once));
  // Common is what comes clearly more often than values do; all of them when they are few.
  std::vector<Run> common = runs;
  std::stable_sort(common.begin(), common.end(),
                   [](const Run& a, const Run& b) { return a.count > b.count; });
  const double average = static_cast<double>(values.size()) / distinct;
  const bool is_all = runs.size() <= kCommonMax && once == 0;
  size_t common_count = 0;
  while (common_count < std::min(common.size(), kCommonMax) && common[common_count].count > 1 &&
         (is_all || static_cast<double>(common[common_count].count) > 1.25 * average)) {
    ++common_count;
  }
  common.resize(common_count);
  std::vector<bool> is_common(values.size(), false);
  for (const Run& run : common) {
    statistics.common.emplace_back(values[run.begin], static_cast<double>(run.count) / sample);
    std::fill_n(is_common.begin() + static_cast<ptrdiff_t>(run.begin), run.count, true);
  }
  std::vector<const Value*> rest;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_common[i]) rest.push_back(&values[i]);
  }
  if (rest.size() >= 2) {
    const size_t stretches = std::min(kStretches, rest.size() - 1);
    for (size_t i = 0; i <= stretches; ++i) {
      statistics.bounds.push_back(*rest[i * (rest.size() - 1) / stretches]);
    }
  }
  return statistics;
}

absl::StatusOr<std::shared_ptr<const engine::TableSchema>> StatisticsTable(
    engine::Transaction* transaction) {
  auto table = transaction->catalog()->FindTable(kStatisticsSchema, kStatisticsTable);
  if (table != nullptr) return table;
  engine::TableSchema schema;
  schema.name = std::string(kStatisticsTable);
  schema.schema_name = std::string(kStatisticsSchema);
  schema.columns.push_back({.name = "table_id", .type = kBigintType, .not_null = true});
  schema.columns.push_back({.name = "data", .type = kByteaType});
  schema.primary_key = {0};
  KYRO_RETURN_IF_ERROR(transaction->CreateTable(std::move(schema)).status());
  return transaction->catalog()->FindTable(kStatisticsSchema, kStatisticsTable);
}

}  // namespace

absl::Status AnalyzeTable(const engine::TableSchema& table, ExecutionContext& context) {
  // A row of the sample gives its place to a later one with the chance that keeps all equal.
  // Source: Vitter, "Random Sampling with a Reservoir", 1985 (algorithm R).
  std::vector<Row> sample;
  uint64_t row_count = 0;
  Random& random = *context.evaluation.functions.random;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<engine::Iterator> rows,
                        context.transaction->Scan(table.id, {}));
  for (; rows->Valid(); rows->Next()) {
    if (row_count % 1024 == 0) KYRO_RETURN_IF_ERROR(context.CheckInterrupts());
    const uint64_t place = row_count < kSampleRows ? row_count : random.Uniform(row_count + 1);
    ++row_count;
    if (place >= kSampleRows) continue;
    KYRO_ASSIGN_OR_RETURN(Row row, engine::DecodeRow(table, rows->value()));
    for (Value& value : row) {
      // A long value counts, but is not kept.
      if (ValueBytes(value) > kValueBytesMax) value = Null{};
    }
    if (place == sample.size()) {
      KYRO_RETURN_IF_ERROR(context.Charge(RowBytes(row)));
      sample.push_back(std::move(row));
    } else {
      sample[place] = std::move(row);
    }
  }
  KYRO_RETURN_IF_ERROR(rows->status());
  TableStatistics statistics;
  statistics.row_count = static_cast<double>(row_count);
  statistics.version = table.version;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    std::vector<Value> values;
    values.reserve(sample.size());
    for (Row& row : sample) values.push_back(std::move(row[c]));
    statistics.columns.push_back(
        Summarize(table.columns[c].type, std::move(values), statistics.row_count));
  }
  KYRO_ASSIGN_OR_RETURN(const auto store, StatisticsTable(context.transaction));
  const Row row = {Value(int64_t{table.id}), Value(EncodeStatistics(table, statistics))};
  KYRO_ASSIGN_OR_RETURN(const std::string key, engine::EncodeKey(*store, row));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, engine::EncodeRow(*store, row));
  return context.transaction->Put(store->id, key, bytes);
}

std::shared_ptr<const TableStatistics> LoadStatistics(const engine::TableSchema& table,
                                                      engine::Transaction* transaction,
                                                      StatisticsCache* cache) {
  const auto store = transaction->catalog()->FindTable(kStatisticsSchema, kStatisticsTable);
  if (store == nullptr || store->id == table.id) return nullptr;
  const Row row = {Value(int64_t{table.id}), Null{}};
  const absl::StatusOr<std::string> key = engine::EncodeKey(*store, row);
  if (!key.ok()) return nullptr;
  const auto found = transaction->GetVersioned(store->id, *key);
  if (!found.ok() || !found->has_value()) return nullptr;
  StatisticsCache::Entry& entry = cache->entries[table.id];
  // What this transaction has written itself has no commit yet.
  if ((*found)->lsn != 0 && entry.lsn == (*found)->lsn && entry.table_version == table.version) {
    return entry.statistics;
  }
  entry = {.lsn = (*found)->lsn, .table_version = table.version, .statistics = nullptr};
  const absl::StatusOr<Value> data = engine::DecodeColumn(*store, (*found)->value, 1);
  if (!data.ok() || IsNull(*data)) return nullptr;
  absl::StatusOr<TableStatistics> statistics =
      DecodeStatistics(table, std::get<std::string>(*data));
  if (!statistics.ok()) return nullptr;
  entry.statistics = std::make_shared<const TableStatistics>(*std::move(statistics));
  return entry.statistics;
}

}  // namespace kyrodb::sql
