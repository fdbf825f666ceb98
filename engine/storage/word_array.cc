#include "engine/storage/word_array.h"

#include <sys/mman.h>

#include <cstring>

namespace kyrodb::engine {
namespace {

constexpr uint64_t kLineBytes = 64;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

}  // namespace

WordArray::WordArray(uint64_t size) : size_(size) {
  if (size == 0) return;
  const uint64_t size_bytes = size * sizeof(uint64_t);
  const uint64_t alignment = size_bytes >= kHugePageBytes ? kHugePageBytes : kLineBytes;
  const uint64_t whole = (size_bytes + alignment - 1) / alignment * alignment;
  words_.reset(static_cast<uint64_t*>(std::aligned_alloc(alignment, whole)));
  if (words_ == nullptr) throw std::bad_alloc();
  if (alignment == kHugePageBytes) madvise(words_.get(), whole, MADV_HUGEPAGE);
  std::memset(words_.get(), 0, size_bytes);
}

}  // namespace kyrodb::engine
