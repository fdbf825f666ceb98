// What storage holds: versions of keys. A version is a put or a delete, stamped with the LSN of the
// commit that wrote it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/coding.h"

namespace kyrodb::engine {

// The same type as `wal::Lsn`; said again here because storage does not know the log.
// Units:  0 is no commit: a version has an LSN of at least 1.
using Lsn = uint64_t;
inline constexpr Lsn kLsnMax = ~Lsn{0};

// The numbers are part of the run format: never reuse one. There is room for 0 to 3.
enum class EntryKind : uint8_t {
  kDelete = 0,
  kPut = 1,
  kExpiringPut = 2,  // the value begins with the moment of its expiry, 8 bytes, little-endian
};
inline constexpr EntryKind kEntryKindMax = EntryKind::kExpiringPut;

// Units:  microseconds of the wall clock. Expired is what has an expiry at or before now.
using WallMicros = int64_t;
// For readers to whom nothing has expired.
inline constexpr WallMicros kBeforeExpiry = INT64_MIN;
inline constexpr size_t kExpiryBytes = 8;

// Of an expiring put's stored value; one that is too short never expires and is empty.
inline WallMicros ExpiryOf(absl::string_view stored) {
  if (stored.size() < kExpiryBytes) return INT64_MAX;
  return static_cast<WallMicros>(LoadFixed64(stored.data()));
}
// Whether a reader at `now` sees a value, which is then what `ValueOf` gives.
inline bool IsVisible(EntryKind kind, absl::string_view stored, WallMicros now) {
  return kind == EntryKind::kPut || (kind == EntryKind::kExpiringPut && ExpiryOf(stored) > now);
}
inline absl::string_view ValueOf(EntryKind kind, absl::string_view stored) {
  if (kind != EntryKind::kExpiringPut) return stored;
  return stored.substr(stored.size() < kExpiryBytes ? stored.size() : kExpiryBytes);
}

// Where a large value lies outside of its run (value_file_format.md).
struct ApartValue {
  uint64_t file_number = 0;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  WallMicros expiry = 0;  // of an expiring put: what the value begins with
};

// One version, with a copy of its value.
struct FoundVersion {
  EntryKind kind = EntryKind::kDelete;
  Lsn lsn = 0;
  std::string value;
};

// The internal order: keys ascending by memcmp, versions of one key from new to old.
// Negative, zero or positive as a stands before, on or after b.
inline int CompareInternal(absl::string_view a_key, Lsn a_lsn, absl::string_view b_key, Lsn b_lsn) {
  if (const int order = a_key.compare(b_key); order != 0) return order;
  return a_lsn > b_lsn ? -1 : (a_lsn < b_lsn ? 1 : 0);
}

}  // namespace kyrodb::engine
