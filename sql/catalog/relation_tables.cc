// pg_class, pg_attribute, pg_index, pg_attrdef and the views over them.
#include "absl/strings/str_cat.h"
#include "engine/array.h"
#include "engine/base/status.h"
#include "engine/database.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/objects.h"
#include "sql/format.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

absl::Status ScanClass(const CatalogRows& rows) {
  const engine::Catalog& catalog = *rows.context().catalog;
  for (const Relation& relation : AllRelations(catalog)) {
    CatalogRow row = rows.New();
    bool has_index = false;
    if (relation.kind == 'r' && relation.table != nullptr) {
      has_index = !relation.table->primary_key.empty() || !relation.table->indexes.empty();
    }
    double row_count = -1;
    if (relation.kind == 'r' && relation.table != nullptr && rows.context().database != nullptr) {
      const auto statistics = rows.context().database->space_statistics(relation.table->id);
      if (statistics.ok()) row_count = static_cast<double>(statistics->entry_count);
    }
    uint32_t method = 0;
    if (relation.kind == 'r') method = kHeapOid;
    if (relation.is_index()) {
      method = relation.is_key_index ? kBtreeOid : OidOfMethod(relation.index->method);
    }
    row.Oid("oid", relation.oid)
        .Text("relname", relation.name)
        .Oid("relnamespace", OidOfSchema(relation.schema))
        .Oid("relowner", kOwnerOid)
        .Oid("relam", method)
        .Oid("relfilenode", relation.kind == 'v' ? 0 : relation.oid)
        .Set("reltuples", Value(row_count))
        .Truth("relhasindex", has_index)
        .Char("relpersistence", 'p')
        .Char("relkind", relation.kind)
        .Number("relnatts", static_cast<int64_t>(ColumnsOf(relation).size()))
        .Truth("relhasrules", relation.kind == 'v')
        .Truth("relispopulated", true)
        .Char("relreplident", relation.kind == 'r' ? 'd' : 'n');
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanAttribute(const CatalogRows& rows) {
  for (const Relation& relation : AllRelations(*rows.context().catalog)) {
    int64_t number = 0;
    for (const RelationColumn& column : ColumnsOf(relation)) {
      CatalogRow row = rows.New();
      const Type element{
          engine::IsArray(column.type.id) ? engine::ElementOf(column.type.id) : column.type.id, 0};
      const TypeInfo* const info = FindTypeInfo(column.type.id);
      const bool is_array = engine::IsArray(column.type.id);
      row.Oid("attrelid", relation.oid)
          .Text("attname", column.name)
          .Oid("atttypid", TypeOid(column.type))
          .Number("attstattarget", -1)
          .Number("attlen", TypeLength(column.type))
          .Number("attnum", ++number)
          .Number("attndims", is_array ? 1 : 0)
          .Number("attcacheoff", -1)
          .Number("atttypmod", TypeModifier(column.type))
          .Truth("attbyval", info != nullptr && info->by_value && !is_array)
          .Char("attalign", info == nullptr || is_array ? 'i' : info->alignment)
          .Char("attstorage", info == nullptr || is_array ? 'x' : info->storage)
          .Truth("attnotnull", column.not_null)
          .Truth("atthasdef", !column.default_sql.empty() || !column.generated_sql.empty())
          .Truth("attislocal", true)
          .Oid("attcollation",
               info != nullptr && info->category == 'S' && !is_array
                   ? (element.id == engine::TypeId::kName ? 950U : kDefaultCollationOid)
                   : 0);
      if (!column.generated_sql.empty()) row.Char("attgenerated", 's');
      KYRO_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return absl::OkStatus();
}

std::vector<Value> KeyColumns(const Relation& index) {
  std::vector<Value> columns;
  const auto add = [&](int64_t ordinal) { columns.emplace_back(ordinal + 1); };
  if (index.is_key_index) {
    for (const uint32_t ordinal : index.table->primary_key) add(ordinal);
  } else if (index.index->is_zorder()) {
    for (const uint32_t ordinal : index.index->columns) add(ordinal);
  } else if (index.index->is_btree()) {
    for (const engine::IndexPart& part : index.index->parts) {
      // An expression has no number.
      part.is_expression() ? columns.push_back(Value(int64_t{0})) : add(part.column);
    }
  } else {
    add(index.index->column);
  }
  return columns;
}

absl::Status ScanIndex(const CatalogRows& rows) {
  for (const Relation& index : AllRelations(*rows.context().catalog)) {
    if (!index.is_index()) continue;
    CatalogRow row = rows.New();
    std::vector<Value> columns = KeyColumns(index);
    const auto count = static_cast<int64_t>(columns.size());
    std::vector<Value> options(columns.size(), Value(int64_t{0}));
    if (!index.is_key_index && index.index->is_btree()) {
      for (size_t i = 0; i < options.size(); ++i) {
        const engine::IndexPart& part = index.index->parts[i];
        options[i] = Value(int64_t{(part.descending ? 1 : 0) + (part.nulls_first ? 2 : 0)});
      }
    }
    const std::vector<uint32_t> zeros(columns.size(), 0);
    const auto numbers = [](std::vector<Value> values) {
      return Value(engine::EncodeArray(engine::MakeArray(std::move(values))));
    };
    row.Oid("indexrelid", index.oid)
        .Oid("indrelid", OidOfObject(index.table->id))
        .Number("indnatts", count)
        .Number("indnkeyatts", count)
        .Truth("indisunique", index.is_key_index || index.index->unique)
        .Truth("indisprimary", index.is_key_index || index.index->is_primary)
        .Truth("indimmediate", true)
        .Truth("indisvalid", true)
        .Truth("indisready", true)
        .Truth("indislive", true)
        .Set("indkey", numbers(std::move(columns)))
        .Set("indcollation", OidArray(zeros))
        .Set("indclass", OidArray(zeros))
        .Set("indoption", numbers(std::move(options)));
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanDefaults(const CatalogRows& rows) {
  for (const auto& table : rows.context().catalog->tables()) {
    for (size_t i = 0; i < table->columns.size(); ++i) {
      const engine::ColumnSchema& column = table->columns[i];
      const std::string& sql =
          column.generated_sql.empty() ? column.default_sql : column.generated_sql;
      if (sql.empty()) continue;
      CatalogRow row = rows.New();
      row.Oid("oid", OidOfDefault(table->id, i))
          .Oid("adrelid", OidOfObject(table->id))
          .Number("adnum", static_cast<int64_t>(i) + 1)
          .Text("adbin", sql);
      KYRO_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return absl::OkStatus();
}

absl::Status ScanTables(const CatalogRows& rows) {
  for (const Relation& relation : AllRelations(*rows.context().catalog)) {
    if (relation.kind != 'r') continue;
    CatalogRow row = rows.New();
    row.Text("schemaname", relation.schema)
        .Text("tablename", relation.name)
        .Text("tableowner", rows.context().user_name)
        .Truth("hasindexes", relation.table != nullptr && (!relation.table->primary_key.empty() ||
                                                           !relation.table->indexes.empty()));
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanIndexView(const CatalogRows& rows) {
  for (const Relation& index : AllRelations(*rows.context().catalog)) {
    if (!index.is_index()) continue;
    CatalogRow row = rows.New();
    row.Text("schemaname", index.schema)
        .Text("tablename", index.table->name)
        .Text("indexname", index.name)
        .Text("indexdef", IndexDefinition(index));
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

}  // namespace

void AddRelationTables(VirtualTableRegistry* registry) {
  const auto add = [registry](absl::string_view name, absl::string_view columns, CatalogScan scan) {
    AddTable(registry, MakeCatalogTable("pg_catalog", name, columns, scan));
  };
  add("pg_class",
      "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam "
      "oid, "
      "relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, "
      "reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, "
      "relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool, "
      "relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, "
      "relispartition bool, relrewrite oid, relfrozenxid oid, relminmxid oid, relacl text[], "
      "reloptions text[], relpartbound text",
      &ScanClass);
  add("pg_attribute",
      "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, "
      "attndims int4, attcacheoff int4, atttypmod int4, attbyval bool, attalign char, attstorage "
      "char, attcompression char, attnotnull bool, atthasdef bool, atthasmissing bool, attidentity "
      "char, attgenerated char, attisdropped bool, attislocal bool, attinhcount int4, attcollation "
      "oid, attacl text[], attoptions text[], attfdwoptions text[], attmissingval text[]",
      &ScanAttribute);
  add("pg_index",
      "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, "
      "indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, "
      "indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, "
      "indisreplident bool, indkey int2[], indcollation oid[], indclass oid[], indoption int2[], "
      "indexprs text, indpred text",
      &ScanIndex);
  add("pg_attrdef", "oid oid, adrelid oid, adnum int2, adbin text", &ScanDefaults);
  add("pg_sequence",
      "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, "
      "seqcache int8, seqcycle bool",
      nullptr);
  add("pg_depend",
      "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, "
      "deptype char",
      nullptr);
  add("pg_tables",
      "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, "
      "hasrules "
      "bool, hastriggers bool, rowsecurity bool",
      &ScanTables);
  add("pg_indexes",
      "schemaname name, tablename name, indexname name, tablespace text, indexdef text",
      &ScanIndexView);
  add("pg_views", "schemaname name, viewname name, viewowner name, definition text", nullptr);
  add("pg_sequences",
      "schemaname name, sequencename name, sequenceowner name, data_type text, start_value int8, "
      "min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value "
      "int8",
      nullptr);
}

}  // namespace kyrodb::sql
