// A learned index over sorted 64-bit keys: a recursive model that answers "where would this key
// stand?" with a short range of positions instead of a position, and is never wrong about it.
//
// Source: Kraska et al., "The Case for Learned Index Structures" (SIGMOD 2018) for the recursive
// model; Galakatos et al., "FITing-Tree" (SIGMOD 2019) for one-pass segments of bounded error;
// Ferragina and Vinciguerra, "The PGM-index" (VLDB 2020) for the contract of a guaranteed range.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learned_index/model/kernels.h"
#include "learned_index/model/router.h"
#include "learned_index/model/segment.h"
#include "learned_index/model/segment_fitter.h"
#include "learned_index/search_bound.h"

namespace kyrodb::learned_index {

struct TrainOptions {
  // The largest error of a prediction, in positions; a bound is at most 2 * epsilon wide.
  // In [1, kEpsilonMax]. A smaller epsilon buys shorter searches with a larger model.
  uint32_t epsilon = 16;
};
inline constexpr uint32_t kEpsilonMax = 1u << 16;

// The longest run that one model can cover.
inline constexpr uint64_t kKeyCountMax = (uint64_t{1} << 32) - 1;

// Maps keys to positions. The index keeps models only, never the keys: it stays valid for as
// long as the run it was trained on is not changed, and the caller owns that run. A
// default-constructed index is the index of the empty run.
//
// Shape:          `keys` is 1-D, strictly increasing, any length from zero to kKeyCountMax.
// Units:          positions count keys of the run, from 0; `size_bytes` counts bytes.
// Errors:         only `Train` and `Decode` fail; `Find` is total.
// Thread-safety:  immutable after `Train`; share freely across threads.
// Cost:           `Find` evaluates at most `depth()` models; where the keys defeat them it ends
//                 in a binary search over the segments.
class RecursiveModelIndex {
 public:
  RecursiveModelIndex() : RecursiveModelIndex(TrainOptions().epsilon, model::SegmentTable()) {}
  RecursiveModelIndex(RecursiveModelIndex&&) = default;
  RecursiveModelIndex& operator=(RecursiveModelIndex&&) = default;

  // Fits the model to `keys` and verifies every key with the arithmetic of `Find`.
  // InvalidArgument names the first position that is not greater than the one before it, or an
  // epsilon out of range; ResourceExhausted means more than kKeyCountMax keys. O(n) time.
  static absl::StatusOr<RecursiveModelIndex> Train(std::span<const uint64_t> keys,
                                                   const TrainOptions& options = {});

  // Returns a bound in which `std::lower_bound` gives the same answer as over the whole run,
  // for every possible `key`, present or not.
  SearchBound Find(uint64_t key) const { return kernels_->find(view_, key); }

  // Writes `Find(keys[i])` to `bounds[i]` for every i, overlapping the cache misses of many keys.
  // `bounds` is at least as long as `keys`.
  void FindBatch(std::span<const uint64_t> keys, std::span<SearchBound> bounds) const;

  // Appends the model to `out`: versioned, checksummed, little-endian; see README.md.
  void Encode(std::string* out) const;

  // Reads what `Encode` wrote; all of `bytes` must belong to it. DataLoss when bytes are damaged
  // or contradict each other, Unimplemented when a newer version wrote them. Whatever was
  // decoded, `Find` stays inside [0, key_count()]. A caller should compare `key_count()` with
  // the run before trusting a bound.
  static absl::StatusOr<RecursiveModelIndex> Decode(absl::string_view bytes);

  // How many keys the model was trained on.
  uint64_t key_count() const { return key_count_; }
  // The error that was asked for; what was reached is `bound_width_max`.
  uint32_t epsilon() const { return epsilon_; }
  // The widest bound that `Find` can return.
  uint64_t bound_width_max() const;
  // How many linear segments the last layer has.
  uint64_t segment_count() const { return segments_.size(); }
  // The most models on any path from the root to a bound, the segment included; 0 without keys.
  uint64_t depth() const { return key_count_ == 0 ? 0 : router_.depth() + 1; }
  // The memory that the model holds.
  uint64_t size_bytes() const;

 private:
  friend class InMemoryMap;
  friend class RecursiveModelIndexBuilder;
  RecursiveModelIndex(uint32_t epsilon, model::SegmentTable segments);

  uint64_t key_count_;
  uint32_t epsilon_;
  model::SegmentTable segments_;
  model::Router router_;
  // What look-ups read; points into the two above, whose arrays keep their place in a move.
  model::View view_;
  const model::Kernels* kernels_;
};

// Trains while a run is being written: keys are shown once, in order, and not kept, except those
// of the segment that is still open (at most 65,536), which are verified before it is sealed.
// The result is the one that `Train` gives for the same keys.
//
// Errors:         the first error sticks: every later `Add` and `Finish` returns it.
// Thread-safety:  one thread at a time.
// Cost:           O(1) amortised a key; at most 512 KiB besides the model.
class RecursiveModelIndexBuilder {
 public:
  // An epsilon out of range is reported by the first `Add` or `Finish`.
  explicit RecursiveModelIndexBuilder(const TrainOptions& options = {});

  // Shows the next key. InvalidArgument, naming position and both keys, when it is not greater
  // than the one before; ResourceExhausted after kKeyCountMax keys.
  absl::Status Add(uint64_t key);

  // Seals the last segment and returns the model of everything added. The builder is empty and
  // ready for another run afterwards.
  absl::StatusOr<RecursiveModelIndex> Finish();

  uint64_t key_count() const { return fitter_.key_count(); }

 private:
  absl::Status Refuse(uint64_t key);

  TrainOptions options_;
  absl::Status status_;
  model::SegmentFitter fitter_;
};

}  // namespace kyrodb::learned_index
