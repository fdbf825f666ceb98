// One client's socket, with TLS where it was asked for. Calls block the thread of the connection.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kyrodb::server::pg {

// The server's certificate and key.
//
// Thread-safety:  immutable after `Load`.
class TlsContext {
 public:
  // PEM files. `InvalidArgument` when they cannot be used together.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Load(const std::string& certificate_file,
                                                          const std::string& key_file);
  ~TlsContext();
  void* native() const { return context_; }  // SSL_CTX*

 private:
  explicit TlsContext(void* context) : context_(context) {}
  void* context_;
};

// Errors:         `Unavailable` when the client has gone, `DeadlineExceeded` when it took too long.
// Thread-safety:  one thread, except `Wake`, `EndReading` and `Abort`, which any may call.
// Lifetime:       owns the socket.
class Transport {
 public:
  explicit Transport(int socket);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Turns the connection into TLS; the client's handshake comes next.
  absl::Status StartTls(const TlsContext& context);
  bool is_tls() const { return tls_ != nullptr; }
  // "TLSv1.3", or "".
  std::string tls_version() const;

  // Reads at least one byte; 0 at the end of the stream. Zero `timeout`: waits for ever.
  absl::StatusOr<size_t> Read(std::span<char> into, absl::Duration timeout);
  // As `Read`, but also ends (with `false`) when `Wake` was called; true when bytes can be read.
  absl::StatusOr<bool> WaitReadable(absl::Duration timeout);
  // Writes everything.
  absl::Status Write(absl::string_view bytes);

  // Makes `WaitReadable` return.
  void Wake();
  // Reads end as if the client had closed; what is being written still goes out.
  void EndReading();
  // Every call fails from now on.
  void Abort();

  // "127.0.0.1", and its port; "" and -1 when unknown.
  std::string peer_address() const;
  int peer_port() const;

 private:
  absl::Status SetTimeout(int option, absl::Duration timeout);

  int socket_;
  int event_ = -1;  // made by the constructor; -1 when that failed
  void* tls_ = nullptr;
  absl::Duration read_timeout_;
};

}  // namespace kyrodb::server::pg
