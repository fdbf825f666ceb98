#include "learned_index/model/huge_page_allocator.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace kyrodb::learned_index::model {

void AdviseHugePages([[maybe_unused]] void* begin, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  madvise(begin, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace kyrodb::learned_index::model
