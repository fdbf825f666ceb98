#include "engine/storage/snapshot_iterator.h"

#include <new>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

class SnapshotIterator : public Iterator {
 public:
  SnapshotIterator(std::unique_ptr<InternalIterator> versions, KeyRange range, Lsn snapshot,
                   WallMicros now)
      : versions_(std::move(versions)), range_(std::move(range)), snapshot_(snapshot), now_(now) {
    if (range_.begin.empty()) {
      versions_->SeekToFirst();
    } else {
      versions_->Seek(range_.begin);
    }
    FindVisible();
  }

  bool Valid() const override { return valid_; }
  void Next() override try {
    SkipKey();
    FindVisible();
  } catch (const std::bad_alloc&) {
    Fail();
  }
  absl::string_view key() const override { return versions_->key(); }
  absl::string_view value() const override {
    return ValueOf(versions_->kind(), versions_->value());
  }
  Lsn lsn() const override { return versions_->lsn(); }
  absl::Status status() const override { return failed_.ok() ? versions_->status() : failed_; }

 private:
  // Steps over the current version and the older ones of its key.
  void SkipKey() {
    const absl::string_view key = versions_->key();
    skipped_key_.assign(key.data(), key.size());
    do {
      versions_->Next();
    } while (versions_->Valid() && versions_->key() == skipped_key_);
  }

  void FindVisible() {
    valid_ = false;
    while (versions_->Valid()) {
      if (!range_.end.empty() && versions_->key() >= range_.end) return;
      if (versions_->lsn() > snapshot_) {
        versions_->Next();
      } else if (!IsVisibleAt(*versions_, now_)) {
        SkipKey();
      } else {
        failed_ = versions_->FetchValue();
        valid_ = failed_.ok();
        return;
      }
    }
  }

  // Where `versions_` stands is unknown then.
  void Fail() {
    failed_ = OutOfMemoryError();
    valid_ = false;
  }

  const std::unique_ptr<InternalIterator> versions_;
  const KeyRange range_;
  const Lsn snapshot_;
  const WallMicros now_;
  bool valid_ = false;
  absl::Status failed_;  // ends the walk
  std::string skipped_key_;
};

// The same, from the last key of the range down.
class ReverseSnapshotIterator : public Iterator {
 public:
  ReverseSnapshotIterator(std::unique_ptr<InternalIterator> versions, KeyRange range, Lsn snapshot,
                          WallMicros now)
      : versions_(std::move(versions)), range_(std::move(range)), snapshot_(snapshot), now_(now) {
    versions_->SeekBefore(range_.end.empty() ? std::nullopt
                                             : std::optional<absl::string_view>(range_.end));
    FindVisible();
  }

  bool Valid() const override { return valid_; }
  void Next() override try {
    versions_->PrevKey();
    FindVisible();
  } catch (const std::bad_alloc&) {
    Fail();
  }
  absl::string_view key() const override { return versions_->key(); }
  absl::string_view value() const override {
    return ValueOf(versions_->kind(), versions_->value());
  }
  Lsn lsn() const override { return versions_->lsn(); }
  absl::Status status() const override { return failed_.ok() ? versions_->status() : failed_; }

 private:
  // From the newest version of a key to the one that the snapshot sees, or on to a lesser key.
  void FindVisible() {
    valid_ = false;
    while (versions_->Valid() && versions_->key() >= range_.begin) {
      if (versions_->lsn() > snapshot_ && !FindOlder()) continue;
      if (IsVisibleAt(*versions_, now_)) {
        failed_ = versions_->FetchValue();
        valid_ = failed_.ok();
        return;
      }
      versions_->PrevKey();
    }
  }

  // Whether the current key has a version that is old enough, to which it goes; if not, it goes to
  // the key before.
  bool FindOlder() {
    const absl::string_view key = versions_->key();
    key_.assign(key.data(), key.size());
    do {
      versions_->Next();
      if (!versions_->Valid() && !versions_->status().ok()) return false;
      if (!versions_->Valid() || versions_->key() != key_) {
        versions_->SeekBefore(key_);
        return false;
      }
    } while (versions_->lsn() > snapshot_);
    return true;
  }

  // Where `versions_` stands is unknown then.
  void Fail() {
    failed_ = OutOfMemoryError();
    valid_ = false;
  }

  const std::unique_ptr<InternalIterator> versions_;
  const KeyRange range_;
  const Lsn snapshot_;
  const WallMicros now_;
  bool valid_ = false;
  absl::Status failed_;  // ends the walk
  std::string key_;
};

}  // namespace

std::unique_ptr<Iterator> NewSnapshotIterator(std::unique_ptr<InternalIterator> versions,
                                              KeyRange range, Lsn snapshot,
                                              const ScanOptions& options, WallMicros now) {
  if (options.reverse) {
    return std::make_unique<ReverseSnapshotIterator>(std::move(versions), std::move(range),
                                                     snapshot, now);
  }
  return std::make_unique<SnapshotIterator>(std::move(versions), std::move(range), snapshot, now);
}

}  // namespace kyrodb::engine
