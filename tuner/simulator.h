// A small model of the engine for the tuner's tests and, later, for training: a write buffer
// whose flush and merge cost falls with its size, and a real LRU simulation of the buffer pool.
// Source: the write cost is leveled merging's, T / ln T * ln(stored / buffer) rewrites a byte
// (Luo and Carey, arXiv 2004.10360).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/random.h"
#include "tuner/environment.h"
#include "tuner/ghost_lru.h"

namespace kyrodb::tuner {

// A stretch of one workload.
struct Phase {
  double read_share = 0.5;      // of operations; the rest writes
  double zipf_exponent = 0.8;   // skew of the pages read; 0 is uniform
  uint32_t hot_page_count = 0;  // pages read at all; 0 means all
  uint32_t hot_page_first = 0;  // where they begin, so that phases can move the hot set
  int64_t write_bytes = 512;    // bytes a write adds to the write buffer
};

struct SimulatorOptions {
  uint64_t seed = 1;
  int64_t page_bytes = 8192;
  uint32_t page_count = 24000;
  uint64_t operations_per_window = 2500;
  Allocation allocation{.write_buffer_bytes = 16 << 20, .buffer_pool_bytes = 16 << 20};
  Phase phase{};
  // The true machine; no policy is told.
  double operation_micros = 2;
  double miss_micros = 90;
  double byte_micros = 0.006;        // writing one byte to a run
  double flush_fixed_micros = 4000;  // syncs and a manifest switch per flush
  double size_ratio = 10;            // T
  // A miss costs this much more, in parts, while merging takes all of the time.
  double contention = 0.8;
  double noise = 0.03;  // standard deviation of the reported cost, in parts
  bool reports_ghosts = true;
  int64_t ghost_bytes = 2 << 20;
};

// Deterministic: equal options and calls give equal observations.
//
// Errors:         `SetAllocation` fails with `InvalidArgument` below one page each, and with what
//                 `FailNextAllocations` was given.
// Thread-safety:  one thread at a time.
class Simulator : public Environment {
 public:
  explicit Simulator(SimulatorOptions options);
  ~Simulator() override;

  // Runs one window of operations and returns its counters.
  absl::StatusOr<Observation> Observe() override;
  absl::Status SetAllocation(const Allocation& allocation) override;

  void SetPhase(const Phase& phase);
  const Allocation& allocation() const { return allocation_; }

  // The cost of the last window without the reporting noise.
  double true_cost_micros_per_operation() const { return true_cost_; }
  // All allocations ever set, in order, for checking bounds.
  const std::vector<Allocation>& allocations() const { return allocations_; }
  // The next `count` calls of SetAllocation, after `skip` that work, fail and change nothing.
  void FailNextAllocations(int count, absl::Status error, int skip = 0);

 private:
  void PrepareZipf();
  uint32_t NextPage();

  SimulatorOptions options_;
  Phase phase_;
  Allocation allocation_;
  Random random_;
  GhostLru pool_;
  std::vector<double> cumulative_;  // of page popularity within the hot set
  double buffered_bytes_ = 0;       // in the write buffer now
  double merge_debt_bytes_ = 0;     // merging that flushes have caused and not yet done
  double merge_busy_part_ = 0;      // of the last window, for contention
  double true_cost_ = 0;
  std::vector<Allocation> allocations_;
  int skip_ = 0;
  int fail_ = 0;
  absl::Status error_;
};

}  // namespace kyrodb::tuner
