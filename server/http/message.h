// One request and its answer as the endpoints see them: bytes and names, no network library.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb::server {

// Lets the thread of the connection end the statement that a worker runs.
//
// Thread-safety:  all methods may be called from any thread.
class Cancellation {
 public:
  // Runs the action of the moment, and every later one at once.
  void Cancel() {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    if (action_ != nullptr) action_();
  }
  // Null takes the action away; after that it does not run any more.
  void SetAction(std::function<void()> action) {
    absl::MutexLock lock(&mutex_);
    action_ = std::move(action);
    if (cancelled_ && action_ != nullptr) action_();
  }
  bool cancelled() const {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  }

 private:
  mutable absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> action_ ABSL_GUARDED_BY(mutex_);
};

struct Request {
  std::string method;                 // "GET", "POST", …
  std::string target;                 // as it came
  std::string path;                   // decoded, without the query
  std::vector<std::string> segments;  // the path's parts, each decoded
  std::string content_type;           // lower case, without parameters
  std::string body;
  absl::btree_map<std::string, std::string> query;       // decoded
  absl::btree_map<std::string, std::string> parameters;  // what {…} of the route stood for
  Cancellation* cancellation = nullptr;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};
};

}  // namespace kyrodb::server
