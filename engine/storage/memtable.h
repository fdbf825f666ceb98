// The newest versions of a key space, in memory: a hash table of the keys for points, a radix tree
// of the same keys for order, and the versions of a key as a list behind it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "engine/storage/arena.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"
#include "engine/storage/key_hash.h"
#include "engine/storage/key_table.h"
#include "engine/storage/key_tree.h"

namespace kyrodb::engine {

// Order:          internal order (entry.h). Adding a version with the key and LSN of an older one
//                 replaces it for readers: the later one stands first.
// Thread-safety:  one writer at a time; readers in any number, at any time, none waits. A reader
//                 sees every version whose `Add` happened before it asked.
// Cost:           a point O(1), mostly two cache lines when the key is there and one when it is
//                 not; order O(log n). `hash` is always `KeyHash(key)`, for callers that have it.
// Lifetime:       views stay valid as long as the table.
class MemTable {
 public:
  struct Found {
    EntryKind kind = EntryKind::kDelete;
    absl::string_view value;
    Lsn lsn = 0;
  };

  MemTable() : tree_(&arena_) {}
  MemTable(const MemTable&) = delete;
  MemTable& operator=(const MemTable&) = delete;

  // `lsn` is at least 1. The value of a delete is not kept.
  void Add(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value) {
    Add(lsn, kind, key, value, KeyHash(key));
  }
  void Add(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value, uint64_t hash);

  // The newest version of `key` with an LSN of at most `snapshot`; deletes are found too.
  std::optional<Found> Get(absl::string_view key, Lsn snapshot) const {
    return Get(key, snapshot, KeyHash(key));
  }
  std::optional<Found> Get(absl::string_view key, Lsn snapshot, uint64_t hash) const {
    const KeyNode* node = table_.Find(key, hash);
    if (node == nullptr) return std::nullopt;
    const VersionNode* version = node->newest.load(std::memory_order_acquire);
    while (version != nullptr && version->lsn > snapshot) {
      version = version->older.load(std::memory_order_acquire);
    }
    if (version == nullptr) return std::nullopt;
    return Found{.kind = version->kind(), .value = version->value(), .lsn = version->lsn};
  }
  // The LSN of the newest version of `key`; 0 when there is none.
  Lsn LatestLsn(absl::string_view key) const { return LatestLsn(key, KeyHash(key)); }
  Lsn LatestLsn(absl::string_view key, uint64_t hash) const {
    const KeyNode* node = table_.Find(key, hash);
    return node == nullptr ? 0 : node->newest.load(std::memory_order_acquire)->lsn;
  }
  // Starts to bring near what a point look-up reads first.
  void Prefetch(uint64_t hash) const { table_.Prefetch(hash); }

  // The greatest key less than `bound`, or of all when there is no bound; nullopt when none is.
  std::optional<absl::string_view> KeyBefore(std::optional<absl::string_view> bound) const;

  // All memory, with the overhead of tree and table.
  uint64_t memory_bytes() const { return arena_.memory_bytes() + table_.memory_bytes(); }
  // Versions.
  uint64_t entry_count() const { return entry_count_.load(std::memory_order_relaxed); }
  bool empty() const { return entry_count() == 0; }
  // 0 when empty.
  Lsn min_lsn() const { return min_lsn_.load(std::memory_order_relaxed); }
  Lsn max_lsn() const { return max_lsn_.load(std::memory_order_acquire); }

 private:
  friend class MemTableIterator;

  void CountEntry(Lsn lsn);

  Arena arena_;
  KeyTable table_;
  KeyTree tree_;
  std::atomic<uint64_t> entry_count_{0};
  std::atomic<Lsn> min_lsn_{0};
  std::atomic<Lsn> max_lsn_{0};
};

// The iterator keeps the table alive. Versions added during the walk may or may not be met.
std::unique_ptr<InternalIterator> NewMemTableIterator(std::shared_ptr<const MemTable> table);

}  // namespace kyrodb::engine
