// A fixed array of 64-bit words for random access: aligned to cache lines, and on huge pages when
// it is large, so that a look-up costs one miss and not two.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace kyrodb::engine {

// Thread-safety:  that of an array.
class WordArray {
 public:
  WordArray() = default;
  // Zeros. Throws std::bad_alloc.
  explicit WordArray(uint64_t size);

  uint64_t* data() { return words_.get(); }
  const uint64_t* data() const { return words_.get(); }
  uint64_t size() const { return size_; }
  std::span<const uint64_t> span() const { return {words_.get(), size_}; }

 private:
  struct Free {
    void operator()(uint64_t* words) const { std::free(words); }
  };
  std::unique_ptr<uint64_t[], Free> words_;
  uint64_t size_ = 0;
};

}  // namespace kyrodb::engine
