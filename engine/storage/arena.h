// Memory that is handed out in pieces and given back all at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace kyrodb::engine {

// Thread-safety:  one thread allocates; `memory_bytes` may be read by any.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size_bytes` bytes, aligned for a pointer, valid as long as the arena.
  char* Allocate(size_t size_bytes);
  // What the arena took from the heap.
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  // Blocks double up to this size, so that the many small tables of a database stay small.
  static constexpr size_t kBlockBytesMin = 4096;
  static constexpr size_t kBlockBytesMax = size_t{1} << 20;

  char* NewBlock(size_t size_bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t free_bytes_ = 0;
  size_t next_block_bytes_ = kBlockBytesMin;
  std::atomic<uint64_t> memory_bytes_{0};
};

}  // namespace kyrodb::engine
