#include "sql/notification.h"

namespace kyrodb::sql {

void NotificationHub::Add(absl::string_view channel, NotificationListener* listener) {
  absl::MutexLock lock(&mutex_);
  channels_[channel].insert(listener);
}

void NotificationHub::Remove(absl::string_view channel, NotificationListener* listener) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  found->second.erase(listener);
  if (found->second.empty()) channels_.erase(found);
}

void NotificationHub::Send(const std::vector<Notification>& notifications) {
  absl::MutexLock lock(&mutex_);
  for (const Notification& notification : notifications) {
    const auto found = channels_.find(notification.channel);
    if (found == channels_.end()) continue;
    for (NotificationListener* listener : found->second) listener->Receive(notification);
  }
}

}  // namespace kyrodb::sql
