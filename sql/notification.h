// LISTEN and NOTIFY: how a notification gets from one session to the others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb::sql {

struct Notification {
  int32_t process_id = 0;  // of the session that sent it
  std::string channel;
  std::string payload;
  friend bool operator==(const Notification&, const Notification&) = default;
};

// One listening session.
class NotificationListener {
 public:
  virtual ~NotificationListener() = default;
  // Called from the sender's thread; must be quick and must not call the hub.
  virtual void Receive(const Notification& notification) = 0;
};

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       a listener must be removed before it ends.
class NotificationHub {
 public:
  void Add(absl::string_view channel, NotificationListener* listener);
  void Remove(absl::string_view channel, NotificationListener* listener);
  // Delivers all of them, in order, to everybody who listens.
  void Send(const std::vector<Notification>& notifications);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, absl::flat_hash_set<NotificationListener*>> channels_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb::sql
