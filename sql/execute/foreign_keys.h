// Foreign keys: whether what is referenced is there, and what follows when it goes or changes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/schema.h"
#include "sql/execute/context.h"

namespace kyrodb::sql {

// 23503 when the row of a foreign key's table with these values has nothing to refer to. Nobody
// else may take it away until the transaction has committed.
absl::Status CheckReference(const engine::TableSchema& table, const engine::ForeignKey& key,
                            const Row& values, ExecutionContext& context);

// A reference that is looked at later: the row may be another one by then, or gone.
absl::Status CheckPendingReference(const PendingReference& pending, ExecutionContext& context);

// What becomes of the rows that refer by `key` to a row that had `before` in the referenced columns
// and now has `after`, or is gone (empty): 23503, or they go or change with it.
absl::Status ApplyReferentialAction(const std::shared_ptr<const engine::TableSchema>& table,
                                    const engine::ForeignKey& key, const Row& before,
                                    const Row& after, ExecutionContext& context);

// The unique index of the table over exactly these columns, in any order; `*on_key`: it is the key
// of the rows. Null and false when there is none.
const engine::IndexSchema* FindReferencedIndex(const engine::TableSchema& table,
                                               const std::vector<uint32_t>& columns, bool* on_key);

}  // namespace kyrodb::sql
