#include "engine/storage/merging_iterator.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace kyrodb::engine {
namespace {

class MergingIterator : public InternalIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<InternalIterator>> sources)
      : sources_(std::move(sources)) {
    heap_.reserve(sources_.size());
  }

  void Seek(absl::string_view key) override {
    for (auto& source : sources_) source->Seek(key);
    Build();
  }
  void SeekToFirst() override {
    for (auto& source : sources_) source->SeekToFirst();
    Build();
  }
  bool Valid() const override { return !heap_.empty(); }
  void Next() override {
    std::pop_heap(heap_.begin(), heap_.end(), after_);
    InternalIterator& source = *sources_[heap_.back()];
    source.Next();
    if (source.Valid()) {
      std::push_heap(heap_.begin(), heap_.end(), after_);
      return;
    }
    heap_.pop_back();
    status_ = source.status();
    if (!status_.ok()) heap_.clear();
  }
  absl::string_view key() const override { return top().key(); }
  Lsn lsn() const override { return top().lsn(); }
  EntryKind kind() const override { return top().kind(); }
  absl::string_view value() const override { return top().value(); }
  absl::Status status() const override { return status_; }

 private:
  // Whether source a's version stands after source b's: the standard heap keeps the "largest" in
  // front, which is the one that comes first.
  struct After {
    const MergingIterator* self;
    bool operator()(size_t a, size_t b) const {
      const InternalIterator& x = *self->sources_[a];
      const InternalIterator& y = *self->sources_[b];
      const int order = CompareInternal(x.key(), x.lsn(), y.key(), y.lsn());
      return order != 0 ? order > 0 : a > b;
    }
  };

  const InternalIterator& top() const { return *sources_[heap_.front()]; }

  void Build() {
    heap_.clear();
    status_ = absl::OkStatus();
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i]->Valid()) {
        heap_.push_back(i);
      } else {
        status_.Update(sources_[i]->status());
      }
    }
    if (!status_.ok()) heap_.clear();
    std::make_heap(heap_.begin(), heap_.end(), after_);
  }

  const std::vector<std::unique_ptr<InternalIterator>> sources_;
  const After after_{this};
  std::vector<size_t> heap_;  // the sources that are valid
  absl::Status status_;
};

}  // namespace

std::unique_ptr<InternalIterator> NewMergingIterator(
    std::vector<std::unique_ptr<InternalIterator>> sources) {
  if (sources.size() == 1) return std::move(sources.front());
  return std::make_unique<MergingIterator>(std::move(sources));
}

}  // namespace kyrodb::engine
