// Which versions a flush or a compaction may leave out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/replaced_counter.h"
#include "engine/storage/run_writer.h"

namespace kyrodb::engine {

struct RetentionPolicy {
  // The snapshots that are being read, ascending, and with them the newest LSN that was published
  // when they were collected (it stands for every reader that comes after). Empty: nobody reads.
  std::vector<Lsn> snapshots;
  // Deletes with an LSN above this are kept even where they hide nothing: somebody who has seen
  // the key space up to here (a vector index) still has to learn of them.
  Lsn tombstone_floor = 0;
  // Every reader, now and later, sees as expired what expires at or before this moment: such a put
  // becomes a delete, and goes as a delete goes.
  WallMicros expired_until = kBeforeExpiry;
  // Called each time the pass has read about 64 KiB more: it may wait, and an error ends the pass.
  std::function<absl::Status(uint64_t bytes)> pace;
};

// Adds to `writer` what `versions` holds and `policy` requires: of each key the newest version, and
// for each snapshot the one that it sees. With `is_oldest` there is nothing below: deletes that
// hide nothing are left out when their LSN is at most the tombstone floor and the oldest snapshot
// (a reader that began before them must still meet them as a conflict). `replaced` is told of every
// key. A value that lies apart stays where it is, unless that is one of `moved_files` (their
// numbers, ascending): then it is written anew.
absl::Status WriteRetained(InternalIterator& versions, const RetentionPolicy& policy,
                           bool is_oldest, RunWriter& writer, ReplacedCounter* replaced = nullptr,
                           std::span<const uint64_t> moved_files = {});

}  // namespace kyrodb::engine
