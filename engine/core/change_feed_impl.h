// The change feed: the log's records, decoded.
#pragma once

#include <memory>

#include "engine/base/clock.h"
#include "engine/change_feed.h"
#include "wal/cursor.h"
#include "wal/log.h"

namespace kyrodb::engine {

class ChangeFeedImpl final : public ChangeFeed {
 public:
  // Gives the commits after `from`. `log` must outlive the feed.
  ChangeFeedImpl(const wal::Log* log, Lsn from) : cursor_(log, from + 1) {}
  absl::StatusOr<std::optional<CommittedChanges>> Next(absl::Duration timeout) override;

 private:
  wal::Cursor cursor_;
};

}  // namespace kyrodb::engine
