#include "server/pg/connection.h"

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "sql/error.h"

namespace kyrodb::server::pg {
namespace {

// Settings whose changes the client is told, as PostgreSQL names them.
constexpr absl::string_view kReportedSettings[] = {"application_name",
                                                   "client_encoding",
                                                   "DateStyle",
                                                   "default_transaction_read_only",
                                                   "IntervalStyle",
                                                   "integer_datetimes",
                                                   "is_superuser",
                                                   "server_encoding",
                                                   "server_version",
                                                   "TimeZone",
                                                   "standard_conforming_strings"};

absl::Status Terminated() {
  return sql::Error("57P01", 0, "terminating connection due to administrator command");
}

// The client closed the connection, which is no error worth telling.
absl::Status ClientLeft() { return absl::UnavailableError("the client has left"); }

}  // namespace

Connection::Connection(Shared* shared, int socket)
    : shared_(shared),
      transport_(socket),
      output_(&transport_),
      reader_({.message_bytes_max = shared->options.message_bytes_max}, &shared->budget),
      backend_(shared->backends.Add(&transport_)) {}

Connection::~Connection() {
  backend_->SetSession(nullptr);
  shared_->backends.Remove(backend_->process_id());
  if (is_client_) shared_->backends.RemoveClient();
  portals_.clear();
  session_.reset();
}

void Connection::Run() {
  absl::Status status;
  try {
    const absl::StatusOr<bool> started = Start();
    if (started.ok() && *started) {
      status = Serve();
    } else {
      status = started.status();
    }
  } catch (const std::bad_alloc&) {
    status = sql::Error(sql::sqlstate::kOutOfMemory, 0, "out of memory");
  } catch (const std::exception& error) {
    status = sql::Error(sql::sqlstate::kInternalError, 0, error.what());
  }
  if (status.ok() || output_.broken()) return;
  // Statuses of the transport say that nobody listens any more.
  if (sql::SqlStateOf(status) == sql::sqlstate::kCannotConnectNow &&
      status.message() == ClientLeft().message()) {
    return;
  }
  output_.Error("FATAL", status);
  // There is nobody left to tell that this has failed too.
  output_.Flush().IgnoreError();
}

absl::Status Connection::ReadMore(absl::Duration timeout) {
  KYRO_ASSIGN_OR_RETURN(const std::span<char> room, reader_.Prepare());
  absl::StatusOr<size_t> size = transport_.Read(room, timeout);
  if (absl::IsDeadlineExceeded(size.status())) return size.status();
  if (!size.ok() || *size == 0) {
    return shared_->stopping.load() ? Terminated() : ClientLeft();
  }
  reader_.Commit(*size);
  return absl::OkStatus();
}

absl::StatusOr<Message> Connection::ReadMessage() {
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(const std::optional<Message> message, reader_.Next());
    if (message.has_value()) return *message;
    KYRO_RETURN_IF_ERROR(ReadMore(absl::ZeroDuration()));
  }
}

absl::Status Connection::SendNotifications() {
  KYRO_ASSIGN_OR_RETURN(const std::vector<sql::Notification> notifications,
                        session_->TakeNotifications());
  MessageWriter& writer = output_.writer();
  for (const sql::Notification& notification : notifications) {
    writer.Begin('A');
    writer.Int32(notification.process_id);
    writer.Text(notification.channel);
    writer.Text(notification.payload);
    writer.End();
  }
  return absl::OkStatus();
}

// Waits for the first bytes of what the client wants next, within the limits of idleness.
absl::Status Connection::WaitForCommand() {
  if (reader_.buffered() > 0) return absl::OkStatus();
  const bool in_transaction = session_->transaction_status() != sql::TransactionStatus::kIdle;
  const int64_t millis = session_->setting_number(
      in_transaction ? "idle_in_transaction_session_timeout" : "idle_session_timeout");
  if (!in_transaction && session_->is_listening()) {
    absl::StatusOr<bool> readable = false;
    while (readable.ok() && !*readable) {
      readable = transport_.WaitReadable(absl::Milliseconds(millis));
      KYRO_RETURN_IF_ERROR(SendNotifications());
      KYRO_RETURN_IF_ERROR(output_.Flush());
    }
    if (absl::IsDeadlineExceeded(readable.status())) {
      return sql::Error("57P05", 0, "terminating connection due to idle-session timeout");
    }
  }
  absl::Status status = ReadMore(absl::Milliseconds(millis));
  if (!absl::IsDeadlineExceeded(status)) return status;
  return in_transaction
             ? sql::Error("25P03", 0, "terminating connection due to idle-in-transaction timeout")
             : sql::Error("57P05", 0, "terminating connection due to idle-session timeout");
}

