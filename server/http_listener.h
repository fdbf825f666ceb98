// The HTTP/1.1 listener: connections, limits, timeouts; what is answered is server/http/api.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/host.h"
#include "server/listener.h"

namespace kyrodb::server {

struct HttpOptions {
  std::string host = "127.0.0.1";  // a numeric address
  int port = 8080;                 // 0: any free one
  size_t connections_max = 1024;   // more wait in the kernel's queue
  size_t worker_count = 8;         // requests that run at the same time
  size_t queue_length_max = 256;   // requests that wait for a worker; more are answered with 503
  uint32_t header_bytes_max = 64 << 10;
  uint64_t body_bytes_max = uint64_t{64} << 20;
  uint64_t bodies_bytes_max = uint64_t{512} << 20;     // of all requests together; beyond: 503
  absl::Duration idle_timeout = absl::Seconds(75);     // between requests
  absl::Duration request_timeout = absl::Seconds(30);  // for a request to arrive
  absl::Duration write_timeout = absl::Seconds(60);    // for an answer to leave
};

// Starts to listen. `InvalidArgument` for a bad address or port, `Unavailable` when the port is
// taken. The host must outlive the listener.
absl::StatusOr<std::unique_ptr<Listener>> StartHttpListener(Host* host, HttpOptions options = {});

}  // namespace kyrodb::server
