// The database as the tuner sees it: counters from the engine's metrics, memory through its knobs.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/database.h"
#include "tuner/environment.h"

namespace kyrodb::server {

// Units:          an operation is a page that was read from the buffer pool or a commit that was
//                 logged; reads that the memtable answers need neither memory consumer and are not
//                 counted.
// Thread-safety:  one thread at a time.
// Lifetime:       the database must outlive it.
class DatabaseEnvironment : public tuner::Environment {
 public:
  // `NotFound` when the database lacks one of the two memory knobs.
  static absl::StatusOr<std::unique_ptr<DatabaseEnvironment>> Create(engine::Database& database);

  absl::StatusOr<tuner::Observation> Observe() override;
  absl::Status SetAllocation(const tuner::Allocation& allocation) override;

  // Floors and ceilings for a budget that is what both consumers have now, within what the knobs
  // allow.
  tuner::Limits DefaultLimits() const;

 private:
  explicit DatabaseEnvironment(engine::Database& database) : database_(database) {}
  absl::StatusOr<tuner::Allocation> CurrentAllocation() const;
  // The growth of a counter since the last window.
  uint64_t Difference(const absl::flat_hash_map<std::string, double>& now, absl::string_view name);

  engine::Database& database_;
  absl::flat_hash_map<std::string, double> previous_;
  int64_t previous_nanos_ = 0;
};

}  // namespace kyrodb::server
