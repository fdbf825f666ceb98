// LISTEN, UNLISTEN and NOTIFY: what a transaction asked for happens when it commits.
#include <algorithm>
#include <utility>

#include "engine/base/status.h"
#include "sql/error.h"
#include "sql/statement/session_impl.h"

namespace kyrodb::sql {
namespace {

// What a session keeps that does not ask for its notifications.
constexpr uint64_t kQueueBytesMax = uint64_t{16} << 20;
constexpr size_t kPayloadBytesMax = 8000;  // as in PostgreSQL
constexpr size_t kChannelBytesMax = 63;

}  // namespace

void Mailbox::Receive(const Notification& notification) {
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t bytes = notification.channel.size() + notification.payload.size() + 64;
    if (lost_ || bytes_ + bytes > kQueueBytesMax) {
      lost_ = true;
    } else {
      bytes_ += bytes;
      waiting_.push_back(notification);
    }
  }
  if (on_notification_) on_notification_();
}

absl::StatusOr<std::vector<Notification>> Mailbox::Take() {
  absl::MutexLock lock(&mutex_);
  if (lost_) {
    return Error(sqlstate::kOutOfMemory, 0, "too many notifications were waiting for the session");
  }
  bytes_ = 0;
  return std::exchange(waiting_, {});
}

absl::Status Session::Impl::RunListen(const ListenStatement& statement) {
  if (options_.notifications == nullptr) {
    return Error(sqlstate::kFeatureNotSupported, statement.position,
                 "LISTEN and NOTIFY need a client of the PostgreSQL wire");
  }
  if (statement.action == ListenAction::kNotify) {
    if (statement.channel.name.size() > kChannelBytesMax) {
      return Error(sqlstate::kInvalidParameterValue, 0, "channel name too long");
    }
    if (statement.payload.size() >= kPayloadBytesMax) {
      return Error(sqlstate::kInvalidParameterValue, 0, "payload string too long");
    }
    Notification notification{options_.process_id, statement.channel.name, statement.payload};
    // The same one twice in a transaction is sent once.
    if (std::find(to_send_.begin(), to_send_.end(), notification) == to_send_.end()) {
      to_send_.push_back(std::move(notification));
    }
    return absl::OkStatus();
  }
  to_listen_.push_back({statement.action, statement.all, statement.channel.name});
  return absl::OkStatus();
}

void Session::Impl::Unlisten() {
  for (const std::string& channel : channels_) {
    options_.notifications->Remove(channel, &mailbox_);
  }
  channels_.clear();
}

void Session::Impl::EndNotifications(bool committed) {
  if (to_listen_.empty() && to_send_.empty()) return;
  const std::vector<ListenChange> changes = std::exchange(to_listen_, {});
  const std::vector<Notification> send = std::exchange(to_send_, {});
  if (!committed) return;
  for (const ListenChange& change : changes) {
    if (change.action == ListenAction::kListen) {
      if (channels_.insert(change.channel).second) {
        options_.notifications->Add(change.channel, &mailbox_);
      }
    } else if (change.all) {
      Unlisten();
    } else if (channels_.erase(change.channel) > 0) {
      options_.notifications->Remove(change.channel, &mailbox_);
    }
  }
  if (!send.empty()) options_.notifications->Send(send);
}

}  // namespace kyrodb::sql
