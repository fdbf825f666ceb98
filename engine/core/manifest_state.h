// What the manifest says: which files hold the database up to which commit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

// A vector index segment; complete up to `covers_lsn`.
struct SegmentFile {
  ObjectId index = 0;
  uint64_t file_number = 0;
  Lsn covers_lsn = 0;
};

struct ManifestState {
  uint64_t database_id = 0;
  uint64_t epoch = 0;
  // Every commit up to here is in the runs; the log is replayed from the next one.
  Lsn checkpoint_lsn = 0;
  uint64_t next_file_number = 1;
  // The log's current segment at this publication: a log that ends before it has lost a segment.
  uint64_t log_segment = 0;

  struct Space {
    ObjectId id = 0;
    std::vector<uint64_t> runs;  // file numbers, newest first
  };
  std::vector<Space> spaces;
  std::vector<SegmentFile> segments;
};

std::string EncodeManifest(const ManifestState& state);
// `DataLoss` when the bytes are no manifest, `Unimplemented` when a newer version wrote it.
absl::StatusOr<ManifestState> DecodeManifest(absl::string_view bytes);

}  // namespace kyrodb::engine
