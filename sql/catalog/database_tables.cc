// pg_namespace, pg_database, roles, settings, extensions and what else belongs to no relation.
#include "engine/base/status.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/objects.h"

namespace kyrodb::sql {
namespace {

absl::Status ScanNamespace(const CatalogRows& rows) {
  const auto add = [&](uint32_t oid, absl::string_view name) {
    CatalogRow row = rows.New();
    row.Oid("oid", oid).Text("nspname", name).Oid("nspowner", kOwnerOid);
    return rows.Add(row);
  };
  KYRO_RETURN_IF_ERROR(add(kPgCatalogOid, "pg_catalog"));
  KYRO_RETURN_IF_ERROR(add(kPublicOid, "public"));
  return add(kInformationSchemaOid, "information_schema");
}

absl::Status ScanDatabase(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Oid("oid", kDatabaseOid)
      .Text("datname", rows.context().database_name)
      .Oid("datdba", kOwnerOid)
      .Number("encoding", 6)
      .Char("datlocprovider", 'c')
      .Truth("datallowconn", true)
      .Number("datconnlimit", -1)
      .Oid("dattablespace", 1663)
      .Text("datcollate", "C")
      .Text("datctype", "C");
  return rows.Add(row);
}

// There are no roles yet: everybody is the owner under a name of his own.
absl::Status ScanRoles(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Oid("oid", kOwnerOid)
      .Text("rolname", rows.context().user_name)
      .Truth("rolsuper", true)
      .Truth("rolinherit", true)
      .Truth("rolcreaterole", true)
      .Truth("rolcreatedb", true)
      .Truth("rolcanlogin", true)
      .Truth("rolreplication", false)
      .Truth("rolbypassrls", true)
      .Number("rolconnlimit", -1);
  return rows.Add(row);
}

absl::Status ScanUser(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Text("usename", rows.context().user_name)
      .Oid("usesysid", kOwnerOid)
      .Truth("usecreatedb", true)
      .Truth("usesuper", true)
      .Truth("usebypassrls", true);
  return rows.Add(row);
}

absl::Status ScanSettings(const CatalogRows& rows) {
  if (rows.context().settings == nullptr) return absl::OkStatus();
  for (const ScanContext::Setting& setting : rows.context().settings()) {
    CatalogRow row = rows.New();
    row.Text("name", setting.name)
        .Text("setting", setting.value)
        .Text("category", "Settings")
        .Text("short_desc", setting.description)
        .Text("context", "user")
        .Text("vartype", "string")
        .Text("source", "session")
        .Text("reset_val", setting.value);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanExtension(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Oid("oid", kVectorExtensionOid)
      .Text("extname", "vector")
      .Oid("extowner", kOwnerOid)
      .Oid("extnamespace", kPublicOid)
      .Text("extversion", "0.8.0");
  return rows.Add(row);
}

absl::Status ScanAvailableExtensions(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Text("name", "vector")
      .Text("default_version", "0.8.0")
      .Text("installed_version", "0.8.0")
      .Text("comment", "vector data type and ivfflat and hnsw access methods");
  return rows.Add(row);
}

absl::Status ScanDescription(const CatalogRows& rows) {
  const auto add = [&](uint32_t object, uint32_t oid, absl::string_view text) {
    CatalogRow row = rows.New();
    row.Oid("objoid", oid).Oid("classoid", object).Text("description", text);
    return rows.Add(row);
  };
  KYRO_RETURN_IF_ERROR(
      add(3079, kVectorExtensionOid, "vector data type and ivfflat and hnsw access methods"));
  KYRO_RETURN_IF_ERROR(add(2615, kPublicOid, "standard public schema"));
  return add(2615, kPgCatalogOid, "system catalog schema");
}

absl::Status ScanTablespace(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Oid("oid", 1663).Text("spcname", "pg_default").Oid("spcowner", kOwnerOid);
  return rows.Add(row);
}

}  // namespace

void AddDatabaseTables(VirtualTableRegistry* registry) {
  const auto add = [registry](absl::string_view name, absl::string_view columns, CatalogScan scan) {
    AddTable(registry, MakeCatalogTable("pg_catalog", name, columns, scan));
  };
  add("pg_namespace", "oid oid, nspname name, nspowner oid, nspacl text[]", &ScanNamespace);
  add("pg_database",
      "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, "
      "datallowconn bool, datconnlimit int4, datfrozenxid oid, datminmxid oid, dattablespace oid, "
      "datcollate text, datctype text, daticulocale text, datcollversion text, datacl text[]",
      &ScanDatabase);
  const absl::string_view role =
      "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb "
      "bool, "
      "rolcanlogin bool, rolreplication bool, rolconnlimit int4, rolpassword text, rolvaliduntil "
      "timestamptz, rolbypassrls bool, rolconfig text[]";
  add("pg_roles", role, &ScanRoles);
  add("pg_authid", role, &ScanRoles);
  add("pg_user",
      "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls "
      "bool, passwd text, valuntil timestamptz, useconfig text[]",
      &ScanUser);
  add("pg_settings",
      "name text, setting text, unit text, category text, short_desc text, extra_desc text, "
      "context "
      "text, vartype text, source text, min_val text, max_val text, enumvals text[], boot_val "
      "text, "
      "reset_val text, sourcefile text, sourceline int4, pending_restart bool",
      &ScanSettings);
  add("pg_extension",
      "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion "
      "text, "
      "extconfig oid[], extcondition text[]",
      &ScanExtension);
  add("pg_available_extensions",
      "name name, default_version text, installed_version text, comment text",
      &ScanAvailableExtensions);
  add("pg_description", "objoid oid, classoid oid, objsubid int4, description text",
      &ScanDescription);
  add("pg_tablespace", "oid oid, spcname name, spcowner oid, spcacl text[], spcoptions text[]",
      &ScanTablespace);
}

// What this database never has, for clients that look.
void AddEmptyTables(VirtualTableRegistry* registry) {
  const auto add = [registry](absl::string_view name, absl::string_view columns) {
    AddTable(registry, MakeCatalogTable("pg_catalog", name, columns));
  };
  add("pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool");
  add("pg_partitioned_table",
      "partrelid oid, partstrat char, partnatts int2, partdefid oid, partattrs int2[], partclass "
      "oid[], partcollation oid[], partexprs text");
  add("pg_policy",
      "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles oid[], "
      "polqual "
      "text, polwithcheck text");
  add("pg_publication",
      "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, "
      "pubdelete bool, pubtruncate bool, pubviaroot bool");
  add("pg_publication_namespace", "oid oid, pnpubid oid, pnnspid oid");
  add("pg_publication_rel", "oid oid, prpubid oid, prrelid oid, prqual text, prattrs int2[]");
  add("pg_subscription", "oid oid, subdbid oid, subname name, subowner oid, subenabled bool");
  add("pg_statistic_ext",
      "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, "
      "stxkeys int2[], stxkind text[], stxexprs text");
  add("pg_trigger",
      "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, "
      "tgisinternal bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable "
      "bool, tginitdeferred bool, tgnargs int2, tgattr int2[], tgargs text, tgqual text, "
      "tgoldtable "
      "name, tgnewtable name");
  add("pg_rewrite",
      "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, "
      "ev_qual "
      "text, ev_action text");
  add("pg_auth_members", "roleid oid, member oid, grantor oid, admin_option bool");
  add("pg_enum", "oid oid, enumtypid oid, enumsortorder float4, enumlabel name");
  add("pg_range",
      "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, "
      "rngcanonical regproc, rngsubdiff regproc");
  add("pg_foreign_table", "ftrelid oid, ftserver oid, ftoptions text[]");
  add("pg_foreign_server",
      "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvacl "
      "text[], srvoptions text[]");
  add("pg_foreign_data_wrapper",
      "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl text[], "
      "fdwoptions text[]");
  add("pg_event_trigger",
      "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags "
      "text[]");
  add("pg_cast",
      "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, "
      "castmethod char");
  add("pg_aggregate", "aggfnoid regproc, aggkind char, aggnumdirectargs int2");
  add("pg_db_role_setting", "setdatabase oid, setrole oid, setconfig text[]");
  add("pg_shdescription", "objoid oid, classoid oid, description text");
  add("pg_seclabel", "objoid oid, classoid oid, objsubid int4, provider text, label text");
  add("pg_matviews",
      "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, "
      "ispopulated bool, definition text");
  add("pg_locks",
      "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, "
      "transactionid oid, classid oid, objid oid, objsubid int2, virtualtransaction text, pid "
      "int4, "
      "mode text, granted bool, fastpath bool, waitstart timestamptz");
  add("pg_prepared_xacts",
      "transaction oid, gid text, prepared timestamptz, owner name, database name");
  add("pg_stat_progress_create_index",
      "pid int4, datid oid, datname name, relid oid, index_relid oid, command text, phase text, "
      "lockers_total int8, lockers_done int8, current_locker_pid int8, blocks_total int8, "
      "blocks_done int8, tuples_total int8, tuples_done int8, partitions_total int8, "
      "partitions_done int8");
}

}  // namespace kyrodb::sql
