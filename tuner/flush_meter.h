// Spreads the cost of flushes and merges, which come in bursts, over the bytes that caused them.
#pragma once

#include <cstdint>

#include "tuner/environment.h"

namespace kyrodb::tuner {

// A cycle begins with a window that flushed and ends before the next one that does: all merging
// that runs in between is charged to the bytes flushed at its beginning. The price of a byte is
// the ratio of two fading sums over whole cycles, so it stands still between flushes, and a large
// flush whose merging runs on into smaller ones keeps its weight.
//
// Thread-safety:  one thread at a time.
class FlushMeter {
 public:
  // `fading` is what an older cycle keeps of its weight at each newer one; [0, 1).
  explicit FlushMeter(double fading) : fading_(fading) {}

  // Takes note of the next window. Returns whether it ended a cycle.
  bool Add(const Observation& window);

  // Of all ended cycles, or of the first one as far as it has come; at least `fallback` before it
  // has ended.
  double micros_per_byte(double fallback) const;

  // The write buffer's limit when the cycle that ended last began.
  int64_t last_cycle_write_buffer_bytes() const { return last_cycle_write_buffer_bytes_; }

  // What the window's writes will have cost when they are flushed and merged, in microseconds per
  // operation; 0 for an idle window.
  double MicrosPerOperation(const Observation& window, double fallback) const;

 private:
  double fading_;
  double ended_bytes_ = 0;
  double ended_micros_ = 0;
  int64_t last_cycle_write_buffer_bytes_ = 0;
  // The cycle in progress.
  double bytes_ = 0;
  double micros_ = 0;
  int64_t write_buffer_bytes_ = 0;
};

}  // namespace kyrodb::tuner
