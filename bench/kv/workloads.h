// The groups of cases. Each adds its samples to the workbench's record and ends the process when a
// store answers wrongly.
#pragma once

#include "bench/kv/workbench.h"

namespace kyrodb::bench {

// Point gets, batches, scans, reads with a cache that is too small, single synced commits: all on
// the same stores.
void RunReads(Workbench& bench);

// Sorted bulk load; random load with the log on.
void RunLoads(Workbench& bench);

// YCSB A to F in process, and 50/50 mixes with several threads, against RocksDB.
void RunMixes(Workbench& bench);

// Rows of 4 KiB, against RocksDB with and without blob files: what writing them costs in bytes.
void RunLarge(Workbench& bench);

}  // namespace kyrodb::bench
