#include "engine/storage/key_tree.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

enum class NodeType : uint8_t { k4, k16, k48, k256 };

size_t CommonLength(absl::string_view a, absl::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t x, y;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (x != y) break;
  }
  while (i < size && a[i] == b[i]) ++i;
  return i;
}

uint8_t ByteAt(absl::string_view key, size_t i) { return static_cast<uint8_t>(key[i]); }

// Eight bytes in one atomic word, so that readers take all of them while one is being added.
uint8_t ByteOf(uint64_t word, uint32_t i) { return static_cast<uint8_t>(word >> (8 * i)); }

}  // namespace

// The bytes that all keys below share from the node's depth on stand in `prefix` (in the arena, as
// part of one of those keys); then one byte leads to a child. `own` is the key that ends here.
struct KeyTree::Node {
  Node(NodeType node_type, absl::string_view node_prefix, KeyNode* own_key)
      : type(node_type),
        prefix_size(static_cast<uint32_t>(node_prefix.size())),
        prefix_data(node_prefix.data()),
        own(own_key) {}
  absl::string_view prefix() const { return {prefix_data, prefix_size}; }

  const NodeType type;
  // Children; those up to here are published.
  std::atomic<uint16_t> count{0};
  const uint32_t prefix_size;
  const char* const prefix_data;
  std::atomic<KeyNode*> own;
};

struct KeyTree::Node4 : Node {
  static constexpr NodeType kType = NodeType::k4;
  static constexpr uint32_t kCapacity = 4;
  using Node::Node;
  std::array<std::atomic<uint64_t>, 1> bytes{};  // in the order in which they came
  std::array<std::atomic<Ref>, kCapacity> children{};
};

struct KeyTree::Node16 : Node {
  static constexpr NodeType kType = NodeType::k16;
  static constexpr uint32_t kCapacity = 16;
  using Node::Node;
  std::array<std::atomic<uint64_t>, 2> bytes{};
  std::array<std::atomic<Ref>, kCapacity> children{};
};

struct KeyTree::Node48 : Node {
  static constexpr NodeType kType = NodeType::k48;
  static constexpr uint32_t kCapacity = 48;
  using Node::Node;
  std::array<std::atomic<uint8_t>, 256> places{};  // one more than the place in `children`
  std::array<std::atomic<Ref>, kCapacity> children{};
};

struct KeyTree::Node256 : Node {
  static constexpr NodeType kType = NodeType::k256;
  using Node::Node;
  std::array<std::atomic<Ref>, 256> children{};
};

namespace {

// Calls `visit(byte, place)` for each child of a small node until it returns true.
template <typename T, typename Visit>
void VisitSmall(const T& node, const Visit& visit) {
  const uint32_t count = node.count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; i += 8) {
    const uint64_t word = node.bytes[i / 8].load(std::memory_order_relaxed);
    const uint32_t in_word = std::min<uint32_t>(count - i, 8);
    for (uint32_t j = 0; j < in_word; ++j) {
      if (visit(ByteOf(word, j), i + j)) return;
    }
  }
}

template <typename T>
auto* ChildOfSmall(T& node, uint8_t byte) {
  decltype(&node.children[0]) found = nullptr;
  VisitSmall(node, [&](uint8_t at, uint32_t place) {
    if (at != byte) return false;
    found = &node.children[place];
    return true;
  });
  return found;
}

// The child of the smallest byte in [*byte, 255], or with `below` of the greatest in [0, *byte).
template <typename T>
uint64_t NearChildOfSmall(const T& node, int* byte, bool below) {
  int best = below ? -1 : 256;
  uint32_t best_place = 0;
  VisitSmall(node, [&](uint8_t at, uint32_t place) {
    if (below ? (at < *byte && at > best) : (at >= *byte && at < best)) {
      best = at;
      best_place = place;
    }
    return false;
  });
  if (best < 0 || best > 255) return 0;
  *byte = best;
  return node.children[best_place].load(std::memory_order_acquire);
}

