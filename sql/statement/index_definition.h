// Indexes: what CREATE INDEX describes, and those that constraints make.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/schema.h"
#include "engine/transaction.h"
#include "sql/bind/binder.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

// The index that the statement describes, everything checked, without a name.
absl::StatusOr<engine::IndexSchema> MakeIndex(const CreateIndexStatement& statement,
                                              const engine::TableSchema& table, Binder* binder);

// `table_part_suffix`, as PostgreSQL shortens it, and with a number when that is taken.
std::string FreeRelationName(const engine::Catalog& catalog, absl::string_view schema,
                             absl::string_view table, absl::string_view part,
                             absl::string_view suffix);
// What the parts of an index are called in its name: "a_b", "lower".
std::string IndexPartNames(const engine::TableSchema& table, const engine::IndexSchema& index);

// The columns that a constraint names, each once; 42703 and 42701 with its words for them ("primary
// key", "unique").
absl::StatusOr<std::vector<uint32_t>> KeyColumns(const std::vector<Identifier>& names,
                                                 const engine::TableSchema& table,
                                                 absl::string_view what);

// Whether a key may have a column of this type.
bool IsKeyColumnType(const Type& type);

}  // namespace kyrodb::sql
