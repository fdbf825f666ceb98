// The tuner's journal as a table: `SELECT * FROM kyro_tuner_decisions`.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sql/virtual_table.h"
#include "tuner/journal.h"

namespace kyrodb::server {

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       the journal must outlive every scan.
class DecisionsTable : public sql::VirtualTable {
 public:
  explicit DecisionsTable(const tuner::Journal* journal);
  absl::string_view name() const override { return "kyro_tuner_decisions"; }
  const std::vector<sql::VirtualColumn>& columns() const override { return columns_; }
  absl::Status Scan(sql::RowReceiver receive) const override;

 private:
  const tuner::Journal* journal_;
  std::vector<sql::VirtualColumn> columns_;
};

}  // namespace kyrodb::server
