#include "server/pg/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace kyrodb::server::pg {
namespace {

// A client that takes nothing for so long is given up.
constexpr absl::Duration kWriteTimeout = absl::Seconds(60);

std::string TlsError() {
  char text[256] = "unknown error";
  const unsigned long code = ERR_get_error();  // NOLINT(google-runtime-int): OpenSSL's type
  if (code != 0) ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return text;
}

absl::Status Gone() { return absl::UnavailableError("the client has closed the connection"); }
absl::Status TooSlow() { return absl::DeadlineExceededError("the client took too long"); }

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(const std::string& certificate_file,
                                                             const std::string& key_file) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return absl::InternalError(TlsError());
  std::unique_ptr<TlsContext> made(new TlsContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use the certificate ", certificate_file, ": ", TlsError()));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot use the key ", key_file, ": ", TlsError()));
  }
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(static_cast<SSL_CTX*>(context_)); }

Transport::Transport(int socket) : socket_(socket), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  // What cannot be set costs a timeout, not the connection.
  SetTimeout(SO_SNDTIMEO, kWriteTimeout).IgnoreError();
}

Transport::~Transport() {
  if (tls_ != nullptr) {
    SSL_shutdown(static_cast<SSL*>(tls_));
    SSL_free(static_cast<SSL*>(tls_));
  }
  close(socket_);
  if (event_ >= 0) close(event_);
}

absl::Status Transport::SetTimeout(int option, absl::Duration timeout) {
  const timeval time = absl::ToTimeval(timeout);
  if (setsockopt(socket_, SOL_SOCKET, option, &time, sizeof(time)) != 0) {
    return absl::InternalError(absl::StrCat("setsockopt: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status Transport::StartTls(const TlsContext& context) {
  SSL* tls = SSL_new(static_cast<SSL_CTX*>(context.native()));
  if (tls == nullptr) return absl::InternalError(TlsError());
  tls_ = tls;
  ERR_clear_error();
  if (SSL_set_fd(tls, socket_) != 1 || SSL_accept(tls) != 1) {
    const std::string why = TlsError();
    SSL_free(tls);
    tls_ = nullptr;
    return absl::UnavailableError(absl::StrCat("could not accept SSL connection: ", why));
  }
  return absl::OkStatus();
}

std::string Transport::tls_version() const {
  return tls_ == nullptr ? "" : SSL_get_version(static_cast<SSL*>(tls_));
}

absl::StatusOr<size_t> Transport::Read(std::span<char> into, absl::Duration timeout) {
  if (timeout != read_timeout_) {
    KYRO_RETURN_IF_ERROR(SetTimeout(SO_RCVTIMEO, timeout));
    read_timeout_ = timeout;
  }
  for (;;) {
    if (tls_ != nullptr) {
      SSL* tls = static_cast<SSL*>(tls_);
      ERR_clear_error();
      errno = 0;
      const int size =
          SSL_read(tls, into.data(), static_cast<int>(std::min<size_t>(into.size(), INT_MAX)));
      if (size > 0) return static_cast<size_t>(size);
      const int error = SSL_get_error(tls, size);
      if (error == SSL_ERROR_ZERO_RETURN) return size_t{0};
      if (errno == EINTR) continue;
      if (error == SSL_ERROR_WANT_READ || errno == EAGAIN) return TooSlow();
      return error == SSL_ERROR_SYSCALL && errno == 0 ? absl::StatusOr<size_t>(size_t{0}) : Gone();
    }
    const ssize_t size = recv(socket_, into.data(), into.size(), 0);
    if (size >= 0) return static_cast<size_t>(size);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return TooSlow();
    return Gone();
  }
}

absl::StatusOr<bool> Transport::WaitReadable(absl::Duration timeout) {
  if (tls_ != nullptr && SSL_pending(static_cast<SSL*>(tls_)) > 0) return true;
  const int millis =
      timeout == absl::ZeroDuration()
          ? -1
          : static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(timeout) + 1, INT_MAX));
  for (;;) {
    pollfd waits[2] = {{.fd = socket_, .events = POLLIN, .revents = 0},
                       {.fd = event_, .events = POLLIN, .revents = 0}};
    const int ready = poll(waits, 2, millis);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return absl::InternalError(absl::StrCat("poll: ", std::strerror(errno)));
    if (ready == 0) return TooSlow();
    if (waits[1].revents != 0) {
      uint64_t count = 0;
      const ssize_t taken = read(event_, &count, sizeof(count));
      if (taken > 0 && waits[0].revents == 0) return false;
    }
    if (waits[0].revents != 0) return true;
  }
}

absl::Status Transport::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (tls_ != nullptr) {
      SSL* tls = static_cast<SSL*>(tls_);
      ERR_clear_error();
      errno = 0;
      const int size =
          SSL_write(tls, bytes.data(), static_cast<int>(std::min<size_t>(bytes.size(), INT_MAX)));
      if (size <= 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN ? TooSlow() : Gone();
      }
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    const ssize_t size = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? TooSlow() : Gone();
    }
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

void Transport::Wake() {
  const uint64_t one = 1;
  // A counter that is full wakes as well.
  [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
}

void Transport::EndReading() {
  shutdown(socket_, SHUT_RD);
  Wake();
}

void Transport::Abort() {
  shutdown(socket_, SHUT_RDWR);
  Wake();
}

std::string Transport::peer_address() const {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&address)->sin_addr, text, sizeof(text));
  } else if (address.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr, text, sizeof(text));
  }
  return text;
}

int Transport::peer_port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
  }
  return -1;
}

}  // namespace kyrodb::server::pg
