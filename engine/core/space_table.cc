#include "engine/core/space_table.h"

#include <algorithm>

namespace kyrodb::engine {

std::shared_ptr<KeySpace> SpaceTable::GetOrCreate(ObjectId id) {
  absl::MutexLock lock(&mutex_);
  if (const auto it = slots_.find(id); it != slots_.end()) return it->second.space;
  auto space = std::make_shared<KeySpace>(id, context_);
  slots_[id].space = space;
  return space;
}

void SpaceTable::Insert(std::shared_ptr<KeySpace> space) {
  absl::MutexLock lock(&mutex_);
  const ObjectId id = space->id();
  slots_[id] = Slot{.space = std::move(space)};
}

std::shared_ptr<KeySpace> SpaceTable::Find(ObjectId id, Lsn snapshot) const {
  absl::MutexLock lock(&mutex_);
  auto it = slots_.find(id);
  return it == slots_.end() || it->second.dropped_lsn <= snapshot ? nullptr : it->second.space;
}

void SpaceTable::MarkDropped(ObjectId id, Lsn lsn) {
  absl::MutexLock lock(&mutex_);
  if (auto it = slots_.find(id); it != slots_.end()) it->second.dropped_lsn = lsn;
}

bool SpaceTable::HasDropped(Lsn oldest_snapshot) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(slots_.begin(), slots_.end(), [&](const auto& entry) {
    return entry.second.dropped_lsn <= oldest_snapshot;
  });
}

std::vector<std::shared_ptr<KeySpace>> SpaceTable::Sweep(Lsn oldest_snapshot) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<KeySpace>> swept;
  for (auto it = slots_.begin(); it != slots_.end();) {
    if (it->second.dropped_lsn <= oldest_snapshot) {
      swept.push_back(std::move(it->second.space));
      it = slots_.erase(it);
    } else {
      ++it;
    }
  }
  return swept;
}

std::vector<std::shared_ptr<KeySpace>> SpaceTable::Live() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<KeySpace>> live;
  for (const auto& [id, slot] : slots_) {
    if (slot.dropped_lsn == std::numeric_limits<Lsn>::max()) live.push_back(slot.space);
  }
  return live;
}

}  // namespace kyrodb::engine
