// Whether a database directory holds what it should: every byte that has a checksum, every
// structure against what it is derived from, every index against its rows.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"

namespace kyrodb::engine {

struct CheckOptions {
  // Null: the operating system's.
  FileSystem* file_system = nullptr;
  // Stored in the lock file while the check runs.
  std::string opener = "kyro check";
};

struct CheckReport {
  uint64_t file_count = 0;
  uint64_t file_bytes = 0;
  uint64_t key_count = 0;  // distinct keys, run by run
  uint64_t problem_count = 0;
  // What the next open puts right by itself: files that nobody names, the torn end of a log.
  uint64_t note_count = 0;
};

// Checks the database in `directory`, which nobody may have open. Takes its lock and writes nothing
// but that. `tell` is given each finding as one line, with file and, where it has one, offset: a
// problem begins with "problem: ", what the next open puts right with "note: ".
//
// Manifest and CURRENT; of each run everything (storage/run_check.h); of the log every frame, and
// whether recovery finds all that was acknowledged; the catalog; of each vector index its segment,
// and that a search reaches each row with a vector and nothing else; of each zorder index that its
// entries are those of the rows; that no file is there that nobody names.
//
// Errors:         `NotFound` when there is no database, `FailedPrecondition` naming who has it
//                 open, `Unavailable` when the disk fails. Damage is not an error.
// Cost:           reads every file, the runs twice; 64 MiB of memory, a segment of the log, the
//                 vector indexes and what the log holds since the last checkpoint.
absl::StatusOr<CheckReport> CheckDirectory(absl::string_view directory, const CheckOptions& options,
                                           absl::FunctionRef<void(absl::string_view line)> tell);

}  // namespace kyrodb::engine
