// Readers that take no lock, and a way to know when the last of them has left.
//
// Source: K. Fraser, "Practical lock-freedom" (2004) for epoch-based reclamation; the fences are
// asymmetric, as in M. Desnoyers et al., "User-level implementations of read-copy update" (IEEE
// TPDS 2012): readers pay a plain store, who reclaims pays a membarrier(2).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kyrodb {

// A reader enters before it loads shared pointers and leaves when it no longer uses what they
// lead to. Who takes something out of reach retires it: it is given up once every reader that was
// inside then has left.
//
// Thread-safety:  all methods may be called from any thread. A guard belongs to the thread that
//                 entered, may nest, and must not be held across I/O or a wait.
// Cost:           entering and leaving are two plain stores each.
// Lifetime:       must outlive its guards; the destructor runs what is still retired.
class Epochs {
 private:
  // A thread's place, on a cache line of its own.
  struct alignas(64) Slot {
    // The epoch in which the thread entered; 0 while it is outside.
    std::atomic<uint64_t> entered{0};
    uint32_t depth = 0;  // of the owner only
    std::atomic<bool> taken{true};
    Slot* next = nullptr;
  };
  struct Shared;

 public:
  class Guard {
   public:
    Guard(Guard&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (slot_ != nullptr && --slot_->depth == 0) {
        slot_->entered.store(0, std::memory_order_release);
      }
    }

   private:
    friend class Epochs;
    explicit Guard(Slot* slot) : slot_(slot) {}
    Slot* slot_;
  };

  Epochs();
  ~Epochs();
  Epochs(const Epochs&) = delete;
  Epochs& operator=(const Epochs&) = delete;

  [[nodiscard]] Guard Enter() {
    Slot* const slot = ThisThread();
    if (slot->depth++ == 0) {
      const uint64_t now = epoch_.load(std::memory_order_acquire);
      if (asymmetric_) {
        slot->entered.store(now, std::memory_order_relaxed);
        // The compiler must not move a load of the reader before the store; the processor is
        // kept from it by the membarrier of `LastLeft`.
        std::atomic_signal_fence(std::memory_order_seq_cst);
      } else {
        slot->entered.exchange(now, std::memory_order_seq_cst);
      }
    }
    return Guard(slot);
  }

  // Marks this moment, after something was taken out of reach: what `HasPassed` is asked about.
  uint64_t Mark() { return epoch_.fetch_add(1, std::memory_order_seq_cst); }
  // Whether every reader that was inside at the mark has left.
  bool HasPassed(uint64_t mark) const { return OldestInside() > mark; }
  // The epoch of the longest reader inside, ~0 without readers. Takes some microseconds.
  uint64_t OldestInside() const;
  // Waits until `HasPassed`. The caller must not be inside.
  void WaitFor(uint64_t mark) const;

  // Runs `give_up` once every reader that is inside now has left: at the latest when the next
  // call of `Retire` or `RunDue` finds that, in that call's thread.
  void Retire(std::function<void()> give_up) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunDue() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Cached {
    const Epochs* owner = nullptr;
    uint64_t owner_id = 0;
    Slot* slot = nullptr;
  };
  struct Registration;
  static thread_local Cached cached_;

  Slot* ThisThread() {
    if (cached_.owner == this && cached_.owner_id == id_) return cached_.slot;
    return Register();
  }
  Slot* Register();

  const uint64_t id_;  // of all that ever were: an address may come again
  const bool asymmetric_;
  std::atomic<uint64_t> epoch_{1};
  // Threads keep it alive to hand their slots back when they end.
  const std::shared_ptr<Shared> shared_;

  absl::Mutex mutex_;
  std::deque<std::pair<uint64_t, std::function<void()>>> retired_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace kyrodb
