// The entries of btree indexes: how a row becomes a key whose memcmp order is the index's order.
//
// Key:    for each part a byte (1 null that sorts first, 2 a value, 3 null that sorts last), then
//         the value as in a table's key, escaped and terminated, complemented when the part is
//         descending; then the row's key, unless no other row may have these values.
// Value:  a varint: 0, and the row's key follows; or where in the entry's key the row's key begins.
//         One more key, a zero byte, is there while the index is being built: its value is where
//         in the table the building goes on. It sorts before every entry.
//
// Rationale: two transactions that write one value of a unique index write one key, so that the
// second is refused as for any other key.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/row_expression.h"
#include "engine/schema.h"
#include "engine/value.h"

namespace kyrodb::engine {

// The type of what a part holds.
Type IndexPartType(const TableSchema& table, const IndexPart& part);
// Whether a part may have the type.
bool IsIndexType(TypeId type);

// Appends one part. `InvalidArgument` for a value that is not of the type.
absl::Status AppendIndexPart(std::string* key, const IndexPart& part, const Type& type,
                             const Value& value);
// What a part that is not null begins with.
std::string IndexValuePrefix();
// The row's key in an entry; `DataLoss` when it is none.
absl::StatusOr<absl::string_view> RowKeyOfEntry(absl::string_view key, absl::string_view value);

// The key that is there while the index is being built.
std::string IndexBuildKey();

struct IndexEntry {
  std::string key;
  std::string value;
  // No other row may have an entry of this key.
  bool unique = false;
};

// One index of one table.
//
// Thread-safety:  immutable.
class IndexKeys {
 public:
  // `FailedPrecondition` when the index needs expressions and `compiler` is null.
  static absl::StatusOr<std::shared_ptr<const IndexKeys>> Make(
      std::shared_ptr<const TableSchema> table, const IndexSchema& index,
      const RowExpressionCompiler* compiler);

  const IndexSchema& index() const { return index_; }

  // Nullopt when the row is not in the index. `DataLoss` when the bytes are no row of the table;
  // `ResourceExhausted` when the entry were longer than a key may be.
  absl::StatusOr<std::optional<IndexEntry>> EntryOf(absl::string_view row,
                                                    absl::string_view row_key) const;
  absl::StatusOr<std::optional<IndexEntry>> EntryOf(std::span<const Value> row,
                                                    absl::string_view row_key) const;
  // The values of the parts; nullopt when the row is not in the index.
  absl::StatusOr<std::optional<Row>> PartsOf(std::span<const Value> row) const;
  // The entry's key for these values, without a row's key unless `row_key` is given.
  absl::StatusOr<IndexEntry> MakeEntry(const Row& parts, absl::string_view row_key) const;

 private:
  IndexKeys(std::shared_ptr<const TableSchema> table, const IndexSchema& index)
      : table_(std::move(table)), index_(index) {}

  const std::shared_ptr<const TableSchema> table_;
  const IndexSchema index_;
  // For each part; null for columns.
  std::vector<std::shared_ptr<const RowExpression>> expressions_;
  std::shared_ptr<const RowExpression> where_;
  bool needs_row_ = false;
};

// The payload of the `AlreadyExists` that a write gets when an entry of a unique index is there:
// the index's name.
inline constexpr absl::string_view kUniqueIndexPayload = "kyrodb/unique_index";
// With it the bytes of the row that was there before or is written.
inline constexpr absl::string_view kUniqueRowPayload = "kyrodb/unique_row";

}  // namespace kyrodb::engine
