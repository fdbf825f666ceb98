#include "engine/base/epochs.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "engine/base/status.h"

namespace kyrodb {
namespace {

// ThreadSanitizer does not know membarrier: it gets the fences that it can follow.
#if defined(__SANITIZE_THREAD__)
constexpr bool kMayBeAsymmetric = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kMayBeAsymmetric = false;
#else
constexpr bool kMayBeAsymmetric = true;
#endif
#else
constexpr bool kMayBeAsymmetric = true;
#endif

int Membarrier(int command) { return static_cast<int>(syscall(SYS_membarrier, command, 0, 0)); }

bool RegisterMembarrier() {
  return kMayBeAsymmetric && Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

uint64_t NextId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// The slots of all threads that ever entered; slots are used again, never freed before the end.
struct Epochs::Shared {
  ~Shared() {
    for (Slot* slot = head.load(); slot != nullptr;) delete std::exchange(slot, slot->next);
  }

  Slot* Take() {
    for (Slot* slot = head.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
      bool taken = false;
      if (slot->taken.compare_exchange_strong(taken, true)) return slot;
    }
    Slot* const slot = new Slot;
    slot->next = head.load(std::memory_order_relaxed);
    while (!head.compare_exchange_weak(slot->next, slot, std::memory_order_release)) {
    }
    return slot;
  }

  std::atomic<Slot*> head{nullptr};
};

// What a thread holds at every `Epochs` that it has entered.
struct Epochs::Registration {
  struct Place {
    uint64_t id;
    std::weak_ptr<Shared> shared;
    Slot* slot;
  };
  ~Registration() {
    for (const Place& place : places) {
      if (const auto shared = place.shared.lock()) place.slot->taken.store(false);
    }
  }
  std::vector<Place> places;
};

thread_local Epochs::Cached Epochs::cached_;

Epochs::Epochs()
    : id_(NextId()), asymmetric_(RegisterMembarrier()), shared_(std::make_shared<Shared>()) {}

Epochs::~Epochs() {
  KYRO_CHECK(OldestInside() == ~uint64_t{0});
  RunDue();
}

Epochs::Slot* Epochs::Register() {
  static thread_local Registration registration;
  std::vector<Registration::Place>& places = registration.places;
  auto place = std::find_if(places.begin(), places.end(),
                            [this](const auto& candidate) { return candidate.id == id_; });
  if (place == places.end()) {
    std::erase_if(places, [](const auto& candidate) { return candidate.shared.expired(); });
    places.push_back({.id = id_, .shared = shared_, .slot = shared_->Take()});
    place = std::prev(places.end());
  }
  cached_ = {.owner = this, .owner_id = id_, .slot = place->slot};
  return place->slot;
}

uint64_t Epochs::OldestInside() const {
  // Every reader either has stored its epoch, or will load what the caller published before.
  if (asymmetric_) {
    KYRO_CHECK(Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
  }
  uint64_t oldest = ~uint64_t{0};
  for (const Slot* slot = shared_->head.load(std::memory_order_acquire); slot != nullptr;
       slot = slot->next) {
    const uint64_t entered = slot->entered.load(std::memory_order_seq_cst);
    if (entered != 0) oldest = std::min(oldest, entered);
  }
  return oldest;
}

void Epochs::WaitFor(uint64_t mark) const {
  while (!HasPassed(mark)) std::this_thread::yield();
}

void Epochs::Retire(std::function<void()> give_up) {
  const uint64_t mark = Mark();
  {
    absl::MutexLock lock(&mutex_);
    retired_.emplace_back(mark, std::move(give_up));
  }
  RunDue();
}

void Epochs::RunDue() {
  std::vector<std::function<void()>> due;
  {
    absl::MutexLock lock(&mutex_);
    if (retired_.empty()) return;
    const uint64_t oldest = OldestInside();
    // Two threads may have queued their marks in the other order: what stands behind a later mark
    // waits for it.
    while (!retired_.empty() && retired_.front().first < oldest) {
      due.push_back(std::move(retired_.front().second));
      retired_.pop_front();
    }
  }
  for (const auto& give_up : due) give_up();
}

}  // namespace kyrodb
