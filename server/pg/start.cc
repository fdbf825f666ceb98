// The beginning of a connection: TLS, the start packet, authentication, the first messages.
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "server/pg/connection.h"
#include "server/pg/scram.h"
#include "sql/error.h"
#include "sql/format.h"

namespace kyrodb::server::pg {
namespace {

constexpr uint32_t kProtocol3 = 3 << 16;
constexpr uint32_t kCancelRequest = 80877102;
constexpr uint32_t kSslRequest = 80877103;
constexpr uint32_t kGssRequest = 80877104;
constexpr absl::string_view kMechanism = "SCRAM-SHA-256";

// "-c a=b --c=d": switches as a server's command line has them; a backslash takes the next
// character as it is.
absl::Status ParseSwitches(absl::string_view text,
                           std::vector<std::pair<std::string, std::string>>* settings) {
  std::vector<std::string> words;
  bool open = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 1 < text.size();
    if (!escaped && absl::ascii_isspace(static_cast<unsigned char>(text[i]))) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    words.back().push_back(escaped ? text[++i] : text[i]);
  }
  for (size_t i = 0; i < words.size(); ++i) {
    absl::string_view word = words[i];
    absl::string_view assignment;
    if (word == "-c" && i + 1 < words.size()) {
      assignment = words[++i];
    } else if (absl::ConsumePrefix(&word, "--") || absl::ConsumePrefix(&word, "-c")) {
      assignment = word;
    }
    const size_t equals = assignment.find('=');
    if (equals == 0 || equals == absl::string_view::npos) {
      return sql::Error(
          sql::sqlstate::kSyntaxError, 0,
          absl::StrCat("invalid command-line argument for server process: ", words[i]));
    }
    settings->emplace_back(std::string(assignment.substr(0, equals)),
                           std::string(assignment.substr(equals + 1)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StartParameters> ParseStartParameters(absl::string_view body) {
  StartParameters start;
  FieldReader fields(body);
  std::string switches;
  for (;;) {
    const absl::string_view name = fields.Text();
    if (!fields.ok()) return ProtocolViolation("invalid startup packet layout");
    if (name.empty()) break;
    const absl::string_view value = fields.Text();
    if (!fields.ok()) return ProtocolViolation("invalid startup packet layout");
    if (name == "user") {
      start.user = std::string(value);
    } else if (name == "database") {
      start.database = std::string(value);
    } else if (name == "options") {
      switches = std::string(value);
    } else if (name == "replication") {
      const std::string word = absl::AsciiStrToLower(value);
      if (word != "false" && word != "off" && word != "no" && word != "0") {
        return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                          "replication connections are not supported");
      }
    } else if (absl::StartsWith(name, "_pq_.")) {
      start.unknown_options.emplace_back(name);
    } else {
      start.settings.emplace_back(std::string(name), std::string(value));
    }
  }
  if (!fields.rest().empty()) return ProtocolViolation("invalid startup packet layout");
  if (start.user.empty()) {
    return sql::Error("28000", 0, "no PostgreSQL user name specified in startup packet");
  }
  if (start.database.empty()) start.database = start.user;
  KYRO_RETURN_IF_ERROR(ParseSwitches(switches, &start.settings));
  return start;
}

absl::StatusOr<std::optional<Message>> Connection::ReadStartPacket(absl::Time deadline) {
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<Message> packet, reader_.NextStart());
    if (packet.has_value()) return packet;
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return std::optional<Message>();
    absl::Status status = ReadMore(left);
    if (absl::IsDeadlineExceeded(status)) return std::optional<Message>();
    KYRO_RETURN_IF_ERROR(status);
  }
}

absl::StatusOr<bool> Connection::Start() {
  const absl::Time deadline = absl::Now() + shared_->options.authentication_timeout;
  bool asked_for_tls = false;
  bool asked_for_gss = false;
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<Message> packet, ReadStartPacket(deadline));
    if (!packet.has_value()) return false;  // as silent as the client
    FieldReader fields(packet->body);
    const auto code = static_cast<uint32_t>(fields.Int32());
    if (!fields.ok()) return ProtocolViolation("invalid length of startup packet");
    if (code == kSslRequest || code == kGssRequest) {
      bool& asked = code == kSslRequest ? asked_for_tls : asked_for_gss;
      if (asked || transport_.is_tls()) {
        return ProtocolViolation("encryption was negotiated already");
      }
      asked = true;
      // What came in the clear before the handshake must not be taken for encrypted.
      if (reader_.buffered() > 0) {
        return ProtocolViolation("received unencrypted data after encryption request");
      }
      const bool yes = code == kSslRequest && shared_->tls != nullptr;
      KYRO_RETURN_IF_ERROR(transport_.Write(yes ? "S" : "N"));
      if (yes) KYRO_RETURN_IF_ERROR(transport_.StartTls(*shared_->tls));
      continue;
    }
    if (code == kCancelRequest) {
      const int32_t process_id = fields.Int32();
      const int32_t secret = fields.Int32();
      if (fields.Finish().ok()) shared_->backends.Cancel(process_id, secret);
      return false;
    }
    if (code >> 16 != 3) {
      return sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                        absl::StrCat("unsupported frontend protocol ", code >> 16, ".",
                                     code & 0xFFFF, ": server supports 3.0 to 3.0"));
    }
    is_client_ = shared_->backends.AddClient(shared_->options.connections_max);
    if (!is_client_) return sql::Error("53300", 0, "sorry, too many clients already");
    KYRO_ASSIGN_OR_RETURN(StartParameters start, ParseStartParameters(fields.rest()));
    start.minor_version = static_cast<int16_t>(code & 0xFFFF);
    if (code != kProtocol3 || !start.unknown_options.empty()) {
      MessageWriter& writer = output_.writer();
      writer.Begin('v');
      writer.Int32(kProtocol3);
      writer.Int32(static_cast<int32_t>(start.unknown_options.size()));
      for (const std::string& option : start.unknown_options) writer.Text(option);
      writer.End();
    }
    KYRO_RETURN_IF_ERROR(Authenticate(start, deadline));
    KYRO_RETURN_IF_ERROR(OpenSession(start));
    return true;
  }
}

