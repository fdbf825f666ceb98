// How entries of zorder indexes come to be: with the row, in the same transaction, and for rows
// that were there before the index in batches afterwards.
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

// What `row` brings along: the moment of its expiry, if it has one.
Write MakeEntry(const Write& row) {
  Write entry;
  entry.expires = row.expires;
  if (row.expires) entry.value = row.value.substr(0, kExpiryBytes);
  return entry;
}

}  // namespace

absl::StatusOr<const TableSchema*> TransactionImpl::ZOrderTable(ObjectId table) {
  if (indexed_catalog_ != catalog_ || indexed_table_id_ != table) {
    KYRO_ASSIGN_OR_RETURN(indexed_table_, Table(table));
    bool has_zorder = false;
    for (const IndexSchema& index : indexed_table_->indexes) {
      has_zorder = has_zorder || index.is_zorder();
    }
    if (!has_zorder) indexed_table_ = nullptr;
    indexed_table_id_ = table;
    indexed_catalog_ = catalog_;
  }
  return indexed_table_.get();
}

absl::Status TransactionImpl::MaintainEntries(ObjectId table, absl::string_view key,
                                              const Write& next) {
  KYRO_ASSIGN_OR_RETURN(const TableSchema* schema, ZOrderTable(table));
  if (schema == nullptr) return absl::OkStatus();
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
  for (const IndexSchema& index : schema->indexes) {
    if (!index.is_zorder()) continue;
    const ZOrderKeys keys(*schema, index);
    std::optional<uint64_t> old_code;
    // What is no row has no entry.
    if (before.has_value()) old_code = keys.CodeOf(*before).value_or(std::nullopt);
    std::optional<uint64_t> new_code;
    if (!next.is_delete) {
      absl::StatusOr<std::optional<uint64_t>> code = keys.CodeOf(ValueOf(next.kind(), next.value));
      if (!code.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("value is no row of table \"", schema->name,
                                                       "\", which index \"", index.name,
                                                       "\" needs: ", code.status().message()));
      }
      new_code = *code;
    }
    if (old_code == new_code && !before_expires && !next.expires) continue;
    if (old_code.has_value()) {
      entries.push_back({index.id, ZOrderEntry(*old_code, key), {.is_delete = true}});
    }
    if (new_code.has_value()) {
      entries.push_back({index.id, ZOrderEntry(*new_code, key), MakeEntry(next)});
    }
  }
  for (const EntryWrite& entry : entries) bytes += entry.entry.size() + entry.write.value.size();
  KYRO_RETURN_IF_ERROR(CheckRoom(bytes + key.size() + next.value.size()));
  for (EntryWrite& entry : entries) {
    writes_.Put(entry.index, entry.entry, std::move(entry.write));
  }
  return absl::OkStatus();
}

absl::Status TransactionImpl::BeginEntries(ObjectId table, const IndexSchema& index) {
  if (view_.catalog->FindTable(table) != nullptr) {
    // Rows are there, or others may be committing some at this moment.
    writes_.Put(index.id, ZOrderBuildKey(), {});
    return absl::OkStatus();
  }
  KYRO_RETURN_IF_ERROR(ResolveMerges(table, KeyRange{}));
  const std::shared_ptr<const SpaceWrites> own = writes_.FindSpace(table);
  if (own == nullptr) return absl::OkStatus();
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  const ZOrderKeys keys(*schema, index);
  for (const auto& [key, row] : *own) {
    if (row.is_delete) continue;
    KYRO_ASSIGN_OR_RETURN(const std::optional<uint64_t> code,
                          keys.CodeOf(ValueOf(row.kind(), row.value)));
    if (!code.has_value()) continue;
    KYRO_RETURN_IF_ERROR(CheckRoom(kZCodeBytes + key.size()));
    writes_.Put(index.id, ZOrderEntry(*code, key), MakeEntry(row));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TransactionImpl::BuildEntries(ObjectId table, ObjectId index_id,
                                                   uint64_t row_count_max) {
  std::string begin;
  KYRO_ASSIGN_OR_RETURN(const bool is_being_built, Get(index_id, ZOrderBuildKey(), &begin));
  if (!is_being_built) return false;
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<KeySpace> committed, CommittedSpace(table));
  const uint64_t bytes_max = static_cast<uint64_t>(context_->transaction_bytes_max->value()) / 4;
  for (const IndexSchema& index : schema->indexes) {
    if (index.id != index_id) continue;
    const ZOrderKeys keys(*schema, index);
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows,
                          Scan(table, KeyRange{.begin = begin, .end = {}}, ScanOptions{}));
    for (uint64_t count = 0; rows->Valid(); rows->Next(), ++count) {
      if (count == row_count_max || writes_.size_bytes() > bytes_max) {
        writes_.Put(index_id, ZOrderBuildKey(), {.value = std::string(rows->key())});
        return true;
      }
      KYRO_ASSIGN_OR_RETURN(const std::optional<uint64_t> code, keys.CodeOf(rows->value()));
      if (!code.has_value()) continue;
      // An entry goes when its row does.
      std::optional<WallMicros> expiry;
      KYRO_RETURN_IF_ERROR(
          committed->Get(rows->key(), view_.snapshot, &scratch_, view_.now, &expiry).status());
      Write entry;
      entry.expires = expiry.has_value();
      if (entry.expires) PutFixed64(&entry.value, static_cast<uint64_t>(*expiry));
      writes_.Put(index_id, ZOrderEntry(*code, rows->key()), std::move(entry));
    }
    KYRO_RETURN_IF_ERROR(rows->status());
    writes_.Put(index_id, ZOrderBuildKey(), {.is_delete = true});
    return true;
  }
  return absl::NotFoundError(
      absl::StrCat("table \"", schema->name, "\" has no index number ", index_id));
}

}  // namespace kyrodb::engine
