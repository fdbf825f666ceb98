// What goes to one client: messages gathered in a buffer, and the rows of statements as messages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/pg/message.h"
#include "server/pg/transport.h"
#include "sql/session.h"

namespace kyrodb::server::pg {

// Messages on their way to the client.
//
// Errors:  `Flush` gives those of `Transport::Write`; after one the client is gone.
class Output {
 public:
  explicit Output(Transport* transport) : transport_(transport) {}

  MessageWriter& writer() { return writer_; }
  // Sends what was gathered.
  absl::Status Flush();
  // Sends it when it is much.
  absl::Status FlushIfLarge() { return writer_.size() < kFlushBytes ? absl::OkStatus() : Flush(); }
  bool broken() const { return broken_; }

  // ErrorResponse; `severity` is ERROR or FATAL.
  void Error(absl::string_view severity, const absl::Status& status);
  void Notice(absl::string_view severity, absl::string_view sqlstate, absl::string_view message);
  void ReadyForQuery(sql::TransactionStatus status);
  void ParameterStatus(absl::string_view name, absl::string_view value);
  void RowDescription(const std::vector<sql::ResultColumn>& columns,
                      const std::vector<int16_t>& formats);
  // A message without a body.
  void Plain(char type);

 private:
  static constexpr size_t kFlushBytes = 64 << 10;
  Transport* const transport_;
  MessageWriter writer_;
  bool broken_ = false;
};

// The format of result column `index`: 0 text, 1 binary; `formats` has none, one for all, or one
// for each.
inline int16_t FormatOf(const std::vector<int16_t>& formats, size_t index) {
  return formats.empty() ? int16_t{0} : formats.size() == 1 ? formats[0] : formats[index];
}

// Sends what statements return.
class WireSink : public sql::ResultSink {
 public:
  explicit WireSink(Output* output) : output_(output) {}

  // Extended protocol: no RowDescription, and these formats.
  void SetPortal(std::vector<int16_t> formats) {
    describes_ = false;
    formats_ = std::move(formats);
  }

  absl::Status Columns(std::span<const sql::ResultColumn> columns) override;
  absl::Status Batch(std::span<const engine::Row> rows) override;
  absl::Status Complete(absl::string_view command_tag) override;
  void Notice(absl::string_view severity, absl::string_view sqlstate,
              absl::string_view message) override {
    output_->Notice(severity, sqlstate, message);
  }

  // Who reads what the client sends for COPY.
  void SetCopySource(std::function<absl::StatusOr<bool>(std::string*)> read) {
    read_copy_ = std::move(read);
  }
  absl::StatusOr<std::unique_ptr<sql::CopySource>> CopyIn(const sql::CopyShape& shape) override;
  absl::Status CopyOut(const sql::CopyShape& shape) override;
  absl::Status CopyData(absl::string_view bytes) override;
  absl::Status CopyOutDone() override;

  // How many statements have completed.
  uint64_t completed_count() const { return completed_count_; }
  // Whether one of them may have changed a setting.
  bool settings_touched() const { return settings_touched_; }

 private:
  Output* const output_;
  bool describes_ = true;
  std::vector<int16_t> formats_;
  std::vector<sql::ResultColumn> columns_;
  uint64_t completed_count_ = 0;
  bool settings_touched_ = false;
  std::function<absl::StatusOr<bool>(std::string*)> read_copy_;
};

}  // namespace kyrodb::server::pg
