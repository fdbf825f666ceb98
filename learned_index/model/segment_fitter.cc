#include "learned_index/model/segment_fitter.h"

#include <limits>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::learned_index::model {

SegmentFitter::SegmentFitter(uint32_t epsilon) : epsilon_(epsilon) { Restart(); }

void SegmentFitter::Restart() {
  table_.Clear();
  position_ = 0;
  open_.clear();
  over_ = under_ = 0;
}

void SegmentFitter::Add(uint64_t key) {
  if (!open_.empty() && (open_.size() == kSegmentKeysMax || !ShrinkCone(key))) Seal();
  if (open_.empty()) {
    slope_min_ = 0;
    slope_max_ = std::numeric_limits<double>::infinity();
  }
  open_.push_back(key);
}

// Takes `key` into the cone, or returns false and leaves the cone as it was.
//
// Offset i may be predicted as anything from i - (epsilon - 1) to i + epsilon: one below less, so
// that a bound is 2 * epsilon wide and fills whole vectors. A prediction is truncated, so the real
// value must be in [i - epsilon + 1, i + epsilon + 1). kMargin keeps the cone away from both ends:
// i and epsilon are at most 2^16, so rounding the slope to a float moves a value by less than
// 2^17 * 2^-24, and rounding to doubles by far less.
bool SegmentFitter::ShrinkCone(uint64_t key) {
  constexpr double kMargin = 0.05;
  const auto distance = static_cast<double>(key - open_.front());
  const auto offset = static_cast<double>(open_.size());
  const double lowest = offset - epsilon_ + 1 + kMargin;
  const double highest = offset + epsilon_ + 1 - kMargin;
  double slope_min = slope_min_;
  double slope_max = slope_max_;
  if (slope_min * distance < lowest) slope_min = lowest / distance;
  if (slope_max * distance > highest) slope_max = highest / distance;
  if (slope_min > slope_max) return false;
  slope_min_ = slope_min;
  slope_max_ = slope_max;
  return true;
}

void SegmentFitter::Seal() {
  const uint64_t first_key = open_.front();
  const uint64_t length = open_.size();
  const Line line = {
      .slope = length == 1 ? 0.0f : static_cast<float>((slope_min_ + slope_max_) / 2),
      .position = static_cast<uint32_t>(position_)};
  uint64_t over = 0;
  uint64_t under = 0;
  for (uint64_t i = 0; i < length; ++i) {
    const uint64_t predicted = PredictOffset(open_[i] - first_key, line.slope, length);
    over = std::max(over, predicted - std::min(predicted, i));
    under = std::max(under, i - std::min(predicted, i));
  }
  KYRO_CHECK(over <= epsilon_ && under < epsilon_);
  over_ = std::max(over_, static_cast<uint32_t>(over));
  under_ = std::max(under_, static_cast<uint32_t>(under));
  table_.Append(first_key, line);
  position_ += length;
  open_.clear();
}

SegmentTable SegmentFitter::Finish() {
  if (!open_.empty()) Seal();
  table_.set_error(over_, under_);
  table_.Seal(static_cast<uint32_t>(position_));
  SegmentTable table = std::move(table_);
  Restart();
  return table;
}

}  // namespace kyrodb::learned_index::model
