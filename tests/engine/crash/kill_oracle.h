// What the killed writer told the world, in memory that survives it: the kill test maps one file
// into both processes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kyrodb::engine {

inline constexpr size_t kKillWriterCount = 4;
// Rows of each writer, from 1; its row 0 tells its last commit.
inline constexpr uint32_t kKillRowCount = 24;

// A commit of a writer: its number, from 1 without gaps, and the life of the process that made it.
// What it writes follows from both. {0, 0}: nothing.
struct KillCommit {
  uint32_t number;
  uint32_t life;
  bool operator==(const KillCommit&) const = default;
};

// What a writer has been told to be committed. It makes its commits one after the other, so that at
// any time at most one, `acknowledged.number + 1`, is under way.
struct KillWriterState {
  std::atomic<KillCommit> acknowledged;
  // Which commit wrote each row; 0: the row is not there. These hold for `applied`, which is
  // `acknowledged` or the commit before: a kill may come between the two.
  std::atomic<uint32_t> applied;
  std::atomic<KillCommit> rows[kKillRowCount + 1];
  // The same for the table that only writer 0 makes and drops, and for the index on the rows.
  std::atomic<KillCommit> scratch_table;
  std::atomic<uint32_t> index_drops;
};

struct KillOracle {
  // Which life of the process is running, from 1.
  std::atomic<uint32_t> life;
  // Set by a life when it has verified what it found and goes on to write.
  std::atomic<uint32_t> verified_life;
  // Whether the tables were made; counts as the first commit.
  std::atomic<uint32_t> has_tables;
  // The last bulk load, made beside the writers by one thread.
  std::atomic<KillCommit> load;
  std::atomic<uint64_t> checkpoint_count;
  std::atomic<uint64_t> compaction_count;
  KillWriterState writers[kKillWriterCount];
};
static_assert(std::atomic<KillCommit>::is_always_lock_free);

}  // namespace kyrodb::engine
