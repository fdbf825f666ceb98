// One thread runs every connection as a coroutine; requests run on workers, so that a slow
// statement never delays another client's bytes.
#include "server/http_listener.h"

#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/thread_pool.h"
#include "server/http/api.h"
#include "server/http/problem.h"

namespace kyrodb::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

std::chrono::milliseconds Millis(absl::Duration duration) {
  return std::chrono::milliseconds(absl::ToInt64Milliseconds(duration));
}

// `+` is a blank only in a query. False when a percent sign is not followed by two hex digits.
bool PercentDecode(absl::string_view text, bool plus_is_blank, std::string* out) {
  out->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out->push_back(' ');
    } else if (text[i] != '%') {
      out->push_back(text[i]);
    } else {
      uint32_t byte = 0;
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) ||
          !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2])) ||
          !absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
        return false;
      }
      out->push_back(static_cast<char>(byte));
      i += 2;
    }
  }
  return true;
}

bool ParseTarget(absl::string_view target, Request* request) {
  request->target = std::string(target);
  const size_t question = target.find('?');
  if (target.empty() || target.front() != '/' ||
      !PercentDecode(target.substr(0, question), false, &request->path)) {
    return false;
  }
  // Split before it is decoded: an encoded slash is part of a name.
  for (const absl::string_view segment : absl::StrSplit(
           target.substr(1, question == absl::string_view::npos ? question : question - 1), '/')) {
    if (!PercentDecode(segment, false, &request->segments.emplace_back())) return false;
  }
  if (question == absl::string_view::npos) return true;
  absl::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const absl::string_view pair = rest.substr(0, end);
    rest = end == absl::string_view::npos ? absl::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (!PercentDecode(pair.substr(0, equals), true, &name) ||
        !PercentDecode(equals == absl::string_view::npos ? "" : pair.substr(equals + 1), true,
                       &value)) {
      return false;
    }
    request->query[name] = value;
  }
  return true;
}

class HttpListener : public Listener {
 public:
  HttpListener(Host* host, HttpOptions options)
      : options_(std::move(options)),
        api_(host),
        acceptor_(context_),
        room_(context_),
        deadline_(context_),
        workers_(options_.worker_count, options_.queue_length_max),
        requests_(host->database().metrics().counter("kyro_http_requests_total",
                                                     "requests answered over HTTP")),
        refused_(host->database().metrics().counter("kyro_http_refused_total",
                                                    "requests refused for lack of a worker")),
        connection_count_(
            host->database().metrics().gauge("kyro_http_connections", "open HTTP connections")),
        micros_(host->database().metrics().histogram("kyro_http_request_micros",
                                                     "time from a whole request to its answer")) {}

  ~HttpListener() override { Stop(absl::ZeroDuration()); }

