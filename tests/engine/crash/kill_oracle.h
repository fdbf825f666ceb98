// What the killed writer told the world, in memory that survives it: the kill test maps one file
// into both processes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kyrodb::engine {

inline constexpr size_t kKillWriterCount = 3;
inline constexpr size_t kKillRowsMax = 200000;

// Writer w commits its rows number 1, 2, 3, … one after the other, so at any time at most one of
// its rows is written but not acknowledged.
struct KillOracle {
  // Which life of the process is running, from 1.
  std::atomic<uint32_t> life;
  // Set by a life when it has verified what it found and goes on to write.
  std::atomic<uint32_t> verified_life;
  std::atomic<uint32_t> acknowledged[kKillWriterCount];
  // Which life's commit of that row was acknowledged.
  std::atomic<uint32_t> row_life[kKillWriterCount][kKillRowsMax];
};

}  // namespace kyrodb::engine
