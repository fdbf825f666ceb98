// Makes the entries of rows that were there before their zorder index.
#pragma once

#include <cstdint>
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
class ZOrderBuilder {
 public:
  // The arguments must outlive it.
  ZOrderBuilder(const TransactionContext* context, const Views* views)
      : context_(context), views_(views) {}

  // Takes each index that is being built one batch further. Returns whether there was anything to
  // do.
  absl::StatusOr<bool> BuildSome();

  // Whether no index is being built. Only `BuildSome` finds out.
  bool IsDone() const;

 private:
  const TransactionContext* const context_;
  const Views* const views_;
  mutable absl::Mutex mutex_;
  // Of these definitions every index is complete.
  std::shared_ptr<const Catalog> done_ ABSL_GUARDED_BY(mutex_);
  uint64_t batch_rows_ ABSL_GUARDED_BY(mutex_) = 4096;
};

}  // namespace kyrodb::engine