template <typename T>
void AddSmall(T* node, uint8_t byte, uint64_t child) {
  const uint32_t i = node->count.load(std::memory_order_relaxed);
  std::atomic<uint64_t>& word = node->bytes[i / 8];
  node->children[i].store(child, std::memory_order_relaxed);
  word.store(word.load(std::memory_order_relaxed) | uint64_t{byte} << (i % 8 * 8),
             std::memory_order_relaxed);
  node->count.store(static_cast<uint16_t>(i + 1), std::memory_order_release);
}

}  // namespace

std::atomic<KeyTree::Ref>* KeyTree::Child(Node* node, uint8_t byte) {
  switch (node->type) {
    case NodeType::k4:
      return ChildOfSmall(*static_cast<Node4*>(node), byte);
    case NodeType::k16:
      return ChildOfSmall(*static_cast<Node16*>(node), byte);
    case NodeType::k48: {
      auto* node48 = static_cast<Node48*>(node);
      const uint8_t place = node48->places[byte].load(std::memory_order_acquire);
      return place == 0 ? nullptr : &node48->children[place - 1u];
    }
    case NodeType::k256: {
      std::atomic<Ref>* child = &static_cast<Node256*>(node)->children[byte];
      return child->load(std::memory_order_relaxed) == 0 ? nullptr : child;
    }
  }
  return nullptr;
}

KeyTree::Ref KeyTree::ChildFrom(const Node* node, int* byte) {
  switch (node->type) {
    case NodeType::k4:
      return NearChildOfSmall(*static_cast<const Node4*>(node), byte, /*below=*/false);
    case NodeType::k16:
      return NearChildOfSmall(*static_cast<const Node16*>(node), byte, /*below=*/false);
    case NodeType::k48: {
      const auto* node48 = static_cast<const Node48*>(node);
      for (; *byte < 256; ++*byte) {
        const uint8_t place =
            node48->places[static_cast<size_t>(*byte)].load(std::memory_order_acquire);
        if (place > 0) return node48->children[place - 1u].load(std::memory_order_acquire);
      }
      return 0;
    }
    case NodeType::k256: {
      const auto* node256 = static_cast<const Node256*>(node);
      for (; *byte < 256; ++*byte) {
        const Ref child =
            node256->children[static_cast<size_t>(*byte)].load(std::memory_order_acquire);
        if (child != 0) return child;
      }
      return 0;
    }
  }
  return 0;
}

KeyTree::Ref KeyTree::ChildBelow(const Node* node, int* byte) {
  switch (node->type) {
    case NodeType::k4:
      return NearChildOfSmall(*static_cast<const Node4*>(node), byte, /*below=*/true);
    case NodeType::k16:
      return NearChildOfSmall(*static_cast<const Node16*>(node), byte, /*below=*/true);
    case NodeType::k48: {
      const auto* node48 = static_cast<const Node48*>(node);
      while (--*byte >= 0) {
        const uint8_t place =
            node48->places[static_cast<size_t>(*byte)].load(std::memory_order_acquire);
        if (place > 0) return node48->children[place - 1u].load(std::memory_order_acquire);
      }
      return 0;
    }
    case NodeType::k256: {
      const auto* node256 = static_cast<const Node256*>(node);
      while (--*byte >= 0) {
        const Ref child =
            node256->children[static_cast<size_t>(*byte)].load(std::memory_order_acquire);
        if (child != 0) return child;
      }
      return 0;
    }
  }
  return 0;
}

template <typename T>
T* KeyTree::New(absl::string_view prefix, KeyNode* own) {
  return new (arena_->Allocate(sizeof(T))) T(T::kType, prefix, own);
}

bool KeyTree::Add(Node* node, uint8_t byte, Ref child) {
  const uint16_t count = node->count.load(std::memory_order_relaxed);
  switch (node->type) {
    case NodeType::k4:
      if (count == Node4::kCapacity) return false;
      AddSmall(static_cast<Node4*>(node), byte, child);
      return true;
    case NodeType::k16:
      if (count == Node16::kCapacity) return false;
      AddSmall(static_cast<Node16*>(node), byte, child);
      return true;
    case NodeType::k48: {
      if (count == Node48::kCapacity) return false;
      auto* node48 = static_cast<Node48*>(node);
      node48->children[count].store(child, std::memory_order_relaxed);
      node48->count.store(static_cast<uint16_t>(count + 1), std::memory_order_relaxed);
      node48->places[byte].store(static_cast<uint8_t>(count + 1), std::memory_order_release);
      return true;
    }
    case NodeType::k256:
      node->count.store(static_cast<uint16_t>(count + 1), std::memory_order_relaxed);
      static_cast<Node256*>(node)->children[byte].store(child, std::memory_order_release);
      return true;
  }
  return false;
}

