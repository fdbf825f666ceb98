// An immutable sorted file of versions with a learned index over its keys.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/base/metrics.h"
#include "engine/storage/blocked_filter.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/page_region.h"
#include "engine/storage/run_format.h"
#include "engine/storage/run_record.h"
#include "engine/storage/value_file.h"
#include "engine/storage/value_file_set.h"
#include "engine/storage/word_array.h"
#include "learned_index/position_index.h"

namespace kyrodb::engine {

// A key as look-ups need it.
struct KeyProbe {
  KeyProbe() = default;
  explicit KeyProbe(absl::string_view probed);
  absl::string_view key;
  uint64_t hash = 0;  // KeyHash(key)
};

// What a look-up that never waits has found.
struct QuickFind {
  enum class Outcome {
    kAbsent,  // the other members are not set
    kFound,
    kPagesMissing,  // load them, then ask again
    kAskCarefully,  // only `Get` can tell: something is damaged, or lies too far apart
  };
  Outcome outcome = Outcome::kAbsent;
  EntryKind kind = EntryKind::kDelete;
  Lsn lsn = 0;
  absl::string_view value;  // valid until the epochs are left
  // Pages.
  uint64_t missing_begin = 0;
  uint64_t missing_end = 0;
  // The bytes of the record that they are of; nothing when they are of something else.
  uint64_t record_begin = 0;
  uint64_t record_end = 0;
  const ValueFile* missing_in = nullptr;  // the value file that they are of; null: the run
};

// Room for the pages of one record, for a look-up that reads them for itself.
struct RecordPages {
  static constexpr uint64_t kCount = 2;
  alignas(64) char bytes[kCount * kPageBytes];
};

// Where a key would stand in a run.
struct RunHint {
  bool known = false;
  uint64_t slice = 0;
  learned_index::SearchBound bound;
};

// Shape:          one entry a distinct key; versions hang off it (run_format.md).
// Errors:         `DataLoss` naming file and offset when a page that is needed fails its checksum
//                 or holds what cannot be; `Unavailable` when the disk fails. Damage stays confined
//                 to the keys of its page. A damaged model, filter or hash of positions is made
//                 again or done without.
// Thread-safety:  immutable; share freely.
// Cost:           a look-up touches a line of the filter, a line or two of the cells, and the
//                 record; absent keys mostly end at the filter.
// Lifetime:       the pool must outlive it; the destructor forgets its pages.
class Run : public std::enable_shared_from_this<Run>, private PageSource {
 public:
  // Reads footer, properties, checksums, filter and model; they stay in memory. `lsn_base` is added
  // to every LSN in the file. Registers kyro_run_models_retrained_total,
  // kyro_run_filters_rebuilt_total and kyro_run_damaged_reads_total. `DataLoss` also when the file
  // was written for another number; `Unimplemented` when its format is newer than this program's.
  // `value_files` opens the value files that the run refers to: `NotFound` when one is missing.
  // Without it, values that lie apart cannot be read.
  static absl::StatusOr<std::shared_ptr<Run>> Open(FileSystem& file_system, absl::string_view path,
                                                   uint64_t file_number, BufferPool& buffer_pool,
                                                   MetricsRegistry& metrics, Lsn lsn_base = 0,
                                                   ValueFileSet* value_files = nullptr);
  ~Run() override;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Of all keys' hashes. The view borrows from the run.
  const FilterView& filter() const { return filter_view_; }
  // Starts to bring near what `TryGet` will read first, where a model says it and the whole run is
  // in memory: a caller asks for this before it waits for something else.
  RunHint PrefetchCells(const KeyProbe& probe) const;
  // The newest version of the key with an LSN of at most `snapshot`, as far as pages in memory
  // tell; most absent keys cost less when the filter is asked first. The caller is inside of the
  // pool's epochs.
  void TryGet(const KeyProbe& probe, Lsn snapshot, const RunHint& hint, QuickFind* find) const;
  // The same for up to `kBatchMax` keys, whose cache misses overlap: sets finds[i] for each i of
  // `wanted`.
  static constexpr size_t kBatchMax = 16;
  void TryGetBatch(std::span<const KeyProbe> probes, std::span<const uint32_t> wanted, Lsn snapshot,
                   std::span<QuickFind> finds) const;
  // After pages of a record were missing: goes on with pages that are read into `pages` for this
  // look-up alone, where the pool has better use for its memory (`PageRegion::Admit`). False when
  // nothing was done: the pages should be loaded. The caller is outside of the pool's epochs.
  bool TryGetPastPool(const KeyProbe& probe, Lsn snapshot, RecordPages* pages,
                      QuickFind* find) const;
  // Brings in the pages that `TryGet` missed. The caller is outside of the pool's epochs.
  absl::Status LoadMissing(const QuickFind& find) const {
    if (find.missing_in != nullptr) {
      return find.missing_in->LoadPages(find.missing_begin, find.missing_end);
    }
    return region_->Load(find.missing_begin, find.missing_end);
  }

