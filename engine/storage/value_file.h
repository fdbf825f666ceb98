// An immutable file of large values that runs refer to. value_file_format.md has the bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/file_system.h"
#include "engine/base/metrics.h"
#include "engine/storage/buffer_pool.h"
#include "engine/storage/obsolete_files.h"
#include "engine/storage/page_region.h"

namespace kyrodb::engine {

inline constexpr uint64_t kValueFileMagic = 0x314C41564F52594B;  // "KYROVAL1"
inline constexpr uint32_t kValueFileFormatVersion = 1;

// What the tail of a value file says.
struct ValueFileFooter {
  uint64_t file_number = 0;
  uint64_t value_count = 0;
  uint64_t value_bytes = 0;
  uint32_t checksums_crc = 0;

  uint64_t page_count() const { return (value_bytes + kPageBytes - 1) / kPageBytes; }
  uint64_t checksums_offset() const { return page_count() * kPageBytes; }
};

// The same in every version of the format, for ever: version, its checksum, magic number.
inline constexpr uint64_t kValueFileTrailerBytes = 16;
inline constexpr uint64_t kValueFileTailBytes = 32 + kValueFileTrailerBytes;

std::string EncodeValueFileTail(const ValueFileFooter& footer);
// `tail` is the end of a file of `file_bytes` bytes, up to `kValueFileTailBytes` of it. `DataLoss`
// when it is damaged or does not fit the file, `Unimplemented` when the format is newer. The
// messages give offsets in the file, not its name.
absl::StatusOr<ValueFileFooter> DecodeValueFileTail(absl::string_view tail, uint64_t file_bytes);

// Errors:         `DataLoss` naming file and offset when a page that is needed fails its checksum;
//                 `Unavailable` when the disk fails.
// Thread-safety:  immutable; share freely.
// Lifetime:       the pool must outlive it; the destructor forgets its pages.
class ValueFile : public PageSource {
 public:
  // Reads footer and checksums; they stay in memory. `DataLoss` also when the file was written for
  // another number; `Unimplemented` when its format is newer than this program's.
  static absl::StatusOr<std::shared_ptr<const ValueFile>> Open(FileSystem& file_system,
                                                               absl::string_view path,
                                                               uint64_t file_number,
                                                               BufferPool& buffer_pool,
                                                               MetricsRegistry& metrics);
  ~ValueFile() override;
  ValueFile(const ValueFile&) = delete;
  ValueFile& operator=(const ValueFile&) = delete;

  const std::string& path() const { return path_; }
  const ValueFileFooter& footer() const { return footer_; }
  uint64_t file_number() const { return footer_.file_number; }
  uint64_t file_bytes() const { return file_bytes_; }
  // Pages that have a checksum: all but the tail.
  uint64_t checked_page_count() const { return page_checksums_.size(); }
  // What stays in memory while the file is open.
  uint64_t resident_bytes() const {
    return sizeof(ValueFile) + page_checksums_.size() * 2 * sizeof(uint32_t);
  }

  bool Holds(uint64_t offset, uint64_t size_bytes) const {
    return offset <= footer_.value_bytes && size_bytes <= footer_.value_bytes - offset;
  }
  // The bytes, which it must hold, when they are in memory; else null, and which pages are not. The
  // caller is inside of the pool's epochs, and the bytes stay until it leaves them.
  const char* Find(uint64_t offset, uint64_t size_bytes, uint64_t* missing_begin,
                   uint64_t* missing_end) const;
  // Brings in pages that `Find` missed. The caller is outside of the pool's epochs.
  absl::Status LoadPages(uint64_t begin, uint64_t end) const { return region_->Load(begin, end); }

  // Reads pages [begin, end) again from disk, past the pool; `found` is told of each that fails its
  // checksum.
  absl::Status VerifyPages(uint64_t begin, uint64_t end, std::string* buffer,
                           absl::FunctionRef<void(const absl::Status&)> found) const;
  // The same for what stands behind the pages.
  absl::Status VerifyTail(absl::FunctionRef<void(const absl::Status&)> found) const;

  // From now on nobody needs the file: when the last run that refers to it goes, its path is added
  // to `files`, which must outlive it.
  void MarkObsolete(ObsoleteFiles* files) const { obsolete_.store(files); }

  PageRegion& region() const { return *region_; }
  absl::Status ReadPages(uint64_t begin, uint64_t end, char* buffer) const override;
  absl::Status CheckPage(uint64_t page_number, const char* page) const override;

 private:
  ValueFile(std::string path, std::unique_ptr<RandomAccessFile> file, MetricsRegistry& metrics);
  absl::Status Load(uint64_t file_number, BufferPool& buffer_pool);
  absl::StatusOr<std::string> ReadExactly(uint64_t offset, uint64_t size_bytes) const;
  absl::Status Damaged(uint64_t offset, absl::string_view what) const;

  const std::string path_;
  const std::unique_ptr<RandomAccessFile> file_;
  const uint64_t file_bytes_;
  Counter& damaged_reads_;
  ValueFileFooter footer_;
  std::vector<uint32_t> page_checksums_;
  std::unique_ptr<PageRegion> region_;
  mutable std::atomic<ObsoleteFiles*> obsolete_{nullptr};
};

}  // namespace kyrodb::engine
