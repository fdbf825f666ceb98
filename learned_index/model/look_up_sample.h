// Look-ups to time an index with, taken from the keys while they stream by.
#pragma once

#include <algorithm>
#include <cstdint>

#include "learned_index/cells.h"
#include "learned_index/model/huge_page_allocator.h"
#include "learned_index/search_bound.h"

namespace kyrodb::learned_index::model {

// Evenly spaced windows of consecutive keys, each with one key to look up in its middle. They stand
// in for the run, which nobody keeps: an answer costs what the index costs and the search of the
// window, whose cells lie in no cache that is nearer than those of the run usually do.
//
// Units:          positions count keys of the run.
// Thread-safety:  one thread at a time.
// Cost:           O(1) amortised a key; at most 4 MiB.
class LookUpSample {
 public:
  static constexpr uint64_t kWindowKeys = 80;
  static constexpr uint64_t kWindowsMax = 2048;

  // Shows the next key of the run.
  void Add(uint64_t key) {
    if (offset_ < kWindowKeys) keys_.push_back(key);
    if (++offset_ == stride_) {
      offset_ = 0;
      if (keys_.size() == kWindowsMax * kWindowKeys) Thin();
    }
  }

  // Makes the windows into cells; the sample can be asked until the next `Add`, which begins a new
  // one.
  void Finish();

  uint64_t probe_count() const { return probes_.size(); }

  // Looks up every probe, in an order that no prefetcher foresees: `find` returns the bound of a
  // key. Returns how many were found where they stand; a bound that reaches out of its window is
  // cut to it.
  template <typename FindBound>
  uint64_t CountRightAnswers(const FindBound& find) const {
    uint64_t right = 0;
    for (const Probe& probe : probes_) {
      const SearchBound bound = find(probe.key);
      const uint64_t end = probe.window + kWindowKeys;
      const SearchBound inside = {
          .begin = std::clamp(bound.begin, probe.window, end) - probe.window,
          .end = std::clamp(bound.end, probe.window, end) - probe.window};
      const uint64_t at = LowerBoundCells(&cells_[probe.cell_index], inside, probe.key);
      right += probe.window + at == probe.position ? 1 : 0;
    }
    return right;
  }

 private:
  struct Probe {
    uint64_t key;
    uint64_t position;
    // The position where its window begins, a multiple of kCellSlices, and where the cells of the
    // window begin in `cells_`.
    uint64_t window;
    uint64_t cell_index;
  };

  // Drops every other window.
  void Thin();

  uint64_t offset_ = 0;
  // The distance between windows.
  uint64_t stride_ = kWindowKeys;
  HugePageVector<uint64_t> keys_;
  HugePageVector<uint64_t> cells_;
  HugePageVector<Probe> probes_;
};

}  // namespace kyrodb::learned_index::model
