// What tables, columns and indexes are made of; immutable once the catalog holds it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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

enum class Identity : uint8_t { kNone = 0, kAlways = 1, kByDefault = 2 };

struct ColumnSchema {
  std::string name;
  Type type;
  bool not_null = false;
  // SQL text of the DEFAULT and of the GENERATED ALWAYS AS expression; empty when there is none.
  // The engine stores them; the SQL layer gives them meaning.
  std::string default_sql;
  std::string generated_sql;
  // GENERATED … AS IDENTITY.
  Identity identity = Identity::kNone;
  // What rows have that were written before the column was added: its bytes as in a row; nullopt:
  // null.
  std::optional<std::string> missing = std::nullopt;
};

// One part of a btree index: a column, or an expression that the SQL layer computes.
struct IndexPart {
  static constexpr uint32_t kExpression = ~uint32_t{0};
  uint32_t column = kExpression;
  std::string expression_sql = {};
  Type expression_type = {};
  bool descending = false;
  bool nulls_first = false;

  bool is_expression() const { return column == kExpression; }
  friend bool operator==(const IndexPart&, const IndexPart&) = default;
};

// An index of a table: a vector index over one column ("hnsw"), the order of points along the
// Z-curve over two to four columns of numbers or times ("zorder"), or the order of rows by columns
// and expressions ("btree"). The entries of the latter two are a key space that has the index's id.
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
  // btree
  std::vector<IndexPart> parts = {};
  bool unique = false;
  bool nulls_not_distinct = false;
  bool is_constraint = false;  // made by UNIQUE or PRIMARY KEY, and dropped with it
  bool is_primary = false;     // of a primary key that the rows are not stored by
  std::string where_sql = {};  // only rows for which this holds are in it; empty: all rows

  bool is_zorder() const { return method == "zorder"; }
  bool is_btree() const { return method == "btree"; }
  bool has_entries() const { return is_zorder() || is_btree(); }
};

struct CheckConstraint {
  std::string name;
  std::string sql;
};

enum class ForeignKeyAction : uint8_t {
  kNoAction = 0,
  kRestrict = 1,
  kCascade = 2,
  kSetNull = 3,
  kSetDefault = 4,
};

// The engine stores it; the SQL layer keeps it.
struct ForeignKey {
  std::string name;
  std::vector<uint32_t> columns;
  ObjectId referenced_table = 0;
  std::vector<uint32_t> referenced_columns;
  ForeignKeyAction on_delete = ForeignKeyAction::kNoAction;
  ForeignKeyAction on_update = ForeignKeyAction::kNoAction;
  bool match_full = false;
  bool deferrable = false;
  bool initially_deferred = false;
};

inline constexpr size_t kIndexPartsMax = 32;

// Dimensions of a zorder index.
inline constexpr size_t kZOrderColumnsMin = 2;
inline constexpr size_t kZOrderColumnsMax = 4;
// Whether a column of this type may be one of them.
bool IsZOrderType(TypeId type);

// The schema that unqualified names are in when nothing else is said.
inline constexpr absl::string_view kPublicSchema = "public";

// Shape:  `primary_key` holds column ordinals in key order. Without a primary key rows are keyed
//         by a hidden bigint that `Database::AllocateRowIds` hands out. `storage` says at which
//         place of a row's bytes each column is; empty: in their order. Places of dropped columns
//         are not used again.
struct TableSchema {
  ObjectId id = 0;
  std::string name;
  std::vector<ColumnSchema> columns;
  std::vector<uint32_t> primary_key;
  std::vector<IndexSchema> indexes;
  // Grows with every change of this table's definition.
  uint64_t version = 1;
  std::string schema_name = std::string(kPublicSchema);
  std::vector<uint32_t> storage = {};
  uint32_t storage_count = 0;  // when `storage` is not empty
  std::vector<CheckConstraint> checks = {};
  std::vector<ForeignKey> foreign_keys = {};
  std::string primary_key_name = {};  // empty: the table's with _pkey after it

  bool has_hidden_key() const { return primary_key.empty(); }
  std::optional<uint32_t> FindColumn(absl::string_view column_name) const;
  uint32_t StorageOf(uint32_t column) const { return storage.empty() ? column : storage[column]; }
  uint32_t StorageCount() const {
    return storage.empty() ? static_cast<uint32_t>(columns.size()) : storage_count;
  }
  std::string PrimaryKeyName() const {
    return primary_key_name.empty() ? name + "_pkey" : primary_key_name;
  }
  // Null when there is none.
  const IndexSchema* FindIndex(absl::string_view index_name) const;
  const IndexSchema* FindIndex(ObjectId index_id) const;
  // The columns of the primary key, whether or not the rows are stored by it.
  std::vector<uint32_t> PrimaryKeyColumns() const;
};

