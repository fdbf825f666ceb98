#include "engine/storage/snapshot_iterator.h"

#include <string>
#include <utility>

namespace kyrodb::engine {
namespace {

class SnapshotIterator : public Iterator {
 public:
  SnapshotIterator(std::unique_ptr<InternalIterator> versions, KeyRange range, Lsn snapshot)
      : versions_(std::move(versions)), range_(std::move(range)), snapshot_(snapshot) {
    if (range_.begin.empty()) {
      versions_->SeekToFirst();
    } else {
      versions_->Seek(range_.begin);
    }
    FindVisible();
  }

  bool Valid() const override { return valid_; }
  void Next() override {
    SkipKey();
    FindVisible();
  }
  absl::string_view key() const override { return versions_->key(); }
  absl::string_view value() const override { return versions_->value(); }
  Lsn lsn() const override { return versions_->lsn(); }
  absl::Status status() const override { return versions_->status(); }

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
      } else if (versions_->kind() == EntryKind::kDelete) {
        SkipKey();
      } else {
        valid_ = true;
        return;
      }
    }
  }

  const std::unique_ptr<InternalIterator> versions_;
  const KeyRange range_;
  const Lsn snapshot_;
  bool valid_ = false;
  std::string skipped_key_;
};

}  // namespace

std::unique_ptr<Iterator> NewSnapshotIterator(std::unique_ptr<InternalIterator> versions,
                                              KeyRange range, Lsn snapshot) {
  return std::make_unique<SnapshotIterator>(std::move(versions), std::move(range), snapshot);
}

}  // namespace kyrodb::engine
