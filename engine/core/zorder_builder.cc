#include "engine/core/zorder_builder.h"

#include <algorithm>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kBatchRowsMin = 16;
constexpr uint64_t kBatchRowsMax = 4096;

}  // namespace

absl::StatusOr<bool> ZOrderBuilder::BuildSome() {
  const std::shared_ptr<const Catalog> catalog = views_->catalog();
  absl::MutexLock lock(&mutex_);
  if (done_ == catalog) return false;
  bool worked = false;
  absl::Status first;
  for (const auto& table : catalog->tables()) {
    for (const IndexSchema& index : table->indexes) {
      if (!index.is_zorder()) continue;
      TransactionImpl transaction(context_, IsolationLevel::kSerializable);
      const absl::StatusOr<bool> any = transaction.BuildEntries(table->id, index.id, batch_rows_);
      absl::Status status = any.status();
      if (status.ok() && !*any) continue;
      if (status.ok()) status = transaction.Commit().status();
      // Dropped meanwhile, or rows have changed.
      const bool again = absl::IsNotFound(status) || absl::IsAborted(status);
      worked = worked || status.ok() || again;
      if (status.ok()) {
        batch_rows_ = std::min(batch_rows_ * 2, kBatchRowsMax);
      } else if (again) {
        batch_rows_ = std::max(batch_rows_ / 4, kBatchRowsMin);
      } else if (first.ok()) {
        first = status;
      }
    }
  }
  KYRO_RETURN_IF_ERROR(first);
  if (!worked) done_ = catalog;
  return worked;
}

bool ZOrderBuilder::IsDone() const {
  const std::shared_ptr<const Catalog> catalog = views_->catalog();
  absl::MutexLock lock(&mutex_);
  return done_ == catalog;
}

}  // namespace kyrodb::engine
