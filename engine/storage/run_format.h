// The bytes of a run file that are not columns: properties, section table, footer. run_format.md
// describes the whole format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

inline constexpr uint64_t kRunMagic = 0x314E55524F52594B;  // "KYRORUN1"
inline constexpr uint32_t kRunFormatVersion = 3;
// The oldest that is read.
inline constexpr uint32_t kRunFormatVersionMin = 2;

// What a run needs of a value file.
struct ValueFileShare {
  uint64_t file_number = 0;
  uint64_t value_count = 0;
  uint64_t value_bytes = 0;
};

// What a run knows about itself.
struct RunProperties {
  uint64_t file_number = 0;
  uint64_t entry_count = 0;      // distinct keys
  uint64_t version_count = 0;    // puts and deletes
  uint64_t tombstone_count = 0;  // keys whose newest version is a delete
  uint64_t slice_count = 0;      // distinct 8-byte slices of keys
  uint64_t key_bytes = 0;        // of the distinct keys
  uint64_t value_bytes = 0;      // of all versions, wherever they lie
  Lsn min_lsn = 0;               // 0 in an empty run
  Lsn max_lsn = 0;
  std::string common_prefix;  // of all keys
  std::string smallest_key;   // empty in an empty run
  std::string largest_key;
  std::vector<ValueFileShare> value_files;  // records refer to them by their place here
};

void EncodeRunProperties(const RunProperties& properties, std::string* out);
// `DataLoss` when the bytes are no properties or contradict each other. `version` is that of the
// format.
absl::StatusOr<RunProperties> DecodeRunProperties(absl::string_view bytes, uint32_t version);

struct RunSection {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

// Where everything is. Order in the file: heap, cells, offsets, hash, filter, model, checksums,
// properties, footer, trailer; the first six are padded to pages and covered by `checksums`.
struct RunFooter {
  uint32_t version = kRunFormatVersion;  // of the format
  RunSection heap;
  RunSection cells;
  RunSection offsets;
  RunSection hash;
  RunSection filter;
  RunSection model;
  RunSection checksums;
  RunSection properties;
  uint32_t checksums_crc = 0;
  uint32_t properties_crc = 0;
};

inline constexpr uint64_t kRunSectionCount = 8;
inline constexpr uint64_t kRunFooterBytes = kRunSectionCount * 16 + 3 * 4;
// The trailer is the same in every version of the format, for ever.
inline constexpr uint64_t kRunTrailerBytes = 16;
inline constexpr uint64_t kRunTailBytes = kRunFooterBytes + kRunTrailerBytes;

// Footer and trailer: the last `kRunTailBytes` of a file.
std::string EncodeRunTail(const RunFooter& footer);
// `tail` is the end of a file of `file_bytes` bytes, up to `kRunTailBytes` of it. `DataLoss` when
// it is damaged or its sections cannot be; `Unimplemented` when the format is newer. The messages
// give offsets in the file, not its name.
absl::StatusOr<RunFooter> DecodeRunTail(absl::string_view tail, uint64_t file_bytes);

// The first 8 bytes of `rest`, zero padded, as a number that sorts like them.
uint64_t KeySlice(absl::string_view rest);

}  // namespace kyrodb::engine
