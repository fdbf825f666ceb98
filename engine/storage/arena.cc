#include "engine/storage/arena.h"

#include <algorithm>

namespace kyrodb::engine {

char* Arena::Allocate(size_t size_bytes) {
  constexpr size_t kAlign = alignof(void*);
  size_bytes = (size_bytes + kAlign - 1) / kAlign * kAlign;
  if (size_bytes > free_bytes_) {
    // A large piece gets a block of its own, so that the rest of the current one is not lost.
    if (size_bytes > next_block_bytes_ / 4) return NewBlock(size_bytes);
    free_ = NewBlock(next_block_bytes_);
    free_bytes_ = next_block_bytes_;
    next_block_bytes_ = std::min(2 * next_block_bytes_, kBlockBytesMax);
  }
  char* result = free_;
  free_ += size_bytes;
  free_bytes_ -= size_bytes;
  return result;
}

char* Arena::NewBlock(size_t size_bytes) {
  blocks_.push_back(std::unique_ptr<char[]>(new char[size_bytes]));
  memory_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  return blocks_.back().get();
}

}  // namespace kyrodb::engine