  // The newest version of `key` with an LSN of at most `snapshot`; deletes are found too.
  absl::StatusOr<std::optional<FoundVersion>> Get(absl::string_view key, Lsn snapshot) const;
  // The LSN of the newest version of `key`; 0 when there is none.
  absl::StatusOr<Lsn> LatestLsn(absl::string_view key) const;
  // The greatest key less than `bound`, or of all when there is no bound; nullopt when none is.
  absl::StatusOr<std::optional<std::string>> KeyBefore(
      std::optional<absl::string_view> bound) const;

  enum class Access {
    kCached,      // through the buffer pool
    kSequential,  // past it, in large reads: for passes over the whole run
  };
  std::unique_ptr<InternalIterator> NewIterator(Access access = Access::kCached) const;

  const RunProperties& properties() const { return properties_; }
  // In the order of the properties; empty when it was opened without.
  const std::vector<std::shared_ptr<const ValueFile>>& value_files() const { return value_files_; }
  const RunFooter& footer() const { return footer_; }
  const std::string& path() const { return path_; }
  // What the filter says of `KeyHash(key)`: false only when the key is not here.
  bool PassesFilter(uint64_t hash) const {
    return properties_.entry_count > 0 && filter_view_.MayContain(hash);
  }
  // How many of its keys stood in older runs when it was written (an estimate, remembered by the
  // manifest).
  uint64_t replaced_count() const { return replaced_count_.load(std::memory_order_relaxed); }
  void SetReplacedCount(uint64_t count) const { replaced_count_.store(count); }
  // What `Open` was told to add to the LSNs in the file.
  Lsn lsn_base() const { return lsn_base_; }
  // For a run that was opened before its commit had an LSN. Before anybody else has the run.
  void SetLsnBase(Lsn lsn_base);
  uint64_t file_number() const { return properties_.file_number; }
  uint64_t file_bytes() const { return file_bytes_; }
  // With the value file that was written beside it, if any: what it cost to write the run.
  uint64_t written_bytes() const;
  // Pages of the file that have a checksum: all but its tail.
  uint64_t checked_page_count() const { return page_checksums_.size(); }
  // What stays in memory while the run is open.
  uint64_t resident_bytes() const;
  uint64_t model_bytes() const;
  uint64_t filter_bytes() const { return filter_.size() * sizeof(uint64_t); }
  // Of the model; 0 when the key column is too damaged to have one.
  uint64_t segment_count() const;
  // Rows, the widest range that the search gets.
  uint64_t bound_width_max() const;

  // From now on nobody needs the file: when the last reader lets go of the run, its path is added
  // to `files`, which must outlive it.
  void MarkObsolete(ObsoleteFiles* files) const { obsolete_.store(files); }
  // The same for a run that no manifest came to name, and for the value file written beside it.
  void Abandon(ObsoleteFiles* files) const;

