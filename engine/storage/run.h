// An immutable sorted file of versions with a learned index over its keys.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/base/metrics.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/run_format.h"
#include "learned_index/recursive_model_index.h"

namespace kyrodb::engine {

// Shape:          one entry a distinct key; versions hang off it (run_format.md).
// Errors:         `DataLoss` naming file and offset when a page that is needed fails its checksum
//                 or holds what cannot be; `Unavailable` when the disk fails. Damage stays confined
//                 to the keys of its page. A damaged model is trained again from the keys.
// Thread-safety:  immutable; share freely.
// Cost:           a look-up pins one or two pages of the key column, one of offsets and those of
//                 the value.
// Lifetime:       the pool must outlive it; the destructor forgets its pages.
class Run : public std::enable_shared_from_this<Run> {
 public:
  // Reads footer, properties, checksums and model; they stay in memory. Registers
  // kyro_run_models_retrained_total and kyro_run_damaged_reads_total.
  // `DataLoss` also when the file was written for another number; `Unimplemented` when its format
  // is newer than this program's.
  static absl::StatusOr<std::shared_ptr<Run>> Open(FileSystem& file_system, absl::string_view path,
                                                   uint64_t file_number, BufferPool& buffer_pool,
                                                   MetricsRegistry& metrics);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

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
  const std::string& path() const { return path_; }
  uint64_t file_number() const { return properties_.file_number; }
  uint64_t file_bytes() const { return file_bytes_; }
  // What stays in memory while the run is open.
  uint64_t resident_bytes() const;
  uint64_t model_bytes() const;
  // Of the model; 0 when the key column is too damaged to have one.
  uint64_t segment_count() const;
  // Rows, the widest range that the search gets.
  uint64_t bound_width_max() const;

  // From now on nobody needs the file: when the last reader lets go of the run, its path is added
  // to `files`, which must outlive it.
  void MarkObsolete(ObsoleteFiles* files) const { obsolete_.store(files); }

 private:
  friend class PageCursor;
  friend class RunReader;
  friend class RunIterator;

  Run(std::string path, std::unique_ptr<RandomAccessFile> file, BufferPool& buffer_pool,
      MetricsRegistry& metrics);

  absl::Status Load(uint64_t file_number);
  absl::Status LoadModel();
  absl::StatusOr<std::string> ReadExactly(uint64_t offset, uint64_t size_bytes) const;
  // Reads pages [begin, end) of the paged region into `buffer`, without checking them.
  absl::Status ReadPages(uint64_t begin, uint64_t end, char* buffer) const;
  absl::Status CheckPage(uint64_t page_number, const char* page) const;
  absl::StatusOr<PinnedPage> Pin(uint64_t page_number) const;
  // `DataLoss` naming this file and `offset`.
  absl::Status Damaged(uint64_t offset, absl::string_view what) const;

  const std::string path_;
  const std::unique_ptr<RandomAccessFile> file_;
  const uint64_t file_bytes_;
  BufferPool& buffer_pool_;
  Counter& models_retrained_;
  Counter& damaged_reads_;

  RunFooter footer_;
  RunProperties properties_;
  std::vector<uint32_t> page_checksums_;
  std::optional<learned_index::RecursiveModelIndex> model_;
  mutable std::atomic<ObsoleteFiles*> obsolete_{nullptr};
};

}  // namespace kyrodb::engine
