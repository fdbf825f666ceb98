// Comma-separated values, record by record.
// Source: RFC 4180; a byte order mark before the first record is skipped, and lines may end in LF.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kyrodb::server {

struct CsvField {
  std::string text;
  bool quoted = false;  // an empty field without quotes stands for NULL
};

// Thread-safety:  one thread at a time.
// Lifetime:       the stream must outlive it.
class CsvReader {
 public:
  explicit CsvReader(std::istream* in) : in_(in) {}

  // The next record that is not an empty line; nothing at the end. `InvalidArgument` for a quote
  // out of place or never closed, or a record of more than `kRecordBytesMax`; reading may go on
  // after the line.
  absl::StatusOr<std::optional<std::vector<CsvField>>> Next();
  // The line on which the last record began, from 1.
  uint64_t line() const { return record_line_; }
  uint64_t bytes_read() const { return bytes_read_; }

  static constexpr uint64_t kRecordBytesMax = uint64_t{32} << 20;

 private:
  int Get();
  void SkipLine();

  std::istream* in_;
  uint64_t next_line_ = 1;
  uint64_t record_line_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace kyrodb::server
