// What the HTTP interface offers: one table of routes over one database.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/host.h"
#include "server/http/message.h"

namespace kyrodb::server {

// Answers requests; knows nothing of connections.
//
// Thread-safety:  all methods may be called from any thread.
// Lifetime:       the host must outlive it.
class Api {
 public:
  explicit Api(Host* host);

  // Fills in `request.parameters` and runs the endpoint; every failure becomes a problem document.
  Response Handle(Request& request) const;

  // Whether the answer takes no database work, so that it may run beside the workers' queue.
  static bool IsProbe(absl::string_view path);

 private:
  using Endpoint = std::function<Response(const Request&)>;
  struct Route {
    std::string method;
    std::vector<std::string> segments;  // "{name}" stands for any one segment
    std::string summary;
    Endpoint endpoint;
  };
  void Add(std::string method, std::string pattern, std::string summary, Endpoint endpoint);
  Response Index(const Request& request) const;

  Host* host_;
  std::vector<Route> routes_;
};

}  // namespace kyrodb::server
