// Rows of one size that lie side by side and grow without being copied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace kyrodb::vector::index {

// Anonymous memory in whole pages, huge ones where the system gives them: a walk touches rows at
// random, and small pages would cost it a miss of the translation buffer each. Growing moves page
// tables, not bytes, so rows may get another address: nobody may read meanwhile.
//
// Errors:         `ResourceExhausted` when the system has no memory; the rows stay as they were.
// Thread-safety:  none for `Reserve`; rows are plain memory.
class MappedRows {
 public:
  explicit MappedRows(size_t stride) : stride_(stride) {}
  ~MappedRows();
  MappedRows(const MappedRows&) = delete;
  MappedRows& operator=(const MappedRows&) = delete;

  // Room for `count` rows in all; new ones are zero. Never shrinks.
  absl::Status Reserve(uint64_t count);

  size_t stride() const { return stride_; }
  uint8_t* base() { return base_; }
  const uint8_t* base() const { return base_; }
  uint8_t* row(uint64_t i) { return base_ + i * stride_; }
  const uint8_t* row(uint64_t i) const { return base_ + i * stride_; }

 private:
  const size_t stride_;  // 0: no rows, no memory
  uint8_t* base_ = nullptr;
  size_t mapped_bytes_ = 0;
};

}  // namespace kyrodb::vector::index
