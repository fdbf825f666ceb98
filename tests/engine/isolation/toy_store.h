// A store of versions in a map, small enough to be right by reading it, and with bugs to choose
// from: a checker that finds none of them finds nothing.
#pragma once

#include <memory>

#include "tests/engine/isolation/store.h"

namespace kyrodb::engine {

enum class ToyBug {
  kNone,
  kSkipConflictCheck,     // the last committer wins
  kReadNewest,            // reads see what was committed after the snapshot
  kStaleSnapshot,         // a snapshot misses the newest commits
  kPublishBeforeApply,    // a commit is visible before all its writes are
  kAbortedWritesStay,     // a refused commit leaves its writes
  kForgetOneWrite,        // of a commit with several
  kLooseKeyReads,         // serializable: keys that were read are not validated
  kLooseRangeReads,       // serializable: ranges are validated for the keys found, not for new ones
  kOutOfOrderVisibility,  // two readers see two commits in different order
};

std::unique_ptr<Store> NewToyStore(ToyBug bug);

}  // namespace kyrodb::engine
