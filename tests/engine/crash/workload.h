// The crash tests' workload and its oracle. Commit number n writes what `Model` says that n commits
// give; commit numbers are rows of the table itself, so that what is recovered tells which prefix
// of the history it is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/database.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// Rows by id. Each commit upserts some, deletes some, and sets row 0 to its own number; beside that
// it writes bare values under conditions, merges them, lets them expire. Now and then one changes
// definitions as well, or is a bulk load.
struct CrashRow {
  std::string body;
  std::vector<float> embedding;
  std::optional<double> x;
  bool operator==(const CrashRow&) const = default;
};
using CrashModel = std::map<int64_t, CrashRow>;

struct CrashState {
  CrashModel rows;
  bool has_index = false;  // of vectors
  bool has_boxes = false;  // a zorder index on id and x
  // Of a third table, by key.
  std::map<std::string, std::string> values;
  // The body of the only row of a second table that comes and goes; empty: there is none.
  std::string second_table;
};

// A history: commits of one or more timelines (a new one begins at each recovery). A commit's
// content depends on its number and its timeline, so that a commit of a dead timeline is
// recognised.
class CrashHistory {
 public:
  explicit CrashHistory(uint64_t seed) : seed_(seed) {}

  // Creates table and index; counts as commits 1 and 2 and writes no rows.
  absl::Status CreateTable(Database& database);
  // The next commit; acknowledged when OK. After `Unavailable` ("outcome unknown") the database may
  // hold it or not; after any other error it must not.
  absl::Status Commit(Database& database);

  // What the database must hold is the state after n commits, acknowledged <= n <= attempted.
  // Compares everything: definitions, rows by scan and by point look-up, and what the indexes of
  // vectors and boxes answer. Empty, or what is wrong. On success the history goes on from there on
  // a new timeline.
  std::string VerifyAndContinue(Database& database);

  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t attempted() const { return states_.size() - 1; }

 private:
  // Notes how the commit of that number ended, and returns that.
  absl::Status Acknowledge(uint64_t number, const absl::Status& status);

  uint64_t seed_;
  uint64_t timeline_ = 1;
  uint64_t acknowledged_ = 0;
  // states_[n]: after n commits of this timeline.
  std::vector<CrashState> states_{CrashState{}};
};

}  // namespace kyrodb::engine
