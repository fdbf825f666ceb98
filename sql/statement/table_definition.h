// One column as a statement defines it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/schema.h"
#include "sql/parse/ast.h"
#include "sql/statement/definition.h"

namespace kyrodb::sql {

// `fillfactor` from 10 to 100 means nothing to rows in runs, and is taken because tools write it;
// 22023 for other values, 0A000 for other options. Without a value (RESET) the name decides.
absl::Status CheckTableOption(const Option& option);

// Order:  `SetType`, `AddConstraints`, and when the table is there `CreateSequence`.
struct ColumnBuilder {
  engine::ColumnSchema column;
  bool is_serial = false;
  std::shared_ptr<const SequenceClauses> identity_options;  // null: none

  absl::Status SetType(const ColumnDefinition& definition);
  // NOT NULL, DEFAULT, identity and generation, which the column itself keeps.
  absl::Status AddConstraints(const ColumnDefinition& definition, const std::string& table,
                              Binder* binder);
  bool needs_sequence() const { return is_serial || column.identity != engine::Identity::kNone; }
  // The sequence of serial or of an identity; returns the DEFAULT of the former.
  absl::StatusOr<std::string> CreateSequence(engine::ObjectId table,
                                             const DefinitionContext& context) const;
};

}  // namespace kyrodb::sql
