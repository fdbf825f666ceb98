// Makes the entries of rows that were there before their zorder or btree index.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/core/transaction_impl.h"
#include "engine/core/views.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// The commit that creates an index leaves a mark in the index's key space; from then on everybody
// who writes a row writes its entry, and whoever began before is refused, because the table's
// definition has changed. What is left are rows that nobody touches: they are read in key order by
// short serializable transactions, each of which moves the mark on, and the last takes it away. A
// row that changes meanwhile makes such a transaction fail, and it is tried again with fewer rows.
// So the building goes on where it was after a crash, and a reader whose snapshot has no mark has
// an entry for every row.
//
// Thread-safety:  all methods may be called from any thread.
class IndexBuilder {
 public:
  // The arguments must outlive it.
  IndexBuilder(const TransactionContext* context, const Views* views)
      : context_(context), views_(views) {}

  // Takes each index that is being built one batch further. Returns whether there was anything to
  // do. A unique index that cannot be is left as it is.
  absl::StatusOr<bool> BuildSome();

  // Builds one index to its end; `AlreadyExists` when it cannot be unique, `NotFound` when it is
  // gone, and what `check` says, which is asked between batches.
  absl::Status Build(ObjectId table, ObjectId index, const std::function<absl::Status()>& check);

  // Whether no index is being built. Only `BuildSome` finds out.
  bool IsDone() const;

 private:
  // One batch: whether there was anything to do. `again`: rows have changed meanwhile.
  absl::StatusOr<bool> BuildBatch(ObjectId table, ObjectId index, bool* again)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TransactionContext* const context_;
  const Views* const views_;
  mutable absl::Mutex mutex_;
  // Of these definitions every index is complete.
  std::shared_ptr<const Catalog> done_ ABSL_GUARDED_BY(mutex_);
  uint64_t batch_rows_ ABSL_GUARDED_BY(mutex_) = 4096;
};

}  // namespace kyrodb::engine
