// information_schema, the standard's view of the same objects.
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "sql/catalog/catalog_table.h"
#include "sql/catalog/objects.h"
#include "sql/wire_format.h"

namespace kyrodb::sql {
namespace {

bool IsTableOrView(const Relation& relation) {
  return relation.kind == 'r' || relation.kind == 'v';
}

absl::Status ScanSchemata(const CatalogRows& rows) {
  std::vector<std::string> names = {"pg_catalog", "public", "information_schema"};
  for (const std::string& name : names) {
    CatalogRow row = rows.New();
    row.Text("catalog_name", rows.context().database_name)
        .Text("schema_name", name)
        .Text("schema_owner", rows.context().user_name);
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

absl::Status ScanTables(const CatalogRows& rows) {
  for (const Relation& relation : AllRelations(*rows.context().catalog)) {
    if (!IsTableOrView(relation)) continue;
    CatalogRow row = rows.New();
    row.Text("table_catalog", rows.context().database_name)
        .Text("table_schema", relation.schema)
        .Text("table_name", relation.name)
        .Text("table_type", relation.kind == 'v' ? "VIEW" : "BASE TABLE")
        .Text("is_insertable_into", relation.table != nullptr ? "YES" : "NO")
        .Text("is_typed", "NO");
    KYRO_RETURN_IF_ERROR(rows.Add(row));
  }
  return absl::OkStatus();
}

// "ARRAY" and "USER-DEFINED" for what the standard does not know.
std::string StandardTypeName(const Type& type) {
  if (engine::IsArray(type.id)) return "ARRAY";
  if (type.id == TypeId::kVector || type.id == TypeId::kHalfvec || type.id == TypeId::kSparsevec) {
    return "USER-DEFINED";
  }
  return engine::TypeName(Type{type.id, 0});
}

void SetNumbers(const Type& type, CatalogRow* row) {
  const auto precision = [row](int64_t bits, int64_t radix, Value scale) {
    row->Number("numeric_precision", bits).Number("numeric_precision_radix", radix);
    row->Set("numeric_scale", std::move(scale));
  };
  switch (type.id) {
    case TypeId::kSmallint:
      return precision(16, 2, Value(int64_t{0}));
    case TypeId::kInteger:
      return precision(32, 2, Value(int64_t{0}));
    case TypeId::kBigint:
      return precision(64, 2, Value(int64_t{0}));
    case TypeId::kReal:
      return precision(24, 2, Value(Null{}));
    case TypeId::kDouble:
      return precision(53, 2, Value(Null{}));
    case TypeId::kNumeric:
      if (type.dimensions != 0) {
        precision(type.dimensions >> 16, 10, Value(static_cast<int64_t>(type.dimensions & 0x7FF)));
      } else {
        row->Number("numeric_precision_radix", 10);
      }
      return;
    case TypeId::kVarchar:
    case TypeId::kChar:
    case TypeId::kBit:
    case TypeId::kVarbit:
      if (type.dimensions != 0) {
        row->Number("character_maximum_length", static_cast<int64_t>(type.dimensions));
      }
      return;
    case TypeId::kTimestamp:
    case TypeId::kTimestamptz:
    case TypeId::kTime:
    case TypeId::kInterval:
      row->Number("datetime_precision",
                  type.dimensions == 0 ? 6 : static_cast<int64_t>(type.dimensions) - 1);
      return;
    case TypeId::kDate:
      row->Number("datetime_precision", 0);
      return;
    default:
      return;
  }
}

absl::Status ScanColumns(const CatalogRows& rows) {
  for (const Relation& relation : AllRelations(*rows.context().catalog)) {
    if (!IsTableOrView(relation)) continue;
    int64_t number = 0;
    for (const RelationColumn& column : ColumnsOf(relation)) {
      CatalogRow row = rows.New();
      const TypeInfo* const info = FindTypeInfo(column.type.id);
      ++number;
      row.Text("table_catalog", rows.context().database_name)
          .Text("table_schema", relation.schema)
          .Text("table_name", relation.name)
          .Text("column_name", column.name)
          .Number("ordinal_position", number)
          .Text("is_nullable", column.not_null ? "NO" : "YES")
          .Text("data_type", StandardTypeName(column.type))
          .Text("udt_catalog", rows.context().database_name)
          .Text("udt_schema",
                StandardTypeName(column.type) == "USER-DEFINED" ? "public" : "pg_catalog")
          .Text("dtd_identifier", absl::StrCat(number))
          .Text("is_self_referencing", "NO")
          .Text("is_identity", "NO")
          .Text("identity_cycle", "NO")
          .Text("is_generated", column.generated_sql.empty() ? "NEVER" : "ALWAYS")
          .Text("is_updatable", relation.table != nullptr ? "YES" : "NO");
      if (info != nullptr) {
        row.Text("udt_name", engine::IsArray(column.type.id) ? absl::StrCat("_", info->name)
                                                             : std::string(info->name));
      }
      if (!column.default_sql.empty()) row.Text("column_default", column.default_sql);
      if (!column.generated_sql.empty()) row.Text("generation_expression", column.generated_sql);
      SetNumbers(column.type, &row);
      KYRO_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return absl::OkStatus();
}

absl::Status ScanConstraints(const CatalogRows& rows) {
  for (const auto& table : rows.context().catalog->tables()) {
    for (const ConstraintInfo& constraint : ConstraintsOf(table)) {
      CatalogRow row = rows.New();
      row.Text("constraint_catalog", rows.context().database_name)
          .Text("constraint_schema", "public")
          .Text("constraint_name", constraint.name)
          .Text("table_catalog", rows.context().database_name)
          .Text("table_schema", "public")
          .Text("table_name", table->name)
          .Text("constraint_type", "PRIMARY KEY")
          .Text("is_deferrable", "NO")
          .Text("initially_deferred", "NO")
          .Text("enforced", "YES");
      KYRO_RETURN_IF_ERROR(rows.Add(row));
    }
  }
  return absl::OkStatus();
}

absl::Status ScanKeyColumns(const CatalogRows& rows) {
  for (const auto& table : rows.context().catalog->tables()) {
    for (const ConstraintInfo& constraint : ConstraintsOf(table)) {
      for (size_t i = 0; i < constraint.columns.size(); ++i) {
        CatalogRow row = rows.New();
        row.Text("constraint_catalog", rows.context().database_name)
            .Text("constraint_schema", "public")
            .Text("constraint_name", constraint.name)
            .Text("table_catalog", rows.context().database_name)
            .Text("table_schema", "public")
            .Text("table_name", table->name)
            .Text("column_name", table->columns[constraint.columns[i]].name)
            .Number("ordinal_position", static_cast<int64_t>(i) + 1);
        KYRO_RETURN_IF_ERROR(rows.Add(row));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ScanUsage(const CatalogRows& rows) {
  for (const auto& table : rows.context().catalog->tables()) {
    for (const ConstraintInfo& constraint : ConstraintsOf(table)) {
      for (const uint32_t column : constraint.columns) {
        CatalogRow row = rows.New();
        row.Text("table_catalog", rows.context().database_name)
            .Text("table_schema", "public")
            .Text("table_name", table->name)
            .Text("column_name", table->columns[column].name)
            .Text("constraint_catalog", rows.context().database_name)
            .Text("constraint_schema", "public")
            .Text("constraint_name", constraint.name);
        KYRO_RETURN_IF_ERROR(rows.Add(row));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddInformationSchema(VirtualTableRegistry* registry) {
  const auto add = [registry](absl::string_view name, absl::string_view columns, CatalogScan scan) {
    AddTable(registry, MakeCatalogTable("information_schema", name, columns, scan));
  };
  add("schemata",
      "catalog_name text, schema_name text, schema_owner text, default_character_set_catalog text, "
      "default_character_set_schema text, default_character_set_name text, sql_path text",
      &ScanSchemata);
  add("tables",
      "table_catalog text, table_schema text, table_name text, table_type text, "
      "self_referencing_column_name text, reference_generation text, user_defined_type_catalog "
      "text, user_defined_type_schema text, user_defined_type_name text, is_insertable_into text, "
      "is_typed text, commit_action text",
      &ScanTables);
  add("columns",
      "table_catalog text, table_schema text, table_name text, column_name text, ordinal_position "
      "int4, column_default text, is_nullable text, data_type text, character_maximum_length int4, "
      "character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, "
      "numeric_scale int4, datetime_precision int4, interval_type text, interval_precision int4, "
      "character_set_name text, collation_catalog text, collation_schema text, collation_name "
      "text, "
      "domain_name text, udt_catalog text, udt_schema text, udt_name text, maximum_cardinality "
      "int4, dtd_identifier text, is_self_referencing text, is_identity text, identity_generation "
      "text, identity_start text, identity_increment text, identity_maximum text, identity_minimum "
      "text, identity_cycle text, is_generated text, generation_expression text, is_updatable text",
      &ScanColumns);
  add("table_constraints",
      "constraint_catalog text, constraint_schema text, constraint_name text, table_catalog text, "
      "table_schema text, table_name text, constraint_type text, is_deferrable text, "
      "initially_deferred text, enforced text, nulls_distinct text",
      &ScanConstraints);
  add("key_column_usage",
      "constraint_catalog text, constraint_schema text, constraint_name text, table_catalog text, "
      "table_schema text, table_name text, column_name text, ordinal_position int4, "
      "position_in_unique_constraint int4",
      &ScanKeyColumns);
  add("constraint_column_usage",
      "table_catalog text, table_schema text, table_name text, column_name text, "
      "constraint_catalog text, constraint_schema text, constraint_name text",
      &ScanUsage);
  add("referential_constraints",
      "constraint_catalog text, constraint_schema text, constraint_name text, "
      "unique_constraint_catalog text, unique_constraint_schema text, unique_constraint_name text, "
      "match_option text, update_rule text, delete_rule text",
      nullptr);
  add("views",
      "table_catalog text, table_schema text, table_name text, view_definition text, check_option "
      "text, is_updatable text, is_insertable_into text",
      nullptr);
  add("sequences",
      "sequence_catalog text, sequence_schema text, sequence_name text, data_type text, "
      "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, start_value text, "
      "minimum_value text, maximum_value text, increment text, cycle_option text",
      nullptr);
  add("routines",
      "specific_catalog text, specific_schema text, specific_name text, routine_catalog text, "
      "routine_schema text, routine_name text, routine_type text, data_type text",
      nullptr);
}

}  // namespace kyrodb::sql
