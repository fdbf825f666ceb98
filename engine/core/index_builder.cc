#include "engine/core/index_builder.h"

#include <algorithm>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr uint64_t kBatchRowsMin = 16;
constexpr uint64_t kBatchRowsMax = 4096;

}  // namespace

absl::StatusOr<bool> IndexBuilder::BuildBatch(ObjectId table, ObjectId index, bool* again) {
  TransactionImpl transaction(context_, IsolationLevel::kSerializable);
  const absl::StatusOr<bool> any = transaction.BuildEntries(table, index, batch_rows_);
  absl::Status status = any.status();
  if (status.ok() && !*any) return false;
  if (status.ok()) status = transaction.Commit().status();
  *again = absl::IsAborted(status);
  if (status.ok()) {
    batch_rows_ = std::min(batch_rows_ * 2, kBatchRowsMax);
  } else if (*again) {
    batch_rows_ = std::max(batch_rows_ / 4, kBatchRowsMin);
  } else {
    return status;
  }
  return true;
}

absl::StatusOr<bool> IndexBuilder::BuildSome() {
  const std::shared_ptr<const Catalog> catalog = views_->catalog();
  absl::MutexLock lock(&mutex_);
  if (done_ == catalog) return false;
  bool worked = false;
  absl::Status first;
  for (const auto& table : catalog->tables()) {
    for (const IndexSchema& index : table->indexes) {
      if (!index.has_entries()) continue;
      bool again = false;
      const absl::StatusOr<bool> built = BuildBatch(table->id, index.id, &again);
      // Dropped meanwhile, not unique, or of expressions that nobody can compute yet.
      const absl::Status& status = built.status();
      if (absl::IsNotFound(status)) worked = true;
      if (absl::IsNotFound(status) || absl::IsAlreadyExists(status) ||
          absl::IsFailedPrecondition(status)) {
        continue;
      }
      if (!status.ok() && first.ok()) first = status;
      worked = worked || built.value_or(false);
    }
  }
  KYRO_RETURN_IF_ERROR(first);
  if (!worked) done_ = catalog;
  return worked;
}

absl::Status IndexBuilder::Build(ObjectId table, ObjectId index,
                                 const std::function<absl::Status()>& check) {
  for (;;) {
    KYRO_RETURN_IF_ERROR(check());
    absl::MutexLock lock(&mutex_);
    bool again = false;
    KYRO_ASSIGN_OR_RETURN(const bool worked, BuildBatch(table, index, &again));
    if (!worked) return absl::OkStatus();
  }
}

bool IndexBuilder::IsDone() const {
  const std::shared_ptr<const Catalog> catalog = views_->catalog();
  absl::MutexLock lock(&mutex_);
  return done_ == catalog;
}

}  // namespace kyrodb::engine
