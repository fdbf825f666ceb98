// Hashing for the standard's tables with text as key, looked up without making a string. They keep
// what they hold when an insertion runs out of memory; Abseil's tables are broken by it, so they
// are for what lives no longer than the call that fails.
#pragma once

#include <cstddef>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace kyrodb {

struct StringHash {
  using is_transparent = void;
  size_t operator()(absl::string_view text) const { return absl::Hash<absl::string_view>()(text); }
};

struct StringEqual {
  using is_transparent = void;
  bool operator()(absl::string_view a, absl::string_view b) const { return a == b; }
};

}  // namespace kyrodb
