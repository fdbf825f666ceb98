// A file of records into a table, through SQL.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/host.h"
#include "server/import/progress.h"
#include "server/ingest/record_writer.h"

namespace kyrodb::server {

enum class ImportFormat { kCsv, kJsonl };

struct ImportOptions {
  std::string table;
  ImportFormat format = ImportFormat::kCsv;
  std::string create;           // column definitions of the table to make first; empty: it exists
  bool skip_bad_lines = false;  // else the first bad line ends the import
  OnConflict on_conflict = OnConflict::kReject;
  uint64_t size_bytes = 0;  // of the input, for the progress; 0: not known
};

struct ImportReport {
  uint64_t accepted_count = 0;
  uint64_t rejected_count = 0;
  std::vector<RejectedRecord> rejections;  // the first thousand
  bool stopped = false;                    // at a bad line
};

// Reads `in` to its end. CSV needs a header line that names columns; an empty field without quotes
// is NULL. Records before a bad line that stops the import stay: batches commit by themselves.
//
// Errors:  what ends the whole import: no such table, a bad header, a full disk.
absl::StatusOr<ImportReport> Import(const Host& host, std::istream& in,
                                    const ImportOptions& options, Progress* progress);

// By the file's name: .csv, or .jsonl, .ndjson; `InvalidArgument` for others.
absl::StatusOr<ImportFormat> FormatOf(absl::string_view format, absl::string_view file_name);

}  // namespace kyrodb::server
