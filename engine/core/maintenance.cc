#include "engine/core/maintenance.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

// Writers wait when memtables hold this many write buffers: a flush takes about as long as filling
// one or two more.
constexpr uint64_t kStallFactor = 4;
// From here on commits are held up, so that they seldom have to stop.
constexpr uint64_t kSlowFactor = 2;
// At full pressure commits go on at this rate.
constexpr double kSlowBytesPerSecond = 8 << 20;
constexpr absl::Duration kSlowMax = absl::Milliseconds(100);
// Merges have fallen behind when a space has this many times the runs it should; reads suffer then.
constexpr uint64_t kSlowRunFactor = 4;
constexpr absl::Duration kPeriod = absl::Milliseconds(100);
// Memtables are measured each time they may have grown by this share of the write buffer.
constexpr uint64_t kMeasureShare = 16;
constexpr absl::Duration kRetryPeriod = absl::Seconds(1);
constexpr absl::Duration kIndexerIdle = absl::Milliseconds(20);
// Small enough that a stop or a new index is not kept waiting.
constexpr uint64_t kAbsorbBatch = 256;
// A graph is built anew when more than this and more than half of it is dead: recall holds, but
// searches slow down.
constexpr uint64_t kRebuildDeadMin = 1000;

bool HasIndex(const TableSchema& table, ObjectId index) {
  return std::any_of(table.indexes.begin(), table.indexes.end(),
                     [&](const IndexSchema& candidate) { return candidate.id == index; });
}

}  // namespace

Maintenance::Maintenance(const MaintenanceContext& context)
    : context_(context),
      memtable_bytes_(context.metrics->gauge("kyro_memtable_bytes", "memory of all memtables")),
      tail_count_(
          context.metrics->gauge("kyro_index_tail_count", "vectors that are not in a graph yet")),
      stalls_(
          context.metrics->counter("kyro_write_stalls_total", "commits that waited for a flush")),
      slowdowns_(
          context.metrics->counter("kyro_write_slowdowns_total",
                                   "commits that were held up for flushes or merges to follow")),
      wait_micros_(context.metrics->counter("kyro_write_wait_micros_total",
                                            "time that commits were held up or waited")),
      index_failures_(context.metrics->counter("kyro_index_failures_total",
                                               "index work that failed and is tried again")) {}

void Maintenance::Start() {
  running_.store(true);
  flusher_ = std::thread([this] { RunFlusher(); });
  merger_ = std::thread([this] { RunMerger(); });
  indexer_ = std::thread([this] { RunIndexer(); });
}

void Maintenance::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_flusher_.SignalAll();
    room_.SignalAll();
  }
  if (context_.checkpointer != nullptr && merger_.joinable()) context_.checkpointer->CancelMerges();
  if (flusher_.joinable()) flusher_.join();
  if (merger_.joinable()) merger_.join();
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

absl::Status Maintenance::AdmitWrite(uint64_t bytes, bool frees_space) {
  if (!running_.load(std::memory_order_relaxed)) return absl::OkStatus();
  const auto write_buffer = static_cast<uint64_t>(context_.write_buffer_bytes->value());
  const uint64_t admitted = admitted_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (!large_.load(std::memory_order_relaxed) && admitted < write_buffer / kMeasureShare) {
    return absl::OkStatus();
  }
  admitted_bytes_.store(0, std::memory_order_relaxed);
  const uint64_t memtable_bytes = MemtableBytes();
  const double pressure = frees_space ? 0 : Pressure(memtable_bytes, write_buffer);
  const bool large = memtable_bytes >= write_buffer || pressure > 0;
  large_.store(large, std::memory_order_relaxed);
  if (!large) return absl::OkStatus();
  const absl::Time begin = absl::Now();
  absl::MutexLock lock(&mutex_);
  if (memtable_bytes >= write_buffer) wake_flusher_.Signal();
  if (pressure > 0 && !stopping_) {
    slowdowns_.Add();
    const absl::Duration pause =
        absl::Seconds(pressure * static_cast<double>(bytes) / kSlowBytesPerSecond);
    const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
    mutex_.AwaitWithTimeout(absl::Condition(&stopping), std::min(pause, kSlowMax));
  }
  bool stalled = false;
  while (!stopping_ && !frees_space && MemtableBytes() > kStallFactor * write_buffer) {
    if (!flush_status_.ok()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "memtables hold more than ", kStallFactor * write_buffer, " bytes (", kStallFactor,
          " times knob write_buffer_bytes) and cannot be flushed: ", flush_status_.message()));
    }
    if (!stalled) stalls_.Add();
    stalled = true;
    room_.WaitWithTimeout(&mutex_, kPeriod);
  }
  if (stalled || pressure > 0) {
    wait_micros_.Add(static_cast<uint64_t>(absl::ToInt64Microseconds(absl::Now() - begin)));
  }
  return absl::OkStatus();
}

