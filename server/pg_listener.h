// The PostgreSQL wire, protocol version 3: psql, pgbench and PostgreSQL's drivers talk to this.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/host.h"
#include "server/listener.h"

namespace kyrodb::server {

struct PgOptions {
  enum class Authentication { kTrust, kScramSha256 };

  std::string host = "127.0.0.1";  // a numeric address
  int port = 5432;                 // 0: any free one
  Authentication authentication = Authentication::kTrust;
  // Needed for SCRAM: a line for each user, `name:password` or `name:SCRAM-SHA-256$…`, the
  // verifier as PostgreSQL stores it; # begins a comment.
  std::string password_file;
  // PEM files; both or none. Without them clients that ask for TLS are told that there is none.
  std::string tls_certificate_file;
  std::string tls_key_file;
  size_t connections_max = 100;                       // more are refused with 53300
  uint32_t message_bytes_max = 64 << 20;              // of one message
  uint64_t messages_bytes_max = uint64_t{512} << 20;  // of all connections together
  uint64_t prepared_bytes_max = uint64_t{16} << 20;   // texts of one connection's statements
  absl::Duration authentication_timeout = absl::Seconds(60);
};

// Starts to listen. `InvalidArgument` for a bad address, port, certificate or password file,
// `Unavailable` when the port is taken. The host must outlive the listener.
absl::StatusOr<std::unique_ptr<Listener>> StartPgListener(Host* host, PgOptions options = {});

}  // namespace kyrodb::server
