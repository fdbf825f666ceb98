// The objects of a database as PostgreSQL's catalogs number and name them, and their definitions as
// text: what the catalog's tables and the functions over them (pg_get_indexdef, format_type) share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

// Numbers that are fixed in PostgreSQL, so that clients may know them.
inline constexpr uint32_t kPgCatalogOid = 11;
inline constexpr uint32_t kPublicOid = 2200;
inline constexpr uint32_t kInformationSchemaOid = 13000;
inline constexpr uint32_t kOwnerOid = 10;
inline constexpr uint32_t kDatabaseOid = 5;
inline constexpr uint32_t kHeapOid = 2;
inline constexpr uint32_t kBtreeOid = 403;
inline constexpr uint32_t kHnswOid = 16500;
inline constexpr uint32_t kIvfflatOid = 16501;
inline constexpr uint32_t kZOrderOid = 16502;
inline constexpr uint32_t kVectorExtensionOid = 16510;
inline constexpr uint32_t kDefaultCollationOid = 100;

// Objects of users have their engine's number above this.
inline constexpr uint32_t kFirstUserOid = 0x10000;
inline uint32_t OidOfObject(engine::ObjectId id) { return kFirstUserOid + id; }
// What has no number in the engine: the index of a primary key by which rows are stored, and
// constraints, by their place in their table.
uint32_t OidOfKeyIndex(engine::ObjectId table);
uint32_t OidOfConstraint(engine::ObjectId table, size_t place);
uint32_t OidOfDefault(engine::ObjectId table, size_t column);

uint32_t OidOfSchema(absl::string_view name);
uint32_t OidOfMethod(absl::string_view method);

// A table, index or virtual table.
struct Relation {
  uint32_t oid = 0;
  std::string name;
  std::string schema = "public";
  char kind = 'r';  // pg_class.relkind
  // Of tables and their indexes.
  std::shared_ptr<const engine::TableSchema> table;
  const engine::IndexSchema* index = nullptr;
  bool is_key_index = false;  // the index of a stored primary key: `index` is null
  std::shared_ptr<const VirtualTable> virtual_table;

  bool is_index() const { return kind == 'i'; }
};

// A column of a relation.
struct RelationColumn {
  std::string name;
  engine::Type type;
  bool not_null = false;
  std::string default_sql;
  std::string generated_sql;
};

std::vector<Relation> AllRelations(const engine::Catalog& catalog);
std::optional<Relation> FindRelation(const engine::Catalog& catalog, uint32_t oid);
// By name as SQL writes it, "t" or "public.t"; for names without a schema pg_catalog comes first.
std::optional<Relation> FindRelationByName(const engine::Catalog& catalog, absl::string_view name);
std::vector<RelationColumn> ColumnsOf(const Relation& relation);
// Whether the name alone means it.
bool IsVisible(const Relation& relation);
// The name, with its schema where the name alone means another one.
std::string DisplayName(const Relation& relation);

// A constraint of a table.
struct ConstraintInfo {
  uint32_t oid = 0;
  std::string name;
  char kind = 'c';  // pg_constraint.contype
  std::shared_ptr<const engine::TableSchema> table;
  std::vector<uint32_t> columns;  // ordinals
  uint32_t index_oid = 0;
};
std::vector<ConstraintInfo> ConstraintsOf(std::shared_ptr<const engine::TableSchema> table);

// "CREATE INDEX i ON public.t USING btree (v)"; with `column` (from 1) the definition of that
// column alone.
std::string IndexDefinition(const Relation& index, int column = 0);
// "PRIMARY KEY (id)".
std::string ConstraintDefinition(const ConstraintInfo& constraint);
// "timestamp with time zone", "character varying(10)", "bigint[]"; "-" for 0, "???" for a number
// that is no type.
std::string FormatType(uint32_t oid, int32_t modifier);

}  // namespace kyrodb::sql
