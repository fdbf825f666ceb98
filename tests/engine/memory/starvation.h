// A database at work while memory runs out: in a child process, so that a test sees how it ends and
// what is left on the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/database.h"

namespace kyrodb::engine {

// Every row of every table, by "table/key", and every table.
using Contents = std::map<std::string, std::string>;

// What a piece of work is given. In memory that the parent sees it notes what was committed.
class Worker {
 public:
  struct Notes {
    std::atomic<uint64_t> attempted{0};
    std::atomic<uint64_t> acknowledged{0};
    std::atomic<uint64_t> allocation_count{0};
    std::atomic<bool> has_failed{false};   // an allocation
    std::atomic<bool> is_refused{false};   // the work, for want of memory
    std::atomic<bool> is_unknown{false};   // what became of the last attempt
    std::atomic<bool> is_later_in{false};  // the commit after the work
    char complaint[1000] = {};
  };

  Worker(Database* database, absl::string_view directory, FileSystem* file_system, Notes* notes,
         std::vector<Contents>* states)
      : database_(database),
        directory_(directory),
        file_system_(file_system),
        notes_(notes),
        states_(states) {}

  Database& database() { return *database_; }
  // Beside the database's directory.
  const std::string& directory() const { return directory_; }
  FileSystem& file_system() { return *file_system_; }
  // Everything that changes rows goes through here: `commit` is one commit.
  absl::Status Commit(const std::function<absl::Status()>& commit);
  absl::Status Commit(Transaction& transaction);
  // Ends the process with a complaint unless `holds`. Takes no memory.
  void Expect(bool holds, const char* complaint);

 private:
  Database* const database_;
  const std::string directory_;
  FileSystem* const file_system_;
  Notes* const notes_;
  std::vector<Contents>* const states_;  // null: in a child
};

// One piece of work on an open database. Its errors are returned; the same each time it runs.
struct Work {
  std::function<absl::Status(Worker&)> run;
  // Made before allocations begin to fail.
  std::function<void(Worker&)> prepare = {};
  // Whether the process may end for want of memory.
  bool may_end = true;
  // Whether the database works in the background too, so that no two runs are alike.
  bool background = false;
  // What must hold of a database that was opened afterwards.
  std::function<void(Worker&)> verify = {};
};

class Starvation {
 public:
  Starvation();
  ~Starvation();

  // A database in a fresh directory, from which each child gets a copy; to be filled by the caller.
  absl::StatusOr<std::unique_ptr<Database>> OpenTemplate();
  // The copies are made from what `OpenTemplate`'s database leaves on disk now, as by a crash.
  void TakeTemplate();
  // For the children to start from nothing.
  void TakeNothing();

  // Runs the work in children, again and again, with ever later allocations failing, once and for
  // ever; adds gtest failures.
  void Sweep(const Work& work);
  // The same where the work is opening the database.
  void SweepOpening();

 private:
  struct Outcome {
    bool failed_any = false;
    bool is_ended = false;
  };

  OpenOptions Options(bool background) const;
  void CopyTemplate() const;
  // The states after each commit when nothing fails.
  std::vector<Contents> DryRun(const Work& work);
  Outcome RunOnce(const Work& work, bool opening, uint64_t at, bool forever,
                  const std::vector<Contents>& states);
  [[noreturn]] void RunChild(const Work& work, bool opening, uint64_t at, bool forever,
                             const std::vector<Contents>& states);
  void Verify(const Work& work, bool is_ended, const std::vector<Contents>& states);
  void SweepAll(const Work& work, bool opening);

  const std::unique_ptr<FileSystem> posix_;
  std::string directory_;
  std::string busy_, template_, copy_;
  Worker::Notes* notes_ = nullptr;  // shared with the child
  bool has_template_ = false;
};

Contents ContentsOf(Database& database);

}  // namespace kyrodb::engine
