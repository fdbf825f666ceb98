// Rows of a table in the order of a btree index: entries are walked a stretch at a time, and their
// rows fetched many at once.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/iterator.h"
#include "sql/execute/context.h"
#include "sql/plan/plan.h"

namespace kyrodb::sql {

// Order:     `Open` once, then `Fetch` until it gives nothing.
// Lifetime:  borrows the plan and the context.
class IndexReader {
 public:
  // `plan` is a scan whose path is of kind kIndex.
  IndexReader(const PlanNode& plan, ExecutionContext& context) : plan_(plan), context_(context) {}

  absl::Status Open();
  // Sets `keys` and `rows` to the next rows, about `goal` of them; empty at the end.
  absl::Status Fetch(size_t goal, std::vector<std::string>* keys,
                     std::vector<std::optional<std::string>>* rows);

 private:
  absl::Status AppendPart(std::string* key, size_t part, const Value& value) const;
  // Bounds of the part after the fixed ones, below `prefix`; nullopt when no entry can be there.
  absl::StatusOr<std::optional<engine::KeyRange>> RangeBelow(const std::string& prefix);

  const PlanNode& plan_;
  ExecutionContext& context_;
  std::vector<engine::KeyRange> ranges_;  // in the order in which they are walked
  size_t next_range_ = 0;
  std::unique_ptr<engine::Iterator> iterator_;
};

}  // namespace kyrodb::sql
