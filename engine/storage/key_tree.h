// The keys of a memtable in order: an adaptive radix tree whose readers never wait.
//
// Source: V. Leis, A. Kemper, T. Neumann, "The adaptive radix tree" (ICDE 2013). What makes it easy
// to share: there is one writer, and nothing is ever freed. A node only gains children in place; a
// node that must change otherwise (grow, or give up a part of its prefix) is copied, and the
// copy published by one store in its parent. A reader in the old node finds there all that was in
// it when it was replaced.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "engine/storage/arena.h"
#include "engine/storage/key_node.h"

namespace kyrodb::engine {

// Order:          memcmp.
// Thread-safety:  one writer at a time; readers in any number, at any time, none waits. A reader
//                 meets every key whose `Insert` happened before its search began.
// Cost:           at most one node per byte of a key, in practice O(log n) with a base of about 50.
// Lifetime:       the arena outlives the tree.
class KeyTree {
 public:
  class Cursor;

  explicit KeyTree(Arena* arena) : arena_(arena) {}
  KeyTree(const KeyTree&) = delete;
  KeyTree& operator=(const KeyTree&) = delete;

  // Adds a key that is absent.
  void Insert(KeyNode* key_node);

 private:
  // A `KeyNode` (lowest bit set), a `Node`, or nothing.
  using Ref = uint64_t;
  struct Node;
  struct Node4;
  struct Node16;
  struct Node48;
  struct Node256;

  static bool IsKey(Ref ref) { return (ref & 1) != 0; }
  static Ref RefOf(const KeyNode* key) { return reinterpret_cast<uint64_t>(key) | 1; }
  static Ref RefOf(const Node* node) { return reinterpret_cast<uint64_t>(node); }
  static KeyNode* KeyOf(Ref ref) { return reinterpret_cast<KeyNode*>(ref & ~uint64_t{1}); }
  static Node* NodeOf(Ref ref) { return reinterpret_cast<Node*>(ref); }

  static std::atomic<Ref>* Child(Node* node, uint8_t byte);
  // The child with the smallest byte of at least `*byte`, which becomes that byte; 0 when none is.
  static Ref ChildFrom(const Node* node, int* byte);
  // The child with the greatest byte less than `*byte`, which becomes that byte; 0 when none is.
  static Ref ChildBelow(const Node* node, int* byte);

  template <typename T>
  T* New(absl::string_view prefix, KeyNode* own);
  // False when the node is full.
  static bool Add(Node* node, uint8_t byte, Ref child);
  Node* Grown(const Node* node);
  Node* WithPrefix(const Node* node, absl::string_view prefix);
  template <typename T>
  T* Copied(const T& node, absl::string_view prefix);

  Arena* const arena_;
  std::atomic<Ref> root_{0};
};

// A walk over a tree. Keys inserted during the walk may or may not be met.
class KeyTree::Cursor {
 public:
  explicit Cursor(const KeyTree* tree) : tree_(tree) {}

  // Goes to the first key at or after `key`.
  void Seek(absl::string_view key);
  void SeekToFirst();
  // Goes to the greatest key less than `bound`, or of all when there is no bound.
  void SeekBefore(std::optional<absl::string_view> bound);
  void Next();
  void Prev();
  // Null past either end.
  const KeyNode* current() const { return current_; }

 private:
  struct Frame {
    const Node* node;
    int byte;  // of the child that the walk is in; -1: at the node's own key
  };

  // To the first, or the last, key at or below `ref`.
  void Descend(Ref ref);
  void DescendLast(Ref ref);

  const KeyTree* tree_;
  const KeyNode* current_ = nullptr;
  absl::InlinedVector<Frame, 12> path_;
};

}  // namespace kyrodb::engine