absl::Status Connection::Serve() {
  KYRO_RETURN_IF_ERROR(Ready());
  for (;;) {
    KYRO_RETURN_IF_ERROR(WaitForCommand());
    KYRO_ASSIGN_OR_RETURN(const Message message, ReadMessage());
    if (message.type == 'X') return absl::OkStatus();
    KYRO_RETURN_IF_ERROR(Dispatch(message));
  }
}

absl::Status Connection::Dispatch(const Message& message) {
  switch (message.type) {
    case 'Q':
      skip_to_sync_ = false;
      return SimpleQuery(message);
    case 'S':
      return Sync();
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
    case 'H': {
      if (skip_to_sync_) return absl::OkStatus();
      const absl::Status status = Extended(message);
      if (status.ok()) return status;
      if (output_.broken()) return ClientLeft();
      KYRO_RETURN_IF_ERROR(closed_);
      session_->FailTransaction();
      SendError(status);
      skip_to_sync_ = true;
      return absl::OkStatus();
    }
    case 'F': {
      session_->FailTransaction();
      SendError(sql::Error(sql::sqlstate::kFeatureNotSupported, 0,
                           "the function call protocol is not supported; use SELECT"));
      return Ready();
    }
    case 'd':
    case 'c':
    case 'f':
      // What a client still sends of a COPY that has failed.
      return absl::OkStatus();
    default:
      return ProtocolViolation(absl::StrCat("invalid frontend message type ",
                                            static_cast<int>(static_cast<uint8_t>(message.type))));
  }
}

void Connection::SendError(const absl::Status& status) { output_.Error("ERROR", status); }

absl::Status Connection::SimpleQuery(const Message& message) {
  FieldReader fields(message.body);
  // Borrowed from the reader, which COPY goes on reading with.
  const std::string text(fields.Text());
  KYRO_RETURN_IF_ERROR(fields.Finish());
  portals_.erase("");
  session_->ForgetPrepared("");
  backend_->SetQuery(text, session_->database().clock().WallMicros());
  absl::Status status = session_->FinishImplicit();
  WireSink sink(&output_);
  sink.SetCopySource([this](std::string* bytes) { return ReadCopyData(bytes); });
  backend_->TakeCancelled();
  if (status.ok()) status = session_->Execute(text, &sink);
  if (output_.broken()) return ClientLeft();
  KYRO_RETURN_IF_ERROR(closed_);
  if (sink.settings_touched()) settings_touched_ = true;
  if (!status.ok()) {
    settings_touched_ = true;
    SendError(status);
  } else if (sink.completed_count() == 0) {
    output_.Plain('I');
  }
  return Ready();
}

absl::Status Connection::Ready() {
  if (settings_touched_) {
    ReportSettings(false);
    settings_touched_ = false;
  }
  const sql::TransactionStatus status = session_->transaction_status();
  if (status == sql::TransactionStatus::kIdle) {
    portals_.clear();
    if (session_->is_listening()) KYRO_RETURN_IF_ERROR(SendNotifications());
  }
  output_.ReadyForQuery(status);
  backend_->SetState(status == sql::TransactionStatus::kIdle            ? "idle"
                     : status == sql::TransactionStatus::kInTransaction ? "idle in transaction"
                                                                        : "idle in transaction "
                                                                          "(aborted)",
                     session_->database().clock().WallMicros());
  return output_.Flush();
}

void Connection::ReportSettings(bool all) {
  reported_.resize(std::size(kReportedSettings));
  for (size_t i = 0; i < reported_.size(); ++i) {
    std::string value = session_->setting(kReportedSettings[i]).value_or("");
    if (!all && value == reported_[i]) continue;
    output_.ParameterStatus(kReportedSettings[i], value);
    if (i == 0) backend_->SetApplication(value);
    reported_[i] = std::move(value);
  }
}

}  // namespace kyrodb::server::pg
