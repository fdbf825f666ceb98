// Sequences: CREATE and ALTER SEQUENCE, those of serial and identity columns, and what nextval and
// its like do.
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/schema.h"
#include "sql/functions/function.h"
#include "sql/parse/ast.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

absl::Status CreateSequence(const CreateSequenceStatement& statement,
                            const DefinitionContext& context);
absl::Status AlterSequence(const AlterSequenceStatement& statement,
                           const DefinitionContext& context);

// Makes the sequence of a column, with the clauses of AS IDENTITY (…) unless these are null, and
// returns the DEFAULT that takes from it.
absl::StatusOr<std::string> CreateOwnedSequence(engine::ObjectId table, const std::string& column,
                                                const Type& type, const SequenceClauses* clauses,
                                                const DefinitionContext& context);
// The sequence that a column owns; null when it owns none.
std::shared_ptr<const engine::ObjectSchema> FindOwnedSequence(const engine::Catalog& catalog,
                                                              engine::ObjectId table,
                                                              absl::string_view column);

// What sessions remember of sequences.
struct SequenceMemory {
  absl::flat_hash_map<engine::ObjectId, int64_t> current;  // currval
  std::optional<engine::ObjectId> last;                    // lastval
};

// nextval and its like within one statement.
class SequenceRunner : public SequenceAccess {
 public:
  // The arguments must outlive it.
  SequenceRunner(engine::Transaction* transaction, const std::vector<std::string>* search_path,
                 SequenceMemory* memory)
      : transaction_(transaction), search_path_(search_path), memory_(memory) {}

  absl::StatusOr<int64_t> Next(absl::string_view name) override;
  absl::StatusOr<int64_t> Current(absl::string_view name) override;
  absl::StatusOr<int64_t> Set(absl::string_view name, int64_t value, bool is_called) override;
  absl::StatusOr<int64_t> Last() override;

 private:
  absl::StatusOr<std::shared_ptr<const engine::ObjectSchema>> Find(absl::string_view name) const;

  engine::Transaction* const transaction_;
  const std::vector<std::string>* const search_path_;
  SequenceMemory* const memory_;
};

}  // namespace kyrodb::sql
