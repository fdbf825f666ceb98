// Memory for arrays that are read at random places: on huge pages when it is large.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace kyrodb::learned_index::model {

// Asks the operating system to back [begin, begin + bytes) by huge pages; a refusal is no error.
void AdviseHugePages(void* begin, size_t bytes);

// An allocator whose arrays begin at a cache line and, from 2 MiB on, lie on huge pages: a random
// look-up in an array of 100 MB on small pages misses the table of page addresses nearly every
// time, and again in the page table.
//
// Errors:  throws std::bad_alloc, as `new` does.
template <typename T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() = default;
  template <typename U>
  explicit HugePageAllocator(const HugePageAllocator<U>& /*other*/) {}

  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    const size_t bytes = count * sizeof(T);
    void* const begin = ::operator new(bytes, AlignmentOf(bytes));
    if (bytes >= kHugePageBytes) AdviseHugePages(begin, bytes);
    return static_cast<T*>(begin);
  }
  void deallocate(T* begin, size_t count) {
    ::operator delete(begin, AlignmentOf(count * sizeof(T)));
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }

 private:
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kHugePageBytes = size_t{1} << 21;
  static std::align_val_t AlignmentOf(size_t bytes) {
    return std::align_val_t{bytes >= kHugePageBytes ? kHugePageBytes : kLineBytes};
  }
};

template <typename T>
using HugePageVector = std::vector<T, HugePageAllocator<T>>;

}  // namespace kyrodb::learned_index::model
