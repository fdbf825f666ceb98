// A client of the PostgreSQL wire that sends exactly the bytes it is told to and takes answers
// apart, message by message.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "server/pg_listener.h"
#include "tests/server/test_host.h"
#include "tests/server/test_socket.h"

namespace kyrodb::server {

struct PgMessage {
  char type = 0;  // 0: the connection has ended
  std::string body;

  uint32_t Int(size_t at, size_t size) const {
    uint32_t value = 0;
    for (size_t i = 0; i < size && at + i < body.size(); ++i) {
      value = value << 8 | static_cast<uint8_t>(body[at + i]);
    }
    return value;
  }
  // A field of an ErrorResponse or NoticeResponse.
  std::string Field(char code) const {
    size_t at = 0;
    while (at < body.size() && body[at] != '\0') {
      const std::string value = body.c_str() + at + 1;
      if (body[at] == code) return value;
      at += 2 + value.size();
    }
    return "";
  }
  // The values of a DataRow, NULL as "NULL".
  std::vector<std::string> Values() const {
    std::vector<std::string> values;
    size_t at = 2;
    for (uint32_t i = 0; i < Int(0, 2); ++i) {
      const auto length = static_cast<int32_t>(Int(at, 4));
      at += 4;
      values.push_back(length < 0 ? "NULL" : body.substr(at, static_cast<size_t>(length)));
      if (length > 0) at += static_cast<size_t>(length);
    }
    return values;
  }
};

inline std::string PgInt(uint32_t value, size_t size) {
  std::string bytes;
  for (size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return bytes;
}
inline std::string PgText(absl::string_view text) { return absl::StrCat(text, std::string(1, 0)); }
inline std::string PgFrame(char type, absl::string_view body) {
  return absl::StrCat(std::string(1, type), PgInt(static_cast<uint32_t>(body.size() + 4), 4), body);
}
inline std::string PgStart(const std::vector<std::pair<std::string, std::string>>& parameters,
                           uint32_t version = 3 << 16) {
  std::string body = PgInt(version, 4);
  for (const auto& [name, value] : parameters) absl::StrAppend(&body, PgText(name), PgText(value));
  body.push_back('\0');
  return absl::StrCat(PgInt(static_cast<uint32_t>(body.size() + 4), 4), body);
}

// Messages of the extended protocol.
inline std::string PgParse(absl::string_view name, absl::string_view text,
                           const std::vector<uint32_t>& oids = {}) {
  std::string body =
      absl::StrCat(PgText(name), PgText(text), PgInt(static_cast<uint32_t>(oids.size()), 2));
  for (const uint32_t oid : oids) absl::StrAppend(&body, PgInt(oid, 4));
  return PgFrame('P', body);
}
// Parameters are text unless `format` is 1; the result has `result_format`.
inline std::string PgBind(absl::string_view portal, absl::string_view name,
                          const std::vector<std::string>& values = {}, uint32_t format = 0,
                          uint32_t result_format = 0) {
  std::string body = absl::StrCat(PgText(portal), PgText(name), PgInt(1, 2), PgInt(format, 2),
                                  PgInt(static_cast<uint32_t>(values.size()), 2));
  for (const std::string& value : values) {
    absl::StrAppend(&body, PgInt(static_cast<uint32_t>(value.size()), 4), value);
  }
  absl::StrAppend(&body, PgInt(1, 2), PgInt(result_format, 2));
  return PgFrame('B', body);
}
inline std::string PgDescribe(char kind, absl::string_view name) {
  return PgFrame('D', absl::StrCat(std::string(1, kind), PgText(name)));
}
inline std::string PgExecute(absl::string_view portal, uint32_t rows_max = 0) {
  return PgFrame('E', absl::StrCat(PgText(portal), PgInt(rows_max, 4)));
}
inline std::string PgSync() { return PgFrame('S', ""); }
inline std::string PgQuery(absl::string_view text) { return PgFrame('Q', PgText(text)); }

class PgClient : public TestSocket {
 public:
  using TestSocket::TestSocket;

  // Sends the start packet and takes what comes up to the first ReadyForQuery.
  std::vector<PgMessage> Connect(
      const std::vector<std::pair<std::string, std::string>>& parameters = {
          {"user", "kyro"}, {"database", "kyrodb"}}) {
    Send(PgStart(parameters));
    std::vector<PgMessage> messages = ReceiveUntilReady();
    for (const PgMessage& message : messages) {
      if (message.type == 'K') {
        process_id_ = message.Int(0, 4);
        secret_ = message.Int(4, 4);
      }
    }
    return messages;
  }
  uint32_t process_id() const { return process_id_; }
  uint32_t secret() const { return secret_; }

  PgMessage Receive() {
    PgMessage message;
    while (buffer_.size() < 5) {
      if (!ReadMore()) return message;
    }
    message.body = buffer_.substr(1, 4);
    const size_t length = message.Int(0, 4);
    while (buffer_.size() < 1 + length) {
      if (!ReadMore()) return {};
    }
    message.type = buffer_[0];
    message.body = buffer_.substr(5, length - 4);
    buffer_.erase(0, 1 + length);
    return message;
  }
  std::string ReceiveBytes(size_t count) {
    while (buffer_.size() < count) {
      if (!ReadMore()) break;
    }
    std::string bytes = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return bytes;
  }
  // Up to and with ReadyForQuery, or the end of the connection.
  std::vector<PgMessage> ReceiveUntilReady() {
    std::vector<PgMessage> messages;
    do {
      messages.push_back(Receive());
    } while (messages.back().type != 'Z' && messages.back().type != 0);
    return messages;
  }
  // The same as short text: types, with what matters of some: "T D(1|a) C(SELECT 1) Z(I)".
  std::string Answer() { return Summary(ReceiveUntilReady()); }
  std::string Query(absl::string_view text) {
    Send(PgQuery(text));
    return Answer();
  }
  // Whether the other side closes.
  bool IsClosed() { return buffer_.empty() && !ReadMore(); }

  static std::string Summary(const std::vector<PgMessage>& messages) {
    std::vector<std::string> parts;
    for (const PgMessage& message : messages) {
      std::string part(1, message.type == 0 ? '#' : message.type);
      if (message.type == 'D')
        absl::StrAppend(&part, "(", absl::StrJoin(message.Values(), "|"), ")");
      if (message.type == 'C') absl::StrAppend(&part, "(", message.body.c_str(), ")");
      if (message.type == 'Z') absl::StrAppend(&part, "(", message.body, ")");
      if (message.type == 'E' || message.type == 'N') {
        absl::StrAppend(&part, "(", message.Field('C'), ")");
      }
      parts.push_back(std::move(part));
    }
    return absl::StrJoin(parts, " ");
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
  uint32_t process_id_ = 0;
  uint32_t secret_ = 0;
};

// A server in this process.
class PgTest : public testing::Test {
 protected:
  void Start(PgOptions options = {}) {
    host_ = OpenHostOrDie(folder_.path("db"));
    options.port = 0;
    auto listener = StartPgListener(host_.get(), std::move(options));
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  void TearDown() override {
    if (listener_ != nullptr) listener_->Stop(absl::ZeroDuration());
    listener_.reset();
    if (host_ != nullptr) {
      EXPECT_TRUE(host_->Close().ok());
    }
  }
  std::unique_ptr<PgClient> Connected() {
    auto client = std::make_unique<PgClient>(listener_->port());
    EXPECT_EQ(client->Connect().back().type, 'Z');
    return client;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace kyrodb::server
