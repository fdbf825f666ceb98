#include "tuner/environment.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace kyrodb::tuner {

absl::string_view ConsumerName(Consumer consumer) {
  return consumer == Consumer::kWriteBuffer ? "write_buffer" : "buffer_pool";
}

Consumer OtherConsumer(Consumer consumer) {
  return consumer == Consumer::kWriteBuffer ? Consumer::kBufferPool : Consumer::kWriteBuffer;
}

Limits Limits::ForBudget(int64_t budget_bytes) {
  const int64_t floor = budget_bytes / 16 > 0 ? budget_bytes / 16 : 1;
  return Limits{.budget_bytes = budget_bytes,
                .write_buffer_bytes_min = floor,
                .write_buffer_bytes_max = budget_bytes - floor,
                .buffer_pool_bytes_min = floor,
                .buffer_pool_bytes_max = budget_bytes - floor};
}

absl::Status Limits::Validate() const {
  if (budget_bytes <= 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("memory budget is %d bytes, expected more than 0", budget_bytes));
  }
  for (const Consumer consumer : {Consumer::kWriteBuffer, Consumer::kBufferPool}) {
    if (min_bytes(consumer) <= 0 || min_bytes(consumer) > max_bytes(consumer)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s has floor %d and ceiling %d bytes, expected 0 < floor <= ceiling",
                          ConsumerName(consumer), min_bytes(consumer), max_bytes(consumer)));
    }
  }
  // Written as a difference: the sum of two huge floors would overflow.
  if (write_buffer_bytes_min > budget_bytes - buffer_pool_bytes_min) {
    return absl::InvalidArgumentError(
        absl::StrFormat("floors of %d and %d bytes are above the budget of %d bytes",
                        write_buffer_bytes_min, buffer_pool_bytes_min, budget_bytes));
  }
  return absl::OkStatus();
}

bool Limits::Contains(const Allocation& allocation) const {
  for (const Consumer consumer : {Consumer::kWriteBuffer, Consumer::kBufferPool}) {
    const int64_t bytes = allocation.bytes(consumer);
    if (bytes < min_bytes(consumer) || bytes > max_bytes(consumer)) return false;
  }
  return allocation.write_buffer_bytes <= budget_bytes - allocation.buffer_pool_bytes;
}

Allocation Limits::Fit(const Allocation& allocation) const {
  Allocation fitted;
  for (const Consumer consumer : {Consumer::kWriteBuffer, Consumer::kBufferPool}) {
    // No ceiling is of use above what the budget leaves beside the other's floor.
    const int64_t ceiling =
        std::min(max_bytes(consumer), budget_bytes - min_bytes(OtherConsumer(consumer)));
    fitted.bytes(consumer) = std::clamp(allocation.bytes(consumer), min_bytes(consumer), ceiling);
  }
  int64_t excess = fitted.total_bytes() - budget_bytes;
  if (excess <= 0) return fitted;
  const auto room = [&](Consumer consumer) { return fitted.bytes(consumer) - min_bytes(consumer); };
  const Consumer first = room(Consumer::kBufferPool) >= room(Consumer::kWriteBuffer)
                             ? Consumer::kBufferPool
                             : Consumer::kWriteBuffer;
  for (const Consumer consumer : {first, OtherConsumer(first)}) {
    const int64_t given = std::min(excess, room(consumer));
    fitted.bytes(consumer) -= given;
    excess -= given;
  }
  return fitted;
}

}  // namespace kyrodb::tuner
