#include "engine/core/read_set.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

// About what containers take beside the bytes of the keys.
constexpr uint64_t kKeyOverhead = 64;
constexpr uint64_t kRangeOverhead = 128;

uint64_t RangeBytes(absl::string_view begin, absl::string_view end) {
  return begin.size() + end.size() + kRangeOverhead;
}

bool EndsAtOrAfter(absl::string_view end, absl::string_view key) {
  return end.empty() || end >= key;
}

// The range that holds `key`, or the end.
ReadSet::Ranges::const_iterator FindRange(const ReadSet::Ranges& ranges, absl::string_view key) {
  auto after = ranges.upper_bound(std::string(key));
  if (after == ranges.begin()) return ranges.end();
  --after;
  return after->second.empty() || absl::string_view(after->second) > key ? after : ranges.end();
}

}  // namespace

// Keeps `walked` at what its iterator has shown: up to and with the current key.
class TrackingIterator final : public Iterator {
 public:
  TrackingIterator(std::shared_ptr<ReadSet::Walked> walked, const KeyRange& range, bool reverse,
                   std::unique_ptr<Iterator> iterator)
      : walked_(std::move(walked)),
        range_(range),
        reverse_(reverse),
        iterator_(std::move(iterator)) {
    Note();
  }

  bool Valid() const override { return failed_.ok() && iterator_->Valid(); }
  void Next() override {
    iterator_->Next();
    try {
      Note();
    } catch (const std::bad_alloc&) {
      failed_ = OutOfMemoryError();  // what cannot be remembered is not given
    }
  }
  absl::string_view key() const override { return iterator_->key(); }
  absl::string_view value() const override { return iterator_->value(); }
  Lsn lsn() const override { return iterator_->lsn(); }
  absl::Status status() const override { return failed_.ok() ? iterator_->status() : failed_; }

 private:
  void Note() {
    if (!iterator_->Valid()) {
      walked_->begin = range_.begin;
      walked_->end = range_.end;
      return;
    }
    const absl::string_view key = iterator_->key();
    std::string& reached = reverse_ ? walked_->begin : walked_->end;
    reached.assign(key.data(), key.size());
    if (!reverse_) reached.push_back('\0');  // the key itself was seen
  }

  const std::shared_ptr<ReadSet::Walked> walked_;
  const KeyRange range_;
  const bool reverse_;
  const std::unique_ptr<Iterator> iterator_;
  absl::Status failed_;
};

void ReadSet::Charge(SpaceReads& reads, uint64_t bytes) {
  reads.bytes += bytes;
  bytes_ += bytes;
}

void ReadSet::AddKey(ObjectId space, absl::string_view key) {
  if (everything_) return;
  SpaceReads& reads = spaces_[space];
  if (!reads.ranges.empty() && FindRange(reads.ranges, key) != reads.ranges.end()) return;
  if (reads.keys.contains(key) || !reads.keys.emplace(key).second) return;
  Charge(reads, key.size() + kKeyOverhead);
  if (bytes_ > bytes_max_) Coarsen();
}

void ReadSet::AddRange(ObjectId space, absl::string_view begin, absl::string_view end) {
  if (everything_ || (!end.empty() && end <= begin)) return;
  SpaceReads& reads = spaces_[space];
  std::string merged_begin(begin);
  std::string merged_end(end);
  auto it = reads.ranges.upper_bound(merged_begin);
  if (it != reads.ranges.begin() && EndsAtOrAfter(std::prev(it)->second, begin)) --it;
  while (it != reads.ranges.end() && EndsAtOrAfter(merged_end, it->first)) {
    if (it->first < merged_begin) merged_begin = it->first;
    if (!merged_end.empty() && EndsAtOrAfter(it->second, merged_end)) merged_end = it->second;
    const uint64_t bytes = RangeBytes(it->first, it->second);
    reads.bytes -= bytes;
    bytes_ -= bytes;
    it = reads.ranges.erase(it);
  }
  Charge(reads, RangeBytes(merged_begin, merged_end));
  reads.ranges.emplace(std::move(merged_begin), std::move(merged_end));
  if (bytes_ > bytes_max_) Coarsen();
}

std::unique_ptr<Iterator> ReadSet::Track(ObjectId space, const KeyRange& range,
                                         const ScanOptions& options,
                                         std::unique_ptr<Iterator> iterator) {
  Settle();
  auto walked = std::make_shared<Walked>(Walked{space, range.begin, range.end});
  walked_.push_back(walked);
  return std::make_unique<TrackingIterator>(std::move(walked), range, options.reverse,
                                            std::move(iterator));
}

void ReadSet::Settle() {
  for (const auto& walked : walked_) AddRange(walked->space, walked->begin, walked->end);
  std::erase_if(walked_, [](const auto& walked) { return walked.use_count() == 1; });
}

bool ReadSet::Covers(ObjectId space, absl::string_view key) const {
  if (everything_) return true;
  const auto reads = spaces_.find(space);
  if (reads == spaces_.end()) return false;
  return reads->second.keys.contains(key) ||
         FindRange(reads->second.ranges, key) != reads->second.ranges.end();
}

bool ReadSet::Overlaps(ObjectId space, absl::string_view begin, absl::string_view end) const {
  if (everything_) return true;
  const auto reads = spaces_.find(space);
  if (reads == spaces_.end()) return false;
  const Ranges& ranges = reads->second.ranges;
  if (FindRange(ranges, begin) != ranges.end()) return true;
  const auto after = ranges.lower_bound(std::string(begin));
  if (after != ranges.end() && (end.empty() || after->first < end)) return true;
  return std::any_of(
      reads->second.keys.begin(), reads->second.keys.end(),
      [&](const std::string& key) { return key >= begin && (end.empty() || key < end); });
}

void ReadSet::Coarsen() {
  // First the space that frees the most; one range is the least that a space takes.
  SpaceReads* largest = nullptr;
  for (auto& [space, reads] : spaces_) {
    const bool is_one_range = reads.keys.empty() && reads.ranges.size() == 1;
    if (!is_one_range && (largest == nullptr || reads.bytes > largest->bytes)) largest = &reads;
  }
  if (largest == nullptr) {
    everything_ = true;
    spaces_.clear();
    walked_.clear();
    bytes_ = 0;
    return;
  }
  std::optional<std::string> begin;
  std::optional<std::string> end;
  for (const std::string& key : largest->keys) {
    if (!begin || key < *begin) begin = key;
    if (!end || key >= *end) end = key + '\0';
  }
  if (!largest->ranges.empty()) {
    if (!begin || largest->ranges.begin()->first < *begin) begin = largest->ranges.begin()->first;
    const std::string& last = std::prev(largest->ranges.end())->second;
    if (!end || last.empty() || last > *end) end = last;
  }
  bytes_ -= largest->bytes;
  *largest = SpaceReads{};
  Charge(*largest, RangeBytes(*begin, *end));
  largest->ranges.emplace(*std::move(begin), *std::move(end));
  if (bytes_ > bytes_max_) Coarsen();
}

}  // namespace kyrodb::engine
