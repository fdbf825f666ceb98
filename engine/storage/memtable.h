// The newest versions of a key space, in memory: a skip list whose readers never wait.
//
// Source: W. Pugh, "Skip lists: a probabilistic alternative to balanced trees" (CACM 1990); nodes
// are never removed, so a pointer published with release order is all that a reader needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/random.h"
#include "engine/storage/arena.h"
#include "engine/storage/entry.h"
#include "engine/storage/internal_iterator.h"

namespace kyrodb::engine {

// Order:          internal order (entry.h). Adding a version with the key and LSN of an older one
//                 replaces it for readers: the later one stands first.
// Thread-safety:  one writer at a time; readers in any number, at any time. A reader sees every
//                 version whose `Add` happened before it asked.
// Cost:           `Add` and every look-up O(log n).
// Lifetime:       views stay valid as long as the table.
class MemTable {
 public:
  struct Found {
    EntryKind kind = EntryKind::kDelete;
    absl::string_view value;
    Lsn lsn = 0;
  };

  MemTable();
  MemTable(const MemTable&) = delete;
  MemTable& operator=(const MemTable&) = delete;

  // `lsn` is at least 1. The value of a delete is not kept.
  void Add(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value);

  // The newest version of `key` with an LSN of at most `snapshot`; deletes are found too.
  std::optional<Found> Get(absl::string_view key, Lsn snapshot) const;
  // The LSN of the newest version of `key`; 0 when there is none.
  Lsn LatestLsn(absl::string_view key) const;
  // The greatest key less than `bound`, or of all when there is no bound; nullopt when none is.
  std::optional<absl::string_view> KeyBefore(std::optional<absl::string_view> bound) const;

  // All memory, with the overhead of nodes.
  uint64_t memory_bytes() const { return arena_.memory_bytes(); }
  // Versions.
  uint64_t entry_count() const { return entry_count_.load(std::memory_order_relaxed); }
  bool empty() const { return entry_count() == 0; }
  // 0 when empty.
  Lsn min_lsn() const { return min_lsn_.load(std::memory_order_relaxed); }
  Lsn max_lsn() const { return max_lsn_.load(std::memory_order_acquire); }

 private:
  friend class MemTableIterator;
  struct Node;
  static constexpr int kHeightMax = 12;

  Node* NewNode(int height, Lsn lsn, EntryKind kind, absl::string_view key,
                absl::string_view value);
  int RandomHeight();
  // The first node that does not stand before (key, lsn). Fills `before` with the nodes after which
  // such a node would be linked, when it is not null.
  const Node* FindNotBefore(absl::string_view key, Lsn lsn, Node** before) const;

  Arena arena_;
  Random random_;
  Node* const head_;
  std::atomic<int> height_{1};
  std::atomic<uint64_t> entry_count_{0};
  std::atomic<Lsn> min_lsn_{0};
  std::atomic<Lsn> max_lsn_{0};
};

// The iterator keeps the table alive. Versions added during the walk may or may not be met.
std::unique_ptr<InternalIterator> NewMemTableIterator(std::shared_ptr<const MemTable> table);

}  // namespace kyrodb::engine
