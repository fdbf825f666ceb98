// A static B+ tree without pointers: sorted keys in nodes of sixteen, and above them levels of
// nodes that name the first keys of their children.
// Source: Khuong and Morin, "Array Layouts for Comparison-Based Searching" (JEA 2017) for implicit
// B-trees; Schlegel et al., "k-Ary Search on Modern Processors" (DaMoN 2009) for comparing a whole
// node at once.
#pragma once

#include <array>
#include <cstdint>

#include "learned_index/model/huge_page_allocator.h"

namespace kyrodb::learned_index::model {

// What a descent reads. Child i of node k is node k * kChildren + i of the level below.
//
// Lifetime:  borrows the keys of the levels.
struct TreeView {
  static constexpr uint32_t kNodeKeys = 16;
  static constexpr uint32_t kChildren = kNodeKeys + 1;
  // Enough for 2^29 keys.
  static constexpr uint32_t kHeightMax = 8;

  const uint64_t* keys = nullptr;
  // Where each level begins, the leaves first; the root is level `height` - 1.
  std::array<uint64_t, kHeightMax> level_begin = {};
  uint32_t height = 0;
  // How many leaf keys there are, without padding.
  uint64_t leaf_key_count = 0;
};

// Thread-safety:  immutable after construction.
// Cost:           8.5 bytes a leaf key.
class TreeLevels {
 public:
  // The tree of no keys: one node of padding.
  TreeLevels() : TreeLevels(HugePageVector<uint64_t>()) {}
  // `leaf_keys` are strictly increasing, at most 2^29.
  explicit TreeLevels(const HugePageVector<uint64_t>& leaf_keys);
  TreeLevels(TreeLevels&&) = default;
  TreeLevels& operator=(TreeLevels&&) = default;

  // Stays valid when the levels move.
  const TreeView& view() const { return view_; }
  uint64_t leaf_key_count() const { return view_.leaf_key_count; }
  uint64_t leaf_key(uint64_t i) const { return keys_[i]; }
  uint64_t size_bytes() const { return keys_.capacity() * sizeof(uint64_t); }

 private:
  // Leaves first; every level padded with ~0 to whole nodes.
  HugePageVector<uint64_t> keys_;
  TreeView view_;
};

}  // namespace kyrodb::learned_index::model
