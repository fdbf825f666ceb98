// Accepts connections and gives each a thread of its own (server/README.md says why).
#include "server/pg_listener.h"

#include <pthread.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/pg/connection.h"

namespace kyrodb::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

// Connections beyond the limit that are still read, so that a full server can be cancelled and can
// say why it refuses.
constexpr size_t kSpareConnections = 16;

class PgListener : public Listener {
 public:
  PgListener(Host* host, PgOptions options)
      : shared_(host, std::move(options)),
        acceptor_(context_),
        pause_(context_),
        accepted_(host->database().metrics().counter("kyro_pg_connections_total",
                                                     "connections taken over PostgreSQL's wire")),
        open_(host->database().metrics().gauge("kyro_pg_connections",
                                               "open connections of PostgreSQL's wire")) {}

  ~PgListener() override { Stop(absl::ZeroDuration()); }

  absl::Status Start() {
    const PgOptions& options = shared_.options;
    if (options.tls_certificate_file.empty() != options.tls_key_file.empty()) {
      return absl::InvalidArgumentError(
          "a certificate and its key are given together or not at all");
    }
    if (!options.tls_certificate_file.empty()) {
      auto tls = pg::TlsContext::Load(options.tls_certificate_file, options.tls_key_file);
      if (!tls.ok()) return tls.status();
      shared_.tls = *std::move(tls);
    }
    if (!options.password_file.empty()) {
      absl::StatusOr<pg::Users> users = pg::Users::Load(options.password_file);
      if (!users.ok()) return users.status();
      shared_.users = *std::move(users);
    }
    if (options.authentication == PgOptions::Authentication::kScramSha256 &&
        shared_.users.empty()) {
      return absl::InvalidArgumentError(
          "scram-sha-256 needs a password file with a user: --pg-password-file");
    }
    ErrorCode error;
    const asio::ip::address address = asio::ip::make_address(options.host, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "host is \"", options.host, "\", expected a numeric address such as 127.0.0.1"));
    }
    if (options.port < 0 || options.port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("port is ", options.port, ", expected 0 to 65535"));
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options.host, ":",
                                                 options.port, ": ", error.message()));
    }
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(context_, Accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  absl::string_view name() const override { return "postgresql"; }
  std::string address() const override {
    const std::string& host = shared_.options.host;
    const bool is_v6 = absl::StrContains(host, ":");
    return absl::StrCat(is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":", port_);
  }
  int port() const override { return port_; }

  void Stop(absl::Duration grace) override {
    absl::MutexLock lock(&stop_mutex_);
    if (!thread_.joinable()) return;
    shared_.stopping.store(true);
    asio::post(context_, [this] {
      ErrorCode ignored;
      acceptor_.close(ignored);
      pause_.cancel();
    });
    thread_.join();
    // Who waits for its client hears the end of the stream, and says goodbye.
    shared_.backends.EndReading();
    {
      absl::MutexLock threads_lock(&threads_mutex_);
      const auto none = [this]()
                            ABSL_SHARED_LOCKS_REQUIRED(threads_mutex_) { return running_.empty(); };
      if (!threads_mutex_.AwaitWithTimeout(absl::Condition(&none), grace)) {
        threads_mutex_.Unlock();
        shared_.backends.Abort();
        threads_mutex_.Lock();
        // A cancellation that comes before a statement begins would be lost: say it again.
        while (!threads_mutex_.AwaitWithTimeout(absl::Condition(&none), absl::Milliseconds(50))) {
          threads_mutex_.Unlock();
          shared_.backends.Abort();
          threads_mutex_.Lock();
        }
      }
    }
    JoinFinished();
  }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      ErrorCode error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (shared_.stopping.load()) co_return;
      JoinFinished();
      if (error) {
        // Out of descriptors, most likely: give others time to close theirs.
        pause_.expires_after(std::chrono::milliseconds(100));
        ErrorCode ignored;
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      // Connections block in their threads.
      socket.native_non_blocking(false, error);
      const int descriptor = socket.release(error);
      if (error) continue;
      Spawn(descriptor);
    }
  }

  void Spawn(int descriptor) {
    absl::MutexLock lock(&threads_mutex_);
    if (running_.size() >= shared_.options.connections_max + kSpareConnections) {
      close(descriptor);
      return;
    }
    const uint64_t id = next_id_++;
    try {
      running_.emplace(id, std::thread([this, id, descriptor] { Serve(id, descriptor); }));
    } catch (const std::system_error&) {  // no thread left
      running_.erase(id);
      close(descriptor);
      return;
    }
    accepted_.Add();
    open_.Set(static_cast<int64_t>(running_.size()));
  }

  void Serve(uint64_t id, int descriptor) {
    // TLS writes with write(2): a client that has gone is an error of that call, no signal.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    {
      pg::Connection connection(&shared_, descriptor);
      // What came before the connection was known to `Stop` is told here.
      if (!shared_.stopping.load()) connection.Run();
    }
    absl::MutexLock lock(&threads_mutex_);
    const auto found = running_.find(id);
    finished_.push_back(std::move(found->second));
    running_.erase(found);
    open_.Set(static_cast<int64_t>(running_.size()));
  }

  void JoinFinished() {
    std::vector<std::thread> finished;
    {
      absl::MutexLock lock(&threads_mutex_);
      finished.swap(finished_);
    }
    for (std::thread& thread : finished) thread.join();
  }

  pg::Shared shared_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  int port_ = 0;
  absl::Mutex stop_mutex_;
  std::thread thread_;
  absl::Mutex threads_mutex_;
  absl::flat_hash_map<uint64_t, std::thread> running_ ABSL_GUARDED_BY(threads_mutex_);
  std::vector<std::thread> finished_ ABSL_GUARDED_BY(threads_mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(threads_mutex_) = 0;
  Counter& accepted_;
  Gauge& open_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> StartPgListener(Host* host, PgOptions options) {
  auto listener = std::make_unique<PgListener>(host, std::move(options));
  const absl::Status status = listener->Start();
  if (!status.ok()) return status;
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace kyrodb::server
