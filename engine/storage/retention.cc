#include "engine/storage/retention.h"

#include <algorithm>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

// Writes the versions of one key after the other, new to old.
class RetainedKey {
 public:
  RetainedKey(const RetentionPolicy& policy, bool is_oldest, RunWriter& writer,
              std::span<const uint64_t> moved_files)
      : policy_(policy), writer_(writer), is_oldest_(is_oldest), moved_files_(moved_files) {
    droppable_lsn_max_ = policy.snapshots.empty()
                             ? policy.tombstone_floor
                             : std::min(policy.tombstone_floor, policy.snapshots.front());
  }

  absl::Status Begin(absl::string_view key) {
    KYRO_RETURN_IF_ERROR(End());
    key_.assign(key.data(), key.size());
    newer_lsn_ = 0;
    return absl::OkStatus();
  }

  bool IsAt(absl::string_view key) const { return has_key_ && key == key_; }

  // The version that `versions` stands on; when it is `gone` it counts as a delete.
  absl::Status Add(InternalIterator& versions, bool gone) {
    const Lsn lsn = versions.lsn();
    const bool needed = !has_key_ || newer_lsn_ == 0 || IsSeen(lsn);
    has_key_ = true;
    newer_lsn_ = lsn;
    if (!needed) return absl::OkStatus();
    if (gone || versions.kind() == EntryKind::kDelete) {
      // Whether it hides anything is known when an older version turns up, or none.
      held_deletes_.push_back(lsn);
      return absl::OkStatus();
    }
    KYRO_RETURN_IF_ERROR(WriteDeletes(/*hide_nothing=*/false));
    if (const ApartValue* apart = versions.apart()) {
      if (!std::binary_search(moved_files_.begin(), moved_files_.end(), apart->file_number)) {
        return writer_.AddApart(key_, lsn, versions.kind(), *apart);
      }
      KYRO_RETURN_IF_ERROR(versions.FetchValue());
    }
    return writer_.Add(key_, lsn, versions.kind(), versions.value());
  }

  absl::Status End() { return WriteDeletes(/*hide_nothing=*/true); }

 private:
  // Whether a snapshot, or a reader that comes later, sees a version that the one of `newer_lsn_`
  // replaced.
  bool IsSeen(Lsn lsn) const {
    if (lsn >= newer_lsn_ || policy_.snapshots.empty()) return false;
    // Versions that were not published when the snapshots were collected may yet be read one by
    // one.
    if (lsn > policy_.snapshots.back()) return true;
    const auto snapshot = std::lower_bound(policy_.snapshots.begin(), policy_.snapshots.end(), lsn);
    return *snapshot < newer_lsn_;
  }

  absl::Status WriteDeletes(bool hide_nothing) {
    for (const Lsn lsn : held_deletes_) {
      if (hide_nothing && is_oldest_ && lsn <= droppable_lsn_max_) continue;
      KYRO_RETURN_IF_ERROR(writer_.Add(key_, lsn, EntryKind::kDelete, ""));
    }
    held_deletes_.clear();
    return absl::OkStatus();
  }

  const RetentionPolicy& policy_;
  RunWriter& writer_;
  const bool is_oldest_;
  const std::span<const uint64_t> moved_files_;
  Lsn droppable_lsn_max_ = 0;
  bool has_key_ = false;
  std::string key_;
  Lsn newer_lsn_ = 0;  // of the version before, kept or not; 0 for the first
  std::vector<Lsn> held_deletes_;
};

}  // namespace

absl::Status WriteRetained(InternalIterator& versions, const RetentionPolicy& policy,
                           bool is_oldest, RunWriter& writer, ReplacedCounter* replaced,
                           std::span<const uint64_t> moved_files) {
  KYRO_CHECK(std::is_sorted(policy.snapshots.begin(), policy.snapshots.end()));
  RetainedKey retained(policy, is_oldest, writer, moved_files);
  constexpr uint64_t kPaceBytes = uint64_t{64} << 10;
  uint64_t unpaced_bytes = 0;
  for (versions.SeekToFirst(); versions.Valid(); versions.Next()) {
    if (!retained.IsAt(versions.key())) {
      KYRO_RETURN_IF_ERROR(retained.Begin(versions.key()));
      if (replaced != nullptr) replaced->Add(versions.key());
    }
    const bool gone =
        versions.kind() == EntryKind::kExpiringPut && !IsVisibleAt(versions, policy.expired_until);
    KYRO_RETURN_IF_ERROR(retained.Add(versions, gone));
    // A value that stays apart costs nothing; one that was moved is here now.
    unpaced_bytes += versions.key().size() + versions.value().size();
    if (unpaced_bytes >= kPaceBytes && policy.pace != nullptr) {
      KYRO_RETURN_IF_ERROR(policy.pace(std::exchange(unpaced_bytes, 0)));
    }
  }
  KYRO_RETURN_IF_ERROR(versions.status());
  return retained.End();
}

}  // namespace kyrodb::engine
