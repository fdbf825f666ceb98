// The common face of everything that holds versions in internal order.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

// Walks versions: keys ascending, and of one key the newest first. Backwards it goes key by key:
// from any version to the newest version of the key before. Not positioned until one of the Seeks
// is called.
//
// Errors:         an error ends the walk: `Valid` is false and `status` says why.
// Thread-safety:  one thread at a time.
// Lifetime:       keeps what it walks over alive. Views are valid until the iterator moves.
class InternalIterator {
 public:
  virtual ~InternalIterator() = default;
  // Goes to the newest version of the first key that is not less than `key`.
  virtual void Seek(absl::string_view key) = 0;
  virtual void SeekToFirst() = 0;
  // Goes to the newest version of the greatest key less than `bound`, or of all without a bound.
  virtual void SeekBefore(std::optional<absl::string_view> bound) = 0;
  virtual bool Valid() const = 0;
  // To the next version, which may be one of the same key. Only when `Valid`.
  virtual void Next() = 0;
  // To the newest version of the greatest key that is less than the current one. Only when `Valid`.
  // `Next` may follow, and walks upwards from there.
  virtual void PrevKey() = 0;
  virtual absl::string_view key() const = 0;
  virtual Lsn lsn() const = 0;
  virtual EntryKind kind() const = 0;
  // Empty for a delete, and while the value lies apart.
  virtual absl::string_view value() const = 0;
  // Where the value lies when it is not here; null when `value` gives it. Walking on without
  // fetching reads nothing of it.
  virtual const ApartValue* apart() const { return nullptr; }
  // Brings in a value that lies apart, so that `value` gives it. After an error the iterator stands
  // where it stood.
  virtual absl::Status FetchValue() { return absl::OkStatus(); }
  virtual absl::Status status() const = 0;
};

// Whether a reader at `now` sees the version that `versions` stands on; reads no value.
inline bool IsVisibleAt(const InternalIterator& versions, WallMicros now) {
  const EntryKind kind = versions.kind();
  if (const ApartValue* apart = versions.apart()) {
    return kind == EntryKind::kPut || (kind == EntryKind::kExpiringPut && apart->expiry > now);
  }
  return IsVisible(kind, versions.value(), now);
}

}  // namespace kyrodb::engine