double Maintenance::Pressure(uint64_t memtable_bytes, uint64_t write_buffer) const {
  const auto share = [](uint64_t value, uint64_t begin, uint64_t end) {
    if (value <= begin) return 0.0;
    return std::min(static_cast<double>(value - begin) / static_cast<double>(end - begin), 1.0);
  };
  const auto run_count_max = static_cast<uint64_t>(context_.run_count_max->value());
  double pressure = share(memtable_bytes, kSlowFactor * write_buffer, kStallFactor * write_buffer);
  for (const auto& space : context_.spaces->Live()) {
    pressure =
        std::max(pressure, share(space->version()->runs.size(), kSlowRunFactor * run_count_max,
                                 2 * kSlowRunFactor * run_count_max));
  }
  return pressure;
}

void Maintenance::RunFlusher() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (!stopping_) {
        wake_flusher_.WaitWithTimeout(&mutex_, flush_status_.ok() ? kPeriod : kRetryPeriod);
      }
      if (stopping_) return;
    }
    const auto write_buffer = static_cast<uint64_t>(context_.write_buffer_bytes->value());
    const auto retained = static_cast<uint64_t>(context_.log_retention_bytes->value());
    const absl::Status status = CatchOutOfMemory([&] {
      absl::Status done = context_.checkpointer->ReleaseDropped();
      // The log counts too: dropped tables leave no memtable but long segments.
      if (MemtableBytes() >= write_buffer ||
          context_.log->size_bytes() > retained + 2 * kStallFactor * write_buffer) {
        done = context_.checkpointer->Checkpoint(/*save_all_segments=*/false);
        large_.store(MemtableBytes() >= write_buffer, std::memory_order_relaxed);
      }
      return done;
    });
    absl::MutexLock lock(&mutex_);
    flush_status_ = status;
    room_.SignalAll();
  }
}

void Maintenance::RunMerger() {
  absl::Status status;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto stopping = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; };
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping),
                                  status.ok() ? kPeriod : kRetryPeriod)) {
        return;
      }
    }
    status = CatchOutOfMemory([&] {
      return context_.checkpointer->CompactWhereNeeded(
          static_cast<size_t>(context_.run_count_max->value()),
          static_cast<uint64_t>(context_.compaction_dead_percent->value()));
    });
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
  absl::Status first;
  const auto index = [&](IndexSlot& slot) -> absl::Status {
    if (slot.building()) {
      const std::shared_ptr<KeySpace> space =
          context_.spaces->Find(slot.table_id(), context_.views->visible());
      const std::shared_ptr<const TableSchema> table =
          context_.views->catalog()->FindTable(slot.table_id());
      // Dropped, or the commit that creates it is not published yet.
      if (space == nullptr || table == nullptr || !HasIndex(*table, slot.schema().id)) {
        return absl::OkStatus();
      }
      KYRO_RETURN_IF_ERROR(slot.Build(*space, *context_.views, run_exclusive));
      worked = true;
    }
    const IndexSlot::Ready ready = slot.ready();
    if (ready.column == nullptr) return absl::OkStatus();
    const absl::StatusOr<uint64_t> moved =
        ready.column->Absorb(count_max, context_.views->Oldest());
    // A graph that ran out of memory takes no more vectors; the tail answers for them meanwhile.
    if (absl::IsResourceExhausted(moved.status())) run_exclusive([&] { slot.StartBuild(); });
    KYRO_RETURN_IF_ERROR(moved.status());
    worked = worked || *moved > 0;
    tail_count += ready.column->tail_count();
    const uint64_t dead = ready.column->dead_count();
    if (dead > kRebuildDeadMin && dead > ready.column->graph_count()) {
      run_exclusive([&] { slot.StartBuild(); });
      worked = true;
    }
    return absl::OkStatus();
  };
  // One index that fails does not keep the others waiting.
  for (const auto& slot : context_.indexes->All()) {
    const absl::Status status = CatchOutOfMemory([&] { return index(*slot); });
    if (first.ok()) first = status;
  }
  tail_count_.Set(static_cast<int64_t>(tail_count));
  if (context_.log != nullptr) {
    const absl::StatusOr<bool> built = context_.zorder->BuildSome();
    if (first.ok()) first = built.status();
    worked = worked || built.value_or(false);
  }
  KYRO_RETURN_IF_ERROR(first);
  return worked;
}

void Maintenance::RunIndexer() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    const absl::StatusOr<bool> worked = CatchOutOfMemory([&] { return IndexSome(kAbsorbBatch); });
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
