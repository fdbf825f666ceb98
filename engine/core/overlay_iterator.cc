#include "engine/core/overlay_iterator.h"

#include <iterator>
#include <utility>

namespace kyrodb::engine {
namespace {

class OverlayIterator final : public Iterator {
 public:
  OverlayIterator(std::shared_ptr<const SpaceWrites> writes, std::unique_ptr<Iterator> committed,
                  const KeyRange& range, const ScanOptions& options, WallMicros now)
      : reverse_(options.reverse),
        now_(now),
        writes_(std::move(writes)),
        committed_(std::move(committed)),
        own_begin_(writes_->lower_bound(range.begin)),
        own_end_(range.end.empty() ? writes_->end() : writes_->lower_bound(range.end)) {
    if (!range.end.empty() && range.end <= range.begin) own_begin_ = own_end_;
    if (HasOwn()) LoadOwn();
    Settle();
  }

  bool Valid() const override { return at_own_ || at_committed_; }

  void Next() override {
    if (at_own_) {
      StepOwn();
    } else {
      committed_->Next();
    }
    Settle();
  }

  absl::string_view key() const override { return at_own_ ? own_->first : committed_->key(); }
  absl::string_view value() const override {
    return at_own_ ? ValueOf(own_->second.kind(), own_->second.value) : committed_->value();
  }
  Lsn lsn() const override { return at_own_ ? 0 : committed_->lsn(); }
  absl::Status status() const override {
    return committed_ == nullptr ? absl::OkStatus() : committed_->status();
  }

 private:
  // Own writes that the walk has not passed: [own_begin_, own_end_), of which `own_` is the next.
  bool HasOwn() const { return own_begin_ != own_end_; }
  void LoadOwn() { own_ = reverse_ ? std::prev(own_end_) : own_begin_; }
  void StepOwn() {
    if (reverse_) {
      --own_end_;
    } else {
      ++own_begin_;
    }
    if (HasOwn()) LoadOwn();
  }

  // Finds the next entry from where both sides stand: skips own deletes and what they and own
  // writes hide. Stops for good when the committed side failed.
  void Settle() {
    for (;;) {
      const bool has_own = HasOwn();
      const bool has_committed = committed_ != nullptr && committed_->Valid();
      if (!has_committed && !status().ok()) {
        at_own_ = at_committed_ = false;
        return;
      }
      int order = !has_own ? 1 : -1;
      if (has_own && has_committed) {
        order = absl::string_view(own_->first).compare(committed_->key());
        if (reverse_) order = -order;
      }
      if (order == 0) {
        committed_->Next();
        continue;
      }
      if (has_own && order < 0 && !IsVisible(own_->second.kind(), own_->second.value, now_)) {
        StepOwn();
        continue;
      }
      at_own_ = has_own && order < 0;
      at_committed_ = has_committed && order > 0;
      return;
    }
  }

  const bool reverse_;
  const WallMicros now_;
  const std::shared_ptr<const SpaceWrites> writes_;
  const std::unique_ptr<Iterator> committed_;
  SpaceWrites::const_iterator own_begin_;
  SpaceWrites::const_iterator own_end_;
  SpaceWrites::const_iterator own_;
  bool at_own_ = false;
  bool at_committed_ = false;
};

}  // namespace

std::unique_ptr<Iterator> NewOverlayIterator(std::shared_ptr<const SpaceWrites> writes,
                                             std::unique_ptr<Iterator> committed,
                                             const KeyRange& range, const ScanOptions& options,
                                             WallMicros now) {
  return std::make_unique<OverlayIterator>(std::move(writes), std::move(committed), range, options,
                                           now);
}

}  // namespace kyrodb::engine