KeyTree::Node* KeyTree::Grown(const Node* node) {
  KeyNode* own = node->own.load(std::memory_order_relaxed);
  Node* grown = nullptr;
  switch (node->type) {
    case NodeType::k4:
      grown = New<Node16>(node->prefix(), own);
      break;
    case NodeType::k16:
      grown = New<Node48>(node->prefix(), own);
      break;
    case NodeType::k48:
      grown = New<Node256>(node->prefix(), own);
      break;
    case NodeType::k256:
      KYRO_CHECK(false);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const Ref child = ChildFrom(node, &byte);
    if (child != 0) Add(grown, static_cast<uint8_t>(byte), child);
    if (child == 0) break;
  }
  return grown;
}

template <typename T>
T* KeyTree::Copied(const T& node, absl::string_view prefix) {
  T* copy = New<T>(prefix, node.own.load(std::memory_order_relaxed));
  for (int byte = 0; byte < 256; ++byte) {
    const Ref child = ChildFrom(&node, &byte);
    if (child == 0) break;
    Add(copy, static_cast<uint8_t>(byte), child);
  }
  return copy;
}

KeyTree::Node* KeyTree::WithPrefix(const Node* node, absl::string_view prefix) {
  switch (node->type) {
    case NodeType::k4:
      return Copied(*static_cast<const Node4*>(node), prefix);
    case NodeType::k16:
      return Copied(*static_cast<const Node16*>(node), prefix);
    case NodeType::k48:
      return Copied(*static_cast<const Node48*>(node), prefix);
    case NodeType::k256:
      return Copied(*static_cast<const Node256*>(node), prefix);
  }
  return nullptr;
}

void KeyTree::Insert(KeyNode* key_node) {
  const absl::string_view key = key_node->key();
  const Ref ref_of_key = RefOf(key_node);
  // Of a new node for two that differ after `common` bytes from `depth` on.
  const auto fork = [&](size_t depth, size_t common) {
    return New<Node4>(key.substr(depth, common), nullptr);
  };
  // Puts a key into a node that has room: below it, or as its own when it ends there.
  const auto put = [](Node* node, KeyNode* added, size_t depth) {
    if (added->key_size == depth) {
      node->own.store(added, std::memory_order_release);
    } else {
      Add(node, ByteAt(added->key(), depth), RefOf(added));
    }
  };

  std::atomic<Ref>* slot = &root_;
  size_t depth = 0;
  while (true) {
    const Ref ref = slot->load(std::memory_order_relaxed);
    if (ref == 0) {
      slot->store(ref_of_key, std::memory_order_release);
      return;
    }
    if (IsKey(ref)) {
      KeyNode* other = KeyOf(ref);
      const size_t common = CommonLength(key.substr(depth), other->key().substr(depth));
      Node4* node = fork(depth, common);
      put(node, other, depth + common);
      put(node, key_node, depth + common);
      slot->store(RefOf(node), std::memory_order_release);
      return;
    }
    Node* node = NodeOf(ref);
    if (node->prefix_size > 0) {
      const absl::string_view prefix = node->prefix();
      const size_t common = CommonLength(key.substr(depth), prefix);
      if (common < prefix.size()) {
        Node4* parent = fork(depth, common);
        Add(parent, ByteAt(prefix, common), RefOf(WithPrefix(node, prefix.substr(common + 1))));
        put(parent, key_node, depth + common);
        slot->store(RefOf(parent), std::memory_order_release);
        return;
      }
      depth += prefix.size();
    }
    if (key.size() == depth) {
      KYRO_DCHECK(node->own.load(std::memory_order_relaxed) == nullptr);
      node->own.store(key_node, std::memory_order_release);
      return;
    }
    const uint8_t byte = ByteAt(key, depth);
    if (std::atomic<Ref>* child = Child(node, byte)) {
      slot = child;
      ++depth;
      continue;
    }
    if (!Add(node, byte, ref_of_key)) {
      Node* grown = Grown(node);
      Add(grown, byte, ref_of_key);
      slot->store(RefOf(grown), std::memory_order_release);
    }
    return;
  }
}

