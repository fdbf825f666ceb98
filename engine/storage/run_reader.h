// Reads rows of a run carefully: from a key to its row, from a row to its versions, with an error
// that says what is wrong and where.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/storage/page_region.h"
#include "engine/storage/run.h"
#include "engine/storage/run_record.h"

namespace kyrodb::engine {

// A window on one section of a file of pages.
//
// Thread-safety:  one thread at a time.
// Lifetime:       borrows the source of the pages and their region.
class SectionCursor {
 public:
  // Without the pool, at least `read_ahead_pages` are taken from disk at once.
  SectionCursor(const PageSource& source, PageRegion& region, const RunSection& section,
                Run::Access access, uint64_t read_ahead_pages)
      : source_(source),
        region_(region),
        section_(section),
        access_(access),
        read_ahead_pages_(read_ahead_pages) {}

  // Bytes [begin, begin + size) of the section, valid until the next call. The caller has checked
  // that they are in it.
  absl::StatusOr<const char*> Bytes(uint64_t begin, uint64_t size_bytes) {
    if (begin >= near_begin_ && begin + size_bytes <= near_end_) [[likely]] {
      return near_ + (begin - near_begin_);
    }
    return BringNear(begin, size_bytes);
  }

 private:
  absl::StatusOr<const char*> BringNear(uint64_t begin, uint64_t size_bytes);
  absl::Status FillWindow(uint64_t first_page, uint64_t last_page);

  const PageSource& source_;
  PageRegion& region_;
  const RunSection section_;
  const Run::Access access_;
  const uint64_t read_ahead_pages_;
  // What is held and checked: bytes [near_begin_, near_end_) of the section.
  const char* near_ = nullptr;
  uint64_t near_begin_ = 0;
  uint64_t near_end_ = 0;
  PinnedPages pins_;
  // Sequential access: pages [window_begin_, window_end_) of the file, and which of them were
  // checked.
  std::vector<char> window_;
  std::vector<bool> checked_;
  uint64_t window_begin_ = 0;
  uint64_t window_end_ = 0;
};

// A row, and the distinct slice that it belongs to.
struct RunPosition {
  uint64_t slice = 0;
  uint64_t entry = 0;
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

  // Loads the record of a row; `versions` and `BuildKey` speak of it.
  absl::Status LoadRecord(const RunPosition& position);
  // Parses the version table of the loaded record, new to old. Not empty.
  absl::Status LoadVersions();
  const std::vector<RunVersion>& versions() const { return versions_; }
  // Sets `key` to the key of the loaded record.
  void BuildKey(std::string* key) const;
  // Where a value that lies apart is.
  absl::StatusOr<ApartValue> Apart(const RunVersion& version) const;
  // The value of a version, wherever it lies; valid until the next call of any method.
  absl::StatusOr<absl::string_view> Value(const RunVersion& version);

  // Derived data, made again from the keys.
  absl::StatusOr<learned_index::PositionIndex> TrainModel();
  absl::StatusOr<std::vector<uint64_t>> HashKeys();

 private:
  friend class RunChecker;

  // Rows [begin, end).
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  absl::StatusOr<uint64_t> Slice(uint64_t index);
  // What a slice leads to: its record in the heap, or the first row of its group.
  absl::StatusOr<uint64_t> Word(uint64_t index);
  absl::StatusOr<uint64_t> LowerBoundSlice(uint64_t slice);
  // The rows of one distinct slice.
  absl::StatusOr<Range> Group(uint64_t slice_index);
  absl::StatusOr<uint64_t> GroupBegin(uint64_t slice_index);
  absl::StatusOr<uint64_t> RecordOffset(const RunPosition& position);
  absl::Status LoadRecordAt(uint64_t begin, uint64_t end, uint64_t entry);
  // The first row of `range` whose key is not less than `rest`, of which they share the slice;
  // loads its record when `found` becomes true.
  absl::StatusOr<uint64_t> LowerBoundInGroup(uint64_t slice_index, const Range& range,
                                             absl::string_view rest, bool* found);
  absl::Status DamagedRecord(absl::string_view what) const;

  const Run& run_;
  const Run::Access access_;
  const uint64_t entry_count_;
  const uint64_t slice_count_;
  const bool grouped_;
  SectionCursor cells_;
  SectionCursor offsets_;
  SectionCursor heap_;

  uint64_t loaded_entry_ = 0;
  uint64_t record_begin_ = 0;
  uint64_t record_end_ = 0;  // 0 when no record is loaded
  // Of it, what is parsed: all, unless it is long.
  uint64_t near_bytes_ = 0;
  RunRecord record_;
  uint64_t values_begin_ = 0;  // in the record
  std::vector<RunVersion> versions_;
  // By place among the run's value files; made when first needed.
  std::vector<std::unique_ptr<SectionCursor>> apart_;
};

}  // namespace kyrodb::engine
