#include "engine/core/commit_history.h"

#include <algorithm>

namespace kyrodb::engine {

void CommitHistory::Note(Lsn lsn, const WriteSet& writes) {
  if (readers_.load() == 0) {
    commits_.clear();
    bytes_ = 0;
    begin_lsn_ = kLsnMax;
    return;
  }
  begin_lsn_ = std::min(begin_lsn_, lsn);
  Commit commit{.lsn = lsn, .bytes = sizeof(Commit), .keys = {}};
  for (const auto& [space, space_writes] : writes.spaces()) {
    for (const auto& [key, write] : *space_writes) {
      commit.bytes += sizeof(commit.keys.front()) + key.size();
      commit.keys.emplace_back(space, key);
    }
  }
  commits_.push_back(std::move(commit));
  bytes_ += commits_.back().bytes;
  while (bytes_ > bytes_max_) {
    bytes_ -= commits_.front().bytes;
    begin_lsn_ = std::max(begin_lsn_, commits_.front().lsn + 1);
    commits_.pop_front();
  }
}

void CommitHistory::NoteUnknown(Lsn lsn) {
  commits_.clear();
  bytes_ = 0;
  begin_lsn_ = readers_.load() == 0 ? kLsnMax : lsn + 1;
}

std::optional<bool> CommitHistory::AnyAfter(
    Lsn snapshot, absl::FunctionRef<bool(ObjectId space, absl::string_view key)> hit) const {
  // Of those that are known, one may do, even when others are not.
  for (auto commit = commits_.rbegin(); commit != commits_.rend(); ++commit) {
    if (commit->lsn <= snapshot) break;
    for (const auto& [space, key] : commit->keys) {
      if (hit(space, key)) return true;
    }
  }
  if (snapshot + 1 < begin_lsn_) return std::nullopt;
  return false;
}

}  // namespace kyrodb::engine
