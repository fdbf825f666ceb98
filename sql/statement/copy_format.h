// The forms of COPY: text, CSV and binary; rows to bytes and bytes to fields.
// Source: PostgreSQL 15 documentation, COPY, "File Formats".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/value.h"
#include "sql/parse/ast.h"
#include "sql/session.h"

namespace kyrodb::sql {

struct CopyFormat {
  enum class Kind { kText, kCsv, kBinary };
  Kind kind = Kind::kText;
  char delimiter = '\t';
  std::string null = "\\N";
  bool header = false;
  bool header_match = false;  // the names in the header must be the columns'
  char quote = '"';
  char escape = '"';
};

// 42601 and 22023 for options that contradict each other, 0A000 for those that are not there yet.
absl::StatusOr<CopyFormat> ReadCopyOptions(const CopyStatement& statement);

// Writes rows of these columns.
class CopyWriter {
 public:
  CopyWriter(const CopyFormat& format, const std::vector<ResultColumn>& columns)
      : format_(format), columns_(columns) {}
  // What comes before the first row, maybe nothing.
  void Begin(std::string* out) const;
  absl::Status Write(const engine::Row& row, std::string* out) const;
  void End(std::string* out) const;

 private:
  void WriteText(absl::string_view text, std::string* out) const;
  void WriteCsv(absl::string_view text, std::string* out) const;

  const CopyFormat& format_;
  const std::vector<ResultColumn>& columns_;
};

// Cuts what a client sends into records of fields.
//
// Errors:  22P04 for bytes that are no such file, those of the source.
class CopyReader {
 public:
  CopyReader(const CopyFormat& format, size_t column_count, CopySource* source)
      : format_(format), column_count_(column_count), source_(source) {}

  // The names of the header, when there is one; to be called first.
  absl::StatusOr<std::vector<std::string>> ReadHeader();
  // The next record: nullopt stands for NULL. False at the end.
  absl::StatusOr<bool> Next(std::vector<std::optional<std::string>>* fields);
  // Of the record last read, from 1.
  uint64_t line_number() const { return line_number_; }
  // The text of that record, shortened as PostgreSQL does; for binary empty.
  std::string line() const;

 private:
  // Makes `count` bytes after the position available; false at the end of the source.
  absl::StatusOr<bool> Need(size_t count);
  absl::StatusOr<bool> NextLine();
  absl::Status SplitText(std::vector<std::optional<std::string>>* fields) const;
  absl::Status SplitCsv(std::vector<std::optional<std::string>>* fields) const;
  absl::StatusOr<bool> NextBinary(std::vector<std::optional<std::string>>* fields);

  const CopyFormat& format_;
  const size_t column_count_;
  CopySource* const source_;
  std::string buffer_;
  size_t position_ = 0;
  bool source_ended_ = false;
  bool ended_ = false;
  bool begun_ = false;
  uint64_t line_number_ = 0;
  std::string line_;
};

}  // namespace kyrodb::sql
