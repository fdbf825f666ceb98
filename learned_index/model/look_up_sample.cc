#include "learned_index/model/look_up_sample.h"

#include <utility>

#include "engine/base/random.h"

namespace kyrodb::learned_index::model {

void LookUpSample::Thin() {
  for (uint64_t kept = 1; kept < kWindowsMax / 2; ++kept) {
    std::copy_n(&keys_[2 * kept * kWindowKeys], kWindowKeys, &keys_[kept * kWindowKeys]);
  }
  keys_.resize(kWindowsMax / 2 * kWindowKeys);
  stride_ *= 2;
}

void LookUpSample::Finish() {
  // The last window may be incomplete.
  const uint64_t window_count = keys_.size() / kWindowKeys;
  cells_.assign(window_count * kWindowKeys / kCellSlices * kCellWords, 0);
  probes_.clear();
  Random random(window_count);
  for (uint64_t window = 0; window < window_count; ++window) {
    const uint64_t* const keys = &keys_[window * kWindowKeys];
    const uint64_t cell_index = CellIndexOf(window * kWindowKeys);
    for (uint64_t i = 0; i < kWindowKeys; ++i) cells_[cell_index + CellIndexOf(i)] = keys[i];
    const uint64_t probe = kWindowKeys / 2 - 8 + random.Uniform(16);
    probes_.push_back({.key = keys[probe],
                       .position = window * stride_ + probe,
                       .window = window * stride_,
                       .cell_index = cell_index});
  }
  for (uint64_t i = probes_.size(); i > 1; --i) {
    std::swap(probes_[i - 1], probes_[random.Uniform(i)]);
  }
  keys_ = {};
  offset_ = 0;
  stride_ = kWindowKeys;
}

}  // namespace kyrodb::learned_index::model
