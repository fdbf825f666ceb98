#include "engine/storage/merging_iterator.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "engine/storage/run_format.h"

namespace kyrodb::engine {
namespace {

class MergingIterator : public InternalIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<InternalIterator>> sources)
      : sources_(std::move(sources)), heads_(sources_.size()) {
    heap_.reserve(sources_.size());
  }

  void Seek(absl::string_view key) override {
    for (auto& source : sources_) source->Seek(key);
    Build();
  }
  void SeekBefore(std::optional<absl::string_view> bound) override {
    for (auto& source : sources_) source->SeekBefore(bound);
    BuildBackward();
  }
  void SeekToFirst() override {
    for (auto& source : sources_) source->SeekToFirst();
    Build();
  }
  bool Valid() const override { return !heap_.empty(); }
  void PrevKey() override {
    if (!backward_) back_key_.assign(key().data(), key().size());
    for (auto& source : sources_) {
      if (source->Valid() && source->key() == back_key_) {
        source->PrevKey();
      } else if (!backward_) {
        source->SeekBefore(back_key_);
      }
    }
    BuildBackward();
  }
  void Next() override {
    if (backward_) {
      NextBackward();
      return;
    }
    InternalIterator& source = *sources_[heap_.front()];
    source.Next();
    if (source.Valid()) {
      ReadHead(heap_.front());
      SinkFront();
      return;
    }
    status_ = source.status();
    heap_.front() = heap_.back();
    heap_.pop_back();
    SinkFront();
    if (!status_.ok()) heap_.clear();
  }
  absl::string_view key() const override { return heads_[heap_.front()].key; }
  Lsn lsn() const override { return heads_[heap_.front()].lsn; }
  EntryKind kind() const override { return top().kind(); }
  absl::string_view value() const override { return top().value(); }
  const ApartValue* apart() const override { return top().apart(); }
  absl::Status FetchValue() override { return sources_[heap_.front()]->FetchValue(); }
  absl::Status status() const override { return status_; }

 private:
  // Where a source stands, so that comparing sources calls none of them; most keys differ in their
  // first eight bytes.
  struct Head {
    uint64_t front = 0;  // KeySlice(key)
    absl::string_view key;
    Lsn lsn = 0;
  };

  // Whether source a's version stands after source b's: the standard heap keeps the "largest" in
  // front, which is the one that comes first.
  struct After {
    const MergingIterator* self;
    bool operator()(size_t a, size_t b) const {
      const Head& x = self->heads_[a];
      const Head& y = self->heads_[b];
      if (x.front != y.front) return x.front > y.front;
      const int order = CompareInternal(x.key, x.lsn, y.key, y.lsn);
      return order != 0 ? order > 0 : a > b;
    }
  };

  void ReadHead(size_t source) {
    const absl::string_view key = sources_[source]->key();
    heads_[source] = {.front = KeySlice(key), .key = key, .lsn = sources_[source]->lsn()};
  }

  // Brings the heap in order after the source in front has moved.
  void SinkFront() {
    for (size_t at = 0;;) {
      size_t first = at;
      for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child) {
        if (after_(heap_[first], heap_[child])) first = child;
      }
      if (first == at) return;
      std::swap(heap_[at], heap_[first]);
      at = first;
    }
  }

  const InternalIterator& top() const { return *sources_[heap_.front()]; }

  // After a step backwards the heap holds only the sources that stand on the greatest key: the
  // others stand below it, or have no key below it. This finds that key.
  void BuildBackward() {
    backward_ = true;
    heap_.clear();
    status_ = absl::OkStatus();
    std::optional<absl::string_view> greatest;
    for (const auto& source : sources_) {
      if (!source->Valid()) {
        status_.Update(source->status());
      } else if (!greatest || source->key() > *greatest) {
        greatest = source->key();
      }
    }
    if (!status_.ok() || !greatest) return;
    back_key_.assign(greatest->data(), greatest->size());
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (!sources_[i]->Valid() || sources_[i]->key() != back_key_) continue;
      ReadHead(i);
      heap_.push_back(i);
    }
    std::make_heap(heap_.begin(), heap_.end(), after_);
  }

  // Upwards through the versions of `back_key_`, and after its last version in the usual way.
  void NextBackward() {
    std::pop_heap(heap_.begin(), heap_.end(), after_);
    InternalIterator& source = *sources_[heap_.back()];
    source.Next();
    if (source.Valid() && source.key() == back_key_) {
      ReadHead(heap_.back());
      std::push_heap(heap_.begin(), heap_.end(), after_);
      return;
    }
    heap_.pop_back();
    if (!source.Valid()) status_ = source.status();
    // Below the key again, as the others are, should `PrevKey` come next.
    if (status_.ok()) source.SeekBefore(back_key_);
    if (!source.Valid()) status_.Update(source.status());
    if (!status_.ok()) {
      heap_.clear();
    } else if (heap_.empty()) {
      const std::string above = back_key_ + '\0';
      Seek(above);
    }
  }

  void Build() {
    backward_ = false;
    heap_.clear();
    status_ = absl::OkStatus();
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i]->Valid()) {
        ReadHead(i);
        heap_.push_back(i);
      } else {
        status_.Update(sources_[i]->status());
      }
    }
    if (!status_.ok()) heap_.clear();
    std::make_heap(heap_.begin(), heap_.end(), after_);
  }

  const std::vector<std::unique_ptr<InternalIterator>> sources_;
  std::vector<Head> heads_;  // of the sources that the heap holds
  const After after_{this};
  std::vector<size_t> heap_;  // the sources that are valid; backwards: those at `back_key_`
  bool backward_ = false;
  std::string back_key_;  // backwards: the current key
  absl::Status status_;
};

}  // namespace

std::unique_ptr<InternalIterator> NewMergingIterator(
    std::vector<std::unique_ptr<InternalIterator>> sources) {
  if (sources.size() == 1) return std::move(sources.front());
  return std::make_unique<MergingIterator>(std::move(sources));
}

}  // namespace kyrodb::engine
