// Statements that change definitions: tables, indexes, constraints, views, schemas, sequences.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/transaction.h"
#include "sql/bind/binder.h"
#include "sql/execute/context.h"
#include "sql/parse/ast.h"

namespace kyrodb::sql {

// Passes on a NOTICE with its SQLSTATE.
using NoticeReceiver = std::function<void(absl::string_view sqlstate, absl::string_view message)>;

// What a definition needs of the statement that makes it.
struct DefinitionContext {
  const BindContext* bind = nullptr;
  engine::Transaction* transaction = nullptr;
  ExecutionContext* execution = nullptr;
  NoticeReceiver notice;
};

// The names in a value of search_path; "$user" is `user`.
std::vector<std::string> SchemasOf(absl::string_view search_path, absl::string_view user);
// The schema in which a new relation of that name is made. 3F000 when it does not exist.
absl::StatusOr<std::string> SchemaForNew(const QualifiedName& name,
                                         const DefinitionContext& context);

// Each does what its statement says within the transaction. With AS query the columns of a table
// are those of `query` (bound). A created table's id is returned; 0 when IF NOT EXISTS found one.
absl::StatusOr<engine::ObjectId> CreateTable(const CreateTableStatement& statement,
                                             const BoundQuery* query,
                                             const DefinitionContext& context);
// Returns the index's id and its table's; zeros when IF NOT EXISTS found one.
struct CreatedIndex {
  engine::ObjectId table = 0;
  engine::ObjectId index = 0;
};
absl::StatusOr<CreatedIndex> CreateIndex(const CreateIndexStatement& statement,
                                         engine::IndexBuild build,
                                         const DefinitionContext& context);
absl::Status Reindex(const ReindexStatement& statement, const DefinitionContext& context);
absl::Status CreateView(const CreateViewStatement& statement, const DefinitionContext& context);
absl::Status CreateSchema(const CreateSchemaStatement& statement, const DefinitionContext& context);
absl::Status Drop(const DropStatement& statement, const DefinitionContext& context);
absl::Status Truncate(const TruncateStatement& statement, const DefinitionContext& context);
absl::Status CreateExtension(const CreateExtensionStatement& statement,
                             const DefinitionContext& context);

// "TABLE", "INDEX", …: the second word of a command tag.
std::string ObjectWord(ObjectType type);

}  // namespace kyrodb::sql
