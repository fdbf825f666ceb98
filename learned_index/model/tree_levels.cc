#include "learned_index/model/tree_levels.h"

#include <limits>

#include "engine/base/status.h"

namespace kyrodb::learned_index::model {

TreeLevels::TreeLevels(const HugePageVector<uint64_t>& leaf_keys) {
  constexpr uint64_t kPadding = std::numeric_limits<uint64_t>::max();
  constexpr uint64_t kNodeKeys = TreeView::kNodeKeys;
  constexpr uint64_t kChildren = TreeView::kChildren;
  const uint64_t leaf_key_count = leaf_keys.size();
  view_.leaf_key_count = leaf_key_count;

  const uint64_t leaf_nodes =
      leaf_key_count == 0 ? 1 : (leaf_key_count + kNodeKeys - 1) / kNodeKeys;
  uint64_t key_count = leaf_nodes * kNodeKeys;
  for (uint64_t nodes = leaf_nodes; nodes > 1;) {
    nodes = (nodes + kChildren - 1) / kChildren;
    key_count += nodes * kNodeKeys;
  }
  keys_.reserve(key_count);
  keys_.assign(leaf_keys.begin(), leaf_keys.end());
  keys_.resize(leaf_nodes * kNodeKeys, kPadding);

  view_.height = 1;
  // Leaf nodes under each node of the level that is being built, and under each of its children.
  uint64_t child_leaves = 1;
  for (uint64_t nodes = leaf_nodes; nodes > 1; child_leaves *= kChildren) {
    KYRO_CHECK(view_.height < TreeView::kHeightMax);
    const uint64_t children = nodes;
    nodes = (children + kChildren - 1) / kChildren;
    view_.level_begin[view_.height++] = keys_.size();
    for (uint64_t node = 0; node < nodes; ++node) {
      for (uint64_t child = node * kChildren + 1; child < (node + 1) * kChildren; ++child) {
        keys_.push_back(child < children ? keys_[child * child_leaves * kNodeKeys] : kPadding);
      }
    }
  }
  view_.keys = keys_.data();
}

}  // namespace kyrodb::learned_index::model
