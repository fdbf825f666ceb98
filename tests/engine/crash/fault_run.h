// One run of the crash tests' workload on a disk with a fault, for the sweeps over faults.
#pragma once

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/engine/crash/workload.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {

// What a run with a fault met.
struct FaultRun {
  // The errors that a caller of the database was given, by code.
  std::map<absl::StatusCode, std::string> errors;
  // Whether the last error came from opening the database or from closing it.
  bool ended_outside = false;
  // At the end of the run, with the database still open.
  absl::Status writable;
  // Of a write after everything, when `writable` is an error.
  absl::Status last_write;
};

// Opens, writes, merges, closes, `rounds` times; goes on after clean refusals and stops when the
// outcome of a commit is unknown or the database cannot be opened.
inline FaultRun RunWithFaults(FileSystem* file_system, absl::string_view directory, int rounds,
                              CrashHistory& history) {
  FaultRun run;
  const auto note = [&](const absl::Status& status) {
    if (!status.ok()) run.errors.emplace(status.code(), status.ToString());
    return status;
  };
  for (int round = 0; round < rounds; ++round) {
    absl::StatusOr<std::unique_ptr<Database>> opened =
        Database::Open(directory, QuietOptions(file_system));
    run.ended_outside = !note(opened.status()).ok();
    if (run.ended_outside) return run;
    Database& database = **opened;
    bool unknown = false;
    if (history.attempted() == 0) unknown = !note(history.CreateTable(database)).ok();
    for (int i = 0; i < 12 && !unknown; ++i) {
      unknown = absl::IsUnavailable(note(history.Commit(database)));
      if (i % 4 != 3 || unknown) continue;
      note(database.WaitForIndexes(absl::Seconds(1))).IgnoreError();
      const auto table = database.Begin()->catalog()->FindTable("crash");
      note(database.Compact(table->id)).IgnoreError();
    }
    run.writable = database.writable();
    if (!run.writable.ok()) {
      run.last_write = database.Begin()->CreateTable(DocsTable("refused")).status();
    }
    const bool had_errors = !run.errors.empty();
    run.ended_outside = !note(database.Close()).ok() && !had_errors;
    if (unknown || !run.writable.ok() || run.ended_outside) return run;
  }
  return run;
}

// A failed sync of these may have cost what was acknowledged, or be about to: nothing may be
// written after it. (A run or a vector segment that cannot be synced is written again.)
inline bool MakesReadOnly(absl::string_view path) {
  return absl::StrContains(path, "/log/wal-") || absl::StrContains(path, "/MANIFEST") ||
         absl::StrContains(path, "/CURRENT");
}

// Empty, or why the run did not end as it must after a failed sync of `path`.
inline std::string CheckReadOnlyAfterFailedSync(const FaultRun& run, absl::string_view path) {
  // A database that is not open takes no writes either.
  if (!MakesReadOnly(path) || run.ended_outside) return "";
  if (!absl::IsFailedPrecondition(run.writable)) {
    return absl::StrCat("sync of ", path,
                        " failed, but the database says it is writable: ", run.writable.ToString());
  }
  if (!absl::IsFailedPrecondition(run.last_write)) {
    return absl::StrCat("sync of ", path, " failed, but a write afterwards gives ",
                        run.last_write.ToString());
  }
  return "";
}

}  // namespace kyrodb::engine
