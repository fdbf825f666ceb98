// The log as a reader sees it that looks at no checksum: a seeded bug for the crash tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace kyrodb::wal {

// The bytes of a segment in which every frame whose header is one is made right, and with it the
// chain of hashes behind it.
std::string WithoutChecksums(std::string bytes);

// The number of a segment file of that name; nothing when it is none.
std::optional<uint64_t> SegmentIdOf(absl::string_view name);

}  // namespace kyrodb::wal
