#include "server/tuner_bridge/database_environment.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace kyrodb::server {
namespace {

constexpr absl::string_view kWriteBufferKnob = "write_buffer_bytes";
constexpr absl::string_view kBufferPoolKnob = "buffer_pool_bytes";

absl::flat_hash_map<std::string, double> Read(engine::Database& database) {
  absl::flat_hash_map<std::string, double> values;
  for (MetricsRegistry::Sample& sample : database.metrics().Samples()) {
    values.emplace(std::move(sample.name), sample.value);
  }
  return values;
}

int64_t ValueOf(const absl::flat_hash_map<std::string, double>& values, absl::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? 0 : static_cast<int64_t>(found->second);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatabaseEnvironment>> DatabaseEnvironment::Create(
    engine::Database& database) {
  std::unique_ptr<DatabaseEnvironment> environment(new DatabaseEnvironment(database));
  KYRO_RETURN_IF_ERROR(environment->CurrentAllocation().status());
  environment->previous_ = Read(database);
  environment->previous_nanos_ = database.clock().SteadyNanos();
  return environment;
}

absl::StatusOr<tuner::Allocation> DatabaseEnvironment::CurrentAllocation() const {
  tuner::Allocation allocation;
  KYRO_ASSIGN_OR_RETURN(allocation.write_buffer_bytes, database_.knobs().Get(kWriteBufferKnob));
  KYRO_ASSIGN_OR_RETURN(allocation.buffer_pool_bytes, database_.knobs().Get(kBufferPoolKnob));
  return allocation;
}

uint64_t DatabaseEnvironment::Difference(const absl::flat_hash_map<std::string, double>& now,
                                         absl::string_view name) {
  const int64_t grown = ValueOf(now, name) - ValueOf(previous_, name);
  return static_cast<uint64_t>(std::max<int64_t>(grown, 0));
}

absl::StatusOr<tuner::Observation> DatabaseEnvironment::Observe() {
  absl::flat_hash_map<std::string, double> now = Read(database_);
  const int64_t nanos = database_.clock().SteadyNanos();
  tuner::Observation seen;
  KYRO_ASSIGN_OR_RETURN(seen.allocation, CurrentAllocation());
  seen.duration_micros = (nanos - previous_nanos_) / 1000;
  seen.pool_hits = Difference(now, "kyro_buffer_pool_hits_total");
  seen.pool_misses = Difference(now, "kyro_buffer_pool_misses_total");
  seen.reads = seen.pool_hits + seen.pool_misses;
  seen.writes = Difference(now, "kyro_wal_commits_total");
  // The pool simulates itself at other sizes over a sample of its pages. A window in which none of
  // those was used tells nothing.
  if (Difference(now, "kyro_buffer_pool_accesses_total") > 0) {
    const uint64_t smaller = Difference(now, "kyro_buffer_pool_hits_at_75_percent_total");
    const uint64_t same = Difference(now, "kyro_buffer_pool_hits_at_100_percent_total");
    const uint64_t larger = Difference(now, "kyro_buffer_pool_hits_at_125_percent_total");
    seen.ghost_bytes = seen.allocation.buffer_pool_bytes / 4;
    seen.pool_ghost_hits = larger - std::min(larger, same);
    seen.pool_tail_hits = same - std::min(same, smaller);
  }
  seen.bytes_written = Difference(now, "kyro_wal_bytes_total");
  seen.flush_count = Difference(now, "kyro_flushes_total");
  seen.flushed_bytes = Difference(now, "kyro_flushed_bytes_total");
  seen.compacted_bytes = Difference(now, "kyro_compacted_bytes_total");
  seen.flush_micros = static_cast<int64_t>(Difference(now, "kyro_checkpoint_micros_sum"));
  seen.write_buffer_bytes_used = ValueOf(now, "kyro_memtable_bytes");
  seen.buffer_pool_bytes_used = ValueOf(now, "kyro_buffer_pool_bytes");
  for (const auto& table : database_.Begin()->catalog()->tables()) {
    // A table dropped since the catalog was read is no error here.
    const auto statistics = database_.space_statistics(table->id);
    if (statistics.ok()) seen.stored_bytes += statistics->run_bytes;
  }
  previous_ = std::move(now);
  previous_nanos_ = nanos;
  return seen;
}

absl::Status DatabaseEnvironment::SetAllocation(const tuner::Allocation& allocation) {
  KYRO_ASSIGN_OR_RETURN(const tuner::Allocation before, CurrentAllocation());
  // The one that shrinks goes first, so that the sum never exceeds the budget.
  const bool pool_first = allocation.buffer_pool_bytes < before.buffer_pool_bytes;
  const absl::string_view first = pool_first ? kBufferPoolKnob : kWriteBufferKnob;
  const absl::string_view second = pool_first ? kWriteBufferKnob : kBufferPoolKnob;
  const auto bytes = [](const tuner::Allocation& of, absl::string_view knob) {
    return knob == kBufferPoolKnob ? of.buffer_pool_bytes : of.write_buffer_bytes;
  };
  KYRO_RETURN_IF_ERROR(database_.knobs().Set(first, bytes(allocation, first)));
  const absl::Status status = database_.knobs().Set(second, bytes(allocation, second));
  if (!status.ok()) KYRO_RETURN_IF_ERROR(database_.knobs().Set(first, bytes(before, first)));
  return status;
}

tuner::Limits DatabaseEnvironment::DefaultLimits() const {
  const absl::StatusOr<tuner::Allocation> now = CurrentAllocation();
  KYRO_CHECK(now.ok());  // `Create` has looked
  tuner::Limits limits = tuner::Limits::ForBudget(now->total_bytes());
  for (const KnobRegistry::Setting& knob : database_.knobs().List()) {
    const auto within = [&knob](int64_t bytes) {
      return std::clamp(bytes, knob.spec.min, knob.spec.max);
    };
    if (knob.spec.name == kWriteBufferKnob) {
      limits.write_buffer_bytes_min = within(limits.write_buffer_bytes_min);
      limits.write_buffer_bytes_max = within(limits.write_buffer_bytes_max);
    } else if (knob.spec.name == kBufferPoolKnob) {
      limits.buffer_pool_bytes_min = within(limits.buffer_pool_bytes_min);
      limits.buffer_pool_bytes_max = within(limits.buffer_pool_bytes_max);
    }
  }
  return limits;
}

}  // namespace kyrodb::server
