// COPY through the client: the messages that carry its data.
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "server/pg/connection.h"
#include "server/pg/output.h"
#include "sql/error.h"

namespace kyrodb::server::pg {
namespace {

class ClientRows : public sql::CopySource {
 public:
  explicit ClientRows(std::function<absl::StatusOr<bool>(std::string*)> read)
      : read_(std::move(read)) {}
  absl::StatusOr<bool> Read(std::string* bytes) override { return read_(bytes); }

 private:
  const std::function<absl::StatusOr<bool>(std::string*)> read_;
};

// CopyInResponse and CopyOutResponse.
void WriteShape(char type, const sql::CopyShape& shape, MessageWriter* writer) {
  writer->Begin(type);
  writer->Byte(shape.binary ? '\1' : '\0');
  writer->Int16(static_cast<int16_t>(shape.column_count));
  for (size_t i = 0; i < shape.column_count; ++i) writer->Int16(shape.binary ? 1 : 0);
  writer->End();
}

}  // namespace

absl::StatusOr<std::unique_ptr<sql::CopySource>> WireSink::CopyIn(const sql::CopyShape& shape) {
  WriteShape('G', shape, &output_->writer());
  KYRO_RETURN_IF_ERROR(output_->Flush());
  return std::unique_ptr<sql::CopySource>(std::make_unique<ClientRows>(read_copy_));
}

absl::Status WireSink::CopyOut(const sql::CopyShape& shape) {
  WriteShape('H', shape, &output_->writer());
  return absl::OkStatus();
}

absl::Status WireSink::CopyData(absl::string_view bytes) {
  MessageWriter& writer = output_->writer();
  writer.Begin('d');
  writer.Bytes(bytes);
  writer.End();
  return output_->FlushIfLarge();
}

absl::Status WireSink::CopyOutDone() {
  output_->Plain('c');
  return absl::OkStatus();
}

absl::StatusOr<bool> Connection::ReadCopyData(std::string* bytes) {
  for (;;) {
    KYRO_ASSIGN_OR_RETURN(std::optional<Message> message, reader_.Next());
    if (!message.has_value()) {
      // A cancel request wakes us up, the client's bytes too.
      KYRO_ASSIGN_OR_RETURN(const bool readable, transport_.WaitReadable(absl::ZeroDuration()));
      if (backend_->TakeCancelled()) {
        return sql::Error(sql::sqlstate::kQueryCanceled, 0,
                          "canceling statement due to user request");
      }
      if (readable) {
        absl::Status status = ReadMore(absl::ZeroDuration());
        if (!status.ok()) {
          closed_ = status;
          return status;
        }
      }
      continue;
    }
    switch (message->type) {
      case 'd':
        if (message->body.empty()) continue;
        bytes->append(message->body.data(), message->body.size());
        return true;
      case 'c':
        return false;
      case 'f': {
        FieldReader fields(message->body);
        return sql::Error(sql::sqlstate::kQueryCanceled, 0,
                          absl::StrCat("COPY from stdin failed: ", fields.Text()));
      }
      case 'H':
      case 'S':
        continue;  // what libpq sends behind the statement
      default:
        closed_ = ProtocolViolation(
            absl::StrCat("unexpected message type 0x",
                         absl::Hex(static_cast<uint8_t>(message->type), absl::kZeroPad2),
                         " during COPY from stdin"));
        return closed_;
    }
  }
}

}  // namespace kyrodb::server::pg
