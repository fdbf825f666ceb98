// What the server's tests share: folders that clean up, opened databases, and a socket client that
// sends exactly the bytes it is told to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/host.h"
#include "server/http_listener.h"
#include "server/json/json.h"
#include "tests/server/test_socket.h"

namespace kyrodb::server {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = testing::TempDir() + "/kyro_server_XXXXXX";
    const char* made = mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

inline std::unique_ptr<Host> OpenHostOrDie(const std::string& directory) {
  auto host =
      Host::Open({.directory = directory, .opener = "test", .tuner_mode = tuner::Mode::kOff});
  EXPECT_TRUE(host.ok()) << host.status();
  return host.ok() ? *std::move(host) : nullptr;
}

struct Reply {
  int status = 0;  // 0: the connection ended without an answer
  std::string headers;
  std::string body;

  // A member of the JSON body, as JSON text; "" when there is none.
  std::string Member(absl::string_view name) const {
    const auto json = ParseJson(body);
    const Json* member = json.ok() ? json->Find(name) : nullptr;
    return member == nullptr ? "" : JsonText(*member);
  }
};

// One connection.
class Client : public TestSocket {
 public:
  using TestSocket::TestSocket;

  Reply Receive(bool is_head = false) {
    Reply reply;
    size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadMore()) return reply;
    }
    reply.headers = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    EXPECT_TRUE(absl::SimpleAtoi(reply.headers.substr(9, 3), &reply.status)) << reply.headers;
    size_t length = 0;
    const size_t at = reply.headers.find("Content-Length: ");
    if (at != std::string::npos && !is_head) {
      length = static_cast<size_t>(std::strtoull(reply.headers.c_str() + at + 16, nullptr, 10));
    }
    while (buffer_.size() < length) {
      if (!ReadMore()) {
        reply.status = 0;
        return reply;
      }
    }
    reply.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return reply;
  }
  // Whether the other side closes within ten seconds.
  bool IsClosed() { return buffer_.empty() && !ReadMore(); }

  Reply Call(absl::string_view method, absl::string_view target, absl::string_view body = "",
             absl::string_view type = "application/json") {
    std::string message = absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: test\r\n");
    if (!type.empty() && !body.empty()) absl::StrAppend(&message, "Content-Type: ", type, "\r\n");
    if (!body.empty()) absl::StrAppend(&message, "Content-Length: ", body.size(), "\r\n");
    Send(absl::StrCat(message, "\r\n", body));
    return Receive(method == "HEAD");
  }

 private:
  bool ReadMore() {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 60000) != 1) {
      ADD_FAILURE() << "nothing came for a minute";
      return false;
    }
    char bytes[65536];
    const ssize_t size = recv(socket_, bytes, sizeof(bytes), 0);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(size));
    return true;
  }

  std::string buffer_;
};

}  // namespace kyrodb::server
