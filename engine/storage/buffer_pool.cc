#include "engine/storage/buffer_pool.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <new>

namespace kyrodb::engine {
namespace {

// Gives memory back to the machine. A new Linux does that for many pages in one call, with one
// flush of address translations (process_madvise(2); PIDFD_SELF_THREAD_GROUP is known from 6.14
// on).
void Discard(const std::vector<iovec>& pages) {
  constexpr int kThisProcess = -10001;
  constexpr size_t kAtOnceMax = 256;
  for (size_t begin = 0; begin < pages.size();) {
    const size_t count = std::min(pages.size() - begin, kAtOnceMax);
    const int64_t wanted = static_cast<int64_t>(count * kPageBytes);
    const bool done = syscall(SYS_process_madvise, kThisProcess, pages.data() + begin, count,
                              MADV_DONTNEED, 0) == wanted;
    for (size_t i = begin; !done && i < begin + count; ++i) {
      madvise(pages[i].iov_base, pages[i].iov_len, MADV_DONTNEED);
    }
    begin += count;
  }
}

}  // namespace

BufferPool::BufferPool(uint64_t capacity_bytes, MetricsRegistry& metrics)
    : capacity_bytes_(capacity_bytes),
      miss_curve_(capacity_bytes / kPageBytes, metrics),
      hits_(metrics.counter("kyro_buffer_pool_hits_total",
                            "uses of pages that were in memory, estimated from one page in 64")),
      misses_(metrics.counter("kyro_buffer_pool_misses_total", "page reads that went to disk")),
      evictions_(metrics.counter("kyro_buffer_pool_evictions_total",
                                 "pages that left to make room for others")),
      bytes_(metrics.gauge("kyro_buffer_pool_bytes", "memory of pages in the pool")),
      capacity_(metrics.gauge("kyro_buffer_pool_capacity_bytes", "memory that pages may take")) {
  capacity_.Set(static_cast<int64_t>(capacity_bytes));
}

// What is still retired leads to regions, which leave the pool as they go: so before its parts do.
BufferPool::~BufferPool() { epochs_.RunDue(); }

void BufferPool::Add(PageRegion* region) {
  absl::MutexLock lock(&mutex_);
  regions_.insert(region);
  region_pages_ += region->page_count_;
  ChooseMode();
  if (all_fit_) {
    madvise(region->base_, region->page_count_ * kPageBytes, MADV_HUGEPAGE);
  }
}

void BufferPool::Remove(PageRegion* region) {
  miss_curve_.Forget(region->id_);
  absl::MutexLock lock(&mutex_);
  regions_.erase(region);
  region_pages_ -= region->page_count_;
  std::erase_if(leaving_, [&](const Leaving& leaving) { return leaving.page.region == region; });
  uint64_t dropped = 0;
  std::erase_if(clock_, [&](const Resident& page) { return page.region == region; });
  for (uint64_t page = 0; page < region->page_count_; ++page) {
    const uint32_t state = region->states_[page].load(std::memory_order_relaxed);
    if ((state & PageRegion::kStatusMask) != PageRegion::kAbsent) ++dropped;
  }
  used_pages_.fetch_sub(dropped, std::memory_order_relaxed);
  bytes_.Set(static_cast<int64_t>(used_bytes()));
  hand_ = 0;
  ChooseMode();
}

void BufferPool::NoteComplete(PageRegion* region) {
  if (all_fit_ && leaving_.empty() && region->loaded_count_ == region->page_count_) {
    region->complete_.store(true, std::memory_order_release);
  }
}

void BufferPool::ChooseMode() {
  const bool fit = region_pages_ <= capacity_pages();
  if (fit == all_fit_) return;
  // All memory first: nothing behind this fails.
  if (fit) clock_.reserve(clock_.size() + leaving_.size());
  all_fit_ = fit;
  if (fit) {
    // What was on its way out stays after all.
    for (const Leaving& leaving : leaving_) {
      leaving.page.region->states_[leaving.page.page].fetch_xor(
          PageRegion::kLeaving ^ PageRegion::kResident, std::memory_order_acq_rel);
      clock_.push_back(leaving.page);
    }
    leaving_.clear();
    for (PageRegion* region : regions_) NoteComplete(region);
    return;
  }
  for (PageRegion* region : regions_) region->complete_.store(false, std::memory_order_seq_cst);
  // From here on pages may leave, but not under a reader that was told that they do not.
  epochs_.WaitFor(epochs_.Mark());
  // What was given whole is given back where nothing was loaded: the budget counts small pages.
  for (PageRegion* region : regions_) {
    madvise(region->base_, region->page_count_ * kPageBytes, MADV_NOHUGEPAGE);
    uint64_t begin = 0;
    for (uint64_t page = 0; page <= region->page_count_; ++page) {
      const bool absent =
          page < region->page_count_ && (region->states_[page].load(std::memory_order_acquire) &
                                         PageRegion::kStatusMask) == PageRegion::kAbsent;
      if (absent) continue;
      if (page > begin) {
        // A page that begins to load now is read again below: loading takes this mutex first.
        madvise(region->base_ + begin * kPageBytes, (page - begin) * kPageBytes, MADV_DONTNEED);
      }
      begin = page + 1;
    }
  }
}

uint64_t BufferPool::RoomPages() const {
  const uint64_t used = used_pages_.load(std::memory_order_relaxed) + kGroupPages;
  return capacity_pages() > used ? capacity_pages() - used : 0;
}

void BufferPool::Reserve(uint64_t count) {
  absl::MutexLock lock(&mutex_);
  misses_.Add(count);
  used_pages_.fetch_add(count, std::memory_order_relaxed);
  Shrink(/*slack_pages=*/capacity_pages() / 32);
  bytes_.Set(static_cast<int64_t>(used_bytes()));
}

void BufferPool::Settle(PageRegion* region, uint64_t begin, uint64_t end, uint32_t loaded) {
  absl::MutexLock lock(&mutex_);
  if (loaded != 0) clock_.reserve(clock_.size() + (end - begin));
  for (uint64_t page = begin; page < end; ++page) {
    const bool is_loaded = (loaded >> (page - begin) & 1) != 0;
    if (is_loaded) {
      clock_.push_back({.region = region, .page = page});
      ++region->loaded_count_;
    } else {
      madvise(region->base_ + page * kPageBytes, kPageBytes, MADV_DONTNEED);
      used_pages_.fetch_sub(1, std::memory_order_relaxed);
    }
    region->EndLoad(page, is_loaded);
  }
  NoteComplete(region);
  bytes_.Set(static_cast<int64_t>(used_bytes()));
}

void BufferPool::RecordUse(const PageRegion& region, uint64_t page) {
  hits_.Add(MissCurve::kSampling);
  miss_curve_.Use({region.id_, page});
}

void BufferPool::SetCapacity(uint64_t capacity_bytes) {
  miss_curve_.SetCapacity(capacity_bytes / kPageBytes);
  absl::MutexLock lock(&mutex_);
  // At once with the mode: nobody may shrink to the new capacity while readers are still told that
  // nothing leaves.
  capacity_bytes_.store(capacity_bytes, std::memory_order_relaxed);
  capacity_.Set(static_cast<int64_t>(capacity_bytes));
  ChooseMode();
  Shrink(/*slack_pages=*/0);
  bytes_.Set(static_cast<int64_t>(used_bytes()));
}

void BufferPool::Shrink(uint64_t slack_pages) {
  const uint64_t capacity = capacity_pages();
  if (used_pages_.load(std::memory_order_relaxed) <= capacity) return;
  GiveUp();
  // Pages that are used again as fast as they are asked to leave stay; the next load tries again.
  constexpr int kRoundsMax = 64;
  for (int round = 0; round < kRoundsMax; ++round) {
    const uint64_t used = used_pages_.load(std::memory_order_relaxed);
    if (used <= capacity) return;
    // Somewhat more than is needed now, so that the next miss need not do this again.
    const uint64_t group = std::min(kGroupPages, capacity / 16);
    const uint64_t wanted = used - capacity + group;
    if (leaving_.size() < wanted) PassHand(wanted - leaving_.size());
    if (leaving_.empty()) return;
    GiveUp();
    const uint64_t left = used_pages_.load(std::memory_order_relaxed);
    if (left <= capacity + slack_pages) return;
    // Readers are inside for less than a page takes to load, and need nothing that is held here.
    if (left == used && !leaving_.empty()) epochs_.WaitFor(leaving_.front().mark);
  }
}

void BufferPool::PassHand(uint64_t count) {
  const size_t first = leaving_.size();
  // In two rounds the hand takes the second chance of every page that is not pinned.
  for (size_t steps = 2 * clock_.size(); steps > 0 && count > 0 && !clock_.empty(); --steps) {
    if (hand_ >= clock_.size()) hand_ = 0;
    const Resident page = clock_[hand_];
    std::atomic<uint32_t>& word = page.region->states_[page.page];
    uint32_t state = word.load(std::memory_order_relaxed);
    const uint32_t marks = state & ~PageRegion::kWatched;
    if (marks == PageRegion::kResident) {
      try {
        leaving_.push_back({.page = page, .mark = 0});
      } catch (const std::bad_alloc&) {
        break;  // fewer leave, then
      }
      if (word.compare_exchange_strong(state, state ^ PageRegion::kResident ^ PageRegion::kLeaving,
                                       std::memory_order_seq_cst)) {
        clock_[hand_] = clock_.back();
        clock_.pop_back();
        --count;
        continue;
      }
      leaving_.pop_back();
    }
    if (state < PageRegion::kPin) {
      word.fetch_and(~PageRegion::kReferenced, std::memory_order_relaxed);
    }
    ++hand_;
  }
  if (leaving_.size() == first) return;
  const uint64_t mark = epochs_.Mark();
  for (size_t i = first; i < leaving_.size(); ++i) leaving_[i].mark = mark;
}

void BufferPool::GiveUp() {
  if (leaving_.empty()) return;
  const uint64_t oldest = epochs_.OldestInside();
  std::vector<iovec> given_up;
  given_up.reserve(leaving_.size());
  clock_.reserve(clock_.size() + leaving_.size());
  while (!leaving_.empty() && leaving_.front().mark < oldest) {
    const Resident page = leaving_.front().page;
    leaving_.pop_front();
    std::atomic<uint32_t>& word = page.region->states_[page.page];
    uint32_t state = word.load(std::memory_order_acquire);
    while (true) {
      const bool wanted = (state & ~(PageRegion::kWatched | PageRegion::kStatusMask)) != 0;
      const uint32_t status = wanted ? PageRegion::kResident : PageRegion::kAbsent;
      if (!word.compare_exchange_weak(state, (state & ~PageRegion::kStatusMask) | status,
                                      std::memory_order_acq_rel)) {
        continue;
      }
      if (wanted) {
        clock_.push_back(page);
      } else {
        // Who wants the page again now waits for the mutex before it loads.
        given_up.push_back(
            {.iov_base = page.region->base_ + page.page * kPageBytes, .iov_len = kPageBytes});
        used_pages_.fetch_sub(1, std::memory_order_relaxed);
        --page.region->loaded_count_;
        evictions_.Add();
      }
      break;
    }
  }
  Discard(given_up);
}

}  // namespace kyrodb::engine
