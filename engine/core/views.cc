#include "engine/core/views.h"

#include <algorithm>

#include "engine/base/status.h"

namespace kyrodb::engine {

View Views::Acquire() {
  absl::MutexLock lock(&mutex_);
  View view{.snapshot = visible(), .now = Now(), .catalog = catalog_};
  Readers& readers = readers_[view.snapshot];
  if (readers.count++ == 0) readers.oldest_now = view.now;
  return view;
}

void Views::Release(const View& view) {
  absl::MutexLock lock(&mutex_);
  auto it = readers_.find(view.snapshot);
  KYRO_CHECK(it != readers_.end());
  if (--it->second.count == 0) readers_.erase(it);
}

WallMicros Views::Now() const {
  last_now_ = std::max(last_now_, clock_->WallMicros());
  return last_now_;
}

WallMicros Views::CurrentNow() const {
  absl::MutexLock lock(&mutex_);
  return Now();
}

WallMicros Views::OldestNow() const {
  absl::MutexLock lock(&mutex_);
  // Readers of a later snapshot began later.
  return readers_.empty() ? Now() : std::min(Now(), readers_.begin()->second.oldest_now);
}

void Views::Publish(Lsn lsn, std::shared_ptr<const Catalog> catalog) {
  // The lock makes a new catalog and its commit visible together; a plain commit could do without,
  // but then a snapshot could be taken below versions that `Live` has already given up.
  absl::MutexLock lock(&mutex_);
  if (catalog != nullptr) catalog_ = std::move(catalog);
  visible_.store(lsn, std::memory_order_release);
}

std::shared_ptr<const Catalog> Views::catalog() const {
  absl::MutexLock lock(&mutex_);
  return catalog_;
}

std::vector<Lsn> Views::Live() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Lsn> live;
  for (const auto& [lsn, readers] : readers_) live.push_back(lsn);
  if (live.empty() || live.back() != visible()) live.push_back(visible());
  return live;
}

}  // namespace kyrodb::engine
