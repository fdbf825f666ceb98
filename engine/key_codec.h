// Keys as bytes whose memcmp order is the order of the values (C collation for text; -0 equals 0;
// NaN sorts last, as in PostgreSQL; 1.0 equals 1.00), column after column.
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

inline constexpr size_t kKeyBytesMax = 8192;

// Whether values of the type can be part of a key: all but json, jsonb and sparsevec.
bool IsKeyType(TypeId id);

// Appends one component. `last` components of variable length are stored raw, others escaped and
// terminated. `InvalidArgument` for null and for types that are no key types.
absl::Status AppendKeyComponent(std::string* key, const Type& type, const Value& value, bool last);

// The key of a row: its primary key columns, taken from `row` by ordinal. `InvalidArgument` when
// a part is null, `ResourceExhausted` beyond `kKeyBytesMax`.
absl::StatusOr<std::string> EncodeKey(const TableSchema& schema, std::span<const Value> row);

// The key of the hidden bigint of a table without primary key.
std::string EncodeRowId(int64_t row_id);

// Gives back the primary key's values in key order; of equal values any one (a numeric comes back
// with the scale that its digits need). `DataLoss` when the bytes are no such key.
absl::StatusOr<Row> DecodeKey(const TableSchema& schema, absl::string_view key);

// The smallest byte string above every string that starts with `prefix`; empty when none is.
std::string PrefixSuccessor(absl::string_view prefix);

}  // namespace kyrodb::engine
