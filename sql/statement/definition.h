// Statements that change definitions: tables and indexes.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/transaction.h"
#include "sql/bind/binder.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

// Passes on a NOTICE with its SQLSTATE.
using NoticeReceiver = std::function<void(absl::string_view sqlstate, absl::string_view message)>;

// The schema that CREATE TABLE describes, everything checked. With AS query the columns are those
// of `query` (bound).
absl::StatusOr<engine::TableSchema> MakeTableSchema(const CreateTableStatement& statement,
                                                    const BoundQuery* query, Binder* binder);

// Each does what its statement says within the transaction. A created table's id is returned; 0
// when IF NOT EXISTS found one.
absl::StatusOr<engine::ObjectId> CreateTable(const CreateTableStatement& statement,
                                             const BoundQuery* query, const BindContext& context,
                                             Binder* binder, engine::Transaction* transaction,
                                             const NoticeReceiver& notice);
absl::Status CreateIndex(const CreateIndexStatement& statement, Binder* binder,
                         engine::Transaction* transaction, const NoticeReceiver& notice);
absl::Status Drop(const DropStatement& statement, engine::Transaction* transaction,
                  const NoticeReceiver& notice);
absl::Status CreateExtension(const CreateExtensionStatement& statement,
                             const NoticeReceiver& notice);

// "TABLE", "INDEX", …: the second word of a command tag.
std::string ObjectWord(ObjectType type);

}  // namespace kyrodb::sql
