// A key of a memtable and its versions, as they lie in the table's arena.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

// The value's bytes stand right behind it.
struct VersionNode {
  VersionNode(Lsn version_lsn, EntryKind entry_kind, uint64_t size, VersionNode* next)
      : lsn(version_lsn),
        older(next),
        value_size(size & ((uint64_t{1} << 56) - 1)),
        kind_bits(static_cast<uint8_t>(entry_kind)) {}

  EntryKind kind() const { return static_cast<EntryKind>(kind_bits); }
  absl::string_view value() const { return {reinterpret_cast<const char*>(this + 1), value_size}; }

  const Lsn lsn;
  std::atomic<VersionNode*> older;
  const uint64_t value_size : 56;
  const uint64_t kind_bits : 8;
};

// The key's bytes stand right behind it, and mostly its first version behind those.
struct KeyNode {
  KeyNode(uint64_t size, VersionNode* version) : newest(version), key_size(size) {}

  absl::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }

  // Versions from new to old.
  std::atomic<VersionNode*> newest;
  const uint64_t key_size;
};

}  // namespace kyrodb::engine
