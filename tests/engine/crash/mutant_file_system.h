// Seeded durability bugs: a file system that breaks one promise on purpose, so that the crash tests
// can be seen to notice. Each is a bug that databases have shipped. Bugs of logic are made here
// too, by changing what is written or read, so that the product holds nothing for them.
#pragma once

#include <memory>
#include <string>

#include "engine/base/file_system.h"

namespace kyrodb::engine {

enum class Mutation {
  kNone,
  kSkipLogSync,             // log segments are never synced
  kSkipOneLogSync,          // one sync of the log in fifty is left out
  kSkipRunSync,             // runs are never synced
  kSkipDirectorySync,       // new names are never synced
  kSkipManifestSync,        // the new manifest is not synced before CURRENT names it
  kRenameBeforeSync,        // CURRENT is switched first and synced afterwards
  kReplaceByRemove,         // CURRENT is removed, then the new one takes its name
  kAcknowledgeBeforeWrite,  // a frame of the log is written when the next one comes
  kNoChecksum,              // the log is read without looking at checksums
  kRunsRemovedEarly,        // runs that were merged go before the new manifest is durable
  kLogRemovedEarly,         // so do log segments
  kCheckpointTooHigh,       // the manifest's checkpoint is one commit too high
  kForgetsOneRun,           // a manifest with several runs of a space leaves out the oldest
  kForgetsValueFiles,       // manifests name no value files
};

inline constexpr Mutation kAllMutations[] = {
    Mutation::kSkipLogSync,       Mutation::kSkipOneLogSync,         Mutation::kSkipRunSync,
    Mutation::kSkipDirectorySync, Mutation::kSkipManifestSync,       Mutation::kRenameBeforeSync,
    Mutation::kReplaceByRemove,   Mutation::kAcknowledgeBeforeWrite, Mutation::kNoChecksum,
    Mutation::kRunsRemovedEarly,  Mutation::kLogRemovedEarly,        Mutation::kCheckpointTooHigh,
    Mutation::kForgetsOneRun,     Mutation::kForgetsValueFiles,
};

std::string MutationName(Mutation mutation);

// `base` must outlive the result. `rename_pause_ms`: how long kRenameBeforeSync leaves CURRENT
// unsynced, to widen the window for tests that kill at random.
//
// Thread-safety:  as `FileSystem`.
std::unique_ptr<FileSystem> NewMutantFileSystem(FileSystem* base, Mutation mutation,
                                                int rename_pause_ms = 0);

}  // namespace kyrodb::engine
