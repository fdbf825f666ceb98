#include "tuner/simulator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"

namespace kyrodb::tuner {
namespace {

uint32_t Pages(int64_t bytes, const SimulatorOptions& options) {
  return static_cast<uint32_t>(std::min<int64_t>(bytes / options.page_bytes, options.page_count));
}

}  // namespace

Simulator::Simulator(SimulatorOptions options)
    : options_(options),
      phase_(options.phase),
      allocation_(options.allocation),
      random_(options.seed),
      pool_(options.page_count, Pages(options.allocation.buffer_pool_bytes, options),
            Pages(options.ghost_bytes, options)) {
  KYRO_CHECK(options.page_count > 0 && options.operations_per_window > 0);
  PrepareZipf();
}

Simulator::~Simulator() = default;

void Simulator::SetPhase(const Phase& phase) {
  phase_ = phase;
  PrepareZipf();
}

void Simulator::PrepareZipf() {
  const uint32_t count = phase_.hot_page_count == 0
                             ? options_.page_count
                             : std::min(phase_.hot_page_count, options_.page_count);
  cumulative_.resize(count);
  double sum = 0;
  for (uint32_t rank = 0; rank < count; ++rank) {
    sum += std::pow(rank + 1, -phase_.zipf_exponent);
    cumulative_[rank] = sum;
  }
}

uint32_t Simulator::NextPage() {
  const double target = random_.Unit() * cumulative_.back();
  const auto found = std::lower_bound(cumulative_.begin(), cumulative_.end() - 1, target);
  const auto rank = static_cast<uint32_t>(found - cumulative_.begin());
  return (phase_.hot_page_first + rank) % options_.page_count;
}

absl::StatusOr<Observation> Simulator::Observe() {
  Observation window;
  const double stored_bytes =
      static_cast<double>(options_.page_bytes) * static_cast<double>(options_.page_count);
  const double buffer_bytes = static_cast<double>(allocation_.write_buffer_bytes);
  // Each byte flushed is rewritten this many times before it lies in the last level.
  const double rewrites = options_.size_ratio / std::log(options_.size_ratio) *
                          std::log(std::max(stored_bytes / buffer_bytes, 1.0));
  const double miss_micros = options_.miss_micros * (1 + options_.contention * merge_busy_part_);

  double flush_micros = 0;
  for (uint64_t i = 0; i < options_.operations_per_window; ++i) {
    if (random_.Unit() < phase_.read_share) {
      ++window.reads;
      switch (pool_.Access(NextPage())) {
        case GhostLru::Outcome::kTailHit:
          ++window.pool_tail_hits;
          [[fallthrough]];
        case GhostLru::Outcome::kMainHit:
          ++window.pool_hits;
          break;
        case GhostLru::Outcome::kGhostMiss:
          ++window.pool_ghost_hits;
          [[fallthrough]];
        case GhostLru::Outcome::kMiss:
          ++window.pool_misses;
          break;
      }
      continue;
    }
    ++window.writes;
    window.bytes_written += static_cast<uint64_t>(phase_.write_bytes);
    buffered_bytes_ += static_cast<double>(phase_.write_bytes);
    if (buffered_bytes_ >= buffer_bytes) {
      ++window.flush_count;
      window.flushed_bytes += static_cast<uint64_t>(buffered_bytes_);
      flush_micros += options_.flush_fixed_micros + buffered_bytes_ * options_.byte_micros;
      merge_debt_bytes_ += buffered_bytes_ * rewrites;
      buffered_bytes_ = 0;
    }
  }
  // Merging runs behind: a part of the debt in each window.
  const double merged_bytes = merge_debt_bytes_ * 0.2;
  merge_debt_bytes_ -= merged_bytes;
  flush_micros += merged_bytes * options_.byte_micros;

  const double all_misses_micros = static_cast<double>(window.pool_misses) * miss_micros;
  const double total_micros =
      static_cast<double>(options_.operations_per_window) * options_.operation_micros +
      all_misses_micros + flush_micros;
  merge_busy_part_ = total_micros > 0 ? flush_micros / total_micros : 0;
  true_cost_ = total_micros / static_cast<double>(options_.operations_per_window);

  window.duration_micros = static_cast<int64_t>(total_micros);
  window.miss_micros = static_cast<int64_t>(all_misses_micros);
  window.compacted_bytes = static_cast<uint64_t>(merged_bytes);
  window.flush_micros = static_cast<int64_t>(flush_micros);
  window.stored_bytes = static_cast<uint64_t>(stored_bytes);
  window.cost_micros_per_operation =
      true_cost_ * std::max(0.1, 1 + options_.noise * random_.Normal());
  window.allocation = allocation_;
  window.write_buffer_bytes_used = static_cast<int64_t>(buffered_bytes_);
  window.buffer_pool_bytes_used = int64_t{pool_.resident_count()} * options_.page_bytes;
  if (options_.reports_ghosts) {
    window.ghost_bytes = options_.ghost_bytes;
  } else {
    window.pool_ghost_hits = 0;
    window.pool_tail_hits = 0;
  }
  return window;
}

absl::Status Simulator::SetAllocation(const Allocation& allocation) {
  if (allocation.write_buffer_bytes < options_.page_bytes ||
      allocation.buffer_pool_bytes < options_.page_bytes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "write buffer of %d and buffer pool of %d bytes, expected at least a page of %d each",
        allocation.write_buffer_bytes, allocation.buffer_pool_bytes, options_.page_bytes));
  }
  if (skip_ > 0) {
    --skip_;
  } else if (fail_ > 0) {
    --fail_;
    return error_;
  }
  allocation_ = allocation;
  allocations_.push_back(allocation);
  pool_.SetCapacity(Pages(allocation.buffer_pool_bytes, options_));
  return absl::OkStatus();
}

void Simulator::FailNextAllocations(int count, absl::Status error, int skip) {
  fail_ = count;
  skip_ = skip;
  error_ = std::move(error);
}

}  // namespace kyrodb::tuner
