// When keys were last written, roughly: almost every commit is validated without a look into
// memtables or runs.
//
// Source: the idea of a table of versions by hash is TL2's (Dice, Shalev, Shavit, "Transactional
// Locking II", DISC 2006); here it only filters.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "engine/schema.h"
#include "engine/storage/key_hash.h"

namespace kyrodb::engine {

// Keys share slots by hash, so an answer may be too new, never too old: "not since my snapshot" is
// certain, anything else has to be looked up.
//
// Thread-safety:  one thread at a time.
// Cost:           one slot per call; 1 MiB of address space, of which unused pages take no memory.
class RecentWrites {
 public:
  // Of what was committed before it is only known that it was not after `floor`.
  explicit RecentWrites(Lsn floor);

  // Commit `lsn`, not below any noted before, writes `key`. It may yet fail.
  void Note(ObjectId space, absl::string_view key, Lsn lsn) {
    Slot(space, key) = lsn;
    if (space == kCatalogSpace) catalog_lsn_ = lsn;
  }
  // Commit `lsn` writes keys that are not told.
  void NoteUnknown(Lsn lsn) { floor_ = lsn; }
  // No commit after the result has written `key`.
  Lsn LastWrite(ObjectId space, absl::string_view key) const {
    const Lsn lsn = Slot(space, key);
    return lsn > floor_ ? lsn : floor_;
  }
  // No commit after the result has changed a definition.
  Lsn LastDefinition() const { return catalog_lsn_; }

 private:
  static constexpr uint64_t kSlotCount = uint64_t{1} << 17;
  struct Free {
    void operator()(Lsn* slots) const;
  };
  Lsn& Slot(ObjectId space, absl::string_view key) const {
    const uint64_t hash = KeyHash(key) + space * uint64_t{0x9E3779B97F4A7C15};
    return slots_[(hash ^ (hash >> 32)) % kSlotCount];
  }

  Lsn floor_;
  Lsn catalog_lsn_;
  const std::unique_ptr<Lsn[], Free> slots_;
};

}  // namespace kyrodb::engine
