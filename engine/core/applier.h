// The only thing that changes the database: a commit's record, taken from the log or just written
// to it, becomes visible in key spaces, catalog and indexes.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/core/index_set.h"
#include "engine/core/load_record.h"
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

  // What makes the run of a bulk load visible again (recovery); without it such a record is an
  // `Internal` error.
  void SetLoader(std::function<absl::Status(Lsn lsn, const LoadRecord& load)> loader) {
    loader_ = std::move(loader);
  }

  // Applies commit `lsn` and publishes it. `DataLoss` when the record is damaged: what it did then
  // is not published.
  absl::Status Apply(Lsn lsn, absl::string_view record);

 private:
  SpaceTable* const spaces_;
  IndexSet* const indexes_;
  Views* const views_;
  std::function<absl::Status(Lsn, const LoadRecord&)> loader_;
};

}  // namespace kyrodb::engine
