// The best index that learns nothing, behind the contract of the learned one: a static 16-ary tree
// whose nodes are compared at once. It costs the same whatever the keys are, so it is what an
// adversary's keys are answered with, and what learning has to beat.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learned_index/model/huge_page_allocator.h"
#include "learned_index/model/kernels.h"
#include "learned_index/model/tree_levels.h"
#include "learned_index/search_bound.h"

namespace kyrodb::learned_index {

// Maps keys to positions, keeping every eighth key: those that begin the cells of the run. A bound
// is exactly one cell, [8 c, 8 c + 8) cut to the run, or empty before the first key. A
// default-constructed tree is that of the empty run.
//
// Shape:          keys are 1-D, strictly increasing, any length from zero to kKeyCountMax.
// Units:          positions count keys of the run, from 0; `size_bytes` counts bytes.
// Errors:         only the builder and `Decode` fail; `Find` is total.
// Thread-safety:  immutable after construction; share freely across threads.
// Cost:           log17(key_count / 8) nodes of two cache lines a look-up; 1.07 bytes a key.
class StaticSearchTree {
 public:
  StaticSearchTree() = default;

  // Returns a bound in which `std::lower_bound` gives the same answer as over the whole run, for
  // every possible `key`, present or not.
  SearchBound Find(uint64_t key) const {
    return BoundOf(kernels_->count_in_tree(levels_.view(), key));
  }

  // Writes `Find(keys[i])` to `bounds[i]` for every i, overlapping the cache misses of many keys.
  // `bounds` is at least as long as `keys`.
  void FindBatch(std::span<const uint64_t> keys, std::span<SearchBound> bounds) const;

  // Appends the tree to `out`: versioned, checksummed, little-endian; see README.md.
  void Encode(std::string* out) const;

  // Reads what `Encode` wrote; all of `bytes` must belong to it. DataLoss when bytes are damaged
  // or contradict each other, Unimplemented when a newer version wrote them. Whatever was decoded,
  // `Find` stays inside [0, key_count()].
  static absl::StatusOr<StaticSearchTree> Decode(absl::string_view bytes);

  // How many keys the run has.
  uint64_t key_count() const { return key_count_; }
  // The widest bound that `Find` can return.
  uint64_t bound_width_max() const;
  // How many keys the tree keeps.
  uint64_t cell_count() const { return levels_.leaf_key_count(); }
  // The memory that the tree holds.
  uint64_t size_bytes() const { return sizeof(*this) + levels_.size_bytes(); }

  // Whether `bytes` were written by `Encode` here and not by another index, damage aside.
  static bool IsOneOf(absl::string_view bytes);

 private:
  friend class StaticSearchTreeBuilder;
  StaticSearchTree(uint64_t key_count, model::TreeLevels levels)
      : key_count_(key_count), levels_(std::move(levels)) {}

  // Of the cells that begin at or before a key, the last one holds it: the next begins behind it.
  SearchBound BoundOf(uint64_t cells_begun) const {
    const uint64_t cell = cells_begun - (cells_begun > 0 ? 1 : 0);
    return {.begin = cell * 8, .end = std::min(cells_begun * 8, key_count_)};
  }

  uint64_t key_count_ = 0;
  model::TreeLevels levels_;
  const model::Kernels* kernels_ = &model::BestKernels();
};

// Grows a tree while a run is being written. Keys are shown once, in order; one in eight is kept.
//
// Errors:         none: the caller sees to the order of the keys and to kKeyCountMax.
// Thread-safety:  one thread at a time.
// Cost:           O(1) amortised and one byte a key.
class StaticSearchTreeBuilder {
 public:
  // Shows the next key, greater than the one before.
  void Add(uint64_t key) {
    if (key_count_++ % 8 == 0) leaf_keys_.push_back(key);
  }
  // Returns the tree of everything added; the builder is empty afterwards.
  StaticSearchTree Finish();

  uint64_t key_count() const { return key_count_; }

 private:
  uint64_t key_count_ = 0;
  model::HugePageVector<uint64_t> leaf_keys_;
};

}  // namespace kyrodb::learned_index