void KeyTree::Cursor::Descend(Ref ref) {
  while (ref != 0 && !IsKey(ref)) {
    const Node* node = NodeOf(ref);
    if (const KeyNode* own = node->own.load(std::memory_order_acquire)) {
      path_.push_back({node, -1});
      current_ = own;
      return;
    }
    int byte = 0;
    ref = ChildFrom(node, &byte);
    path_.push_back({node, byte});
  }
  current_ = ref == 0 ? nullptr : KeyOf(ref);
}

void KeyTree::Cursor::DescendLast(Ref ref) {
  while (ref != 0 && !IsKey(ref)) {
    const Node* node = NodeOf(ref);
    int byte = 256;
    ref = ChildBelow(node, &byte);
    path_.push_back({node, byte});
  }
  current_ = ref == 0 ? nullptr : KeyOf(ref);
}

void KeyTree::Cursor::SeekToFirst() {
  path_.clear();
  Descend(tree_->root_.load(std::memory_order_acquire));
}

void KeyTree::Cursor::Next() {
  while (!path_.empty()) {
    Frame& frame = path_.back();
    ++frame.byte;
    if (const Ref child = ChildFrom(frame.node, &frame.byte)) {
      Descend(child);
      return;
    }
    path_.pop_back();
  }
  current_ = nullptr;
}

void KeyTree::Cursor::Prev() {
  while (!path_.empty()) {
    Frame& frame = path_.back();
    if (frame.byte >= 0) {
      if (const Ref child = ChildBelow(frame.node, &frame.byte)) return DescendLast(child);
      frame.byte = -1;
      current_ = frame.node->own.load(std::memory_order_acquire);
      if (current_ != nullptr) return;
    }
    path_.pop_back();
  }
  current_ = nullptr;
}

void KeyTree::Cursor::Seek(absl::string_view key) {
  path_.clear();
  current_ = nullptr;
  Ref ref = tree_->root_.load(std::memory_order_acquire);
  size_t depth = 0;
  while (ref != 0 && !IsKey(ref)) {
    Node* node = NodeOf(ref);
    const absl::string_view rest = key.substr(depth);
    const absl::string_view prefix = node->prefix();
    const size_t common = CommonLength(rest, prefix);
    if (common == rest.size() ||
        (common < prefix.size() && ByteAt(prefix, common) > ByteAt(rest, common))) {
      return Descend(ref);
    }
    if (common < prefix.size()) return Next();
    depth += common;
    const uint8_t byte = ByteAt(key, depth);
    path_.push_back({node, byte});
    const std::atomic<Ref>* child = Child(node, byte);
    if (child == nullptr) return Next();
    ref = child->load(std::memory_order_acquire);
    ++depth;
  }
  if (ref == 0) return;
  current_ = KeyOf(ref);
  if (current_->key() < key) Next();
}

void KeyTree::Cursor::SeekBefore(std::optional<absl::string_view> bound) {
  path_.clear();
  current_ = nullptr;
  Ref ref = tree_->root_.load(std::memory_order_acquire);
  if (!bound) return DescendLast(ref);
  size_t depth = 0;
  while (ref != 0 && !IsKey(ref)) {
    Node* node = NodeOf(ref);
    const absl::string_view rest = bound->substr(depth);
    const absl::string_view prefix = node->prefix();
    const size_t common = CommonLength(rest, prefix);
    if (common == rest.size()) return Prev();
    if (common < prefix.size()) {
      return ByteAt(prefix, common) < ByteAt(rest, common) ? DescendLast(ref) : Prev();
    }
    depth += common;
    const uint8_t byte = ByteAt(*bound, depth);
    path_.push_back({node, byte});
    const std::atomic<Ref>* child = Child(node, byte);
    if (child == nullptr) return Prev();
    ref = child->load(std::memory_order_acquire);
    ++depth;
  }
  if (ref == 0) return;
  current_ = KeyOf(ref);
  if (current_->key() >= *bound) Prev();
}

}  // namespace kyrodb::engine
