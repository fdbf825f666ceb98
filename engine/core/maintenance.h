// The background work of a database: one thread flushes memtables, one merges runs, one moves
// vectors from tails into graphs.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/knobs.h"
#include "engine/base/metrics.h"
#include "engine/core/checkpointer.h"
#include "engine/core/index_builder.h"
#include "engine/core/index_set.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "wal/log.h"

namespace kyrodb::engine {

struct MaintenanceContext {
  Checkpointer* checkpointer = nullptr;
  wal::Log* log = nullptr;
  SpaceTable* spaces = nullptr;
  IndexSet* indexes = nullptr;
  Views* views = nullptr;
  IndexBuilder* zorder = nullptr;
  MetricsRegistry* metrics = nullptr;
  const Knob* write_buffer_bytes = nullptr;
  const Knob* run_count_max = nullptr;
  const Knob* compaction_dead_percent = nullptr;
  const Knob* log_retention_bytes = nullptr;
};

// Thread-safety:  all methods may be called from any thread.
class Maintenance {
 public:
  explicit Maintenance(const MaintenanceContext& context);
  ~Maintenance() { Stop(); }

  void Start();
  // Waits for the threads to end what they are doing; a merge is given up.
  void Stop();

  // Tells the flusher that memtables grow by `bytes`. Beyond two write buffers, or when merges have
  // fallen behind, the commit is held up a little, more the further it goes, at most 100 ms; beyond
  // four write buffers it waits until there is room; `ResourceExhausted` when flushing fails
  // meanwhile. What `frees_space` never waits and is never refused.
  absl::Status AdmitWrite(uint64_t bytes, bool frees_space);

  // Does a bounded piece of index work: builds one index, or absorbs up to `count_max` entries of
  // each tail; takes zorder indexes that are being built a batch further. Returns whether there was
  // anything to do.
  absl::StatusOr<bool> IndexSome(uint64_t count_max);

 private:
  void RunFlusher();
  void RunMerger();
  void RunIndexer();
  uint64_t MemtableBytes() const;
  // From 0 (no reason to slow down) to 1, for `memtable_bytes` in memtables.
  double Pressure(uint64_t memtable_bytes, uint64_t write_buffer) const;

  const MaintenanceContext context_;
  Gauge& memtable_bytes_;
  Gauge& tail_count_;
  Counter& stalls_;
  Counter& slowdowns_;
  Counter& wait_micros_;
  Counter& index_failures_;

  absl::Mutex index_mutex_;  // one thread at a time does index work
  absl::Mutex mutex_;
  absl::CondVar wake_flusher_;
  absl::CondVar room_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status flush_status_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> running_{false};
  // Bytes admitted since memtables were last measured, and whether they were large then: measuring
  // walks all key spaces, so that not every commit does it.
  std::atomic<uint64_t> admitted_bytes_{0};
  std::atomic<bool> large_{false};
  std::thread flusher_;
  std::thread merger_;
  std::thread indexer_;
};

}  // namespace kyrodb::engine
