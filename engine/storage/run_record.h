// One record of a run's heap, read in place: a key's rest and the table of its versions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

// Of a version's size and kind: the value lies in a value file.
inline constexpr uint64_t kApartBit = 4;

struct RunVersion {
  Lsn lsn = 0;
  EntryKind kind = EntryKind::kDelete;
  uint64_t value_offset = 0;  // in the record, or in the value file
  uint64_t value_bytes = 0;
  // Whether the value lies apart; then in which of the run's value files, and of an expiring put
  // the moment that the value begins with.
  bool is_apart = false;
  uint64_t value_file = 0;
  WallMicros expiry = 0;
};

// Whatever the bytes are, nothing outside of them is read, and what is wrong is said.
//
// Lifetime:  borrows the bytes.
class RunRecord {
 public:
  // Reads the key's rest and the count of versions. `bytes` begins with the record and may end
  // within it. On false, `problem` says what is wrong; when `bytes` was not the whole record, that
  // may be all that is wrong.
  bool ParseHead(absl::string_view bytes, uint64_t record_bytes);

  // The key after the run's common prefix.
  absl::string_view rest() const { return rest_; }
  uint64_t version_count() const { return version_count_; }

  // Steps through the table, new to old; `Next` gives false at its end or when it is damaged
  // (`problem` is set then). The offset of each value is known once the table has ended: until
  // then `value_offset` counts from the first value.
  bool NextVersion(RunVersion* version);
  // Where the first value begins, after the last version was read. Checks that the values end
  // where the record does; false when they do not.
  bool FinishVersions(uint64_t* values_begin);

  const char* problem() const { return problem_; }

 private:
  bool Fail(const char* problem) {
    problem_ = problem;
    return false;
  }
  bool ReadVarint(uint64_t* value);
  bool ReadApart(RunVersion* version);

  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  uint64_t record_bytes_ = 0;
  absl::string_view rest_;
  uint64_t version_count_ = 0;
  uint64_t versions_left_ = 0;
  Lsn lsn_ = 0;
  uint64_t values_bytes_ = 0;
  const char* problem_ = nullptr;
};

// In the header because look-ups read one record each.

inline bool RunRecord::ReadVarint(uint64_t* value) {
  if (at_ < end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
    *value = static_cast<uint8_t>(*at_++);
    return true;
  }
  *value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) return Fail("a number is cut off");
    const auto byte = static_cast<uint8_t>(*at_++);
    if (shift == 63 && byte > 1) break;
    *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return Fail("a number has more than 64 bits");
}

inline bool RunRecord::ParseHead(absl::string_view bytes, uint64_t record_bytes) {
  begin_ = at_ = bytes.data();
  end_ = begin_ + bytes.size();
  record_bytes_ = record_bytes;
  problem_ = nullptr;
  uint64_t rest_bytes;
  if (!ReadVarint(&rest_bytes)) return false;
  if (rest_bytes > static_cast<uint64_t>(end_ - at_)) return Fail("the key reaches past its end");
  rest_ = {at_, rest_bytes};
  at_ += rest_bytes;
  if (!ReadVarint(&version_count_)) return false;
  // A version takes at least two bytes.
  if (version_count_ == 0 ||
      version_count_ > (record_bytes_ - static_cast<uint64_t>(at_ - begin_)) / 2) {
    return Fail("its count of versions is impossible");
  }
  versions_left_ = version_count_;
  lsn_ = 0;
  values_bytes_ = 0;
  return true;
}

inline bool RunRecord::NextVersion(RunVersion* version) {
  if (versions_left_ == 0) return false;
  uint64_t step, size_and_kind;
  if (!ReadVarint(&step) || !ReadVarint(&size_and_kind)) return false;
  const bool first = versions_left_ == version_count_;
  if (step == 0 || (!first && step >= lsn_)) return Fail("its LSNs do not descend");
  lsn_ = first ? step : lsn_ - step;
  const uint64_t size = size_and_kind >> 3;
  const auto kind = static_cast<EntryKind>(size_and_kind & 3);
  version->lsn = lsn_;
  version->kind = kind;
  version->value_offset = values_bytes_;
  version->value_bytes = size;
  version->is_apart = (size_and_kind & kApartBit) != 0;
  if (version->is_apart) [[unlikely]] {
    if (!ReadApart(version)) return false;
  } else {
    if (kind > kEntryKindMax || size > record_bytes_ - values_bytes_ ||
        (kind == EntryKind::kDelete && size > 0)) {
      return Fail("a version has an impossible value");
    }
    values_bytes_ += size;
  }
  --versions_left_;
  return true;
}

inline bool RunRecord::ReadApart(RunVersion* version) {
  const bool expires = version->kind == EntryKind::kExpiringPut;
  if (version->kind == EntryKind::kDelete || version->kind > kEntryKindMax ||
      version->value_bytes < (expires ? kExpiryBytes : 1)) {
    return Fail("a version has an impossible value");
  }
  if (!ReadVarint(&version->value_file) || !ReadVarint(&version->value_offset)) return false;
  if (!expires) return true;
  if (end_ - at_ < static_cast<std::ptrdiff_t>(kExpiryBytes)) {
    return Fail("an expiry is cut off");
  }
  version->expiry = static_cast<WallMicros>(LoadFixed64(at_));
  at_ += kExpiryBytes;
  return true;
}

inline bool RunRecord::FinishVersions(uint64_t* values_begin) {
  *values_begin = static_cast<uint64_t>(at_ - begin_);
  if (values_bytes_ != record_bytes_ - *values_begin) {
    return Fail("its values do not end where it does");
  }
  return true;
}

}  // namespace kyrodb::engine
