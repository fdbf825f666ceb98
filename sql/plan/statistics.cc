#include "sql/plan/statistics.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>

#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/row_codec.h"

namespace kyrodb::sql {
namespace {

constexpr uint64_t kFormatVersion = 1;
constexpr uint64_t kValuesMax = 10000;

void PutDouble(std::string* out, double value) { PutFixed64(out, std::bit_cast<uint64_t>(value)); }

// One value as a row of one column has it.
engine::TableSchema OneColumn(const engine::TableSchema& table, size_t column) {
  engine::TableSchema one;
  one.name = table.name;
  one.columns.push_back({.name = table.columns[column].name, .type = table.columns[column].type});
  return one;
}

}  // namespace

double EqualShare(const ColumnStatistics& column, const Type& type, const Value& value) {
  if (IsNull(value)) return 0;
  double common = column.null_share;
  for (const auto& [other, share] : column.common) {
    if (CompareValues(type.id, other, value) == 0) return share;
    common += share;
  }
  const double others =
      std::max(1.0, column.distinct_count - static_cast<double>(column.common.size()));
  return std::max(0.0, 1 - common) / others;
}

double AnyEqualShare(const ColumnStatistics& column) {
  return (1 - column.null_share) / std::max(1.0, column.distinct_count);
}

double BelowShare(const ColumnStatistics& column, const Type& type, const Value& value,
                  bool inclusive) {
  if (IsNull(value)) return 0;
  double share = 0;
  double common = column.null_share;
  for (const auto& [other, one] : column.common) {
    common += one;
    const int order = CompareValues(type.id, other, value);
    if (order < 0 || (inclusive && order == 0)) share += one;
  }
  if (column.bounds.size() < 2) return share;
  const auto at = std::lower_bound(
      column.bounds.begin(), column.bounds.end(), value,
      [&](const Value& a, const Value& b) { return CompareValues(type.id, a, b) < 0; });
  double position = static_cast<double>(at - column.bounds.begin());
  if (at != column.bounds.begin() && at != column.bounds.end()) {
    position -= 0.5;
    // Within the stretch numbers lie evenly.
    const auto number = [](const Value& v) -> std::optional<double> {
      if (const auto* n = std::get_if<int64_t>(&v)) return static_cast<double>(*n);
      if (const auto* d = std::get_if<double>(&v)) return *d;
      return std::nullopt;
    };
    const auto low = number(*(at - 1));
    const auto high = number(*at);
    const auto wanted = number(value);
    if (low.has_value() && high.has_value() && wanted.has_value() && *high > *low) {
      position += 0.5 - (*high - *wanted) / (*high - *low);
    }
  }
  const double stretches = static_cast<double>(column.bounds.size() - 1);
  return share + std::max(0.0, 1 - common) * std::clamp(position / stretches, 0.0, 1.0);
}

std::string EncodeStatistics(const engine::TableSchema& table, const TableStatistics& statistics) {
  std::string out;
  PutVarint64(&out, kFormatVersion);
  PutVarint64(&out, statistics.version);
  PutDouble(&out, statistics.row_count);
  PutVarint64(&out, statistics.columns.size());
  for (size_t c = 0; c < statistics.columns.size(); ++c) {
    const ColumnStatistics& column = statistics.columns[c];
    const engine::TableSchema one = OneColumn(table, c);
    const auto put = [&](const Value& value) {
      PutLengthPrefixed(&out, engine::EncodeRow(one, std::span(&value, 1)).value_or(""));
    };
    PutDouble(&out, column.null_share);
    PutDouble(&out, column.distinct_count);
    PutVarint64(&out, column.common.size());
    for (const auto& [value, share] : column.common) {
      put(value);
      PutDouble(&out, share);
    }
    PutVarint64(&out, column.bounds.size());
    for (const Value& value : column.bounds) put(value);
  }
  return out;
}

absl::StatusOr<TableStatistics> DecodeStatistics(const engine::TableSchema& table,
                                                 absl::string_view bytes) {
  const absl::Status damaged = absl::DataLossError("statistics are damaged");
  ByteReader reader(bytes);
  TableStatistics statistics;
  if (reader.Varint64() != kFormatVersion) return damaged;
  statistics.version = reader.Varint64();
  statistics.row_count = std::bit_cast<double>(reader.Fixed64());
  const uint64_t column_count = reader.Varint64();
  if (!reader.ok() || column_count != table.columns.size()) return damaged;
  for (uint64_t c = 0; c < column_count; ++c) {
    ColumnStatistics column;
    const engine::TableSchema one = OneColumn(table, c);
    const auto take = [&]() -> absl::StatusOr<Value> {
      return engine::DecodeColumn(one, reader.LengthPrefixed(), 0);
    };
    column.null_share = std::bit_cast<double>(reader.Fixed64());
    column.distinct_count = std::bit_cast<double>(reader.Fixed64());
    const uint64_t common_count = reader.Varint64();
    if (!reader.ok() || common_count > kValuesMax) return damaged;
    for (uint64_t i = 0; i < common_count; ++i) {
      KYRO_ASSIGN_OR_RETURN(Value value, take());
      column.common.emplace_back(std::move(value), std::bit_cast<double>(reader.Fixed64()));
    }
    const uint64_t bound_count = reader.Varint64();
    if (!reader.ok() || bound_count > kValuesMax) return damaged;
    for (uint64_t i = 0; i < bound_count; ++i) {
      KYRO_ASSIGN_OR_RETURN(Value value, take());
      column.bounds.push_back(std::move(value));
    }
    statistics.columns.push_back(std::move(column));
  }
  if (!reader.ok() || !reader.rest().empty()) return damaged;
  return statistics;
}

}  // namespace kyrodb::sql
