// Which keys the latest commits have written, so that what a serializable transaction has read is
// compared with those keys, and not looked up in the database.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "engine/core/write_set.h"
#include "engine/schema.h"
#include "engine/storage/entry.h"

namespace kyrodb::engine {

// Records only while somebody may ask, and at most `bytes_max`, the oldest going first.
//
// Thread-safety:  `AddReader` and `RemoveReader` from any thread; the rest by the commit that is
//                 being prepared, one at a time.
class CommitHistory {
 public:
  explicit CommitHistory(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // A transaction that may ask counts as a reader from before it has its snapshot until its end.
  void AddReader() { readers_.fetch_add(1); }
  void RemoveReader() { readers_.fetch_sub(1); }

  // Commit `lsn` passed validation and will write `writes`. It may yet fail: then it stays here and
  // refuses somebody who need not be refused, and its LSN comes again.
  void Note(Lsn lsn, const WriteSet& writes);
  // Commit `lsn` passed validation and will write more keys than can be listed.
  void NoteUnknown(Lsn lsn);

  // Whether `hit` is true for a key that a commit after `snapshot` wrote; nullopt when not all of
  // those commits are known any more.
  std::optional<bool> AnyAfter(
      Lsn snapshot, absl::FunctionRef<bool(ObjectId space, absl::string_view key)> hit) const;

 private:
  struct Commit {
    Lsn lsn = 0;
    uint64_t bytes = 0;
    std::vector<std::pair<ObjectId, std::string>> keys;
  };

  const uint64_t bytes_max_;
  std::atomic<int64_t> readers_{0};
  std::deque<Commit> commits_;
  uint64_t bytes_ = 0;
  Lsn begin_lsn_ = kLsnMax;  // every commit from here on is in `commits_`
};

}  // namespace kyrodb::engine
