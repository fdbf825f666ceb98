// Rows as bytes: a null bitmap, an offset for each column, then the columns. One column can be read
// without touching the others.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "engine/value.h"

namespace kyrodb::engine {

inline constexpr uint64_t kRowBytesMax = uint64_t{32} << 20;

// `row` has one value per column of the schema, primary key columns included. `InvalidArgument`
// when a value does not fit its column's type, dimensions or NOT NULL; `ResourceExhausted` beyond
// `kRowBytesMax`. The message names the column.
absl::StatusOr<std::string> EncodeRow(const TableSchema& schema, std::span<const Value> row);

// One value, not null, as it is in a row: what `ColumnSchema::missing` holds.
absl::StatusOr<std::string> EncodeColumn(const ColumnSchema& column, const Value& value);

// `DataLoss` when the bytes are no row of this schema. A row written before columns were added
// has null in the new ones, or what the column has for `missing`.
absl::StatusOr<Row> DecodeRow(const TableSchema& schema, absl::string_view bytes);

// One column; O(1) in the number of columns.
absl::StatusOr<Value> DecodeColumn(const TableSchema& schema, absl::string_view bytes,
                                   uint32_t column);

// The elements of a vector column as they lie in `bytes` (not aligned), without a copy; empty for
// null.
absl::StatusOr<absl::string_view> VectorColumnBytes(const TableSchema& schema,
                                                    absl::string_view bytes, uint32_t column);

}  // namespace kyrodb::engine
