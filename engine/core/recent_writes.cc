#include "engine/core/recent_writes.h"

#include <cstdlib>

#include "engine/base/status.h"

namespace kyrodb::engine {

// From calloc, which takes zeroed pages from the system without touching them: opening a small
// database does not pay for the table.
RecentWrites::RecentWrites(Lsn floor)
    : floor_(floor),
      catalog_lsn_(floor),
      slots_(static_cast<Lsn*>(std::calloc(kSlotCount, sizeof(Lsn)))) {
  KYRO_CHECK(slots_ != nullptr);
}

void RecentWrites::Free::operator()(Lsn* slots) const { std::free(slots); }

}  // namespace kyrodb::engine
