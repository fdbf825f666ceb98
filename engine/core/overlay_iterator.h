// A transaction's own writes laid over what is committed.
#pragma once

#include <memory>

#include "engine/core/write_set.h"
#include "engine/iterator.h"

namespace kyrodb::engine {

// Walks `range` of `writes` and `committed` (null: nothing is; else of the same range and options)
// in key order or in reverse; where both have a key, the write wins. The iterator keeps `writes` as
// it is now, and `writes` must hold no merges in the range.
std::unique_ptr<Iterator> NewOverlayIterator(std::shared_ptr<const SpaceWrites> writes,
                                             std::unique_ptr<Iterator> committed,
                                             const KeyRange& range, const ScanOptions& options = {},
                                             WallMicros now = kBeforeExpiry);

}  // namespace kyrodb::engine
