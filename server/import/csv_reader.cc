#include "server/import/csv_reader.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kyrodb::server {

int CsvReader::Get() {
  const int byte = in_->get();
  if (byte == std::istream::traits_type::eof()) return -1;
  ++bytes_read_;
  if (byte == '\n') ++next_line_;
  return byte;
}

void CsvReader::SkipLine() {
  int byte = Get();
  while (byte != -1 && byte != '\n') byte = Get();
}

absl::StatusOr<std::optional<std::vector<CsvField>>> CsvReader::Next() {
  if (bytes_read_ == 0) {
    for (const int mark : {0xef, 0xbb, 0xbf}) {
      if (in_->peek() != mark) break;
      Get();
    }
  }
  while (in_->peek() == '\n' || in_->peek() == '\r') Get();
  record_line_ = next_line_;
  if (in_->peek() == std::istream::traits_type::eof()) {
    Get();
    return std::optional<std::vector<CsvField>>();
  }
  std::vector<CsvField> record(1);
  const uint64_t begin = bytes_read_;
  for (;;) {
    if (bytes_read_ - begin > kRecordBytesMax) {
      SkipLine();
      return absl::InvalidArgumentError(
          absl::StrCat("the record is longer than ", kRecordBytesMax, " bytes"));
    }
    CsvField& field = record.back();
    const int byte = Get();
    if (byte == -1 || byte == '\n') return std::optional(std::move(record));
    if (byte == '\r' && (in_->peek() == '\n' || in_->peek() == -1)) continue;
    if (byte == ',') {
      record.emplace_back();
      continue;
    }
    if (byte != '"') {
      if (field.quoted) {
        if (byte != '\n') SkipLine();
        return absl::InvalidArgumentError(
            absl::StrCat("field ", record.size(), " goes on after its closing quote"));
      }
      field.text.push_back(static_cast<char>(byte));
      continue;
    }
    if (field.quoted || !field.text.empty()) {
      SkipLine();
      return absl::InvalidArgumentError(
          absl::StrCat("field ", record.size(), " has a quote inside that is not doubled"));
    }
    field.quoted = true;
    for (;;) {
      const int inner = Get();
      if (inner == -1) {
        return absl::InvalidArgumentError(
            absl::StrCat("field ", record.size(), " begins with a quote that is never closed"));
      }
      if (inner == '"') {
        if (in_->peek() != '"') break;
        Get();
      }
      field.text.push_back(static_cast<char>(inner));
      if (bytes_read_ - begin > kRecordBytesMax) {
        SkipLine();
        return absl::InvalidArgumentError(
            absl::StrCat("the record is longer than ", kRecordBytesMax, " bytes"));
      }
    }
  }
}

}  // namespace kyrodb::server
