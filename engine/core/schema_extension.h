// The part of a table's catalog record that version 3 brought: schemas, btree indexes, constraints,
// columns added and dropped.
//
// Layout, numbers varints, strings length-prefixed: schema name; primary key's name; count of
// `storage`, these, `storage_count` when there are any; for each column its identity, and 0 or 1
// and what it has for missing; for each index its flags (1 unique, 2 nulls not distinct, 4
// constraint, 8 primary), its WHERE, and its parts: count, each with flags (1 descending, 2 nulls
// first, 4 expression), then the ordinal or SQL text, type and dimensions; checks: count, each name
// and SQL; foreign keys: count, each name, columns, table, columns, actions, flags (1 full, 2
// deferrable, 4 deferred).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Whether the table has anything that only the extension can tell.
bool NeedsSchemaExtension(const TableSchema& schema);
void AppendSchemaExtension(const TableSchema& schema, std::string* out);
// `schema` with what `bytes` say, which must be an extension and nothing else; else `DataLoss`.
absl::StatusOr<TableSchema> TakeSchemaExtension(absl::string_view bytes, TableSchema schema);

}  // namespace kyrodb::engine