  absl::Status Start() {
    ErrorCode error;
    const asio::ip::address address = asio::ip::make_address(options_.host, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "host is \"", options_.host, "\", expected a numeric address such as 127.0.0.1"));
    }
    if (options_.port < 0 || options_.port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("port is ", options_.port, ", expected 0 to 65535"));
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options_.host, ":",
                                                 options_.port, ": ", error.message()));
    }
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(context_, Accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  absl::string_view name() const override { return "http"; }
  std::string address() const override {
    const bool is_v6 = absl::StrContains(options_.host, ":");
    return absl::StrCat(is_v6 ? "[" : "", options_.host, is_v6 ? "]" : "", ":", port_);
  }
  int port() const override { return port_; }

  void Stop(absl::Duration grace) override {
    absl::MutexLock lock(&stop_mutex_);
    if (!thread_.joinable()) return;
    asio::post(context_, [this, grace] {
      stopping_ = true;
      ErrorCode ignored;
      acceptor_.close(ignored);
      room_.cancel();
      for (Connection* connection : connections_) {
        if (connection->idle) connection->stream.close();
      }
      if (connections_.empty()) return;
      deadline_.expires_after(Millis(grace));
      deadline_.async_wait([this](ErrorCode error) {
        if (error) return;
        for (Connection* connection : connections_) {
          if (connection->cancellation != nullptr) {
            connection->cancellation->Cancel();
            connection->done->cancel();
          }
          connection->stream.close();
        }
      });
    });
    thread_.join();  // ends when nothing is left to do
  }

 private:
  struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    // While a request runs: its end, and what wakes the coroutine that waits for it.
    std::shared_ptr<Cancellation> cancellation;
    std::shared_ptr<asio::steady_timer> done;
    bool idle = true;  // between requests
  };

  // A part of the memory for bodies, given back when it goes out of scope.
  class Reservation {
   public:
    explicit Reservation(uint64_t* in_use) : in_use_(in_use) {}
    ~Reservation() { *in_use_ -= taken_; }
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    bool Take(uint64_t bytes, uint64_t bytes_max) {
      if (*in_use_ + bytes > bytes_max) return false;
      *in_use_ += bytes;
      taken_ = bytes;
      return true;
    }

   private:
    uint64_t* in_use_;
    uint64_t taken_ = 0;
  };

  asio::awaitable<void> Accept() {
    while (!stopping_) {
      if (connections_.size() >= options_.connections_max) {
        room_.expires_at(asio::steady_timer::time_point::max());
        ErrorCode ignored;
        co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      ErrorCode error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_) break;
      if (error) {
        // Out of descriptors, most likely: give others time to close theirs.
        room_.expires_after(std::chrono::milliseconds(100));
        ErrorCode ignored;
        co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      socket.set_option(tcp::no_delay(true), error);
      asio::co_spawn(context_, Serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    Connection connection(std::move(socket));
    connections_.insert(&connection);
    connection_count_.Set(static_cast<int64_t>(connections_.size()));
    beast::flat_buffer buffer(options_.header_bytes_max + (64 << 10));
    bool keep_alive = true;
    while (keep_alive && !stopping_) {
      // A coroutine must not leak what it throws into the thread: memory may run out.
      try {
        keep_alive = co_await ServeOne(connection, buffer);
      } catch (const std::exception&) {
        keep_alive = false;
      }
    }
    ErrorCode ignored;
    connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (!stopping_) co_await Drain(connection);
    connections_.erase(&connection);
    connection_count_.Set(static_cast<int64_t>(connections_.size()));
    room_.cancel();
    if (stopping_ && connections_.empty()) deadline_.cancel();
  }

  // Reads and drops what the client still sends, for a moment: closing at once would reset the
  // connection and could take our answer with it.
  static asio::awaitable<void> Drain(Connection& connection) {
    connection.stream.expires_after(std::chrono::seconds(2));
    char dropped[4096];
    for (int i = 0; i < 4096; ++i) {
      ErrorCode error;
      co_await connection.stream.async_read_some(asio::buffer(dropped),
                                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
    }
  }

  // Returns whether the connection lives on.
  asio::awaitable<bool> ServeOne(Connection& connection, beast::flat_buffer& buffer) {
    beast::tcp_stream& stream = connection.stream;
    http::request_parser<http::string_body> parser;
    parser.header_limit(options_.header_bytes_max);
    parser.body_limit(options_.body_bytes_max);
    ErrorCode error;
    connection.idle = true;
    if (buffer.size() == 0) {
      stream.expires_after(Millis(options_.idle_timeout));
      const size_t read = co_await stream.async_read_some(
          buffer.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return false;
      buffer.commit(read);
    }
    connection.idle = false;
    stream.expires_after(Millis(options_.request_timeout));
    co_await http::async_read_header(stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    // What the body may take is set aside before it is read.
    Reservation reservation(&bodies_bytes_);
    if (!error) {
      const uint64_t wanted =
          parser.chunked() ? options_.body_bytes_max : parser.content_length().value_or(0);
      if (!reservation.Take(wanted, options_.bodies_bytes_max)) {
        const Response refusal =
            HttpProblem(503,
                        absl::StrCat("the bodies of all requests together may take ",
                                     options_.bodies_bytes_max, " bytes; this one wants ", wanted),
                        "");
        co_await Write(connection, refusal, 11, false, false);
        co_return false;
      }
    }
    if (!error &&
        absl::EqualsIgnoreCase(ToView(parser.get()[http::field::expect]), "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      co_await http::async_write(stream, go_on, asio::redirect_error(asio::use_awaitable, error));
    }
    if (!error) {
      co_await http::async_read(stream, buffer, parser,
                                asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) {
      const Response refusal = Refusal(error);
      if (refusal.status != 0) co_await Write(connection, refusal, 11, false, false);
      co_return false;
    }
    http::request<http::string_body> message = parser.release();
    Request request;
    request.method = std::string(ToView(message.method_string()));
    absl::string_view type = ToView(message[http::field::content_type]);
    type = absl::StripAsciiWhitespace(type.substr(0, type.find(';')));
    request.content_type = absl::AsciiStrToLower(type);
    const bool is_target_good = ParseTarget(ToView(message.target()), &request);
    request.body = std::move(message.body());
    const bool keep_alive = message.keep_alive();
    const bool is_head = request.method == "HEAD";
    Response response;
    if (!is_target_good) {
      response = HttpProblem(400, "the request's target is malformed", "");
    } else {
      response = co_await Run(connection, request);
    }
    requests_.Add();
    const bool stays = keep_alive && !stopping_;
    co_return co_await Write(connection, response, message.version(), stays, is_head);
  }

  // Runs the request on a worker and comes back to this thread with the answer.
  asio::awaitable<Response> Run(Connection& connection, Request& request) {
    const auto begin = std::chrono::steady_clock::now();
    connection.stream.expires_never();
    auto cancellation = std::make_shared<Cancellation>();
    request.cancellation = cancellation.get();
    connection.cancellation = cancellation;
    // Readable while nobody reads: the client has sent its next request, or has gone.
    const int descriptor = connection.stream.socket().native_handle();
    auto running = std::make_shared<bool>(true);
    auto done = std::make_shared<asio::steady_timer>(context_);
    connection.done = done;
    connection.stream.socket().async_wait(
        tcp::socket::wait_read, [cancellation, running, done, descriptor](ErrorCode error) {
          char byte;
          if (error || !*running) return;
          if (recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) return;
          cancellation->Cancel();
          done->cancel();
        });
    Response response;
    if (Api::IsProbe(request.path)) {
      response = api_.Handle(request);
    } else {
      // Keeps the context running until the worker has answered.
      auto work = std::make_shared<asio::executor_work_guard<asio::io_context::executor_type>>(
          context_.get_executor());
      bool answered = false;
      const bool queued = workers_.TrySchedule([this, &request, &response, done, &answered, work] {
        response = Handle(request);
        asio::post(context_, [done, &answered] {
          answered = true;
          done->cancel();
        });
      });
      if (queued) {
        ErrorCode ignored;
        while (!answered) {
          // A cancellation that comes before the statement begins would be lost: say it again.
          if (cancellation->cancelled()) {
            cancellation->Cancel();
            done->expires_after(std::chrono::milliseconds(20));
          } else {
            done->expires_at(asio::steady_timer::time_point::max());
          }
          co_await done->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
      } else {
        refused_.Add();
        response = HttpProblem(503,
                               absl::StrCat("all ", options_.worker_count, " workers are busy and ",
                                            options_.queue_length_max, " requests wait"),
                               request.path);
      }
    }
    *running = false;
    connection.cancellation = nullptr;
    connection.done = nullptr;
    ErrorCode ignored;
    if (connection.stream.socket().is_open()) connection.stream.socket().cancel(ignored);
    micros_.Observe(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                              std::chrono::steady_clock::now() - begin)
                                              .count()));
    co_return response;
  }

  // On a worker: nothing may be thrown past it.
  Response Handle(Request& request) const {
    try {
      if (request.cancellation->cancelled()) {
        return HttpProblem(503, "the request was cancelled before it began", request.path);
      }
      return api_.Handle(request);
    } catch (const std::bad_alloc&) {
      return HttpProblem(503, "the request needs more memory than there is", request.path);
    } catch (const std::exception& error) {
      return HttpProblem(500, absl::StrCat("internal error: ", error.what()), request.path);
    }
  }

  asio::awaitable<bool> Write(Connection& connection, const Response& response, unsigned version,
                              bool keep_alive, bool is_head) {
    http::response<http::string_body> message;
    message.version(version);
    message.result(static_cast<unsigned>(response.status));
    const absl::string_view reason = ReasonPhrase(response.status);
    message.reason(boost::string_view(reason.data(), reason.size()));
    message.set(http::field::server, "KyroDB");
    if (!response.content_type.empty()) {
      message.set(http::field::content_type, response.content_type);
    }
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(keep_alive);
    if (response.status != 204) message.content_length(response.body.size());
    if (!is_head) message.body() = response.body;
    connection.stream.expires_after(Millis(options_.write_timeout));
    ErrorCode error;
    if (is_head) {
      http::response_serializer<http::string_body> serializer(message);
      co_await http::async_write_header(connection.stream, serializer,
                                        asio::redirect_error(asio::use_awaitable, error));
    } else {
      co_await http::async_write(connection.stream, message,
                                 asio::redirect_error(asio::use_awaitable, error));
    }
    co_return !error && keep_alive;
  }

  // What to say to a request that cannot be read; status 0: nothing, the client has gone or was
  // so slow that its connection is closed.
  Response Refusal(const ErrorCode& error) const {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return HttpProblem(
          431, absl::StrCat("the header is larger than ", options_.header_bytes_max, " bytes"), "");
    }
    if (error == http::error::body_limit) {
      return HttpProblem(
          413, absl::StrCat("the body is larger than ", options_.body_bytes_max, " bytes"), "");
    }
    if (error == http::error::bad_version) {
      return HttpProblem(505, "only HTTP/1.0 and HTTP/1.1 are spoken here", "");
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return HttpProblem(400, absl::StrCat("malformed HTTP: ", error.message()), "");
    }
    return {.status = 0};
  }

  static absl::string_view ToView(boost::beast::string_view text) {
    return absl::string_view(text.data(), text.size());
  }

  const HttpOptions options_;
  Api api_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer room_;      // wakes the acceptor when a connection ends
  asio::steady_timer deadline_;  // of a graceful stop
  // These belong to the thread of the context.
  std::unordered_set<Connection*> connections_;
  bool stopping_ = false;
  uint64_t bodies_bytes_ = 0;

  int port_ = 0;
  absl::Mutex stop_mutex_;
  std::thread thread_;
  ThreadPool workers_;
  Counter& requests_;
  Counter& refused_;
  Gauge& connection_count_;
  Histogram& micros_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> StartHttpListener(Host* host, HttpOptions options) {
  auto listener = std::make_unique<HttpListener>(host, std::move(options));
  const absl::Status status = listener->Start();
  if (!status.ok()) return status;
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace kyrodb::server
