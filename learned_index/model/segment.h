// The last layer of the model: linear segments, each good for the keys from its first key up to
// the first key of the next.
#pragma once

#include <algorithm>
#include <cstdint>

#include "learned_index/model/huge_page_allocator.h"

namespace kyrodb::learned_index::model {

// How many positions after its first one a segment of `length` keys expects a key that is
// `distance` above its first key; at most `length`.
//
// Training and look-up both call this one function, so what training verified is what look-up
// computes. The distance is an exact integer: keys above 2^53 lose nothing before the
// conversion. With no addition after the multiplication there is nothing that a compiler could
// contract into a fused operation with another rounding. Conversion, multiplication by a factor
// >= 0, comparison and truncation are all monotone in `distance`; the proof in README.md that
// absent keys stay inside their bound rests on that.
inline uint64_t PredictOffset(uint64_t distance, float slope, uint64_t length) {
  const double offset = static_cast<double>(distance) * static_cast<double>(slope);
  const auto limit = static_cast<double>(static_cast<int64_t>(length));
  return static_cast<uint64_t>(static_cast<int64_t>(offset < limit ? offset : limit));
}

struct Line {
  // Positions a unit of key; finite and >= 0.
  float slope = 0;
  // The position of the segment's first key.
  uint32_t position = 0;
};

// The segments of one model, in two columns: routing reads first keys only, eight to a cache
// line. Both columns are padded: `first_keys` so that a vector of candidates can be read behind
// any segment, `lines` by one whose position is the key count, so that every segment has a next.
class SegmentTable {
 public:
  // Keys that may be read behind the last segment.
  static constexpr uint32_t kPadding = 8;

  // The table of no keys: one segment of length zero, so that a look-up needs no special case.
  SegmentTable() { Seal(0); }

  // Appends a segment; first keys and positions are increasing. Only before `Seal`.
  void Append(uint64_t first_key, Line line) {
    first_keys_.push_back(first_key);
    lines_.push_back(line);
  }
  // Records that the keys of the run lie within [prediction - over, prediction + under].
  void set_error(uint32_t over, uint32_t under) { over_ = over, under_ = under; }

  // Ends the table of `key_count` keys. Look-ups come after it.
  void Seal(uint32_t key_count);
  // Drops everything, also the padding: ready for `Append`.
  void Clear();

  // The number of real segments.
  uint32_t size() const { return size_; }
  // The number of the last segment; 0 also when there is only the placeholder.
  uint32_t last() const { return size_ == 0 ? 0 : size_ - 1; }
  uint32_t key_count() const { return lines_.back().position; }
  uint32_t over() const { return over_; }
  uint32_t under() const { return under_; }
  const uint64_t* first_keys() const { return first_keys_.data(); }
  const Line* lines() const { return lines_.data(); }
  uint64_t size_bytes() const {
    return first_keys_.capacity() * sizeof(uint64_t) + lines_.capacity() * sizeof(Line);
  }

 private:
  HugePageVector<uint64_t> first_keys_;
  HugePageVector<Line> lines_;
  uint32_t size_ = 0;
  uint32_t over_ = 0;
  uint32_t under_ = 0;
};

}  // namespace kyrodb::learned_index::model
