#include "engine/core/change_feed_impl.h"

#include <utility>

#include "absl/time/clock.h"
#include "engine/base/status.h"
#include "engine/core/load_record.h"
#include "engine/core/write_set.h"

namespace kyrodb::engine {

absl::StatusOr<std::optional<CommittedChanges>> ChangeFeedImpl::Next(absl::Duration timeout) try {
  KYRO_ASSIGN_OR_RETURN(const std::optional<wal::Cursor::Entry> entry,
                        cursor_.NextBefore(absl::Now() + timeout));
  if (!entry.has_value()) return std::nullopt;
  CommittedChanges committed{.lsn = entry->lsn, .changes = {}, .load = {}};
  if (IsLoadRecord(entry->record)) {
    KYRO_ASSIGN_OR_RETURN(LoadRecord load, DecodeLoadRecord(entry->record));
    committed.load = BulkLoad{.space = load.space,
                              .row_count = load.row_count,
                              .first_key = std::move(load.first_key),
                              .last_key = std::move(load.last_key)};
    return committed;
  }
  KYRO_RETURN_IF_ERROR(VisitRecord(entry->record, [&](const RecordOperation& operation) {
    Change change{.space = operation.space, .key = std::string(operation.key), .value = {}};
    if (!operation.is_delete) {
      change.value = std::string(ValueOf(operation.kind(), operation.value));
      if (operation.expires) change.expires_at_micros = ExpiryOf(operation.value);
    }
    committed.changes.push_back(std::move(change));
    return absl::OkStatus();
  }));
  return committed;
}
KYRO_CATCH_OUT_OF_MEMORY

}  // namespace kyrodb::engine
