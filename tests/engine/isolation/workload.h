// Many threads of short transactions over a few lists, and what they saw.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/engine/isolation/history.h"
#include "tests/engine/isolation/store.h"

namespace kyrodb::engine {

struct WorkloadOptions {
  uint64_t seed = 1;
  int thread_count = 8;
  int transaction_count = 50000;  // that are tried, all threads together
  bool serializable = false;
  // Lists that are in use at one time; each gets so many appends, then a fresh one takes its place.
  int list_count = 6;
  int appends_per_list = 40;
};

// The last transaction of the result read every list. An error other than `Aborted` ends the test
// (it is added as a failure).
std::vector<ListTransaction> RunLists(Store& store, const WorkloadOptions& options);

// Registers that change only by compare-and-set: a transaction reads one, and puts a unique value
// in the place of what it read, perhaps depending on a second register. The chains of values give
// the versions.
std::vector<VersionTransaction> RunRegisters(Store& store, const WorkloadOptions& options);

}  // namespace kyrodb::engine
