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
    // What the runs refer to, ascending by number.
    struct ValueFile {
      uint64_t file_number = 0;
      uint64_t value_bytes = 0;  // in it
      uint64_t live_bytes = 0;   // of those, what the runs need
    };
    std::vector<ValueFile> value_files;
  };
  std::vector<Space> spaces;
  std::vector<SegmentFile> segments;
  // What is known of a run beside its file; runs of which nothing is are left out.
  struct RunNote {
    uint64_t file_number = 0;
    // Added to the LSNs in the file (bulk loads).
    Lsn lsn_base = 0;
    // How many of its keys stood in older runs when it was written.
    uint64_t replaced_count = 0;
  };
  std::vector<RunNote> run_notes;

  RunNote NoteOf(uint64_t run) const;
};

// Every file that the state names, relative to the database's directory. A database consists of
// these, the log and the manifest: what is not here is removed as a left-over and missed by
// backups.
std::vector<std::string> FilesOf(const ManifestState& state);

std::string EncodeManifest(const ManifestState& state);
// `DataLoss` when the bytes are no manifest, `Unimplemented` when a newer version wrote it.
absl::StatusOr<ManifestState> DecodeManifest(absl::string_view bytes);

}  // namespace kyrodb::engine
