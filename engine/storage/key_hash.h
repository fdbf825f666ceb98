// The one hash of a key: a look-up computes it once, for the memtable and for the filters of runs.
//
// Source: XXH3, 64 bits, without a seed (Y. Collet, xxhash.com). Filters on disk hold it: changing
// it is a new version of the run format.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>

#include "absl/strings/string_view.h"

namespace kyrodb::engine {

inline uint64_t KeyHash(absl::string_view key) { return XXH3_64bits(key.data(), key.size()); }

}  // namespace kyrodb::engine
