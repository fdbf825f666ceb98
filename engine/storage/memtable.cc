#include "engine/storage/memtable.h"

#include <cstring>
#include <new>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {

// A node lies in the arena as: header, one link per level, the key's bytes, the value's bytes.
struct MemTable::Node {
  Lsn lsn;
  uint64_t value_size;
  uint32_t key_size;
  uint16_t height;
  EntryKind kind;

  std::atomic<Node*>* links() { return reinterpret_cast<std::atomic<Node*>*>(this + 1); }
  const std::atomic<Node*>* links() const {
    return reinterpret_cast<const std::atomic<Node*>*>(this + 1);
  }
  const char* bytes() const { return reinterpret_cast<const char*>(links() + height); }
  absl::string_view key() const { return {bytes(), key_size}; }
  absl::string_view value() const { return {bytes() + key_size, value_size}; }

  Node* Next(int level) const { return links()[level].load(std::memory_order_acquire); }
};

MemTable::MemTable()
    // The heights need no secret: any fixed seed gives the expected logarithm.
    : random_(0x6B79726F), head_(NewNode(kHeightMax, 0, EntryKind::kDelete, "", "")) {}

MemTable::Node* MemTable::NewNode(int height, Lsn lsn, EntryKind kind, absl::string_view key,
                                  absl::string_view value) {
  static_assert(alignof(Node) == alignof(std::atomic<Node*>));
  const size_t links_bytes = static_cast<size_t>(height) * sizeof(std::atomic<Node*>);
  char* memory = arena_.Allocate(sizeof(Node) + links_bytes + key.size() + value.size());
  Node* node = new (memory) Node{.lsn = lsn,
                                 .value_size = value.size(),
                                 .key_size = static_cast<uint32_t>(key.size()),
                                 .height = static_cast<uint16_t>(height),
                                 .kind = kind};
  for (int level = 0; level < height; ++level) {
    new (node->links() + level) std::atomic<Node*>(nullptr);
  }
  char* bytes = memory + sizeof(Node) + links_bytes;
  if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
  if (!value.empty()) std::memcpy(bytes + key.size(), value.data(), value.size());
  return node;
}

int MemTable::RandomHeight() {
  // Each level has a quarter of the nodes of the one below.
  int height = 1;
  for (uint64_t bits = random_.Next(); height < kHeightMax && (bits & 3) == 0; bits >>= 2) ++height;
  return height;
}

const MemTable::Node* MemTable::FindNotBefore(absl::string_view key, Lsn lsn, Node** before) const {
  Node* node = head_;
  int level = height_.load(std::memory_order_relaxed) - 1;
  while (true) {
    Node* next = node->Next(level);
    if (next != nullptr && CompareInternal(next->key(), next->lsn, key, lsn) < 0) {
      node = next;
      continue;
    }
    if (before != nullptr) before[level] = node;
    if (level == 0) return next;
    --level;
  }
}

void MemTable::Add(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value) {
  KYRO_CHECK(lsn > 0 && key.size() <= UINT32_MAX);
  if (kind == EntryKind::kDelete) value = {};
  Node* before[kHeightMax];
  FindNotBefore(key, lsn, before);
  const int height = RandomHeight();
  const int old_height = height_.load(std::memory_order_relaxed);
  for (int level = old_height; level < height; ++level) before[level] = head_;
  // A reader that sees the new height before the new links finds null at the head and goes down.
  if (height > old_height) height_.store(height, std::memory_order_relaxed);

  if (min_lsn() == 0 || lsn < min_lsn()) min_lsn_.store(lsn, std::memory_order_relaxed);
  if (lsn > max_lsn_.load(std::memory_order_relaxed)) {
    max_lsn_.store(lsn, std::memory_order_release);
  }
  Node* node = NewNode(height, lsn, kind, key, value);
  for (int level = 0; level < height; ++level) {
    node->links()[level].store(before[level]->Next(level), std::memory_order_relaxed);
    before[level]->links()[level].store(node, std::memory_order_release);
  }
  entry_count_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<MemTable::Found> MemTable::Get(absl::string_view key, Lsn snapshot) const {
  const Node* node = FindNotBefore(key, snapshot, nullptr);
  if (node == nullptr || node->key() != key) return std::nullopt;
  return Found{.kind = node->kind, .value = node->value(), .lsn = node->lsn};
}

Lsn MemTable::LatestLsn(absl::string_view key) const {
  const std::optional<Found> found = Get(key, kLsnMax);
  return found ? found->lsn : 0;
}

std::optional<absl::string_view> MemTable::KeyBefore(std::optional<absl::string_view> bound) const {
  const Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0;) {
    const Node* next = node->Next(level);
    if (next != nullptr && (!bound || next->key() < *bound)) {
      node = next;
    } else {
      --level;
    }
  }
  if (node == head_) return std::nullopt;
  return node->key();
}

class MemTableIterator : public InternalIterator {
 public:
  explicit MemTableIterator(std::shared_ptr<const MemTable> table) : table_(std::move(table)) {}

  void Seek(absl::string_view key) override {
    node_ = table_->FindNotBefore(key, kLsnMax, nullptr);
  }
  void SeekToFirst() override { node_ = table_->head_->Next(0); }
  void SeekBefore(std::optional<absl::string_view> bound) override {
    const std::optional<absl::string_view> key = table_->KeyBefore(bound);
    node_ = key ? table_->FindNotBefore(*key, kLsnMax, nullptr) : nullptr;
  }
  bool Valid() const override { return node_ != nullptr; }
  void Next() override { node_ = node_->Next(0); }
  void PrevKey() override { SeekBefore(node_->key()); }
  absl::string_view key() const override { return node_->key(); }
  Lsn lsn() const override { return node_->lsn; }
  EntryKind kind() const override { return node_->kind; }
  absl::string_view value() const override { return node_->value(); }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<const MemTable> table_;
  const MemTable::Node* node_ = nullptr;
};

std::unique_ptr<InternalIterator> NewMemTableIterator(std::shared_ptr<const MemTable> table) {
  return std::make_unique<MemTableIterator>(std::move(table));
}

}  // namespace kyrodb::engine
