// Many sources of versions as one.
#pragma once

#include <memory>
#include <vector>

#include "engine/storage/internal_iterator.h"

namespace kyrodb::engine {

// Walks all versions of `sources` in internal order. Of two versions with the same key and LSN
// the one of the earlier source comes first: pass newer sources first. An error of any source
// ends the walk, for what it would have given is unknown.
std::unique_ptr<InternalIterator> NewMergingIterator(
    std::vector<std::unique_ptr<InternalIterator>> sources);

}  // namespace kyrodb::engine
