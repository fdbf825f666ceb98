#include "learned_index/model/segment.h"

#include <limits>

namespace kyrodb::learned_index::model {

void SegmentTable::Seal(uint32_t key_count) {
  size_ = static_cast<uint32_t>(lines_.size());
  if (size_ == 0) Append(0, {});
  first_keys_.resize(first_keys_.size() + kPadding, std::numeric_limits<uint64_t>::max());
  lines_.push_back({.slope = 0, .position = key_count});
  first_keys_.shrink_to_fit();
  lines_.shrink_to_fit();
}

void SegmentTable::Clear() {
  first_keys_.clear();
  lines_.clear();
  size_ = over_ = under_ = 0;
}

}  // namespace kyrodb::learned_index::model
