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
