// Whether what runs refer to in a value file is what is there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/storage/run.h"
#include "engine/storage/value_use.h"

namespace kyrodb::engine {

// Reads the whole value file, and every reference to it in `runs`, which must be all runs that
// refer to it: page checksums and tail; that each value lies in the file, that no two overlap, and
// that the runs' counts are right. `found` is told of each contradiction, `DataLoss` with file and
// offset. What cannot be read in a run is left to `CheckRun`.
//
// Errors:         `Unavailable` when the disk fails.
// Cost:           16 bytes of memory a value; a walk over the runs' keys.
absl::Status CheckValueFile(const ValueFileUse& use,
                            std::span<const std::shared_ptr<const Run>> runs,
                            absl::FunctionRef<void(const absl::Status&)> found);

}  // namespace kyrodb::engine
