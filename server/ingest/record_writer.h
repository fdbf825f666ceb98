// Writes many records into one table through SQL: batches while all goes well, one by one where a
// batch is refused, so that each bad record is named and no good one is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "server/json/json.h"
#include "sql/session.h"

namespace kyrodb::server {

// One column's new value.
struct Field {
  std::string column;
  sql::Parameter value;
};

struct RejectedRecord {
  uint64_t line = 0;  // as the caller counts
  absl::Status status;
};

enum class OnConflict {
  kReject,  // a record whose key is there is refused
  kUpdate   // its columns replace those of the row that is there; other columns stay
};

struct RecordWriterOptions {
  OnConflict on_conflict = OnConflict::kReject;
  size_t batch_rows_max = 500;
  uint64_t batch_bytes_max = uint64_t{4} << 20;
  // Only so many refusals are kept; all are counted.
  size_t rejections_kept_max = 1000;
};

// Order:          records are stored in the order in which they come. Each batch commits by
//                 itself.
// Errors:         a record that is refused is no error of `Add` and `Flush`: it is in
//                 `rejections()`. What they return ends the work: the disk is full, the database
//                 takes no writes, the statement was cancelled.
// Thread-safety:  one thread at a time.
// Lifetime:       the session must outlive the writer; without `Flush` the last records are
//                 dropped.
class RecordWriter {
 public:
  RecordWriter(sql::Session* session, std::shared_ptr<const engine::TableSchema> table,
               RecordWriterOptions options = {});

  absl::Status Add(uint64_t line, std::vector<Field> fields);
  // Takes note of a record that could not even be read.
  void Reject(uint64_t line, absl::Status status);
  absl::Status Flush();

  const engine::TableSchema& table() const { return *table_; }
  uint64_t accepted_count() const { return accepted_count_; }
  uint64_t rejected_count() const { return rejected_count_; }
  // By line, at most `rejections_kept_max`.
  const std::vector<RejectedRecord>& rejections() const { return rejections_; }

 private:
  struct Pending {
    uint64_t line;
    std::vector<Field> fields;
  };
  // Returns the number of rows that were written.
  absl::Status Store(size_t begin, size_t end);
  std::string StatementText(const std::vector<Field>& fields, size_t row_count) const;

  sql::Session* session_;
  std::shared_ptr<const engine::TableSchema> table_;
  RecordWriterOptions options_;
  std::vector<Pending> pending_;
  uint64_t pending_bytes_ = 0;
  std::string statement_;  // for `statement_rows_` rows of the columns of the last batch
  size_t statement_rows_ = 0;
  std::vector<std::string> statement_columns_;
  uint64_t accepted_count_ = 0;
  uint64_t rejected_count_ = 0;
  std::vector<RejectedRecord> rejections_;
};

// The members of a JSON object as values of the table's columns. `InvalidArgument` names a member
// that is no column or whose kind does not suit its column's type.
absl::StatusOr<std::vector<Field>> FieldsOf(const engine::TableSchema& table, const Json& record);

}  // namespace kyrodb::server
