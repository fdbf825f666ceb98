// What takes requests from the network: HTTP and the PostgreSQL wire; gRPC joins the
// same list.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kyrodb::server {

// Thread-safety:  all methods may be called from any thread.
// Lifetime:       the destructor stops at once; what it serves must outlive it.
class Listener {
 public:
  virtual ~Listener() = default;
  // The protocol, for people: "http".
  virtual absl::string_view name() const = 0;
  // Where it listens: "127.0.0.1:8080", with the port that was really taken.
  virtual std::string address() const = 0;
  virtual int port() const = 0;
  // Takes no new connection, lets running requests finish for at most `grace`, then cancels what
  // is left and closes every connection. Returns when nothing runs any more.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace kyrodb::server
