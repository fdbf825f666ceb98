#include "engine/storage/growing_words.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace kyrodb::engine {
namespace {

constexpr size_t kMappedBytesMin = size_t{1} << 20;
constexpr size_t kHugePageBytes = size_t{2} << 20;
constexpr size_t kWordsMin = 64;

}  // namespace

GrowingWords::~GrowingWords() {
  if (is_mapped_) {
    munmap(words_, capacity_ * sizeof(uint64_t));
  } else {
    std::free(words_);
  }
}

void GrowingWords::Grow(size_t count) {
  const size_t wanted = std::max({count, 2 * capacity_, kWordsMin});
  size_t bytes = wanted * sizeof(uint64_t);
  if (bytes < kMappedBytesMin) {
    void* const words = std::realloc(words_, bytes);
    if (words == nullptr) throw std::bad_alloc();
    words_ = static_cast<uint64_t*>(words);
    capacity_ = wanted;
    return;
  }
  bytes = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  void* words;
  if (is_mapped_) {
    words = mremap(words_, capacity_ * sizeof(uint64_t), bytes, MREMAP_MAYMOVE);
  } else {
    words = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (words == MAP_FAILED) throw std::bad_alloc();
  // Where the machine has no large pages to give, small ones do.
  madvise(words, bytes, MADV_HUGEPAGE);
  if (!is_mapped_) {
    if (size_ > 0) std::memcpy(words, words_, size_ * sizeof(uint64_t));
    std::free(words_);
    is_mapped_ = true;
  }
  words_ = static_cast<uint64_t*>(words);
  capacity_ = bytes / sizeof(uint64_t);
}

}  // namespace kyrodb::engine
