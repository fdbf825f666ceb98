#include "engine/core/maintenance.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

// Writers wait when memtables hold this many write buffers: a flush takes about as long as filling
// one or two more.
constexpr uint64_t kStallFactor = 4;
constexpr absl::Duration kFlusherPeriod = absl::Milliseconds(100);
constexpr absl::Duration kRetryPeriod = absl::Seconds(1);
constexpr absl::Duration kIndexerIdle = absl::Milliseconds(20);
// Small enough that a stop or a new index is not kept waiting.
constexpr uint64_t kAbsorbBatch = 256;
// A graph is built anew when this much of it is dead: recall holds, but searches slow down
// (notes on churn: 5,008 queries a second at 20 % dead, 3,418 at 50 %).
constexpr uint64_t kRebuildDeadMin = 1000;

}  // namespace

Maintenance::Maintenance(const MaintenanceContext& context)
    : context_(context),
      memtable_bytes_(context.metrics->gauge("kyro_memtable_bytes", "memory of all memtables")),
      tail_count_(
          context.metrics->gauge("kyro_index_tail_count", "vectors that are not in a graph yet")),
      stalls_(
          context.metrics->counter("kyro_write_stalls_total", "commits that waited for a flush")),
      index_failures_(context.metrics->counter("kyro_index_failures_total",
                                               "index work that failed and is tried again")) {}

void Maintenance::Start() {
  running_.store(true);
  flusher_ = std::thread([this] { RunFlusher(); });
  indexer_ = std::thread([this] { RunIndexer(); });
}

void Maintenance::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_flusher_.SignalAll();
    room_.SignalAll();
  }
  if (flusher_.joinable()) flusher_.join();
  if (indexer_.joinable()) indexer_.join();
  running_.store(false);
}

uint64_t Maintenance::MemtableBytes() const {
  uint64_t bytes = 0;
  for (const auto& space : context_.spaces->Live()) {
    const std::shared_ptr<const SpaceVersion> version = space->version();
    if (!version->active->empty()) bytes += version->active->memory_bytes();
    for (const auto& frozen : version->frozen) bytes += frozen->memory_bytes();
  }
  memtable_bytes_.Set(static_cast<int64_t>(bytes));
  return bytes;
}

absl::Status Maintenance::AdmitWrite() {
  if (!running_.load(std::memory_order_relaxed)) return absl::OkStatus();
  const auto write_buffer = static_cast<uint64_t>(context_.write_buffer_bytes->value());
  if (MemtableBytes() < write_buffer) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  wake_flusher_.Signal();
  bool stalled = false;
  while (!stopping_ && MemtableBytes() > kStallFactor * write_buffer) {
    if (!flush_status_.ok()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "memtables hold more than ", kStallFactor * write_buffer, " bytes (", kStallFactor,
          " times knob write_buffer_bytes) and cannot be "
          "flushed: ",
          flush_status_.message()));
    }
    if (!stalled) stalls_.Add();
    stalled = true;
    room_.WaitWithTimeout(&mutex_, kFlusherPeriod);
  }
  return absl::OkStatus();
}

void Maintenance::RunFlusher() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) {
        wake_flusher_.WaitWithTimeout(&mutex_, flush_status_.ok() ? kFlusherPeriod : kRetryPeriod);
      }
      if (stopping_) return;
    }
    absl::Status status;
    if (MemtableBytes() >= static_cast<uint64_t>(context_.write_buffer_bytes->value())) {
      status = context_.checkpointer->Checkpoint(/*save_all_segments=*/false);
      MemtableBytes();
    }
    if (status.ok()) {
      status = context_.checkpointer
                   ->CompactWhereNeeded(static_cast<size_t>(context_.run_count_max->value()))
                   .status();
    }
    absl::MutexLock lock(&mutex_);
    flush_status_ = status;
    room_.SignalAll();
  }
}

absl::StatusOr<bool> Maintenance::IndexSome(uint64_t count_max) {
  absl::MutexLock lock(&index_mutex_);
  bool worked = false;
  uint64_t tail_count = 0;
  const auto run_exclusive = [&](const std::function<void()>& function) {
    if (context_.log == nullptr) return function();
    context_.log->RunExclusive([&](Lsn) { function(); });
  };
  for (const auto& slot : context_.indexes->All()) {
    if (slot->building()) {
      const std::shared_ptr<KeySpace> space =
          context_.spaces->Find(slot->table_id(), context_.views->visible());
      if (space == nullptr) continue;  // dropped
      KYRO_RETURN_IF_ERROR(slot->Build(*space, *context_.views, run_exclusive));
      worked = true;
    }
    const IndexSlot::Ready ready = slot->ready();
    if (ready.column == nullptr) continue;
    KYRO_ASSIGN_OR_RETURN(const uint64_t moved,
                          ready.column->Absorb(count_max, context_.views->Oldest()));
    worked = worked || moved > 0;
    tail_count += ready.column->tail_count();
    const uint64_t dead = ready.column->dead_count();
    if (dead > kRebuildDeadMin && dead > ready.column->graph_count() / 2) {
      run_exclusive([&] { slot->StartBuild(); });
      worked = true;
    }
  }
  tail_count_.Set(static_cast<int64_t>(tail_count));
  return worked;
}

void Maintenance::RunIndexer() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    const absl::StatusOr<bool> worked = IndexSome(kAbsorbBatch);
    if (!worked.ok()) index_failures_.Add();
    if (worked.value_or(false)) continue;
    absl::MutexLock lock(&mutex_);
    const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping),
                                worked.ok() ? kIndexerIdle : kRetryPeriod)) {
      return;
    }
  }
}

}  // namespace kyrodb::engine
