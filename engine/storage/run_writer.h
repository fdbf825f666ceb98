// Writes one run file, in one pass, and beside it a value file when values are large.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/file_system.h"
#include "engine/storage/entry.h"
#include "engine/storage/growing_words.h"
#include "engine/storage/page_writer.h"
#include "engine/storage/run_format.h"
#include "engine/storage/value_file_writer.h"
#include "learned_index/position_index.h"

namespace kyrodb::engine {

struct RunWriterOptions {
  uint64_t file_number = 0;
  // Keys that no key of the run is below or above, when both are known: what these two begin with
  // in common is stripped from every key. Bounds that are too wide cost space and speed only.
  std::optional<std::string> smallest_key;
  std::optional<std::string> largest_key;
  // About how many keys will come; 0 = unknown. A wrong guess costs address space or time.
  uint64_t entry_count_hint = 0;
  // The error bound of the model, in rows.
  uint32_t epsilon = 16;
  // Values of at least so many bytes go into a value file of the same number at
  // `value_file_path`, made when the first one comes. 0: none do.
  uint64_t large_value_bytes = 0;
  std::string value_file_path;
  // What look-ups are timed with to choose between model and tree; a rule of thumb without.
  const Clock* clock = nullptr;
};

// Order:          versions come in internal order, strictly ascending.
// Errors:         the first one sticks. Without a successful `Finish` the destructor removes the
//                 files. `AlreadyExists` when there is a file of that name; `InvalidArgument` for a
//                 version out of order or a key outside the given bounds; errors of the disk as
//                 they are.
// Thread-safety:  one thread at a time.
// Cost:           24 bytes of memory a key (twice that where slices are shared), and the versions
//                 of one key at a time.
class RunWriter {
 public:
  static absl::StatusOr<std::unique_ptr<RunWriter>> Create(FileSystem& file_system,
                                                           absl::string_view path,
                                                           const RunWriterOptions& options);
  ~RunWriter();
  RunWriter(const RunWriter&) = delete;
  RunWriter& operator=(const RunWriter&) = delete;

  // The value of a delete must be empty.
  absl::Status Add(absl::string_view key, Lsn lsn, EntryKind kind, absl::string_view value);

  // Adds a version whose value lies in another run's value file: the run will refer to it there.
  absl::Status AddApart(absl::string_view key, Lsn lsn, EntryKind kind, const ApartValue& value);

  // Completes and syncs the files; the caller syncs their directory.
  absl::StatusOr<RunProperties> Finish();

  // Distinct keys so far.
  uint64_t entry_count() const { return hashes_.size(); }
  uint64_t file_bytes() const { return file_bytes_; }

 private:
  RunWriter(FileSystem& file_system, absl::string_view path, const RunWriterOptions& options,
            std::unique_ptr<WritableFile> file);

  // How a version stands in the table of its record, but for its LSN.
  class TableEntry;

  absl::Status AddChecked(absl::string_view key, Lsn lsn, EntryKind kind, absl::string_view value);
  absl::Status AddApartChecked(absl::string_view key, Lsn lsn, EntryKind kind,
                               const ApartValue& value);
  // `value` is what stands in the record, of a value of `value_bytes`.
  absl::Status AddVersion(absl::string_view key, Lsn lsn, EntryKind kind, uint64_t value_bytes,
                          const TableEntry& entry, absl::string_view value);
  // Writes a large value into the value file.
  absl::StatusOr<ApartValue> WriteApart(EntryKind kind, absl::string_view value);
  // The place of a value file among those that the run refers to.
  uint64_t ValueFilePlace(uint64_t file_number);
  absl::Status FinishChecked();
  void BeginRecord(absl::string_view rest, Lsn lsn, const TableEntry& entry,
                   absl::string_view value);
  void MoveRecordAside();
  // The key of the open record has no more versions.
  absl::Status SealRecord();
  absl::Status Append(absl::string_view bytes);
  // Fills the last page with zeros, so that the next section starts on a page.
  absl::Status PadToPage();

  FileSystem& file_system_;
  const std::string path_;
  PageWriter pages_;
  absl::Status status_;
  bool finished_ = false;

  PageBuffer buffer_;        // not handed to `pages_` yet; begins at a page
  uint64_t file_bytes_ = 0;  // appended so far, the buffer included

  GrowingWords hashes_;  // of keys
  GrowingWords cells_;   // of the distinct slices; their words as if they were shared
  uint64_t slice_count_ = 0;
  GrowingWords offsets_;  // of records in the heap
  learned_index::PositionIndexBuilder model_;

  // The key of the open record, and its versions so far: with one, the record stands at the end of
  // `buffer_`; with more, table and values stand apart.
  bool has_key_ = false;
  std::string key_;
  Lsn last_lsn_ = 0;
  uint64_t last_slice_ = 0;
  uint64_t version_count_ = 0;
  uint64_t record_begin_ = 0;        // in `buffer_`
  uint64_t first_entry_offset_ = 0;  // of the table, in `buffer_`
  uint64_t first_value_bytes_ = 0;
  std::string table_;
  std::string values_;

  const uint64_t large_value_bytes_;
  const std::string value_file_path_;
  std::unique_ptr<ValueFileWriter> values_writer_;
  std::map<uint64_t, uint64_t> value_file_places_;
  uint64_t last_value_file_ = 0;  // the number of the one that `last_place_` is for
  uint64_t last_place_ = 0;

  RunProperties properties_;
};

}  // namespace kyrodb::engine
