// The only thing that changes the database: a commit's record, taken from the log or just written
// to it, becomes visible in key spaces, catalog and indexes.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/core/index_set.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Thread-safety:  one thread at a time, commits in order.
class Applier {
 public:
  // The arguments must outlive the applier. Null `indexes`: they come later (recovery).
  Applier(SpaceTable* spaces, IndexSet* indexes, Views* views)
      : spaces_(spaces), indexes_(indexes), views_(views) {}

  // Applies commit `lsn` and publishes it. `DataLoss` when the record is damaged: what it did then
  // is not published.
  absl::Status Apply(Lsn lsn, absl::string_view record);

 private:
  SpaceTable* const spaces_;
  IndexSet* const indexes_;
  Views* const views_;
};

}  // namespace kyrodb::engine