 private:
  friend class SectionCursor;
  friend class RunReader;
  friend class RunIterator;
  friend class RunChecker;

  Run(std::string path, std::unique_ptr<RandomAccessFile> file, BufferPool& buffer_pool,
      MetricsRegistry& metrics, Lsn lsn_base);

  absl::Status Load(uint64_t file_number, ValueFileSet* value_files);
  absl::Status OpenValueFiles(ValueFileSet& value_files);
  absl::Status LoadModel();
  absl::Status LoadFilter();
  // The checked pages of a section, as one string without the padding.
  absl::StatusOr<std::string> ReadSection(const RunSection& section) const;
  absl::StatusOr<std::string> ReadExactly(uint64_t offset, uint64_t size_bytes) const;
  absl::Status ReadPages(uint64_t begin, uint64_t end, char* buffer) const override;
  absl::Status CheckPage(uint64_t page_number, const char* page) const override;
  // `DataLoss` naming this file and `offset`.
  absl::Status Damaged(uint64_t offset, absl::string_view what) const;

  // Makes sure that bytes [begin, end) of the file are in memory; else says which pages are not.
  bool TouchBytes(uint64_t begin, uint64_t end, QuickFind* find) const {
    if (region_->complete()) [[likely]] {
      region_->Sample(begin / kPageBytes);
      return true;
    }
    return TouchPages(begin / kPageBytes, (end - 1) / kPageBytes, find);
  }
  bool TouchPages(uint64_t first, uint64_t last, QuickFind* find) const;
  // Whether the key begins as all keys here do; `rest` is what follows the common prefix.
  bool TakeRest(absl::string_view key, absl::string_view* rest) const {
    const std::string& prefix = properties_.common_prefix;
    if (!prefix.empty() && !absl::StartsWith(key, prefix)) return false;
    *rest = key.substr(prefix.size());
    return true;
  }
  // Each of these sets `find`'s outcome, except for a record that was located: [begin, end) of the
  // heap.
  bool LocateByModel(uint64_t slice, learned_index::SearchBound bound, uint64_t* begin,
                     uint64_t* end, QuickFind* find) const;
  // `heap` is where the section's first byte would be; what is read of it is in memory, or is asked
  // for when it lies in the pool.
  template <bool kInPool>
  void FindInRecord(const char* heap, uint64_t begin, uint64_t end, absl::string_view rest,
                    Lsn snapshot, QuickFind* find) const;
  void FindInRecord(uint64_t begin, uint64_t end, absl::string_view rest, Lsn snapshot,
                    QuickFind* find) const {
    FindInRecord<true>(region_->base(), begin, end, rest, snapshot, find);
  }
  void FindByModel(absl::string_view rest, Lsn snapshot, const RunHint& hint,
                   QuickFind* find) const;
  void FindByHash(absl::string_view rest, uint64_t hash, Lsn snapshot, QuickFind* find) const;
  // Sets `find` to a version whose value lies apart.
  void FindApart(const RunVersion& version, QuickFind* find) const;

  const std::string path_;
  const std::unique_ptr<RandomAccessFile> file_;
  const uint64_t file_bytes_;
  BufferPool& buffer_pool_;
  Counter& models_retrained_;
  Counter& filters_rebuilt_;
  Counter& damaged_reads_;
  Lsn lsn_base_;

  RunFooter footer_;
  RunProperties properties_;
  std::vector<uint32_t> page_checksums_;
  std::vector<std::shared_ptr<const ValueFile>> value_files_;
  std::unique_ptr<PageRegion> region_;
  std::optional<learned_index::PositionIndex> model_;
  WordArray filter_;
  FilterView filter_view_;
  mutable std::atomic<uint64_t> replaced_count_{0};
  mutable std::atomic<ObsoleteFiles*> obsolete_{nullptr};
};

}  // namespace kyrodb::engine
