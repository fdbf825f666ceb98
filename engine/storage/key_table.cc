#include "engine/storage/key_table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

constexpr std::align_val_t kLine{64};
constexpr uint64_t kBucketCountMin = 2;

}  // namespace

void KeyTable::FreeAligned::operator()(std::atomic<uint64_t>* words) const {
  ::operator delete[](words, kLine);
}

void KeyTable::Place(const Slots& slots, uint64_t word, uint32_t hash_high) {
  for (uint64_t bucket = (uint64_t{hash_high} << 32) >> slots.shift;;
       bucket = (bucket + 1) & slots.bucket_mask) {
    for (uint64_t i = bucket * kBucketSlots; i < (bucket + 1) * kBucketSlots; ++i) {
      if (slots.words[i].load(std::memory_order_relaxed) != 0) continue;
      hashes_[i] = hash_high;
      slots.words[i].store(word, std::memory_order_release);
      return;
    }
  }
}

void KeyTable::Grow() {
  const Slots* old = slots_.load(std::memory_order_relaxed);
  const uint64_t bucket_count = old == nullptr ? kBucketCountMin : 2 * (old->bucket_mask + 1);
  const uint64_t slot_count = bucket_count * kBucketSlots;
  // All memory first: nothing behind this fails.
  generations_.reserve(generations_.size() + 1);
  auto slots = std::make_unique<Slots>();
  slots->shift = 64 - __builtin_ctzll(bucket_count);
  slots->bucket_mask = bucket_count - 1;
  slots->words = new (kLine) std::atomic<uint64_t>[slot_count]();
  slots->owned.reset(slots->words);
  std::vector<uint32_t> old_hashes(slot_count);
  old_hashes.swap(hashes_);
  const uint64_t old_slot_count = old == nullptr ? 0 : slot_count / 2;
  for (uint64_t i = 0; i < old_slot_count; ++i) {
    const uint64_t word = old->words[i].load(std::memory_order_relaxed);
    if (word != 0) Place(*slots, word, old_hashes[i]);
  }
  memory_bytes_.fetch_add(
      slot_count * sizeof(uint64_t) + (slot_count - old_slot_count) * sizeof(uint32_t),
      std::memory_order_relaxed);
  slots_.store(slots.get(), std::memory_order_release);
  generations_.push_back(std::move(slots));
}

void KeyTable::Insert(KeyNode* node, uint64_t hash) {
  if (4 * (key_count_ + 1) > 3 * hashes_.size()) Grow();
  const auto pointer = reinterpret_cast<uint64_t>(node);
  // User space ends below 2^48 on the 64-bit machines that there are.
  KYRO_DCHECK((pointer & ~kPointerMask) == 0);
  Place(*slots_.load(std::memory_order_relaxed), hash << kTagShift | pointer,
        static_cast<uint32_t>(hash >> 32));
  ++key_count_;
}

}  // namespace kyrodb::engine
