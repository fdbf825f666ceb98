// A hash table of the keys of a memtable: finds one key, or sees that it is absent, mostly in one
// cache line. It stands in front of the ordered tree as a filter that is never wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/storage/key_node.h"

namespace kyrodb::engine {

// Shape:          buckets of eight slots, a cache line each; a slot is a pointer with 16 bits of
//                 the hash above it. A full bucket overflows into the next one. Nothing is removed.
// Thread-safety:  one writer at a time; readers in any number, at any time, none waits. A reader
//                 finds every key whose `Insert` happened before it asked.
// Cost:           O(1); an `Insert` that finds the table 3/4 full copies it in order.
// Lifetime:       tables that were grown out of stay until the end: readers may be in them.
class KeyTable {
 public:
  KeyTable() = default;
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // Null when the key is absent. `hash` is `KeyHash(key)`.
  KeyNode* Find(absl::string_view key, uint64_t hash) const {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return nullptr;
    const uint64_t tag = hash << kTagShift;
    for (uint64_t bucket = hash >> slots->shift;; bucket = (bucket + 1) & slots->bucket_mask) {
      const std::atomic<uint64_t>* slot = slots->words + bucket * kBucketSlots;
      for (uint64_t i = 0; i < kBucketSlots; ++i) {
        const uint64_t word = slot[i].load(std::memory_order_acquire);
        if (word == 0) return nullptr;
        if (((word ^ tag) >> kTagShift) != 0) continue;
        auto* node = reinterpret_cast<KeyNode*>(word & kPointerMask);
        if (node->key() == key) return node;
      }
    }
  }
  // Starts to bring near what `Find` reads first.
  void Prefetch(uint64_t hash) const {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots != nullptr) {
      __builtin_prefetch(slots->words + (hash >> slots->shift) * kBucketSlots);
    }
  }

  // Adds a key that is absent.
  void Insert(KeyNode* node, uint64_t hash);

  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint64_t kBucketSlots = 8;
  static constexpr int kTagShift = 48;
  static constexpr uint64_t kPointerMask = (uint64_t{1} << kTagShift) - 1;

  struct FreeAligned {
    void operator()(std::atomic<uint64_t>* words) const;
  };
  struct Slots {
    int shift;  // the bucket is the hash's top bits: growing keeps their order
    uint64_t bucket_mask;
    std::atomic<uint64_t>* words;
    std::unique_ptr<std::atomic<uint64_t>[], FreeAligned> owned;
  };

  void Grow();
  // Puts the word where a search for the hash's upper half will meet it.
  void Place(const Slots& slots, uint64_t word, uint32_t hash_high);

  std::atomic<const Slots*> slots_{nullptr};
  std::atomic<uint64_t> memory_bytes_{0};
  // Of the writer.
  std::vector<std::unique_ptr<const Slots>> generations_;
  std::vector<uint32_t> hashes_;  // the upper halves, slot by slot of the newest generation
  uint64_t key_count_ = 0;
};

}  // namespace kyrodb::engine
