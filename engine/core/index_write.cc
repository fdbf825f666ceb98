// How entries of zorder and btree indexes come to be: with the row, in the same transaction, and
// for rows that were there before the index in batches afterwards.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/transaction_impl.h"
#include "engine/core/zorder_key.h"

namespace kyrodb::engine {
namespace {

struct EntryWrite {
  ObjectId index;
  std::string entry;
  Write write;
};

// An entry with this value; of a row that expires it does so with it.
Write MakeEntry(const Write& row, absl::string_view value) {
  Write entry;
  entry.expires = row.expires;
  if (row.expires) entry.value = row.value.substr(0, kExpiryBytes);
  entry.value.append(value.data(), value.size());
  return entry;
}

Write MakeEntry(std::optional<WallMicros> expiry, absl::string_view value) {
  Write entry;
  entry.expires = expiry.has_value();
  if (entry.expires) PutFixed64(&entry.value, static_cast<uint64_t>(*expiry));
  entry.value.append(value.data(), value.size());
  return entry;
}

absl::Status NotARow(const TableSchema& table, const IndexSchema& index,
                     const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::InvalidArgumentError(absl::StrCat("value is no row of table \"", table.name,
                                                 "\", which index \"", index.name,
                                                 "\" needs: ", status.message()));
}

absl::Status Duplicate(const IndexSchema& index, absl::string_view row, absl::string_view message) {
  absl::Status status = absl::AlreadyExistsError(message);
  status.SetPayload(kUniqueIndexPayload, absl::Cord(index.name));
  status.SetPayload(kUniqueRowPayload, absl::Cord(row));
  return status;
}

// The entry of a row in any index that has entries.
absl::StatusOr<std::optional<IndexEntry>> EntryOf(const TableSchema& table,
                                                  const IndexSchema& index, const IndexKeys* keys,
                                                  absl::string_view row,
                                                  absl::string_view row_key) {
  if (keys != nullptr) return keys->EntryOf(row, row_key);
  KYRO_ASSIGN_OR_RETURN(const std::optional<uint64_t> code, ZOrderKeys(table, index).CodeOf(row));
  if (!code.has_value()) return std::nullopt;
  return IndexEntry{.key = ZOrderEntry(*code, row_key)};
}

}  // namespace

absl::StatusOr<const TransactionImpl::IndexedTable*> TransactionImpl::FindIndexed(ObjectId table) {
  if (indexed_catalog_ != catalog_ || indexed_.id != table) {
    IndexedTable found{.id = table, .schema = nullptr, .indexes = {}};
    KYRO_ASSIGN_OR_RETURN(found.schema, Table(table));
    for (const IndexSchema& index : found.schema->indexes) {
      if (!index.has_entries()) continue;
      std::shared_ptr<const IndexKeys> keys;
      if (index.is_btree()) {
        KYRO_ASSIGN_OR_RETURN(keys, KeysOf(found.schema, index));
      }
      found.indexes.push_back({&index, std::move(keys)});
    }
    indexed_ = std::move(found);
    indexed_catalog_ = catalog_;
  }
  return indexed_.indexes.empty() ? nullptr : &indexed_;
}

absl::StatusOr<std::shared_ptr<const IndexKeys>> TransactionImpl::KeysOf(
    const std::shared_ptr<const TableSchema>& table, const IndexSchema& index) const {
  return IndexKeys::Make(table, index, context_->compiler->load(std::memory_order_acquire));
}

absl::Status TransactionImpl::MaintainEntries(ObjectId table, absl::string_view key,
                                              const Write& next) {
  KYRO_ASSIGN_OR_RETURN(const IndexedTable* indexed, FindIndexed(table));
  if (indexed == nullptr) return absl::OkStatus();
  const TableSchema& schema = *indexed->schema;
  // The row as it is for this transaction.
  std::optional<absl::string_view> before;
  bool before_expires = false;
  if (const Write* own = writes_.Find(table, key)) {
    if (IsVisible(own->kind(), own->value, view_.now)) before = ValueOf(own->kind(), own->value);
    before_expires = own->expires;
  } else {
    KYRO_ASSIGN_OR_RETURN(const KeySpace* committed, ReadSpace(table));
    if (committed != nullptr) {
      std::optional<WallMicros> expiry;
      KYRO_ASSIGN_OR_RETURN(const Lsn lsn,
                            committed->Get(key, view_.snapshot, &scratch_, view_.now, &expiry));
      if (lsn > 0) before = scratch_;
      before_expires = expiry.has_value();
    }
  }
  std::vector<EntryWrite> entries;
  uint64_t bytes = 0;
  for (const auto& [index, keys] : indexed->indexes) {
    std::optional<IndexEntry> old_entry;
    // What is no row has no entry.
    if (before.has_value()) {
      old_entry = EntryOf(schema, *index, keys.get(), *before, key).value_or(std::nullopt);
    }
    std::optional<IndexEntry> new_entry;
    if (!next.is_delete) {
      absl::StatusOr<std::optional<IndexEntry>> entry =
          EntryOf(schema, *index, keys.get(), ValueOf(next.kind(), next.value), key);
      if (!entry.ok()) return NotARow(schema, *index, entry.status());
      new_entry = *std::move(entry);
    }
    const bool same = old_entry.has_value() == new_entry.has_value() &&
                      (!old_entry.has_value() || old_entry->key == new_entry->key);
    if (same && !before_expires && !next.expires) continue;
    if (old_entry.has_value() && !same) {
      bytes += old_entry->key.size();
      entries.push_back({index->id, std::move(old_entry->key), {.is_delete = true}});
    }
    if (!new_entry.has_value()) continue;
    if (new_entry->unique && !same) {
      KYRO_ASSIGN_OR_RETURN(const bool taken, Get(index->id, new_entry->key, &entry_scratch_));
      if (taken) {
        return Duplicate(
            *index, ValueOf(next.kind(), next.value),
            absl::StrCat("duplicate key value violates unique constraint \"", index->name, "\""));
      }
    }
    bytes += new_entry->key.size() + new_entry->value.size();
    entries.push_back({index->id, std::move(new_entry->key), MakeEntry(next, new_entry->value)});
  }
  KYRO_RETURN_IF_ERROR(CheckRoom(bytes + key.size() + next.value.size()));
  for (EntryWrite& entry : entries) {
    writes_.Put(entry.index, entry.entry, std::move(entry.write));
  }
  return absl::OkStatus();
}

absl::Status TransactionImpl::BeginEntries(ObjectId table, const IndexSchema& index,
                                           IndexBuild build) {
  const bool is_committed = view_.catalog->FindTable(table) != nullptr;
  if (is_committed && (index.is_zorder() || build == IndexBuild::kLater)) {
    // Rows are there, or others may be committing some at this moment.
    writes_.Put(index.id, IndexBuildKey(), {});
    return absl::OkStatus();
  }
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  std::shared_ptr<const IndexKeys> keys;
  if (index.is_btree()) {
    KYRO_ASSIGN_OR_RETURN(keys, KeysOf(schema, index));
  }
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<KeySpace> committed, CommittedSpace(table));
  // Nobody else may write rows that this transaction does not see.
  if (is_committed) KYRO_RETURN_IF_ERROR(Guard(table, KeyRange{}));
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows,
                        Scan(table, KeyRange{}, ScanOptions{}));
  for (; rows->Valid(); rows->Next()) {
    absl::StatusOr<std::optional<IndexEntry>> entry =
        EntryOf(*schema, index, keys.get(), rows->value(), rows->key());
    if (!entry.ok()) return NotARow(*schema, index, entry.status());
    if (!entry->has_value()) continue;
    if ((*entry)->unique && writes_.Find(index.id, (*entry)->key) != nullptr) {
      return Duplicate(index, rows->value(),
                       absl::StrCat("could not create unique index \"", index.name, "\""));
    }
    KYRO_RETURN_IF_ERROR(CheckRoom((*entry)->key.size() + (*entry)->value.size()));
    KYRO_ASSIGN_OR_RETURN(const std::optional<WallMicros> expiry,
                          ExpiryOfRow(table, committed.get(), rows->key()));
    writes_.Put(index.id, (*entry)->key, MakeEntry(expiry, (*entry)->value));
  }
  return rows->status();
}