// What a catalog holds besides tables.
enum class ObjectKind : uint8_t { kSchema = 1, kView = 2, kSequence = 3 };

struct SequenceOptions {
  int64_t start = 1;
  int64_t increment = 1;
  int64_t min = 1;
  int64_t max = 0;
  bool cycle = false;
  int64_t cache = 1;
  TypeId type = TypeId::kBigint;
};

struct ObjectSchema {
  ObjectId id = 0;
  ObjectKind kind = ObjectKind::kView;
  std::string schema_name = std::string(kPublicSchema);  // of a schema: empty
  std::string name;
  // Of a view: its query, and its columns' names and types.
  std::string sql;
  std::vector<ColumnSchema> columns;
  // Of a sequence. It goes with the column that owns it; 0: nobody.
  SequenceOptions sequence;
  ObjectId owner_table = 0;
  std::string owner_column;
  uint64_t version = 1;
};

// Every table at one moment. Immutable; shared by readers.
class Catalog {
 public:
  // Null when there is no such table. Without a schema: in "public".
  std::shared_ptr<const TableSchema> FindTable(absl::string_view name) const;
  std::shared_ptr<const TableSchema> FindTable(absl::string_view schema,
                                               absl::string_view name) const;
  std::shared_ptr<const TableSchema> FindTable(ObjectId id) const;
  // The table that has an index of this name; null when there is none.
  std::shared_ptr<const TableSchema> FindIndexOwner(absl::string_view index_name) const;
  std::shared_ptr<const TableSchema> FindIndexOwner(absl::string_view schema,
                                                    absl::string_view index_name) const;
  // The table whose rows, or whose index's entries, are in this key space; null when there is none.
  std::shared_ptr<const TableSchema> FindSpaceOwner(ObjectId space) const;
  // Sorted by name, those of "public" first.
  std::vector<std::shared_ptr<const TableSchema>> tables() const;

  // Views, sequences and schemas; null when there is none.
  std::shared_ptr<const ObjectSchema> FindObject(ObjectId id) const;
  // A view or a sequence, which share their names with tables and indexes.
  std::shared_ptr<const ObjectSchema> FindRelation(absl::string_view schema,
                                                   absl::string_view name) const;
  std::vector<std::shared_ptr<const ObjectSchema>> objects() const;
  // "public" always is there.
  bool HasSchema(absl::string_view name) const;
  // Whether a table, an index, a view or a sequence has the name.
  bool IsTaken(absl::string_view schema, absl::string_view name) const;
  // Whether a foreign key refers to the table.
  bool IsReferenced(ObjectId table) const { return referenced_.contains(table); }
  // Whether the key space is a table's, an index's or a sequence's.
  bool HasSpace(ObjectId space) const;

  // A catalog with `schema` added or replaced (by id), or with table `id` gone.
  Catalog With(std::shared_ptr<const TableSchema> schema) const;
  Catalog Without(ObjectId id) const;
  Catalog WithObject(std::shared_ptr<const ObjectSchema> object) const;
  Catalog WithoutObject(ObjectId id) const;

 private:
  using Name = std::pair<std::string, std::string>;  // schema, name
  absl::btree_map<ObjectId, std::shared_ptr<const TableSchema>> by_id_;
  absl::btree_map<std::string, ObjectId> by_name_;        // of "public"
  absl::btree_map<Name, ObjectId> elsewhere_;             // tables of other schemas
  absl::btree_map<Name, ObjectId> owner_of_index_;        // by the index's name
  absl::btree_map<ObjectId, ObjectId> owner_of_entries_;  // zorder and btree indexes
  absl::btree_map<ObjectId, uint32_t> referenced_;        // by so many foreign keys
  absl::btree_map<ObjectId, std::shared_ptr<const ObjectSchema>> objects_;
  absl::btree_map<Name, ObjectId> objects_by_name_;  // schemas under an empty schema
};

// The catalog record of a table, with a version of its own. `DataLoss` when damaged,
// `Unimplemented` when written by a newer version.
std::string EncodeSchema(const TableSchema& schema);
absl::StatusOr<TableSchema> DecodeSchema(absl::string_view bytes);

// The same of everything else that a catalog holds.
std::string EncodeObject(const ObjectSchema& object);
absl::StatusOr<ObjectSchema> DecodeObject(absl::string_view bytes);

}  // namespace kyrodb::engine
