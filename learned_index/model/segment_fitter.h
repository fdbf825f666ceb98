// Cuts a stream of increasing keys into linear segments of bounded error.
// Source: the shrinking cone of Galakatos et al., "FITing-Tree" (SIGMOD 2019).
#pragma once

#include <cstdint>
#include <vector>

#include "learned_index/model/segment.h"

namespace kyrodb::learned_index::model {

// A segment starts at its first key and keeps the cone of all slopes that predict every key so
// far within epsilon; the key that empties the cone starts the next segment. A segment is sealed
// only after every key of it has been verified with `PredictOffset`, the arithmetic of look-ups.
//
// Thread-safety:  one thread at a time.
// Cost:           a few nanoseconds a key; keeps the keys of the open segment only.
class SegmentFitter {
 public:
  // Bounds the keys that are held for verification, and what the rounding of a slope to 24 bits
  // can do to a prediction.
  static constexpr uint32_t kSegmentKeysMax = 1u << 16;

  explicit SegmentFitter(uint32_t epsilon);

  // Takes the next key, which must be greater than `last_key()`.
  void Add(uint64_t key);
  // Seals the open segment and gives the table; the fitter is empty afterwards.
  SegmentTable Finish();

  uint64_t key_count() const { return position_ + open_.size(); }
  // The key added last; only when there is one.
  uint64_t last_key() const { return open_.back(); }

 private:
  void Restart();
  bool ShrinkCone(uint64_t key);
  void Seal();

  uint32_t epsilon_;
  SegmentTable table_;
  // The position of the open segment's first key, and its keys.
  uint64_t position_ = 0;
  std::vector<uint64_t> open_;
  // The cone: slopes in [slope_min_, slope_max_] fit every open key.
  double slope_min_ = 0;
  double slope_max_ = 0;
  uint32_t over_ = 0;
  uint32_t under_ = 0;
};

}  // namespace kyrodb::learned_index::model
