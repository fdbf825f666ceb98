// Any file of a database, printed for a human.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"

namespace kyrodb::engine {

struct InspectOptions {
  // Null: the operating system's.
  FileSystem* file_system = nullptr;
  // Prints this many records of a run, or the operations of this many records of a log.
  uint64_t record_count = 0;
};

// Hands what `path` holds to `print`, piece by piece, lines ending in '\n': a run, a value file,
// a manifest, CURRENT, a segment of the log, a vector segment, LOCK. What a file is, its content
// says; its name counts only when the content does not. A damaged file is printed as far as it can
// be, with a line "damaged at offset …" for each damage.
//
// Errors:         `DataLoss` when the file is damaged or none of a database, `Unimplemented` when a
//                 newer program wrote it, `NotFound`, `Unavailable`; what could be printed was.
// Cost:           reads the file once or twice; the memory of the file, except for runs.
absl::Status InspectFile(absl::string_view path, const InspectOptions& options,
                         absl::FunctionRef<void(absl::string_view text)> print);

}  // namespace kyrodb::engine
