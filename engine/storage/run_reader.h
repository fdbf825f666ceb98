// Reads rows of a run: from a key to its row, from a row to its versions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/run.h"

namespace kyrodb::engine {

// Holds one checked page of one section at a time.
//
// Thread-safety:  one thread at a time.
// Lifetime:       borrows the run.
class PageCursor {
 public:
  PageCursor(const Run& run, const RunSection& section, Run::Access access);

  // Page `index` of the section, valid until the next call.
  absl::StatusOr<const uint64_t*> Page(uint64_t index);

 private:
  // Pages that a sequential reader takes from disk at once.
  static constexpr uint64_t kReadAheadPages = 8;

  const Run& run_;
  const uint64_t first_page_;  // of the section, in the file
  const uint64_t page_count_;
  const Run::Access access_;
  std::optional<uint64_t> index_;  // of the page that is held
  const uint64_t* words_ = nullptr;
  PinnedPage pin_;
  // Sequential access: pages [chunk_begin_, chunk_end_) of the section, not all checked yet.
  std::vector<uint64_t> chunk_;
  uint64_t chunk_begin_ = 0;
  uint64_t chunk_end_ = 0;
};

// A row, and the distinct slice that it belongs to.
struct RunPosition {
  uint64_t slice = 0;
  uint64_t entry = 0;
};

struct RunVersion {
  Lsn lsn = 0;
  EntryKind kind = EntryKind::kDelete;
  uint64_t value_offset = 0;  // in the heap
  uint64_t value_bytes = 0;
};

// Every number that comes from the file is checked before it is used: whatever the bytes are, the
// answer is an answer or `DataLoss`.
//
// Thread-safety:  one thread at a time.
// Lifetime:       borrows the run.
class RunReader {
 public:
  RunReader(const Run& run, Run::Access access);

  // The row of `key`; nullopt when the run has none. Its record is loaded then.
  absl::StatusOr<std::optional<RunPosition>> Find(absl::string_view key);
  // The first row whose key is not less than `key`; `end_position()` when there is none.
  absl::StatusOr<RunPosition> LowerBound(absl::string_view key);
  RunPosition end_position() const;
  bool IsEnd(const RunPosition& position) const { return position.entry == entry_count_; }
  absl::StatusOr<RunPosition> Next(const RunPosition& position);
  absl::StatusOr<RunPosition> Previous(const RunPosition& position);

  // Loads the record of a row; `versions` and `AppendKey` speak of it.
  absl::Status LoadRecord(uint64_t entry);
  // Parses the version table of the loaded record, new to old. Not empty.
  absl::Status LoadVersions();
  const std::vector<RunVersion>& versions() const { return versions_; }
  // Sets `key` to the key of the loaded record, which must be the one at `position`.
  absl::Status BuildKey(const RunPosition& position, std::string* key);
  // The value of a version; valid until the next call of any method.
  absl::StatusOr<absl::string_view> Value(const RunVersion& version);

 private:
  // Rows [begin, end).
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  absl::StatusOr<uint64_t> Slice(uint64_t index);
  absl::StatusOr<uint64_t> LowerBoundSlice(uint64_t slice);
  // The rows of one distinct slice.
  absl::StatusOr<Range> Group(uint64_t slice_index);
  absl::StatusOr<uint64_t> GroupBegin(uint64_t slice_index);
  absl::StatusOr<uint64_t> RecordOffset(uint64_t entry);
  // How the loaded record's key compares with one of the same slice.
  int CompareRest(absl::string_view rest) const;
  // The first row of `range` whose key is not less than `rest`, of which they share the slice;
  // loads its record when `found` becomes true.
  absl::StatusOr<uint64_t> LowerBoundInGroup(const Range& range, absl::string_view rest,
                                             bool* found);

  // The heap, byte by byte from `at_` to the end of the record.
  absl::Status ReadVarint(uint64_t* value);
  absl::StatusOr<absl::string_view> ReadBytes(uint64_t size_bytes);
  absl::Status DamagedRecord(absl::string_view what) const;

  const Run& run_;
  const uint64_t entry_count_;
  const uint64_t slice_count_;
  const bool has_groups_;
  PageCursor slices_;
  PageCursor offsets_;
  PageCursor groups_;
  PageCursor heap_;

  uint64_t record_begin_ = 0;
  uint64_t record_end_ = 0;
  uint64_t at_ = 0;
  uint64_t rest_bytes_ = 0;  // of the loaded record's key after the common prefix
  std::string suffix_;       // the part of it that does not fit the slice
  std::vector<RunVersion> versions_;
  std::string scratch_;
};

}  // namespace kyrodb::engine
