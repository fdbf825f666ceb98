// A table of pg_catalog or information_schema: columns from one line of text, rows by name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sql/types/type.h"
#include "sql/virtual_table.h"

namespace kyrodb::sql {

// One row while it is made: columns that nobody sets are zero, false, '' for "char" and name, and
// null for everything else; in information_schema null for all.
class CatalogRow {
 public:
  explicit CatalogRow(const VirtualTable& table);
  // The column must be there (checked).
  CatalogRow& Set(absl::string_view column, Value value);
  CatalogRow& Oid(absl::string_view column, uint32_t oid) {
    return Set(column, Value(static_cast<int64_t>(oid)));
  }
  CatalogRow& Number(absl::string_view column, int64_t number) {
    return Set(column, Value(number));
  }
  CatalogRow& Text(absl::string_view column, absl::string_view text) {
    return Set(column, Value(std::string(text)));
  }
  CatalogRow& Truth(absl::string_view column, bool value) { return Set(column, Value(value)); }
  CatalogRow& Char(absl::string_view column, char c) {
    return Set(column, Value(std::string(1, c)));
  }
  Row Take() { return std::move(row_); }

 private:
  const VirtualTable& table_;
  Row row_;
};

// Hands rows on.
class CatalogRows {
 public:
  CatalogRows(const VirtualTable& table, const ScanContext& context, RowReceiver receive)
      : table_(table), context_(context), receive_(receive) {}
  const ScanContext& context() const { return context_; }
  CatalogRow New() const { return CatalogRow(table_); }
  absl::Status Add(CatalogRow& row) const { return receive_(row.Take()); }

 private:
  const VirtualTable& table_;
  const ScanContext& context_;
  RowReceiver receive_;
};

using CatalogScan = absl::Status (*)(const CatalogRows& rows);

// `columns`: "oid oid, relname name, relacl text[]"; the types are those of SQL by short names. A
// table without `scan` has no rows.
std::shared_ptr<const VirtualTable> MakeCatalogTable(absl::string_view schema,
                                                     absl::string_view name,
                                                     absl::string_view columns,
                                                     CatalogScan scan = nullptr);

// Arrays as values.
Value TextArray(const std::vector<std::string>& texts);
Value OidArray(const std::vector<uint32_t>& oids);

// The rooms of the catalog, one per file.
void AddRelationTables(VirtualTableRegistry* registry);
void AddConstraintTables(VirtualTableRegistry* registry);
void AddTypeTables(VirtualTableRegistry* registry);
void AddDatabaseTables(VirtualTableRegistry* registry);
void AddEmptyTables(VirtualTableRegistry* registry);
void AddInformationSchema(VirtualTableRegistry* registry);
// Ends the process when the name is taken: the names are all ours.
void AddTable(VirtualTableRegistry* registry, std::shared_ptr<const VirtualTable> table);

// All of it. Immutable.
const VirtualTableRegistry& SystemCatalog();

}  // namespace kyrodb::sql