// The data of a message 'p'.
absl::StatusOr<std::string> Connection::ReadSasl(absl::Time deadline) {
  KYRO_RETURN_IF_ERROR(output_.Flush());
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<Message> message, reader_.Next());
    if (message.has_value()) {
      if (message->type != 'p') return ProtocolViolation("expected SASL response");
      return std::string(message->body);
    }
    // Nobody who has not logged in makes us keep much.
    if (reader_.buffered() > shared_->options.message_bytes_max ||
        reader_.buffered() > (64 << 10)) {
      return ProtocolViolation("the SASL response is too long");
    }
    const absl::Duration left = deadline - absl::Now();
    absl::Status status = left <= absl::ZeroDuration()
                              ? absl::DeadlineExceededError("the client took too long")
                              : ReadMore(left);
    if (absl::IsDeadlineExceeded(status)) {
      return sql::Error("28000", 0, "canceling authentication due to timeout");
    }
    KYRO_RETURN_IF_ERROR(status);
  }
}

absl::Status Connection::Authenticate(const StartParameters& start, absl::Time deadline) {
  MessageWriter& writer = output_.writer();
  if (shared_->options.authentication == PgOptions::Authentication::kScramSha256) {
    bool known = false;
    ScramVerifier verifier = shared_->users.VerifierOf(start.user, &known);
    ScramExchange exchange(std::move(verifier), known);
    writer.Begin('R');
    writer.Int32(10);  // AuthenticationSASL
    writer.Text(kMechanism);
    writer.Byte('\0');
    writer.End();
    KYRO_ASSIGN_OR_RETURN(const std::string initial, ReadSasl(deadline));
    FieldReader fields(initial);
    const absl::string_view mechanism = fields.Text();
    const int32_t length = fields.Int32();
    if (!fields.ok() || mechanism != kMechanism || length < 0 ||
        static_cast<size_t>(length) != fields.rest().size()) {
      return ProtocolViolation("client selected an invalid SASL authentication mechanism");
    }
    KYRO_ASSIGN_OR_RETURN(const std::string first, exchange.Begin(fields.rest()));
    writer.Begin('R');
    writer.Int32(11);  // AuthenticationSASLContinue
    writer.Bytes(first);
    writer.End();
    KYRO_ASSIGN_OR_RETURN(const std::string proof, ReadSasl(deadline));
    absl::StatusOr<std::string> last = exchange.Finish(proof);
    if (!last.ok() && sql::SqlStateOf(last.status()) == "28P01") {
      return sql::Error(
          "28P01", 0, absl::StrCat("password authentication failed for user \"", start.user, "\""));
    }
    KYRO_RETURN_IF_ERROR(last.status());
    writer.Begin('R');
    writer.Int32(12);  // AuthenticationSASLFinal
    writer.Bytes(*last);
    writer.End();
  }
  writer.Begin('R');
  writer.Int32(0);  // AuthenticationOk
  writer.End();
  return absl::OkStatus();
}

absl::Status Connection::OpenSession(const StartParameters& start) {
  sql::SessionOptions options;
  options.user_name = start.user;
  options.database_name = start.database;
  // Drivers do not expect a statement of its own to fail because others were faster.
  options.conflict_retries_max = 1000;
  user_ = start.user;
  const std::string seed = RandomBytes(sizeof(options.seed));
  std::memcpy(&options.seed, seed.data(), sizeof(options.seed));
  options.prepared_bytes_max = shared_->options.prepared_bytes_max;
  options.notifications = &shared_->notifications;
  options.process_id = backend_->process_id();
  options.on_notification = [this] { transport_.Wake(); };
  session_ = shared_->host->NewSession(std::move(options));
  for (const auto& [name, value] : start.settings) {
    KYRO_RETURN_IF_ERROR(session_->SetDefault(name, value));
  }
  const int64_t now = session_->database().clock().WallMicros();
  backend_->Describe({.database = start.database,
                      .user = start.user,
                      .client_address = transport_.peer_address(),
                      .client_port = transport_.peer_port(),
                      .state = "idle",
                      .connected_micros = now,
                      .state_micros = now});
  backend_->SetSession(session_.get());
  ReportSettings(true);
  output_.ParameterStatus("session_authorization", user_);
  output_.ParameterStatus("in_hot_standby", "off");
  MessageWriter& writer = output_.writer();
  writer.Begin('K');
  writer.Int32(backend_->process_id());
  writer.Int32(backend_->secret());
  writer.End();
  return absl::OkStatus();
}

}  // namespace kyrodb::server::pg
