#include "engine/storage/buffer_pool.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace kyrodb::engine {

// One page. The table and the ring of its shard hold one reference each; every further one is
// a pin. Counts itself in the pool's memory for as long as anyone holds it.
struct PinnedPage::Frame {
  Frame(std::pair<uint64_t, uint64_t> frame_key, std::atomic<uint64_t>& used, Gauge& gauge)
      : key(frame_key),
        words(new uint64_t[kPageBytes / sizeof(uint64_t)]),
        used_bytes(used),
        bytes(gauge) {
    used_bytes.fetch_add(kPageBytes, std::memory_order_relaxed);
    bytes.Add(kPageBytes);
  }
  ~Frame() {
    used_bytes.fetch_sub(kPageBytes, std::memory_order_relaxed);
    bytes.Add(-static_cast<int64_t>(kPageBytes));
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  const std::pair<uint64_t, uint64_t> key;
  const std::unique_ptr<uint64_t[]> words;  // written by the loader only, before `loading` ends
  std::atomic<uint64_t>& used_bytes;
  Gauge& bytes;

  // Guarded by the mutex of the shard.
  bool loading = true;
  bool referenced = false;
  absl::Status status;
};

const char* PinnedPage::data() const { return reinterpret_cast<const char*>(frame_->words.get()); }
const uint64_t* PinnedPage::words() const { return frame_->words.get(); }

BufferPool::BufferPool(uint64_t capacity_bytes, MetricsRegistry& metrics)
    : capacity_bytes_(capacity_bytes),
      hits_(metrics.counter("kyro_buffer_pool_hits_total", "page reads answered from memory")),
      misses_(metrics.counter("kyro_buffer_pool_misses_total", "page reads that went to disk")),
      evictions_(metrics.counter("kyro_buffer_pool_evictions_total",
                                 "pages that left to make room for others")),
      ghost_hits_(metrics.counter("kyro_buffer_pool_ghost_hits_total",
                                  "misses that a pool larger by an eighth would have hit")),
      bytes_(metrics.gauge("kyro_buffer_pool_bytes", "memory of pages in the pool")),
      capacity_(metrics.gauge("kyro_buffer_pool_capacity_bytes", "memory that pages may take")) {
  capacity_.Set(static_cast<int64_t>(capacity_bytes));
}

BufferPool::~BufferPool() = default;

size_t BufferPool::ShardOf(const Key& key) {
  // The table inside a shard uses the low bits of the same hash.
  return (absl::Hash<Key>()(key) >> 32) & (kShardCount - 1);
}

absl::StatusOr<PinnedPage> BufferPool::Pin(uint64_t file_number, uint64_t page_number,
                                           Loader load) {
  const Key key(file_number, page_number);
  const size_t shard_index = ShardOf(key);
  Shard& shard = shards_[shard_index];
  std::shared_ptr<Frame> frame;
  {
    absl::MutexLock lock(&shard.mutex);
    if (const auto it = shard.frames.find(key); it != shard.frames.end()) {
      frame = it->second;
      frame->referenced = true;
      hits_.Add();
      if (frame->loading) {
        const auto loaded = [&frame] { return !frame->loading; };
        shard.mutex.Await(absl::Condition(&loaded));
      }
      if (!frame->status.ok()) return frame->status;
      return PinnedPage(std::move(frame));
    }
    misses_.Add();
    if (const auto ghost = shard.ghosts.find(key); ghost != shard.ghosts.end()) {
      ghost_hits_.Add();
      shard.ghost_order.erase(ghost->second);
      shard.ghosts.erase(ghost);
    }
    frame = std::make_shared<Frame>(key, used_bytes_, bytes_);
    shard.frames.emplace(key, frame);
  }
  Shrink(shard_index);
  const absl::Status status = load(reinterpret_cast<char*>(frame->words.get()));
  absl::MutexLock lock(&shard.mutex);
  frame->loading = false;
  frame->status = status;
  if (!status.ok()) {
    shard.frames.erase(key);
    return status;
  }
  shard.ring.insert(shard.hand, frame);
  return PinnedPage(std::move(frame));
}

void BufferPool::SetCapacity(uint64_t capacity_bytes) {
  capacity_bytes_.store(capacity_bytes, std::memory_order_relaxed);
  capacity_.Set(static_cast<int64_t>(capacity_bytes));
  Shrink(0);
}

void BufferPool::EraseFile(uint64_t file_number) {
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    for (auto it = shard.ring.begin(); it != shard.ring.end();) {
      if ((*it)->key.first != file_number) {
        ++it;
        continue;
      }
      if (it == shard.hand) ++shard.hand;
      shard.frames.erase((*it)->key);
      it = shard.ring.erase(it);
    }
    for (auto it = shard.ghost_order.begin(); it != shard.ghost_order.end();) {
      if (it->first != file_number) {
        ++it;
        continue;
      }
      shard.ghosts.erase(*it);
      it = shard.ghost_order.erase(it);
    }
  }
}

bool BufferPool::Shrink(size_t first) {
  while (used_bytes() > capacity_bytes()) {
    bool evicted = false;
    for (size_t i = 0; i < kShardCount && !evicted; ++i) {
      Shard& shard = shards_[(first + i) % kShardCount];
      absl::MutexLock lock(&shard.mutex);
      evicted = EvictOne(shard);
    }
    if (!evicted) return false;
  }
  return true;
}

bool BufferPool::EvictOne(Shard& shard) {
  // In two rounds the hand takes the second chance of every page that is not pinned.
  for (size_t steps = 2 * shard.ring.size(); steps > 0; --steps) {
    if (shard.hand == shard.ring.end()) shard.hand = shard.ring.begin();
    const std::shared_ptr<Frame>& frame = *shard.hand;
    // Pins are taken under this mutex only, so a page that nobody holds now stays so.
    const bool pinned = frame.use_count() > 2;
    if (pinned || frame->referenced) {
      if (!pinned) frame->referenced = false;
      ++shard.hand;
      continue;
    }
    const Key key = frame->key;
    shard.frames.erase(key);
    shard.hand = shard.ring.erase(shard.hand);
    evictions_.Add();
    Remember(shard, key);
    return true;
  }
  return false;
}

void BufferPool::Remember(Shard& shard, const Key& key) {
  const uint64_t ghosts_max =
      std::max<uint64_t>(capacity_bytes() / kPageBytes / 8 / kShardCount, 1);
  if (const auto old = shard.ghosts.find(key); old != shard.ghosts.end()) {
    shard.ghost_order.erase(old->second);
    shard.ghosts.erase(old);
  }
  shard.ghosts[key] = shard.ghost_order.insert(shard.ghost_order.end(), key);
  while (shard.ghost_order.size() > ghosts_max) {
    shard.ghosts.erase(shard.ghost_order.front());
    shard.ghost_order.pop_front();
  }
}

}  // namespace kyrodb::engine
