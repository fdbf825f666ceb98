// pg_constraint.
#include "engine/array.h"
#include "engine/base/status.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/objects.h"

namespace kyrodb::sql {
namespace {

Value Places(const std::vector<uint32_t>& columns) {
  std::vector<Value> places;
  for (const uint32_t column : columns) places.emplace_back(int64_t{column} + 1);
  return Value(engine::EncodeArray(engine::MakeArray(std::move(places))));
}

absl::Status ScanConstraint(const CatalogRows& rows) {
  for (const auto& table : rows.context().catalog->tables()) {
    for (const ConstraintInfo& constraint : ConstraintsOf(table)) {
      CatalogRow row = rows.New();
      row.Oid("oid", constraint.oid)
          .Text("conname", constraint.name)
          .Oid("connamespace", kPublicOid)
          .Char("contype", constraint.kind)
          .Truth("convalidated", true)
          .Oid("conrelid", OidOfObject(table->id))
          .Oid("conindid", constraint.index_oid)
          .Truth("conislocal", true)
          .Char("confupdtype", ' ')
          .Char("confdeltype", ' ')
          .Char("confmatchtype", ' ');
      row.Set("conkey", Places(constraint.columns));
      KYRO_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddConstraintTables(VirtualTableRegistry* registry) {
  AddTable(registry,
           MakeCatalogTable(
               "pg_catalog", "pg_constraint",
               "oid oid, conname name, connamespace oid, contype char, condeferrable bool, "
               "condeferred bool, convalidated bool, conrelid oid, contypid oid, conindid oid, "
               "conparentid oid, confrelid oid, confupdtype char, confdeltype char, confmatchtype "
               "char, conislocal bool, coninhcount int4, connoinherit bool, conkey int2[], confkey "
               "int2[], conpfeqop oid[], conppeqop oid[], conffeqop oid[], confdelsetcols int2[], "
               "conexclop oid[], conbin text",
               &ScanConstraint));
}

}  // namespace kyrodb::sql
