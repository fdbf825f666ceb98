// Words in one piece that grow at their end without being copied: past a size their pages are moved
// to another address instead, and are as large as the machine has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "absl/strings/string_view.h"

namespace kyrodb::engine {

// Errors:  what needs memory throws std::bad_alloc.
class GrowingWords {
 public:
  GrowingWords() = default;
  ~GrowingWords();
  GrowingWords(const GrowingWords&) = delete;
  GrowingWords& operator=(const GrowingWords&) = delete;

  void push_back(uint64_t word) {
    if (size_ == capacity_) Grow(size_ + 1);
    words_[size_++] = word;
  }
  // `count` more words, which are not set.
  uint64_t* Extend(size_t count) {
    if (capacity_ - size_ < count) Grow(size_ + count);
    uint64_t* const added = words_ + size_;
    size_ += count;
    return added;
  }
  void reserve(size_t count) {
    if (count > capacity_) Grow(count);
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint64_t& operator[](size_t i) { return words_[i]; }
  std::span<const uint64_t> span() const { return {words_, size_}; }
  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(words_), size_ * sizeof(uint64_t)};
  }

 private:
  void Grow(size_t count);

  uint64_t* words_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool is_mapped_ = false;  // else from the heap
};

}  // namespace kyrodb::engine
