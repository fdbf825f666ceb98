// Writes a file of pages from its begin to its end and makes the checksum of each page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/file_system.h"

namespace kyrodb::engine {

// Bytes that are not written yet. Room that was made is not cleared first, and what was written
// comes back as room: no memory is touched for the first time but the first time.
class PageBuffer {
 public:
  // Throws std::bad_alloc.
  explicit PageBuffer(size_t capacity = 0) { MakeRoom(capacity); }
  PageBuffer(PageBuffer&& other) noexcept = default;
  PageBuffer& operator=(PageBuffer&& other) noexcept = default;

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  const char* data() const { return bytes_.get(); }
  absl::string_view view() const { return {bytes_.get(), size_}; }

  // Where the next bytes go: there is room for `count` of them. `Advance` says how many came.
  char* RoomFor(size_t count) {
    if (capacity_ - size_ < count) MakeRoom(count);
    return bytes_.get() + size_;
  }
  void Advance(const char* end) { size_ = static_cast<size_t>(end - bytes_.get()); }
  void Append(absl::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(RoomFor(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Truncate(size_t size) { size_ = size; }

 private:
  void MakeRoom(size_t count);

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// A short file is written by the caller's thread. When it becomes long, a thread of its own makes
// checksums and writes, while the caller makes more; at most a few buffers wait for it.
//
// Errors:         of the file, as they are; the first one sticks.
// Thread-safety:  one thread at a time.
// Lifetime:       the destructor waits for what is being written.
class PageWriter {
 public:
  // Of a buffer: when so much is in it, it is worth writing.
  static constexpr size_t kWriteBytes = size_t{512} << 10;

  explicit PageWriter(std::unique_ptr<WritableFile> file);
  ~PageWriter();
  PageWriter(const PageWriter&) = delete;
  PageWriter& operator=(const PageWriter&) = delete;

  // Takes the whole pages of `buffer`, the first of which begins where the pages before ended, and
  // leaves what is behind them. May wait for pages before.
  absl::Status Write(PageBuffer* buffer);
  // Waits until everything is written. Then the file is the caller's.
  absl::Status Drain();

  WritableFile& file() { return *file_; }
  // Closes the file without syncing.
  void Abandon();
  // Of all pages; complete after `Drain`.
  const std::vector<uint32_t>& page_checksums() const { return page_checksums_; }

 private:
  struct Work {
    PageBuffer buffer;
    size_t bytes = 0;  // of whole pages
  };

  absl::Status WritePages(absl::string_view pages);
  void RunThread();

  std::unique_ptr<WritableFile> file_;
  // Of who writes: the thread while it runs, else the caller.
  uint64_t written_bytes_ = 0;
  std::vector<uint32_t> page_checksums_;

  std::thread thread_;
  absl::Mutex mutex_;
  std::deque<Work> work_ ABSL_GUARDED_BY(mutex_);  // the first one is being written
  std::vector<PageBuffer> free_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace kyrodb::engine
