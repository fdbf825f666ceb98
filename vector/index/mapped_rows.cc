#include "vector/index/mapped_rows.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace kyrodb::vector::index {

MappedRows::~MappedRows() {
  if (base_ != nullptr) munmap(base_, mapped_bytes_);
}

absl::Status MappedRows::Reserve(uint64_t count) {
  constexpr size_t kPageBytes = 4096, kHugePageBytes = size_t{2} << 20;
  size_t bytes = count * stride_;
  const size_t unit = bytes >= 4 * kHugePageBytes ? kHugePageBytes : kPageBytes;
  bytes = (bytes + unit - 1) / unit * unit;
  if (bytes <= mapped_bytes_) return absl::OkStatus();
  void* const mapped = base_ == nullptr ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                        : mremap(base_, mapped_bytes_, bytes, MREMAP_MAYMOVE);
  if (mapped == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "%d bytes for %d rows of a vector index: %s", bytes, count, std::strerror(errno)));
  }
  base_ = static_cast<uint8_t*>(mapped);
  mapped_bytes_ = bytes;
  // A wish: without huge pages everything works, only slower.
  if (unit == kHugePageBytes) (void)madvise(base_, mapped_bytes_, MADV_HUGEPAGE);
  return absl::OkStatus();
}

}  // namespace kyrodb::vector::index
