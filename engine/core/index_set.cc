#include "engine/core/index_set.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "engine/base/status.h"
#include "engine/iterator.h"
#include "engine/row_codec.h"

namespace kyrodb::engine {
namespace {

// An index that has seen half a change cannot be mended: without memory the process ends.
void ApplyTo(IndexedColumn& column, Lsn lsn, absl::string_view key,
             absl::string_view vector_bytes) noexcept {
  column.Apply(lsn, key, vector_bytes);
}

}  // namespace

IndexSlot::Ready IndexSlot::ready() const {
  absl::MutexLock lock(&mutex_);
  return ready_;
}

bool IndexSlot::building() const {
  absl::MutexLock lock(&mutex_);
  return building_;
}

absl::string_view IndexSlot::VectorOf(absl::string_view row) const {
  if (row.empty()) return row;
  // A row that cannot be read has no vector; reading it through SQL says why.
  return VectorColumnBytes(*table_, row, schema_.column).value_or(absl::string_view());
}

void IndexSlot::Apply(Lsn lsn, absl::string_view key, absl::string_view row) {
  const absl::string_view vector_bytes = VectorOf(row);
  std::shared_ptr<IndexedColumn> column;
  {
    absl::MutexLock lock(&mutex_);
    column = ready_.column;
    if (building_) pending_.push_back({lsn, std::string(key), std::string(vector_bytes)});
  }
  if (column != nullptr) ApplyTo(*column, lsn, key, vector_bytes);
}

absl::Status IndexSlot::Load(const SegmentFile& file, absl::string_view bytes,
                             const KeySpace& space, Lsn visible) {
  KYRO_ASSIGN_OR_RETURN(
      std::shared_ptr<IndexedColumn> column,
      IndexedColumn::Load(schema_, table_->columns[schema_.column].type.dimensions, bytes));
  if (column->loaded_covers_lsn() != file.covers_lsn) {
    return absl::DataLossError("vector index segment is not the one that the manifest names");
  }
  // Entries are created in commit order, so the changes are sorted before they are applied.
  std::vector<std::pair<Lsn, std::string>> changes;
  KYRO_RETURN_IF_ERROR(space.ChangesSince(
      file.covers_lsn, visible, [&](absl::string_view key, Lsn lsn, EntryKind, absl::string_view) {
        changes.emplace_back(lsn, std::string(key));
        return absl::OkStatus();
      }));
  std::sort(changes.begin(), changes.end());
  std::string row;
  for (const auto& [lsn, key] : changes) {
    KYRO_ASSIGN_OR_RETURN(const Lsn found, space.Get(key, visible, &row));
    ApplyTo(*column, lsn, key, found > 0 ? VectorOf(row) : absl::string_view());
  }
  absl::MutexLock lock(&mutex_);
  persisted_ = file;
  persisted_change_count_ = 0;
  ready_ = {.column = std::move(column), .ready_lsn = file.covers_lsn};
  building_ = false;
  pending_.clear();
  return absl::OkStatus();
}

void IndexSlot::StartBuild() {
  absl::MutexLock lock(&mutex_);
  building_ = true;
  pending_.clear();
}

absl::Status IndexSlot::Build(
    const KeySpace& space, Views& views,
    const std::function<void(const std::function<void()>&)>& run_exclusive) {
  const View view = views.Acquire();
  {
    // What an earlier, failed build left and this one will find in the table.
    absl::MutexLock lock(&mutex_);
    while (!pending_.empty() && pending_.front().lsn <= view.snapshot) pending_.pop_front();
  }
  const auto build = [&]() -> absl::StatusOr<std::shared_ptr<IndexedColumn>> {
    KYRO_ASSIGN_OR_RETURN(
        std::shared_ptr<IndexedColumn> column,
        IndexedColumn::Create(schema_, table_->columns[schema_.column].type.dimensions));
    std::unique_ptr<Iterator> rows = space.NewIterator(KeyRange{}, view.snapshot);
    // The rows stand in key order, not in commit order; for snapshots from this one on it is all
    // the same which commit wrote them.
    for (; rows->Valid(); rows->Next()) {
      const absl::string_view vector_bytes = VectorOf(rows->value());
      if (!vector_bytes.empty()) ApplyTo(*column, view.snapshot, rows->key(), vector_bytes);
    }
    KYRO_RETURN_IF_ERROR(rows->status());
    return column;
  };
  // Held to the end, so that no merge drops a delete that this index has yet to see.
  const absl::Cleanup release = [&] { views.Release(view); };
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<IndexedColumn> column, build());
  run_exclusive([&] {
    absl::MutexLock lock(&mutex_);
    for (const Pending& change : pending_) {
      if (change.lsn > view.snapshot) ApplyTo(*column, change.lsn, change.key, change.vector_bytes);
    }
    pending_.clear();
    building_ = false;
    ready_ = {.column = column, .ready_lsn = view.snapshot};
    persisted_change_count_ = 0;
  });
  return absl::OkStatus();
}

SegmentFile IndexSlot::persisted() const {
  absl::MutexLock lock(&mutex_);
  return persisted_;
}

void IndexSlot::SetPersisted(const SegmentFile& file, const IndexedColumn* column,
                             uint64_t change_count) {
  absl::MutexLock lock(&mutex_);
  persisted_ = file;
  // A column that was built anew meanwhile is not saved yet.
  persisted_change_count_ = ready_.column.get() == column ? change_count : 0;
}

uint64_t IndexSlot::unsaved_change_count() const {
  absl::MutexLock lock(&mutex_);
  return ready_.column == nullptr ? 0 : ready_.column->change_count() - persisted_change_count_;
}

void IndexSet::OnTable(const std::shared_ptr<const TableSchema>& table) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<IndexSlot>>& slots = by_table_[table->id];
  std::vector<std::shared_ptr<IndexSlot>> next;
  for (const IndexSchema& index : table->indexes) {
    if (index.has_entries()) continue;  // a key space, written with the rows
    auto known = std::find_if(slots.begin(), slots.end(),
                              [&](const auto& slot) { return slot->schema().id == index.id; });
    if (known != slots.end()) {
      next.push_back(*known);
    } else {
      next.push_back(std::make_shared<IndexSlot>(table, index));
      next.back()->StartBuild();
    }
  }
  slots = std::move(next);
  if (slots.empty()) by_table_.erase(table->id);
}

void IndexSet::OnTableDropped(ObjectId table) {
  absl::MutexLock lock(&mutex_);
  by_table_.erase(table);
}

std::vector<std::shared_ptr<IndexSlot>> IndexSet::OfTable(ObjectId table) const {
  absl::MutexLock lock(&mutex_);
  auto it = by_table_.find(table);
  return it == by_table_.end() ? std::vector<std::shared_ptr<IndexSlot>>() : it->second;
}

std::shared_ptr<IndexSlot> IndexSet::Find(ObjectId index) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [table, slots] : by_table_) {
    for (const auto& slot : slots) {
      if (slot->schema().id == index) return slot;
    }
  }
  return nullptr;
}

std::vector<std::shared_ptr<IndexSlot>> IndexSet::All() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<IndexSlot>> all;
  for (const auto& [table, slots] : by_table_) all.insert(all.end(), slots.begin(), slots.end());
  return all;
}

}  // namespace kyrodb::engine
