// What the tuner sees of a database and what it may change: one window of counters, and the split
// of one memory budget between write buffer and buffer pool. The tuner knows no database; the
// program's composition root implements `Environment` over one, `Simulator` implements it over a
// model.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kyrodb::tuner {

// The consumers between which memory moves.
enum class Consumer { kWriteBuffer, kBufferPool };

// "write_buffer" or "buffer_pool".
absl::string_view ConsumerName(Consumer consumer);
Consumer OtherConsumer(Consumer consumer);

// One split of the budget.
struct Allocation {
  int64_t write_buffer_bytes = 0;
  int64_t buffer_pool_bytes = 0;

  int64_t total_bytes() const { return write_buffer_bytes + buffer_pool_bytes; }
  int64_t bytes(Consumer consumer) const {
    return consumer == Consumer::kWriteBuffer ? write_buffer_bytes : buffer_pool_bytes;
  }
  int64_t& bytes(Consumer consumer) {
    return consumer == Consumer::kWriteBuffer ? write_buffer_bytes : buffer_pool_bytes;
  }
  friend bool operator==(const Allocation&, const Allocation&) = default;
};

// Hard bounds. No allocation that the tuner sets is outside of them, and no sum is above the
// budget, not even between the two halves of one move.
struct Limits {
  int64_t budget_bytes = 0;            // both consumers together
  int64_t write_buffer_bytes_min = 0;  // floor, inclusive
  int64_t write_buffer_bytes_max = 0;  // ceiling, inclusive
  int64_t buffer_pool_bytes_min = 0;   // floor, inclusive
  int64_t buffer_pool_bytes_max = 0;   // ceiling, inclusive

  // Floors of 1/16 of the budget each, ceilings that leave the other its floor.
  static Limits ForBudget(int64_t budget_bytes);

  // `InvalidArgument` when a bound is not positive, a floor is above its ceiling, or the floors
  // together are above the budget; names the values.
  absl::Status Validate() const;

  int64_t min_bytes(Consumer consumer) const {
    return consumer == Consumer::kWriteBuffer ? write_buffer_bytes_min : buffer_pool_bytes_min;
  }
  int64_t max_bytes(Consumer consumer) const {
    return consumer == Consumer::kWriteBuffer ? write_buffer_bytes_max : buffer_pool_bytes_max;
  }
  // One move: 1/16 of the budget, at least one byte.
  int64_t step_bytes() const { return budget_bytes / 16 > 0 ? budget_bytes / 16 : 1; }

  // Whether `allocation` respects floors, ceilings and budget.
  bool Contains(const Allocation& allocation) const;
  // The allocation within bounds that is nearest to `allocation`: clamped per consumer, then the
  // consumer that is further above its floor gives what is above the budget.
  Allocation Fit(const Allocation& allocation) const;
};

// What happened since the previous call of `Environment::Observe`: one window. Counters are
// differences over the window, not totals since the start.
//
// Units:          micros are microseconds of work, summed over threads; bytes are bytes.
struct Observation {
  int64_t duration_micros = 0;  // wall length of the window
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t operations() const { return reads + writes; }

  uint64_t pool_hits = 0;    // block reads that the buffer pool answered
  uint64_t pool_misses = 0;  // block reads that went to the file
  int64_t miss_micros = 0;   // time spent in those; 0 when not measured

  // Shadow counters: what `ghost_bytes` more or fewer of buffer pool would have changed.
  // 0 in `ghost_bytes` means: not measured, and the policy falls back to what it has seen happen.
  int64_t ghost_bytes = 0;
  uint64_t pool_ghost_hits = 0;  // misses that a pool larger by `ghost_bytes` would have hit
  uint64_t pool_tail_hits = 0;   // hits that a pool smaller by `ghost_bytes` would have missed

  uint64_t bytes_written = 0;    // into the write buffer
  uint64_t flush_count = 0;      // write buffers turned into runs
  uint64_t flushed_bytes = 0;    // written to run files by flushes
  uint64_t compacted_bytes = 0;  // written to run files by merging runs
  int64_t flush_micros = 0;      // time spent in flushes and merges; 0 when not measured
  uint64_t stored_bytes = 0;     // size of all runs; 0 when not known

  // Mean cost of one operation as the environment judges it (usually busy time / operations).
  // 0 when not known: the tuner then estimates it from the counters above.
  double cost_micros_per_operation = 0;

  Allocation allocation{};  // limits in force now
  int64_t write_buffer_bytes_used = 0;
  int64_t buffer_pool_bytes_used = 0;
};

// One database, or a model of one.
//
// Thread-safety:  a tuner calls from one thread at a time.
class Environment {
 public:
  virtual ~Environment() = default;

  // Ends the window that began at the previous call and returns its counters.
  virtual absl::StatusOr<Observation> Observe() = 0;

  // Sets both limits. Returns after the limits are in force (memory above a lowered limit may
  // still be draining). On an error the previous limits must be in force.
  virtual absl::Status SetAllocation(const Allocation& allocation) = 0;
};

}  // namespace kyrodb::tuner
