#include "engine/storage/page_region.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "engine/base/status.h"
#include "engine/storage/buffer_pool.h"

namespace kyrodb::engine {
namespace {

// Pages that one read brings in while the pool has room.
constexpr uint64_t kClusterPages = 16;
static_assert(kClusterPages <= 32, "a word has a bit for each");
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

}  // namespace

PinnedPages& PinnedPages::operator=(PinnedPages&& other) noexcept {
  if (this == &other) return *this;
  Unpin();
  region_ = std::exchange(other.region_, nullptr);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

void PinnedPages::Unpin() {
  if (region_ != nullptr) region_->UnpinPages(begin_, end_);
  region_ = nullptr;
  begin_ = end_ = 0;
}

absl::StatusOr<std::unique_ptr<PageRegion>> PageRegion::Create(BufferPool& pool,
                                                               const PageSource& source,
                                                               uint64_t page_count) {
  // Huge pages need an address that is a multiple of their size, which mmap does not promise.
  const uint64_t size_bytes = page_count * kPageBytes;
  const uint64_t reserved_bytes = size_bytes + kHugePageBytes;
  void* const memory = mmap(nullptr, reserved_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "cannot reserve %u bytes of address space: %s", reserved_bytes, std::strerror(errno)));
  }
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t aligned = (address + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  if (aligned > address) munmap(memory, aligned - address);
  const uintptr_t end = aligned + size_bytes;
  if (address + reserved_bytes > end) {
    munmap(reinterpret_cast<void*>(end), address + reserved_bytes - end);
  }
  return std::unique_ptr<PageRegion>(
      new PageRegion(pool, source, page_count, reinterpret_cast<char*>(aligned),
                     pool.next_region_id_.fetch_add(1, std::memory_order_relaxed)));
}

PageRegion::PageRegion(BufferPool& pool, const PageSource& source, uint64_t page_count, char* base,
                       uint64_t id)
    : pool_(pool),
      source_(source),
      page_count_(page_count),
      base_(base),
      id_(id),
      states_(new std::atomic<uint32_t>[page_count]) {
  for (uint64_t page = 0; page < page_count; ++page) {
    const bool watched = MissCurve::IsSampled({id, page});
    states_[page].store(watched ? kWatched : 0, std::memory_order_relaxed);
  }
  pool_.Add(this);
}

PageRegion::~PageRegion() {
  pool_.Remove(this);
  if (page_count_ > 0) munmap(base_, page_count_ * kPageBytes);
}

bool PageRegion::TouchSlowly(uint64_t page, uint32_t state) {
  std::atomic<uint32_t>& word = states_[page];
  while (true) {
    const uint32_t status = state & kStatusMask;
    if (status != kResident && status != kLeaving) return false;
    if ((state & kReferenced) != 0) break;
    // A leaving page is given up only when this fails.
    if (word.compare_exchange_weak(state, state | kReferenced, std::memory_order_acq_rel,
                                   std::memory_order_acquire)) {
      break;
    }
  }
  if ((state & kWatched) != 0) RecordUse(page);
  return true;
}

void PageRegion::RecordUse(uint64_t page) { pool_.RecordUse(*this, page); }

bool PageRegion::TryPin(uint64_t page) {
  std::atomic<uint32_t>& word = states_[page];
  uint32_t state = word.load(std::memory_order_relaxed);
  while (true) {
    const uint32_t status = state & kStatusMask;
    if (status != kResident && status != kLeaving) return false;
    if (word.compare_exchange_weak(state, (state | kReferenced) + kPin, std::memory_order_acq_rel,
                                   std::memory_order_relaxed)) {
      break;
    }
  }
  if ((state & kWatched) != 0) RecordUse(page);
  return true;
}

void PageRegion::UnpinPages(uint64_t begin, uint64_t end) {
  for (uint64_t page = begin; page < end; ++page) {
    states_[page].fetch_sub(kPin, std::memory_order_release);
  }
}

absl::Status PageRegion::Pin(uint64_t begin, uint64_t end, PinnedPages* pinned) {
  KYRO_CHECK(begin <= end && end <= page_count_);
  // The new pins come before the old ones go: what both cover stays.
  PinnedPages pins;
  pins.region_ = this;
  pins.begin_ = pins.end_ = begin;
  for (; pins.end_ < end; ++pins.end_) {
    while (!TryPin(pins.end_)) KYRO_RETURN_IF_ERROR(LoadPage(pins.end_));
  }
  *pinned = std::move(pins);
  return absl::OkStatus();
}

bool PageRegion::Admit(uint64_t begin, uint64_t end) {
  if (pool_.RoomPages() >= end - begin) return true;
  const uint32_t now = pool_.CountRefusal();
  bool admitted = false;
  for (uint64_t page = begin; page < end; ++page) {
    uint32_t state = states_[page].load(std::memory_order_relaxed);
    if ((state & kStatusMask) != kAbsent) continue;
    const uint32_t refused = state / kPin;
    const uint32_t ago = (now - refused) % (1u << 28);
    if (refused != 0 && ago <= pool_.capacity_pages() / 2) admitted = true;
    const uint32_t marked = (state & kWatched) | now * kPin;
    states_[page].compare_exchange_strong(state, marked, std::memory_order_relaxed);
  }
  if (admitted) return true;
  for (uint64_t page = begin; page < end; ++page) {
    pool_.misses_.Add();
    if (MissCurve::IsSampled({id_, page})) RecordUse(page);
  }
  return false;
}

absl::Status PageRegion::Load(uint64_t begin, uint64_t end) {
  KYRO_CHECK(begin <= end && end <= page_count_);
  for (uint64_t page = begin; page < end; ++page) KYRO_RETURN_IF_ERROR(LoadPage(page));
  return absl::OkStatus();
}

absl::Status PageRegion::LoadPage(uint64_t page) {
  const auto claim = [this](uint64_t number) {
    uint32_t state = states_[number].load(std::memory_order_relaxed);
    return (state & kStatusMask) == kAbsent &&
           states_[number].compare_exchange_strong(state, (state & kWatched) | kLoading,
                                                   std::memory_order_acquire);
  };
  while (!claim(page)) {
    const uint32_t state = states_[page].load(std::memory_order_acquire);
    const uint32_t status = state & kStatusMask;
    if (status == kResident || status == kLeaving) return absl::OkStatus();
    // Somebody else loads it. If that fails, we try it ourselves.
    if (status == kLoading) states_[page].wait(state, std::memory_order_acquire);
  }
  uint64_t begin = page;
  uint64_t end = page + 1;
  const uint64_t room = std::min(pool_.RoomPages(), kClusterPages);
  const uint64_t cluster_begin = page / kClusterPages * kClusterPages;
  const uint64_t cluster_end = std::min(cluster_begin + kClusterPages, page_count_);
  while (end < cluster_end && end - begin < room && claim(end)) ++end;
  while (begin > cluster_begin && end - begin < room && claim(begin - 1)) --begin;

  // Whatever happens, nobody may wait for these pages for ever.
  struct Claim {
    ~Claim() {
      if (open) region.pool_.Settle(&region, begin, end, 0);
    }
    PageRegion& region;
    const uint64_t begin;
    const uint64_t end;
    bool open = true;
  } claimed{.region = *this, .begin = begin, .end = end};
  pool_.Reserve(end - begin);
  absl::Status status = source_.ReadPages(begin, end, base_ + begin * kPageBytes);
  uint32_t loaded = status.ok() ? ~0u >> (32 - (end - begin)) : 0;
  if (!status.ok() && end - begin > 1) {
    status = source_.ReadPages(page, page + 1, base_ + page * kPageBytes);
    if (status.ok()) loaded = 1u << (page - begin);
  }
  for (uint64_t number = begin; number < end; ++number) {
    const uint32_t bit = 1u << (number - begin);
    if ((loaded & bit) == 0) continue;
    const absl::Status checked = source_.CheckPage(number, base_ + number * kPageBytes);
    if (!checked.ok()) loaded &= ~bit;
    if (number == page) status = checked;
  }
  pool_.Settle(this, begin, end, loaded);
  claimed.open = false;
  // It will be used now; the neighbours have yet to prove themselves.
  if (status.ok()) states_[page].fetch_or(kReferenced, std::memory_order_relaxed);
  return status;
}

void PageRegion::EndLoad(uint64_t page, bool loaded) {
  const uint32_t watched = states_[page].load(std::memory_order_relaxed) & kWatched;
  states_[page].store(watched | (loaded ? kResident : kAbsent), std::memory_order_release);
  states_[page].notify_all();
}

}  // namespace kyrodb::engine
