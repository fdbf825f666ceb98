// pg_type, pg_proc, pg_operator, pg_am, pg_opclass, pg_opfamily and pg_collation: what the language
// has, from its own registries.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/functions.h"
#include "sql/catalog/objects.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

// pgvector's types are the extension's, in public.
bool IsExtensionType(TypeId id) {
  return id == TypeId::kVector || id == TypeId::kHalfvec || id == TypeId::kSparsevec;
}

absl::Status ScanType(const CatalogRows& rows) {
  for (const TypeInfo& info : AllTypes()) {
    const uint32_t schema = IsExtensionType(info.id) ? kPublicOid : kPgCatalogOid;
    CatalogRow row = rows.New();
    const uint32_t collation =
        info.category == 'S' ? (info.id == TypeId::kName ? 950U : kDefaultCollationOid) : 0U;
    row.Oid("oid", info.oid)
        .Text("typname", info.name)
        .Oid("typnamespace", schema)
        .Oid("typowner", kOwnerOid)
        .Number("typlen", info.length)
        .Truth("typbyval", info.by_value)
        .Char("typtype", 'b')
        .Char("typcategory", info.category)
        .Truth("typispreferred", info.preferred)
        .Truth("typisdefined", true)
        .Char("typdelim", ',')
        .Oid("typarray", info.array_oid)
        .Char("typalign", info.alignment)
        .Char("typstorage", info.storage)
        .Number("typtypmod", -1)
        .Oid("typcollation", collation);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
    if (info.array_oid == 0) continue;
    CatalogRow array = rows.New();
    array.Oid("oid", info.array_oid)
        .Text("typname", absl::StrCat("_", info.name))
        .Oid("typnamespace", schema)
        .Oid("typowner", kOwnerOid)
        .Number("typlen", -1)
        .Char("typtype", 'b')
        .Char("typcategory", 'A')
        .Truth("typisdefined", true)
        .Char("typdelim", ',')
        .Oid("typelem", info.oid)
        .Char("typalign", info.alignment == 'd' ? 'd' : 'i')
        .Char("typstorage", 'x')
        .Number("typtypmod", -1)
        .Oid("typcollation", collation);
    KYRO_RETURN_IF_ERROR(rows.Add(array));
  }
  return absl::OkStatus();
}

