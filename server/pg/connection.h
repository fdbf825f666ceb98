// One client's connection from its first byte to its last, on a thread of its own.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/host.h"
#include "server/pg/backends.h"
#include "server/pg/message.h"
#include "server/pg/output.h"
#include "server/pg/transport.h"
#include "server/pg/users.h"
#include "server/pg_listener.h"
#include "sql/session.h"

namespace kyrodb::server::pg {

// What all connections share.
struct Shared {
  Shared(Host* opened_host, PgOptions listener_options)
      : host(opened_host),
        options(std::move(listener_options)),
        budget(options.messages_bytes_max) {}

  Host* const host;
  const PgOptions options;
  std::unique_ptr<TlsContext> tls;  // null: none
  Users users;
  MemoryBudget budget;
  Backends backends;
  sql::NotificationHub notifications;
  std::atomic<bool> stopping{false};
};

// What the start packet said.
struct StartParameters {
  int16_t minor_version = 0;
  std::string user;
  std::string database;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> unknown_options;  // _pq_.…
};

// Reads the names and values of a start packet. 08P01, 28000, 42601.
absl::StatusOr<StartParameters> ParseStartParameters(absl::string_view body);

class Connection {
 public:
  Connection(Shared* shared, int socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves the client until it leaves, or until the listener stops.
  void Run();

 private:
  // connection.cc
  absl::Status Serve();
  absl::StatusOr<Message> ReadMessage();
  absl::Status ReadMore(absl::Duration timeout);
  absl::Status WaitForCommand();
  absl::Status Dispatch(const Message& message);
  absl::Status SimpleQuery(const Message& message);
  absl::Status Ready();
  // Appends what the client sends for COPY; false at its end. copy.cc
  absl::StatusOr<bool> ReadCopyData(std::string* bytes);
  // Hands the client what other sessions have notified it of.
  absl::Status SendNotifications();
  void ReportSettings(bool all);
  void SendError(const absl::Status& status);

  // start.cc
  // False when there is nothing more to do: a cancel request, or an error that was sent.
  absl::StatusOr<bool> Start();
  absl::StatusOr<std::optional<Message>> ReadStartPacket(absl::Time deadline);
  absl::Status Authenticate(const StartParameters& start, absl::Time deadline);
  absl::StatusOr<std::string> ReadSasl(absl::Time deadline);
  absl::Status OpenSession(const StartParameters& start);

  // extended.cc
  struct PortalEntry {
    std::unique_ptr<sql::Portal> portal;  // null for an empty statement
    std::vector<int16_t> formats;
  };
  // Answers one message of the extended protocol; an error is sent by the caller.
  absl::Status Extended(const Message& message);
  absl::Status Parse(FieldReader fields);
  absl::Status Bind(FieldReader fields);
  absl::Status Describe(FieldReader fields);
  absl::Status Execute(FieldReader fields);
  absl::Status CloseObject(FieldReader fields);
  absl::Status Sync();

  Shared* const shared_;
  Transport transport_;
  Output output_;
  MessageReader reader_;
  std::shared_ptr<Backend> backend_;
  std::unique_ptr<sql::Session> session_;
  std::string user_;
  bool is_client_ = false;      // counted as one
  bool skip_to_sync_ = false;   // after an error in the extended protocol
  bool idle_announced_ = true;  // the backend's state says what the client waits for
  bool settings_touched_ = false;
  std::vector<std::string> reported_;  // settings as the client knows them
  absl::flat_hash_map<std::string, PortalEntry> portals_;
  absl::Status closed_;  // why nothing can be read any more
};

}  // namespace kyrodb::server::pg
