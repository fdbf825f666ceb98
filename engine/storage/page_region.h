// The pages of one file at fixed addresses: page i of the file is page i of the region whenever it
// is in memory. So what spans pages is contiguous, a reader needs no table to find a page, and
// reading one that is there costs the look at one word.
//
// Source: V. Leis et al., "Virtual-Memory Assisted Buffer Management" (SIGMOD 2023): pages come by
// explicit reads into reserved address space and go by madvise(2).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/storage/miss_curve.h"

namespace kyrodb::engine {

class BufferPool;

inline constexpr uint64_t kPageBytes = 4096;

// Where pages come from.
//
// Thread-safety:  both methods from any thread.
class PageSource {
 public:
  virtual ~PageSource() = default;
  // Reads pages [begin, end) into `buffer`, without checking them.
  virtual absl::Status ReadPages(uint64_t begin, uint64_t end, char* buffer) const = 0;
  // OK when `page` holds what was written as page `number`.
  virtual absl::Status CheckPage(uint64_t number, const char* page) const = 0;
};

// Keeps pages of a region in memory for as long as it lives.
//
// Thread-safety:  one thread at a time.
// Lifetime:       the region must outlive it.
class PinnedPages {
 public:
  PinnedPages() = default;
  PinnedPages(PinnedPages&& other) noexcept { *this = std::move(other); }
  PinnedPages& operator=(PinnedPages&& other) noexcept;
  ~PinnedPages() { Unpin(); }

  // Whether pages [begin, end) are among those held.
  bool Holds(uint64_t begin, uint64_t end) const { return begin_ <= begin && end <= end_; }
  void Unpin();

 private:
  friend class PageRegion;
  class PageRegion* region_ = nullptr;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

// Errors:         `Load` and `Pin` pass on the source's error; a page that failed its check is
//                 never seen by anybody.
// Thread-safety:  all methods may be called from any thread; the destructor when nobody uses the
//                 region any more.
// Lifetime:       the pool and the source must outlive it.
class PageRegion {
 public:
  // Reserves address space for `page_count` pages. `ResourceExhausted` when there is none.
  static absl::StatusOr<std::unique_ptr<PageRegion>> Create(BufferPool& pool,
                                                            const PageSource& source,
                                                            uint64_t page_count);
  ~PageRegion();
  PageRegion(const PageRegion&) = delete;
  PageRegion& operator=(const PageRegion&) = delete;

  uint64_t page_count() const { return page_count_; }
  // Page 0. Only pages that were touched or pinned may be read.
  const char* base() const { return base_; }

  // Whether every page is in memory and none has to leave: then a reader inside of the pool's
  // epochs may read all of them, and only says which, by `Sample`.
  bool complete() const { return complete_.load(std::memory_order_acquire); }
  void Sample(uint64_t page) {
    if (MissCurve::IsSampled({id_, page})) [[unlikely]]
      RecordUse(page);
  }
  // Whether the page is in memory; it stays there until the caller leaves the pool's epochs, which
  // it must be inside of.
  bool Touch(uint64_t page) {
    const uint32_t state = states_[page].load(std::memory_order_acquire);
    return (state & kHotMask) == kHot || TouchSlowly(page, state);
  }
  bool Touch(uint64_t begin, uint64_t end) {
    for (uint64_t page = begin; page < end; ++page) {
      if (!Touch(page)) return false;
    }
    return true;
  }
  // Whether missing pages [begin, end) are worth memory that others have to give up for them: while
  // the pool has room, and from the second miss on that follows the first soon enough. Pages that
  // are asked for once in a long time are better read past the pool.
  bool Admit(uint64_t begin, uint64_t end);
  // Brings the pages in; they may leave again at once. The caller must not be inside of the pool's
  // epochs.
  absl::Status Load(uint64_t begin, uint64_t end);
  // Brings them in and holds them.
  absl::Status Pin(uint64_t begin, uint64_t end, PinnedPages* pinned);

 private:
  friend class BufferPool;
  friend class PinnedPages;

  // A page's word: status, marks, and how often it is pinned; while it is absent, the pool's count
  // of refusals when it was refused last.
  enum Status : uint32_t { kAbsent = 0, kLoading = 1, kResident = 2, kLeaving = 3 };
  static constexpr uint32_t kStatusMask = 3;
  // Used since the clock's hand last passed.
  static constexpr uint32_t kReferenced = 4;
  // One of those whose every use is recorded; see `MissCurve`.
  static constexpr uint32_t kWatched = 8;
  static constexpr uint32_t kPin = 16;
  static constexpr uint32_t kHotMask = kStatusMask | kReferenced | kWatched;
  static constexpr uint32_t kHot = kResident | kReferenced;

  PageRegion(BufferPool& pool, const PageSource& source, uint64_t page_count, char* base,
             uint64_t id);
  bool TouchSlowly(uint64_t page, uint32_t state);
  void RecordUse(uint64_t page);
  // Loads the page, and neighbours when the pool has room, or waits for who does.
  absl::Status LoadPage(uint64_t page);
  bool TryPin(uint64_t page);
  void UnpinPages(uint64_t begin, uint64_t end);
  // The page is there, or could not be loaded; wakes who waits for it.
  void EndLoad(uint64_t page, bool loaded);

  BufferPool& pool_;
  const PageSource& source_;
  const uint64_t page_count_;
  char* const base_;
  const uint64_t id_;  // of all regions that the pool ever had
  const std::unique_ptr<std::atomic<uint32_t>[]> states_;
  std::atomic<bool> complete_{false};
  uint64_t loaded_count_ =
      0;  // of pages, those on the way out included; guarded by the pool's mutex
};

}  // namespace kyrodb::engine
