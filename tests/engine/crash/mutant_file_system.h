// Seeded durability bugs: a file system that breaks one promise on purpose, so that the crash tests
// can be seen to notice. Each is a bug that databases have shipped.
#pragma once

#include <memory>
#include <string>

#include "engine/base/file_system.h"

namespace kyrodb::engine {

enum class Mutation {
  kNone,
  kSkipLogSync,        // log segments are never synced
  kSkipRunSync,        // runs are never synced
  kSkipDirectorySync,  // new names are never synced
  kSkipManifestSync,   // the new manifest is not synced before CURRENT names it
  kRenameBeforeSync,   // CURRENT is switched first and synced afterwards
  kSkipOneLogSync,     // one sync of the log in twenty is left out
};

inline constexpr Mutation kAllMutations[] = {
    Mutation::kSkipLogSync,      Mutation::kSkipRunSync,      Mutation::kSkipDirectorySync,
    Mutation::kSkipManifestSync, Mutation::kRenameBeforeSync, Mutation::kSkipOneLogSync};

std::string MutationName(Mutation mutation);

// `base` must outlive the result. `rename_pause_ms`: how long kRenameBeforeSync leaves CURRENT
// unsynced, to widen the window for tests that kill at random.
//
// Thread-safety:  as `FileSystem`.
std::unique_ptr<FileSystem> NewMutantFileSystem(FileSystem* base, Mutation mutation,
                                                int rename_pause_ms = 0);

}  // namespace kyrodb::engine
