#include "engine/core/views.h"

#include "engine/base/status.h"

namespace kyrodb::engine {

View Views::Acquire() {
  absl::MutexLock lock(&mutex_);
  View view{visible(), catalog_};
  ++readers_[view.snapshot];
  return view;
}

void Views::Release(Lsn snapshot) {
  absl::MutexLock lock(&mutex_);
  auto it = readers_.find(snapshot);
  KYRO_CHECK(it != readers_.end());
  if (--it->second == 0) readers_.erase(it);
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
  for (const auto& [lsn, count] : readers_) live.push_back(lsn);
  if (live.empty() || live.back() != visible()) live.push_back(visible());
  return live;
}

}  // namespace kyrodb::engine
