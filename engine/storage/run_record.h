// One record of a run's heap, read in place: a key's rest and the table of its versions.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

struct RunVersion {
  Lsn lsn = 0;
  EntryKind kind = EntryKind::kDelete;
  uint64_t value_offset = 0;  // in the record
  uint64_t value_bytes = 0;
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

}  // namespace kyrodb::engine
