// What tables, columns and indexes are made of; immutable once the catalog holds it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"
#include "vector/hnsw_index.h"
#include "vector/metric.h"
#include "wal/log.h"

namespace kyrodb::engine {

using Lsn = wal::Lsn;
using Metric = vector::Metric;
using Quantization = vector::Quantization;
using Rescore = vector::Rescore;
using vector::ParseQuantization;
using vector::ParseRescore;
using vector::QuantizationName;
using vector::RescoreName;

// Numbers key spaces, tables and indexes from one sequence: a table's id is the id of the key
// space of its rows. 0 is the catalog's own key space.
using ObjectId = uint32_t;
inline constexpr ObjectId kCatalogSpace = 0;

struct ColumnSchema {
  std::string name;
  Type type;
  bool not_null = false;
  // SQL text of the DEFAULT and of the GENERATED ALWAYS AS expression; empty when there is none.
  // The engine stores them; the SQL layer gives them meaning.
  std::string default_sql;
  std::string generated_sql;
};

// An index of a table: a vector index over one column ("hnsw"), or the order of points along the
// Z-curve over two to four columns of numbers or times ("zorder"). The entries of the latter are a
// key space that has the index's id.
struct IndexSchema {
  ObjectId id = 0;
  std::string name;
  std::string method = "hnsw";
  uint32_t column = 0;  // ordinal in the table; of zorder the first of `columns`
  Metric metric = Metric::kL2;
  uint32_t m = 16;                // edges of a node
  uint32_t ef_construction = 64;  // candidates while building
  Quantization quantization = Quantization::kNone;
  Rescore rescore = Rescore::kSq12;
  // Thousandths of the ten nearest that a search shall find; 0: the session's effort counts.
  uint32_t recall_target_permille = 0;
  std::vector<uint32_t> columns = {};  // zorder: ordinals, the highest bit of a code first

  bool is_zorder() const { return method == "zorder"; }
};

// Dimensions of a zorder index.
inline constexpr size_t kZOrderColumnsMin = 2;
inline constexpr size_t kZOrderColumnsMax = 4;
// Whether a column of this type may be one of them.
bool IsZOrderType(TypeId type);

// Shape:  `primary_key` holds column ordinals in key order. Without a primary key rows are keyed
//         by a hidden bigint that `Database::AllocateRowIds` hands out.
struct TableSchema {
  ObjectId id = 0;
  std::string name;
  std::vector<ColumnSchema> columns;
  std::vector<uint32_t> primary_key;
  std::vector<IndexSchema> indexes;
  // Grows with every change of this table's definition.
  uint64_t version = 1;

  bool has_hidden_key() const { return primary_key.empty(); }
  std::optional<uint32_t> FindColumn(absl::string_view column_name) const;
};

// Every table at one moment. Immutable; shared by readers.
class Catalog {
 public:
  // Null when there is no such table.
  std::shared_ptr<const TableSchema> FindTable(absl::string_view name) const;
  std::shared_ptr<const TableSchema> FindTable(ObjectId id) const;
  // The table that has an index of this name; null when there is none.
  std::shared_ptr<const TableSchema> FindIndexOwner(absl::string_view index_name) const;
  // The table whose rows, or whose zorder index's entries, are in this key space; null when there
  // is none.
  std::shared_ptr<const TableSchema> FindSpaceOwner(ObjectId space) const;
  // Sorted by name.
  std::vector<std::shared_ptr<const TableSchema>> tables() const;

  // A catalog with `schema` added or replaced (by id), or with table `id` gone.
  Catalog With(std::shared_ptr<const TableSchema> schema) const;
  Catalog Without(ObjectId id) const;

 private:
  absl::btree_map<ObjectId, std::shared_ptr<const TableSchema>> by_id_;
  absl::btree_map<std::string, ObjectId> by_name_;
  absl::btree_map<ObjectId, ObjectId> owner_of_entries_;  // zorder indexes
};

// The catalog record of a table, with a version of its own. `DataLoss` when damaged,
// `Unimplemented` when written by a newer version.
std::string EncodeSchema(const TableSchema& schema);
absl::StatusOr<TableSchema> DecodeSchema(absl::string_view bytes);

}  // namespace kyrodb::engine
