// What a reader sees of the versions: at most one of each key, as of one snapshot.
#pragma once

#include <memory>

#include "engine/iterator.h"
#include "engine/storage/internal_iterator.h"

namespace kyrodb::engine {

// Walks the keys of `range` whose newest version with an LSN of at most `snapshot` is a put that
// has not expired at `now`, with that version's value.
std::unique_ptr<Iterator> NewSnapshotIterator(std::unique_ptr<InternalIterator> versions,
                                              KeyRange range, Lsn snapshot,
                                              const ScanOptions& options = {},
                                              WallMicros now = kBeforeExpiry);

}  // namespace kyrodb::engine
