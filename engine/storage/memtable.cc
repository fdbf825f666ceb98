#include "engine/storage/memtable.h"

#include <cstring>
#include <new>
#include <utility>

#include "engine/base/status.h"

namespace kyrodb::engine {
namespace {

size_t RoundUp(size_t size_bytes) { return (size_bytes + 7) & ~size_t{7}; }

VersionNode* MakeVersion(char* memory, Lsn lsn, EntryKind kind, absl::string_view value,
                         VersionNode* older) {
  auto* version = new (memory) VersionNode(lsn, kind, value.size(), older);
  if (!value.empty()) std::memcpy(memory + sizeof(VersionNode), value.data(), value.size());
  return version;
}

}  // namespace

void MemTable::CountEntry(Lsn lsn) {
  if (min_lsn() == 0 || lsn < min_lsn()) min_lsn_.store(lsn, std::memory_order_relaxed);
  if (lsn > max_lsn_.load(std::memory_order_relaxed)) {
    max_lsn_.store(lsn, std::memory_order_release);
  }
  entry_count_.store(entry_count() + 1, std::memory_order_relaxed);
}

void MemTable::Add(Lsn lsn, EntryKind kind, absl::string_view key, absl::string_view value,
                   uint64_t hash) {
  KYRO_CHECK(lsn > 0 && key.size() <= UINT32_MAX);
  KYRO_DCHECK(hash == KeyHash(key));
  if (kind == EntryKind::kDelete) value = {};
  CountEntry(lsn);
  if (KeyNode* node = table_.Find(key, hash)) {
    // Versions stand from new to old; a new one mostly comes first.
    std::atomic<VersionNode*>* link = &node->newest;
    VersionNode* older = link->load(std::memory_order_relaxed);
    while (older != nullptr && older->lsn > lsn) {
      link = &older->older;
      older = link->load(std::memory_order_relaxed);
    }
    char* memory = arena_.Allocate(sizeof(VersionNode) + value.size());
    link->store(MakeVersion(memory, lsn, kind, value, older), std::memory_order_release);
    return;
  }
  const size_t key_bytes = RoundUp(sizeof(KeyNode) + key.size());
  char* memory = arena_.Allocate(key_bytes + sizeof(VersionNode) + value.size());
  VersionNode* version = MakeVersion(memory + key_bytes, lsn, kind, value, nullptr);
  auto* node = new (memory) KeyNode(key.size(), version);
  if (!key.empty()) std::memcpy(memory + sizeof(KeyNode), key.data(), key.size());
  tree_.Insert(node);
  table_.Insert(node, hash);
}

std::optional<absl::string_view> MemTable::KeyBefore(std::optional<absl::string_view> bound) const {
  KeyTree::Cursor cursor(&tree_);
  cursor.SeekBefore(bound);
  if (cursor.current() == nullptr) return std::nullopt;
  return cursor.current()->key();
}

class MemTableIterator : public InternalIterator {
 public:
  explicit MemTableIterator(std::shared_ptr<const MemTable> table)
      : table_(std::move(table)), cursor_(&table_->tree_) {}

  void Seek(absl::string_view key) override {
    cursor_.Seek(key);
    TakeKey();
  }
  void SeekToFirst() override {
    cursor_.SeekToFirst();
    TakeKey();
  }
  void SeekBefore(std::optional<absl::string_view> bound) override {
    cursor_.SeekBefore(bound);
    TakeKey();
  }
  bool Valid() const override { return version_ != nullptr; }
  void Next() override {
    version_ = version_->older.load(std::memory_order_acquire);
    if (version_ != nullptr) return;
    cursor_.Next();
    TakeKey();
  }
  void PrevKey() override {
    cursor_.Prev();
    TakeKey();
  }
  absl::string_view key() const override { return key_; }
  Lsn lsn() const override { return version_->lsn; }
  EntryKind kind() const override { return version_->kind(); }
  absl::string_view value() const override { return version_->value(); }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  void TakeKey() {
    const KeyNode* node = cursor_.current();
    version_ = nullptr;
    if (node == nullptr) return;
    key_ = node->key();
    version_ = node->newest.load(std::memory_order_acquire);
  }

  const std::shared_ptr<const MemTable> table_;
  KeyTree::Cursor cursor_;
  absl::string_view key_;
  const VersionNode* version_ = nullptr;
};

std::unique_ptr<InternalIterator> NewMemTableIterator(std::shared_ptr<const MemTable> table) {
  return std::make_unique<MemTableIterator>(std::move(table));
}

}  // namespace kyrodb::engine
