#include "tuner/flush_meter.h"

#include <algorithm>

namespace kyrodb::tuner {

bool FlushMeter::Add(const Observation& window) {
  bool ended = false;
  if (window.flushed_bytes > 0) {
    if (bytes_ > 0) {
      ended_bytes_ = ended_bytes_ * fading_ + bytes_;
      ended_micros_ = ended_micros_ * fading_ + micros_;
      last_cycle_write_buffer_bytes_ = write_buffer_bytes_;
      ended = true;
    }
    bytes_ = static_cast<double>(window.flushed_bytes);
    micros_ = 0;
    write_buffer_bytes_ = window.allocation.write_buffer_bytes;
  }
  micros_ += static_cast<double>(window.flush_micros);
  return ended;
}

double FlushMeter::micros_per_byte(double fallback) const {
  if (ended_bytes_ > 0) return ended_micros_ / ended_bytes_;
  return bytes_ > 0 ? std::max(micros_ / bytes_, fallback) : fallback;
}

double FlushMeter::MicrosPerOperation(const Observation& window, double fallback) const {
  if (window.operations() == 0) return 0;
  return static_cast<double>(window.bytes_written) * micros_per_byte(fallback) /
         static_cast<double>(window.operations());
}

}  // namespace kyrodb::tuner