absl::Status ScanProc(const CatalogRows& rows) {
  for (const FunctionEntry& entry : AllFunctions()) {
    CatalogRow row = rows.New();
    std::vector<uint32_t> parameters;
    for (const TypeId id : entry.parameters) parameters.push_back(OidOfParameter(id));
    row.Oid("oid", entry.oid)
        .Text("proname", entry.name)
        .Oid("pronamespace", kPgCatalogOid)
        .Oid("proowner", kOwnerOid)
        .Oid("prolang", 12)
        .Set("procost", Value(1.0))
        .Char("prokind", entry.is_aggregate ? 'a' : 'f')
        .Truth("proisstrict", entry.is_strict)
        .Char("provolatile", entry.volatility)
        .Char("proparallel", 's')
        .Number("pronargs", static_cast<int64_t>(parameters.size()))
        .Oid("prorettype", OidOfParameter(entry.result.id))
        .Set("proargtypes", OidArray(parameters))
        .Text("prosrc", entry.name);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanOperator(const CatalogRows& rows) {
  for (const FunctionEntry& entry : AllOperators()) {
    CatalogRow row = rows.New();
    const bool prefix = entry.parameters.size() == 1;
    row.Oid("oid", entry.oid)
        .Text("oprname", entry.name)
        .Oid("oprnamespace", kPgCatalogOid)
        .Oid("oprowner", kOwnerOid)
        .Char("oprkind", prefix ? 'l' : 'b')
        .Oid("oprleft", prefix ? 0 : OidOfParameter(entry.parameters[0]))
        .Oid("oprright", OidOfParameter(entry.parameters.back()))
        .Oid("oprresult", OidOfParameter(entry.result.id));
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

struct Method {
  uint32_t oid;
  const char* name;
  char kind;
};
constexpr Method kMethods[] = {{kHeapOid, "heap", 't'},
                               {kBtreeOid, "btree", 'i'},
                               {kHnswOid, "hnsw", 'i'},
                               {kIvfflatOid, "ivfflat", 'i'},
                               {kZOrderOid, "zorder", 'i'}};

absl::Status ScanAm(const CatalogRows& rows) {
  for (const Method& method : kMethods) {
    CatalogRow row = rows.New();
    row.Oid("oid", method.oid).Text("amname", method.name).Char("amtype", method.kind);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

// A class for each ordered type in btree, and pgvector's in hnsw and ivfflat.
struct OperatorClassEntry {
  std::string name;
  uint32_t method;
  TypeId type;
  bool is_default;
};
std::vector<OperatorClassEntry> OperatorClasses() {
  std::vector<OperatorClassEntry> classes;
  for (const TypeInfo& info : AllTypes()) {
    if (info.category == 'P' || info.id == TypeId::kJson) continue;
    classes.push_back({absl::StrCat(info.name, "_ops"), kBtreeOid, info.id, true});
  }
  for (const uint32_t method : {kHnswOid, kIvfflatOid}) {
    for (const char* metric : {"l2", "ip", "cosine", "l1"}) {
      for (const TypeId id : {TypeId::kVector, TypeId::kHalfvec, TypeId::kSparsevec}) {
        const TypeInfo* const info = FindTypeInfo(id);
        if (info == nullptr) continue;
        classes.push_back({absl::StrCat(info->name, "_", metric, "_ops"), method, id,
                           method == kIvfflatOid && metric == absl::string_view("l2")});
      }
    }
  }
  return classes;
}

absl::Status ScanOpclass(const CatalogRows& rows) {
  uint32_t oid = 11000;
  for (const OperatorClassEntry& entry : OperatorClasses()) {
    CatalogRow row = rows.New();
    row.Oid("oid", oid)
        .Oid("opcmethod", entry.method)
        .Text("opcname", entry.name)
        .Oid("opcnamespace", entry.method == kBtreeOid ? kPgCatalogOid : kPublicOid)
        .Oid("opcowner", kOwnerOid)
        .Oid("opcfamily", oid + 500)
        .Oid("opcintype", TypeOid({entry.type, 0}))
        .Truth("opcdefault", entry.is_default);
    ++oid;
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanOpfamily(const CatalogRows& rows) {
  uint32_t oid = 11500;
  for (const OperatorClassEntry& entry : OperatorClasses()) {
    CatalogRow row = rows.New();
    row.Oid("oid", oid++)
        .Oid("opfmethod", entry.method)
        .Text("opfname", entry.name)
        .Oid("opfnamespace", entry.method == kBtreeOid ? kPgCatalogOid : kPublicOid)
        .Oid("opfowner", kOwnerOid);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanCollation(const CatalogRows& rows) {
  struct Known {
    uint32_t oid;
    const char* name;
    char provider;
  };
  for (const Known& known :
       {Known{100, "default", 'd'}, Known{950, "C", 'c'}, Known{951, "POSIX", 'c'}}) {
    CatalogRow row = rows.New();
    row.Oid("oid", known.oid)
        .Text("collname", known.name)
        .Oid("collnamespace", kPgCatalogOid)
        .Oid("collowner", kOwnerOid)
        .Char("collprovider", known.provider)
        .Truth("collisdeterministic", true)
        .Number("collencoding", -1);
    if (known.provider == 'c') row.Text("collcollate", known.name).Text("collctype", known.name);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanLanguage(const CatalogRows& rows) {
  CatalogRow row = rows.New();
  row.Oid("oid", 12).Text("lanname", "internal").Oid("lanowner", kOwnerOid);
  return rows.Add(row);
}

}  // namespace

void AddTypeTables(VirtualTableRegistry* registry) {
  const auto add = [registry](absl::string_view name, absl::string_view columns, CatalogScan scan) {
    AddTable(registry, MakeCatalogTable("pg_catalog", name, columns, scan));
  };
  add("pg_type",
      "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype "
      "char, typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid "
      "oid, "
      "typsubscript regproc, typelem oid, typarray oid, typinput regproc, typoutput regproc, "
      "typreceive regproc, typsend regproc, typmodin regproc, typmodout regproc, typanalyze "
      "regproc, typalign char, typstorage char, typnotnull bool, typbasetype oid, typtypmod int4, "
      "typndims int4, typcollation oid, typdefaultbin text, typdefault text, typacl text[]",
      &ScanType);
  add("pg_proc",
      "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, prorows "
      "float4, provariadic oid, prosupport regproc, prokind char, prosecdef bool, proleakproof "
      "bool, proisstrict bool, proretset bool, provolatile char, proparallel char, pronargs int2, "
      "pronargdefaults int2, prorettype oid, proargtypes oid[], proallargtypes oid[], proargmodes "
      "text[], proargnames text[], proargdefaults text, protrftypes oid[], prosrc text, probin "
      "text, prosqlbody text, proconfig text[], proacl text[]",
      &ScanProc);
  add("pg_operator",
      "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprcanmerge bool, "
      "oprcanhash bool, oprleft oid, oprright oid, oprresult oid, oprcom oid, oprnegate oid, "
      "oprcode regproc, oprrest regproc, oprjoin regproc",
      &ScanOperator);
  add("pg_am", "oid oid, amname name, amhandler regproc, amtype char", &ScanAm);
  add("pg_opclass",
      "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, "
      "opcintype oid, opcdefault bool, opckeytype oid",
      &ScanOpclass);
  add("pg_opfamily", "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid",
      &ScanOpfamily);
  add("pg_collation",
      "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, "
      "collisdeterministic bool, collencoding int4, collcollate text, collctype text, "
      "colliculocale text, collversion text",
      &ScanCollation);
  add("pg_language",
      "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, lanplcallfoid oid, "
      "laninline oid, lanvalidator oid, lanacl text[]",
      &ScanLanguage);
}

}  // namespace kyrodb::sql