absl::StatusOr<std::optional<WallMicros>> TransactionImpl::ExpiryOfRow(ObjectId table,
                                                                       const KeySpace* committed,
                                                                       absl::string_view key) {
  std::optional<WallMicros> expiry;
  if (const Write* own = writes_.Find(table, key)) {
    if (own->expires) expiry = ExpiryOf(own->value);
  } else if (committed != nullptr) {
    KYRO_RETURN_IF_ERROR(
        committed->Get(key, view_.snapshot, &scratch_, view_.now, &expiry).status());
  }
  return expiry;
}

absl::StatusOr<bool> TransactionImpl::BuildEntries(ObjectId table, ObjectId index_id,
                                                   uint64_t row_count_max) {
  std::string begin;
  KYRO_ASSIGN_OR_RETURN(const bool is_being_built, Get(index_id, IndexBuildKey(), &begin));
  if (!is_being_built) return false;
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<KeySpace> committed, CommittedSpace(table));
  const uint64_t bytes_max = static_cast<uint64_t>(context_->transaction_bytes_max->value()) / 4;
  const IndexSchema* const index = schema->FindIndex(index_id);
  if (index == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("table \"", schema->name, "\" has no index number ", index_id));
  }
  std::shared_ptr<const IndexKeys> keys;
  if (index->is_btree()) {
    KYRO_ASSIGN_OR_RETURN(keys, KeysOf(schema, *index));
  }
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows,
                        Scan(table, KeyRange{.begin = begin, .end = {}}, ScanOptions{}));
  for (uint64_t count = 0; rows->Valid(); rows->Next(), ++count) {
    if (count == row_count_max || writes_.size_bytes() > bytes_max) {
      writes_.Put(index_id, IndexBuildKey(), {.value = std::string(rows->key())});
      return true;
    }
    KYRO_ASSIGN_OR_RETURN(const std::optional<IndexEntry> entry,
                          EntryOf(*schema, *index, keys.get(), rows->value(), rows->key()));
    if (!entry.has_value()) continue;
    if (entry->unique) {
      // A row that was written since the index is there has its entry already.
      KYRO_ASSIGN_OR_RETURN(const bool taken, Get(index_id, entry->key, &entry_scratch_));
      if (taken && entry_scratch_ != entry->value) {
        return Duplicate(*index, rows->value(),
                         absl::StrCat("could not create unique index \"", index->name, "\""));
      }
    }
    // An entry goes when its row does.
    KYRO_ASSIGN_OR_RETURN(const std::optional<WallMicros> expiry,
                          ExpiryOfRow(table, committed.get(), rows->key()));
    writes_.Put(index_id, entry->key, MakeEntry(expiry, entry->value));
  }
  KYRO_RETURN_IF_ERROR(rows->status());
  writes_.Put(index_id, IndexBuildKey(), {.is_delete = true});
  return true;
}

}  // namespace kyrodb::engine
