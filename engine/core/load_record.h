// The log record of a bulk load: which run file holds its rows.
//
// Format: u8 0x4C ('L'), varint version (1), varint key space, varint file number of the run,
// varint count of rows, length-prefixed first key, length-prefixed last key. In the run every
// version has LSN 1; the commit's LSN less one is added when it is opened.
// Rationale: a kind of record of its own, because everything else in the log holds effects as
// bytes. A program that does not know it takes the first byte for a version and refuses politely.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

struct LoadRecord {
  ObjectId space = 0;
  uint64_t file_number = 0;
  uint64_t row_count = 0;
  std::string first_key;
  std::string last_key;
};

bool IsLoadRecord(absl::string_view record);
std::string EncodeLoadRecord(const LoadRecord& load);
// `DataLoss` when the bytes are no such record, `Unimplemented` when a newer version wrote it.
absl::StatusOr<LoadRecord> DecodeLoadRecord(absl::string_view record);

}  // namespace kyrodb::engine
