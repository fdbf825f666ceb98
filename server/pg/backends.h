// Who is connected: for cancel requests, for a graceful stop and for pg_stat_activity.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/pg/transport.h"
#include "sql/session.h"

namespace kyrodb::server::pg {

// One connection as others see it.
//
// Thread-safety:  all methods may be called from any thread.
class Backend {
 public:
  struct Activity {
    int32_t process_id = 0;
    std::string database;
    std::string user;
    std::string application;
    std::string client_address;
    int client_port = -1;
    std::string state;  // "active", "idle", "idle in transaction", …
    std::string query;  // the last one, at most 1,024 bytes
    int64_t connected_micros = 0;
    int64_t query_micros = 0;  // when it began; 0: there was none
    int64_t state_micros = 0;
  };

  Backend(int32_t process_id, int32_t secret, Transport* transport)
      : process_id_(process_id), secret_(secret), transport_(transport) {}

  int32_t process_id() const { return process_id_; }
  int32_t secret() const { return secret_; }

  // Null when it ends; after that nobody cancels it.
  void SetSession(sql::Session* session);
  void Describe(Activity activity);
  void SetState(absl::string_view state, int64_t micros);
  void SetQuery(absl::string_view query, int64_t micros);
  void SetApplication(absl::string_view name);
  Activity activity() const;

  // These three only while it is among `Backends`.
  // Makes the statement that runs end soon.
  void Cancel();
  // Whether there was a cancel request since the last question.
  bool TakeCancelled() { return cancelled_.exchange(false); }
  // Says that it should end when its statement has ended.
  void EndReading() { transport_->EndReading(); }
  void Abort() {
    Cancel();
    transport_->Abort();
  }

 private:
  const int32_t process_id_;
  const int32_t secret_;
  Transport* const transport_;
  std::atomic<bool> cancelled_{false};
  mutable absl::Mutex mutex_;
  sql::Session* session_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Activity activity_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safety:  all methods may be called from any thread.
class Backends {
 public:
  // A new backend, of which there may be any number; `clients` counts those that asked for more
  // than to cancel somebody.
  std::shared_ptr<Backend> Add(Transport* transport);
  void Remove(int32_t process_id);
  // Counts one more client; false when there are `clients_max` already.
  [[nodiscard]] bool AddClient(size_t clients_max);
  void RemoveClient();
  // Nothing happens unless both fit.
  void Cancel(int32_t process_id, int32_t secret);
  // Of every backend.
  void EndReading();
  void Abort();
  // For their activities: the connections may end meanwhile.
  std::vector<std::shared_ptr<Backend>> All() const;

 private:
  mutable absl::Mutex mutex_;
  absl::btree_map<int32_t, std::shared_ptr<Backend>> backends_ ABSL_GUARDED_BY(mutex_);
  int32_t last_process_id_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t client_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace kyrodb::server::pg
