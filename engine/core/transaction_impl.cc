#include "engine/core/transaction_impl.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <new>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/core/overlay_iterator.h"
#include "engine/key_codec.h"

namespace kyrodb::engine {
namespace {

constexpr size_t kColumnCountMax = 1600;
constexpr size_t kIndexCountMax = 64;
// What can be taken back may use this many times what may be written.
constexpr uint64_t kUndoFactor = 4;
constexpr size_t kNameBytesMax = 63;          // as PostgreSQL's NAMEDATALEN - 1
constexpr uint32_t kStorageCountMax = 32000;  // places of a row, used and given up

absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(what, " name \"", name, "\" has ", name.size(),
                                                   " bytes, expected 1 to ", kNameBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckSchema(const TableSchema& schema) {
  KYRO_RETURN_IF_ERROR(CheckName("table", schema.name));
  if (schema.columns.size() > kColumnCountMax) {
    return absl::ResourceExhaustedError(absl::StrCat("table \"", schema.name, "\" has ",
                                                     schema.columns.size(),
                                                     " columns, the limit is ", kColumnCountMax));
  }
  std::set<absl::string_view> names;
  for (const ColumnSchema& column : schema.columns) {
    KYRO_RETURN_IF_ERROR(CheckName("column", column.name));
    if (!names.insert(column.name).second) {
      return absl::AlreadyExistsError(
          absl::StrCat("column \"", column.name, "\" specified more than once"));
    }
    const bool is_vector = column.type.id == TypeId::kVector || column.type.id == TypeId::kHalfvec;
    if (is_vector && column.type.dimensions > kVectorDimensionsMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("column \"", column.name, "\" has ", column.type.dimensions,
                       " dimensions, the limit is ", kVectorDimensionsMax));
    }
  }
  std::set<uint32_t> key_columns;
  for (const uint32_t ordinal : schema.primary_key) {
    if (ordinal >= schema.columns.size() || !key_columns.insert(ordinal).second) {
      return absl::InvalidArgumentError(absl::StrCat("primary key of table \"", schema.name,
                                                     "\" names column number ", ordinal, " of ",
                                                     schema.columns.size()));
    }
    const ColumnSchema& column = schema.columns[ordinal];
    if (!IsKeyType(column.type.id)) {
      return absl::InvalidArgumentError(absl::StrCat("column \"", column.name, "\" of type ",
                                                     TypeName(column.type),
                                                     " cannot be part of a primary key"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckZOrder(const TableSchema& table, IndexSchema* index) {
  if (index->columns.size() < kZOrderColumnsMin || index->columns.size() > kZOrderColumnsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "index \"", index->name, "\" has ", index->columns.size(), " columns, method zorder takes ",
        kZOrderColumnsMin, " to ", kZOrderColumnsMax));
  }
  std::set<uint32_t> ordinals;
  for (const uint32_t ordinal : index->columns) {
    if (ordinal >= table.columns.size() || !ordinals.insert(ordinal).second) {
      return absl::InvalidArgumentError(absl::StrCat("index \"", index->name,
                                                     "\" names column number ", ordinal, " of ",
                                                     table.columns.size(), ", or names it twice"));
    }
    const ColumnSchema& column = table.columns[ordinal];
    if (!IsZOrderType(column.type.id)) {
      return absl::InvalidArgumentError(absl::StrCat("column \"", column.name, "\" of type ",
                                                     TypeName(column.type),
                                                     " cannot be part of a zorder index"));
    }
  }
  index->column = index->columns[0];
  return absl::OkStatus();
}

absl::Status CheckBtree(const TableSchema& table, IndexSchema* index) {
  if (index->parts.empty() || index->parts.size() > kIndexPartsMax) {
    return absl::InvalidArgumentError(absl::StrCat("index \"", index->name, "\" has ",
                                                   index->parts.size(), " parts, expected 1 to ",
                                                   kIndexPartsMax));
  }
  for (const IndexPart& part : index->parts) {
    if (!part.is_expression() && part.column >= table.columns.size()) {
      return absl::InvalidArgumentError(absl::StrCat("index \"", index->name,
                                                     "\" names column number ", part.column, " of ",
                                                     table.columns.size()));
    }
    const Type type = IndexPartType(table, part);
    if (!IsIndexType(type.id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("type ", TypeName(type), " cannot be part of a btree index"));
    }
  }
  index->column = index->parts[0].is_expression() ? 0 : index->parts[0].column;
  return absl::OkStatus();
}

absl::Status CheckIndex(const TableSchema& table, IndexSchema* index) {
  if (index->is_zorder()) return CheckZOrder(table, index);
  if (index->is_btree()) return CheckBtree(table, index);
  if (index->method != "hnsw" || !index->columns.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("index method \"", index->method,
                     "\" is unknown, expected \"btree\", \"hnsw\" or \"zorder\""));
  }
  if (index->column >= table.columns.size() ||
      table.columns[index->column].type.id != TypeId::kVector ||
      table.columns[index->column].type.dimensions == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("index \"", index->name, "\" needs a vector column with dimensions"));
  }
  // The index itself says whether its options are in range.
  return IndexedColumn::Create(*index, table.columns[index->column].type.dimensions).status();
}

// `Begin` cannot say that memory is short: the transaction that it gives must. So a few have a
// place set aside.
class EmergencyPlaces {
 public:
  // Null when every place is taken.
  void* Take() {
    for (Place& place : places_) {
      if (!place.is_taken.exchange(true)) return place.bytes.data();
    }
    return nullptr;
  }
  // False when it is no place of these.
  bool GiveBack(const void* memory) {
    for (Place& place : places_) {
      if (memory != place.bytes.data()) continue;
      place.is_taken.store(false);
      return true;
    }
    return false;
  }

 private:
  struct Place {
    std::atomic<bool> is_taken{false};
    alignas(TransactionImpl) std::array<std::byte, sizeof(TransactionImpl)> bytes;
  };
  std::array<Place, 16> places_;
};

EmergencyPlaces& Places() {
  static EmergencyPlaces places;
  return places;
}

}  // namespace

// Ends the process when there is neither memory nor a place.
void* TransactionImpl::operator new(size_t size) noexcept {
  void* memory = ::operator new(size, std::nothrow);
  if (memory == nullptr) memory = Places().Take();
  KYRO_CHECK(memory != nullptr);
  return memory;
}

void TransactionImpl::operator delete(void* memory) {
  if (!Places().GiveBack(memory)) ::operator delete(memory);
}

TransactionImpl::TransactionImpl(const TransactionContext* context, IsolationLevel isolation)
    : context_(context) {
  if (isolation == IsolationLevel::kSerializable) {
    reads_.emplace(static_cast<uint64_t>(context_->read_set_bytes_max->value()));
    // Before the snapshot, so that the history has all that comes after it.
    context_->history->AddReader();
  }
  try {
    view_ = context_->views->Acquire();
    has_view_ = true;
  } catch (const std::bad_alloc&) {
    // It refuses everything, but its definitions can be looked at.
    failed_ = OutOfMemoryError();
    view_ = {.snapshot = context->views->visible(), .catalog = context->views->catalog()};
  }
  catalog_ = view_.catalog;
}

TransactionImpl::~TransactionImpl() { Rollback(); }

absl::Status TransactionImpl::CheckOpen() const {
  if (!open_) return absl::FailedPreconditionError("transaction has already ended");
  return failed_;
}

absl::Status TransactionImpl::Fail() {
  failed_ = OutOfMemoryError();
  return failed_;
}

absl::Status TransactionImpl::FailRead() {
  // Such a read changes what the transaction will write, or what it must remember.
  return writes_.has_pending() || reads_.has_value() ? Fail() : OutOfMemoryError();
}

std::shared_ptr<const Catalog> TransactionImpl::catalog() const {
  if (reads_.has_value()) reads_->AddCatalog();
  return catalog_;
}

absl::StatusOr<std::shared_ptr<const TableSchema>> TransactionImpl::Table(ObjectId table) const {
  std::shared_ptr<const TableSchema> schema = catalog_->FindTable(table);
  if (schema == nullptr) {
    return absl::NotFoundError(absl::StrCat("table number ", table, " does not exist"));
  }
  return schema;
}

absl::StatusOr<std::shared_ptr<KeySpace>> TransactionImpl::CommittedSpace(ObjectId space) const {
  if (space != kCatalogSpace && !catalog_->HasSpace(space)) {
    return Table(space).status();
  }
  return context_->spaces->Find(space, view_.snapshot);
}

absl::StatusOr<const KeySpace*> TransactionImpl::ReadSpace(ObjectId space) {
  if (read_catalog_ != catalog_ || read_space_id_ != space) {
    KYRO_ASSIGN_OR_RETURN(read_space_, CommittedSpace(space));
    read_space_id_ = space;
    read_catalog_ = catalog_;
  }
  return read_space_.get();
}

absl::StatusOr<bool> TransactionImpl::Get(ObjectId space, absl::string_view key,
                                          std::string* value) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const KeySpace* committed, ReadSpace(space));
  if (!writes_.empty()) {
    KYRO_ASSIGN_OR_RETURN(const Write* write, OwnWrite(space, key));
    if (write != nullptr) {
      if (!IsVisible(write->kind(), write->value, view_.now)) return false;
      const absl::string_view own = ValueOf(write->kind(), write->value);
      value->assign(own.data(), own.size());
      return true;
    }
  }
  if (committed == nullptr) return false;
  if (reads_.has_value()) reads_->AddKey(space, key);
  KYRO_ASSIGN_OR_RETURN(const Lsn lsn, committed->Get(key, view_.snapshot, value, view_.now));
  return lsn > 0;
} catch (const std::bad_alloc&) {
  return FailRead();
}

absl::StatusOr<std::optional<std::string>> TransactionImpl::Get(ObjectId space,
                                                                absl::string_view key) try {
  std::string value;
  KYRO_ASSIGN_OR_RETURN(const bool found, Get(space, key, &value));
  if (!found) return std::nullopt;
  return value;
} catch (const std::bad_alloc&) {
  return FailRead();
}

absl::StatusOr<std::unique_ptr<Iterator>> TransactionImpl::Scan(ObjectId space,
                                                                const KeyRange& range,
                                                                const ScanOptions& options) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<KeySpace> committed, CommittedSpace(space));
  std::unique_ptr<Iterator> iterator =
      committed == nullptr ? nullptr
                           : committed->NewIterator(range, view_.snapshot, options, view_.now);
  KYRO_RETURN_IF_ERROR(ResolveMerges(space, range));
  const bool is_committed = iterator != nullptr;
  std::shared_ptr<const SpaceWrites> writes = writes_.FindSpace(space);
  if (writes != nullptr || !is_committed) {
    if (writes == nullptr) writes = std::make_shared<SpaceWrites>();
    iterator =
        NewOverlayIterator(std::move(writes), std::move(iterator), range, options, view_.now);
  }
  if (!reads_.has_value() || !is_committed) return iterator;
  return reads_->Track(space, range, options, std::move(iterator));
} catch (const std::bad_alloc&) {
  return FailRead();
}

absl::Status TransactionImpl::CheckWritable(ObjectId space, absl::string_view key,
                                            size_t value_bytes) const {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_RETURN_IF_ERROR(context_->writable());
  if (space != kCatalogSpace) KYRO_RETURN_IF_ERROR(Table(space).status());
  if (key.size() > kKeyBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("key has ", key.size(), " bytes, the limit is ", kKeyBytesMax));
  }
  return CheckRoom(key.size() + value_bytes);
}

absl::Status TransactionImpl::CheckRoom(uint64_t bytes) const {
  const auto limit = static_cast<uint64_t>(context_->transaction_bytes_max->value());
  if (writes_.size_bytes() + bytes > limit || writes_.memory_bytes() > kUndoFactor * limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("transaction would write more than ", limit,
                     " bytes (knob transaction_bytes_max); commit in smaller parts"));
  }
  return absl::OkStatus();
}

namespace {

Write MakePut(absl::string_view value, const PutOptions& options) {
  Write write;
  if (options.expires_at_micros.has_value()) {
    write.expires = true;
    PutFixed64(&write.value, static_cast<uint64_t>(*options.expires_at_micros));
  }
  write.value.append(value.data(), value.size());
  return write;
}

}  // namespace

absl::StatusOr<std::optional<Versioned>> TransactionImpl::GetVersioned(ObjectId space,
                                                                       absl::string_view key) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const KeySpace* committed, ReadSpace(space));
  KYRO_ASSIGN_OR_RETURN(const Write* write, OwnWrite(space, key));
  if (write != nullptr) {
    if (!IsVisible(write->kind(), write->value, view_.now)) return std::nullopt;
    Versioned found{.value = std::string(ValueOf(write->kind(), write->value))};
    if (write->expires) found.expires_at_micros = ExpiryOf(write->value);
    return found;
  }
  if (committed == nullptr) return std::nullopt;
  if (reads_.has_value()) reads_->AddKey(space, key);
  Versioned found;
  KYRO_ASSIGN_OR_RETURN(found.lsn, committed->Get(key, view_.snapshot, &found.value, view_.now,
                                                  &found.expires_at_micros));
  if (found.lsn == 0) return std::nullopt;
  return found;
} catch (const std::bad_alloc&) {
  return FailRead();
}

absl::Status TransactionImpl::MultiGet(ObjectId space, std::span<const absl::string_view> keys,
                                       std::vector<std::optional<std::string>>* values) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const KeySpace* committed, ReadSpace(space));
  values->assign(keys.size(), std::nullopt);
  const auto take = [values](size_t index, Lsn, absl::string_view value) {
    (*values)[index] = std::string(value);
  };
  if (writes_.empty() && !reads_.has_value()) {
    if (committed == nullptr) return absl::OkStatus();
    return committed->MultiGet(keys, view_.snapshot, take, view_.now);
  }
  // Own writes are taken out of what the space is asked for.
  std::vector<absl::string_view> rest;
  std::vector<size_t> indexes;
  for (size_t i = 0; i < keys.size(); ++i) {
    KYRO_ASSIGN_OR_RETURN(const Write* write, OwnWrite(space, keys[i]));
    if (write == nullptr) {
      if (reads_.has_value() && committed != nullptr) reads_->AddKey(space, keys[i]);
      rest.push_back(keys[i]);
      indexes.push_back(i);
    } else if (IsVisible(write->kind(), write->value, view_.now)) {
      (*values)[i] = std::string(ValueOf(write->kind(), write->value));
    }
  }
  if (committed == nullptr) return absl::OkStatus();
  return committed->MultiGet(
      rest, view_.snapshot,
      [&](size_t index, Lsn lsn, absl::string_view value) { take(indexes[index], lsn, value); },
      view_.now);
} catch (const std::bad_alloc&) {
  return FailRead();
}

absl::StatusOr<const Write*> TransactionImpl::OwnWrite(ObjectId space, absl::string_view key) {
  const Write* write = writes_.Find(space, key);
  if (write == nullptr || !write->is_merge()) return write;
  KYRO_ASSIGN_OR_RETURN(const KeySpace* committed, ReadSpace(space));
  std::string value;
  std::optional<WallMicros> expiry;
  std::optional<absl::string_view> base;
  if (committed != nullptr) {
    KYRO_ASSIGN_OR_RETURN(const Lsn lsn,
                          committed->Get(key, view_.snapshot, &value, view_.now, &expiry));
    if (lsn > 0) base = value;
  }
  for (const MergeStep& step : write->pending->merges) {
    KYRO_ASSIGN_OR_RETURN(value, ApplyMerge(step.op, base, step.operand));
    base = value;
  }
  writes_.Put(space, key, MakePut(value, {.expires_at_micros = expiry}));
  return writes_.Find(space, key);
}

absl::Status TransactionImpl::ResolveMerges(ObjectId space, const KeyRange& range) {
  if (!writes_.has_pending()) return absl::OkStatus();
  const std::shared_ptr<const SpaceWrites> writes = writes_.FindSpace(space);
  if (writes == nullptr) return absl::OkStatus();
  for (auto it = writes->lower_bound(range.begin);
       it != writes->end() && (range.end.empty() || it->first < range.end); ++it) {
    if (it->second.is_merge()) KYRO_RETURN_IF_ERROR(OwnWrite(space, it->first).status());
  }
  return absl::OkStatus();
}

absl::Status TransactionImpl::PutRow(ObjectId space, absl::string_view key, Write write) try {
  if (space == kCatalogSpace) {
    return absl::InvalidArgumentError("the catalog's key space is written by definitions only");
  }
  KYRO_RETURN_IF_ERROR(CheckWritable(space, key, write.value.size()));
  KYRO_RETURN_IF_ERROR(MaintainEntries(space, key, write));
  if (writes_.has_pending()) {
    // What an earlier conditional write of the key expects must still hold.
    const Write* own = writes_.Find(space, key);
    if (own != nullptr && own->pending != nullptr && own->pending->expectation.has_value()) {
      auto pending = std::make_shared<PendingWrite>();
      pending->validated = true;
      pending->expectation = own->pending->expectation;
      write.pending = std::move(pending);
    }
  }
  writes_.Put(space, key, std::move(write));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::Put(ObjectId space, absl::string_view key, absl::string_view value,
                                  const PutOptions& options) try {
  return PutRow(space, key, MakePut(value, options));
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::Delete(ObjectId space, absl::string_view key) try {
  return PutRow(space, key, {.is_delete = true});
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::StatusOr<uint64_t> TransactionImpl::DeleteRange(ObjectId space, const KeyRange& range) try {
  if (space == kCatalogSpace) {
    return absl::InvalidArgumentError("the catalog's key space is written by definitions only");
  }
  KYRO_RETURN_IF_ERROR(CheckWritable(space, range.begin, 0));
  if (!range.end.empty() && range.end <= range.begin) return 0;
  KYRO_RETURN_IF_ERROR(Guard(space, range));
  // The iterator keeps the own writes as they are now, so that deleting does not disturb it.
  uint64_t count = 0;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows, Scan(space, range, ScanOptions{}));
  for (; rows->Valid(); rows->Next()) {
    KYRO_RETURN_IF_ERROR(Delete(space, rows->key()));
    ++count;
  }
  KYRO_RETURN_IF_ERROR(rows->status());
  return count;
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::Guard(ObjectId space, const KeyRange& range) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  if (!deleted_.has_value()) {
    deleted_.emplace(static_cast<uint64_t>(context_->read_set_bytes_max->value()));
    context_->history->AddReader();
  }
  deleted_->AddRange(space, range.begin, range.end);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::CheckDeletedRanges(Lsn* checked_lsn) const {
  // So coarse that it has no ranges any more: the sequencer refuses it unless nobody committed.
  *checked_lsn = view_.snapshot;
  if (deleted_->everything()) return absl::OkStatus();
  // In this order: what is committed meanwhile is in the history.
  *checked_lsn = context_->views->visible();
  for (const auto& [space, ranges] : deleted_->spaces()) {
    const std::shared_ptr<KeySpace> committed = context_->spaces->Find(space, view_.snapshot);
    if (committed == nullptr) continue;
    for (const auto& [begin, end] : ranges.ranges) {
      KYRO_ASSIGN_OR_RETURN(const std::optional<bool> changed,
                            committed->HasChanges(KeyRange{.begin = begin, .end = end},
                                                  view_.snapshot, ~uint64_t{0}));
      if (!changed.value_or(true)) continue;
      return absl::AbortedError("a key of a deleted range was changed by a concurrent transaction");
    }
  }
  return absl::OkStatus();
}

absl::Status TransactionImpl::PutRowIf(ObjectId space, absl::string_view key,
                                       const Expectation& expected, Write write) try {
  if (space == kCatalogSpace) {
    return absl::InvalidArgumentError("the catalog's key space is written by definitions only");
  }
  KYRO_RETURN_IF_ERROR(CheckWritable(space, key, write.value.size() + expected.value.size()));
  KYRO_ASSIGN_OR_RETURN(const Write* own, OwnWrite(space, key));
  if (own == nullptr) {
    auto pending = std::make_shared<PendingWrite>();
    pending->expectation = expected;
    // Entries of indexes are made for the row that the snapshot has.
    KYRO_ASSIGN_OR_RETURN(const IndexedTable* indexed, FindIndexed(space));
    pending->validated = indexed != nullptr;
    write.pending = std::move(pending);
  } else {
    const std::optional<absl::string_view> found =
        IsVisible(own->kind(), own->value, view_.now)
            ? std::optional<absl::string_view>(ValueOf(own->kind(), own->value))
            : std::nullopt;
    KYRO_RETURN_IF_ERROR(CheckExpectation(expected, found, 0));
    write.pending = own->pending;
  }
  KYRO_RETURN_IF_ERROR(MaintainEntries(space, key, write));
  writes_.Put(space, key, std::move(write));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::PutIf(ObjectId space, absl::string_view key,
                                    const Expectation& expected, absl::string_view value,
                                    const PutOptions& options) try {
  return PutRowIf(space, key, expected, MakePut(value, options));
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::DeleteIf(ObjectId space, absl::string_view key,
                                       const Expectation& expected) try {
  return PutRowIf(space, key, expected, {.is_delete = true});
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::Merge(ObjectId space, absl::string_view key, MergeOperator op,
                                    absl::string_view operand) try {
  if (space == kCatalogSpace) {
    return absl::InvalidArgumentError("the catalog's key space is written by definitions only");
  }
  KYRO_RETURN_IF_ERROR(CheckOperand(op, operand));
  KYRO_RETURN_IF_ERROR(CheckWritable(space, key, operand.size()));
  KYRO_ASSIGN_OR_RETURN(const IndexedTable* indexed, FindIndexed(space));
  if (indexed != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("values of table \"", indexed->schema->name,
                     "\" cannot be merged, because it has an index of method ",
                     indexed->indexes[0].schema->method));
  }
  const Write* own = writes_.Find(space, key);
  if (own == nullptr || own->is_merge()) {
    auto pending = own == nullptr ? std::make_shared<PendingWrite>()
                                  : std::make_shared<PendingWrite>(*own->pending);
    // Two steps of one operator are one, so that counting in a loop stays short.
    absl::StatusOr<std::string> both = absl::NotFoundError("");
    if (!pending->merges.empty() && pending->merges.back().op == op) {
      both = ApplyMerge(op, pending->merges.back().operand, operand);
    }
    if (both.ok()) {
      pending->merges.back().operand = *std::move(both);
    } else {
      pending->merges.push_back({op, std::string(operand)});
    }
    writes_.Put(space, key, {.pending = std::move(pending)});
    return absl::OkStatus();
  }
  const bool visible = IsVisible(own->kind(), own->value, view_.now);
  PutOptions options;
  if (visible && own->expires) options.expires_at_micros = ExpiryOf(own->value);
  KYRO_ASSIGN_OR_RETURN(
      const std::string value,
      ApplyMerge(op,
                 visible ? std::optional<absl::string_view>(ValueOf(own->kind(), own->value))
                         : std::nullopt,
                 operand));
  Write write = MakePut(value, options);
  write.pending = own->pending;
  writes_.Put(space, key, std::move(write));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::PutCatalog(absl::string_view key, absl::string_view value) {
  KYRO_RETURN_IF_ERROR(CheckWritable(kCatalogSpace, key, value.size()));
  writes_.Put(kCatalogSpace, key, {.is_delete = false, .value = std::string(value)});
  return absl::OkStatus();
}

void TransactionImpl::RememberCatalog() { catalog_history_.emplace_back(writes_.mark(), catalog_); }

absl::StatusOr<ObjectId> TransactionImpl::NextObjectId() {
  KYRO_ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                        Get(kCatalogSpace, kNextObjectIdKey));
  uint64_t next = 1;
  if (stored.has_value()) {
    ByteReader reader(*stored);
    next = reader.Varint64();
    if (!reader.ok() || next == 0 || next >= ~ObjectId{0}) {
      return absl::DataLossError("catalog holds no valid next object id");
    }
  }
  std::string value;
  PutVarint64(&value, next + 1);
  KYRO_RETURN_IF_ERROR(PutCatalog(kNextObjectIdKey, value));
  return static_cast<ObjectId>(next);
}

absl::Status TransactionImpl::PutTable(TableSchema schema) {
  KYRO_RETURN_IF_ERROR(PutCatalog(TableKey(schema.id), EncodeSchema(schema)));
  catalog_ = std::make_shared<const Catalog>(
      catalog_->With(std::make_shared<const TableSchema>(std::move(schema))));
  return absl::OkStatus();
}

absl::StatusOr<ObjectId> TransactionImpl::CreateTable(TableSchema schema) try {
  KYRO_RETURN_IF_ERROR(CheckSchema(schema));
  if (catalog_->IsTaken(schema.schema_name, schema.name)) {
    return absl::AlreadyExistsError(absl::StrCat("relation \"", schema.name, "\" already exists"));
  }
  if (!schema.indexes.empty()) {
    return absl::InvalidArgumentError("a new table has no indexes; create them afterwards");
  }
  for (const uint32_t ordinal : schema.primary_key) schema.columns[ordinal].not_null = true;
  RememberCatalog();
  KYRO_ASSIGN_OR_RETURN(schema.id, NextObjectId());
  schema.version = 1;
  const ObjectId id = schema.id;
  KYRO_RETURN_IF_ERROR(PutTable(std::move(schema)));
  return id;
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::DropTable(ObjectId table) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_RETURN_IF_ERROR(Table(table).status());
  RememberCatalog();
  // Writes the sequence too, so that definition changes conflict with each other.
  KYRO_RETURN_IF_ERROR(NextObjectId().status());
  writes_.Put(kCatalogSpace, TableKey(table), {.is_delete = true, .value = {}});
  catalog_ = std::make_shared<const Catalog>(catalog_->Without(table));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::StatusOr<ObjectId> TransactionImpl::CreateIndex(ObjectId table, IndexSchema index,
                                                      IndexBuild build) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  KYRO_RETURN_IF_ERROR(CheckName("index", index.name));
  if (catalog_->IsTaken(schema->schema_name, index.name)) {
    return absl::AlreadyExistsError(absl::StrCat("relation \"", index.name, "\" already exists"));
  }
  if (schema->indexes.size() >= kIndexCountMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("table \"", schema->name, "\" has ", kIndexCountMax, " indexes, the limit"));
  }
  KYRO_RETURN_IF_ERROR(CheckIndex(*schema, &index));
  RememberCatalog();
  KYRO_ASSIGN_OR_RETURN(index.id, NextObjectId());
  TableSchema next = *schema;
  next.indexes.push_back(index);
  ++next.version;
  KYRO_RETURN_IF_ERROR(PutTable(std::move(next)));
  if (index.has_entries()) KYRO_RETURN_IF_ERROR(BeginEntries(table, index, build));
  return index.id;
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::DropIndex(ObjectId table, ObjectId index) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> schema, Table(table));
  TableSchema next = *schema;
  const auto gone =
      std::remove_if(next.indexes.begin(), next.indexes.end(),
                     [&](const IndexSchema& candidate) { return candidate.id == index; });
  if (gone == next.indexes.end()) {
    return absl::NotFoundError(
        absl::StrCat("table \"", schema->name, "\" has no index number ", index));
  }
  next.indexes.erase(gone, next.indexes.end());
  ++next.version;
  RememberCatalog();
  KYRO_RETURN_IF_ERROR(NextObjectId().status());
  return PutTable(std::move(next));
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::AlterTable(TableSchema next) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const TableSchema> before, Table(next.id));
  KYRO_RETURN_IF_ERROR(CheckSchema(next));
  if (next.StorageCount() > kStorageCountMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("table \"", next.name, "\" has had ", next.StorageCount(),
                     " columns, dropped ones included, the limit is ", kStorageCountMax));
  }
  if ((next.schema_name != before->schema_name || next.name != before->name) &&
      catalog_->IsTaken(next.schema_name, next.name)) {
    return absl::AlreadyExistsError(absl::StrCat("relation \"", next.name, "\" already exists"));
  }
  for (const IndexSchema& index : next.indexes) {
    KYRO_RETURN_IF_ERROR(CheckName("index", index.name));
    const IndexSchema* const known = before->FindIndex(index.id);
    if (known == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("index \"", index.name, "\" is not one of table \"", next.name, "\""));
    }
    if (known->name != index.name && catalog_->IsTaken(next.schema_name, index.name)) {
      return absl::AlreadyExistsError(absl::StrCat("relation \"", index.name, "\" already exists"));
    }
  }
  for (const uint32_t ordinal : next.primary_key) next.columns[ordinal].not_null = true;
  RememberCatalog();
  KYRO_RETURN_IF_ERROR(NextObjectId().status());
  next.version = before->version + 1;
  return PutTable(std::move(next));
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::PutObject(ObjectSchema object) {
  KYRO_RETURN_IF_ERROR(PutCatalog(ObjectKey(object.id), EncodeObject(object)));
  catalog_ = std::make_shared<const Catalog>(
      catalog_->WithObject(std::make_shared<const ObjectSchema>(std::move(object))));
  return absl::OkStatus();
}

absl::StatusOr<ObjectId> TransactionImpl::CreateObject(ObjectSchema object) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_RETURN_IF_ERROR(CheckName("object", object.name));
  const bool is_schema = object.kind == ObjectKind::kSchema;
  if (is_schema) object.schema_name.clear();
  if (is_schema ? catalog_->HasSchema(object.name)
                : catalog_->IsTaken(object.schema_name, object.name)) {
    return absl::AlreadyExistsError(
        absl::StrCat(is_schema ? "schema" : "relation", " \"", object.name, "\" already exists"));
  }
  RememberCatalog();
  KYRO_ASSIGN_OR_RETURN(object.id, NextObjectId());
  object.version = 1;
  const ObjectId id = object.id;
  KYRO_RETURN_IF_ERROR(PutObject(std::move(object)));
  return id;
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::AlterObject(ObjectSchema next) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  const std::shared_ptr<const ObjectSchema> before = catalog_->FindObject(next.id);
  if (before == nullptr || before->kind != next.kind) {
    return absl::NotFoundError(absl::StrCat("object number ", next.id, " does not exist"));
  }
  KYRO_RETURN_IF_ERROR(CheckName("object", next.name));
  if ((next.schema_name != before->schema_name || next.name != before->name) &&
      (next.kind == ObjectKind::kSchema ? catalog_->HasSchema(next.name)
                                        : catalog_->IsTaken(next.schema_name, next.name))) {
    return absl::AlreadyExistsError(absl::StrCat("relation \"", next.name, "\" already exists"));
  }
  RememberCatalog();
  KYRO_RETURN_IF_ERROR(NextObjectId().status());
  next.version = before->version + 1;
  return PutObject(std::move(next));
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::DropObject(ObjectId object) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  if (catalog_->FindObject(object) == nullptr) {
    return absl::NotFoundError(absl::StrCat("object number ", object, " does not exist"));
  }
  RememberCatalog();
  KYRO_RETURN_IF_ERROR(NextObjectId().status());
  writes_.Put(kCatalogSpace, ObjectKey(object), {.is_delete = true, .value = {}});
  catalog_ = std::make_shared<const Catalog>(catalog_->WithoutObject(object));
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::PutSequenceState(ObjectId sequence, const SequenceState& state) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  KYRO_RETURN_IF_ERROR(context_->writable());
  if (!catalog_->HasSpace(sequence)) {
    return absl::NotFoundError(absl::StrCat("sequence number ", sequence, " does not exist"));
  }
  writes_.Put(sequence, kSequenceStateKey, {.value = EncodeSequenceState(state)});
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::StatusOr<std::shared_ptr<const ObjectSchema>> TransactionImpl::Sequence(ObjectId id,
                                                                              bool* is_own) const {
  std::shared_ptr<const ObjectSchema> object = catalog_->FindObject(id);
  if (object == nullptr || object->kind != ObjectKind::kSequence) {
    return absl::NotFoundError(absl::StrCat("sequence number ", id, " does not exist"));
  }
  *is_own = view_.catalog->FindObject(id) == nullptr;
  return object;
}

absl::StatusOr<SequenceState> TransactionImpl::LastValue(ObjectId id) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  bool is_own = false;
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const ObjectSchema> sequence, Sequence(id, &is_own));
  if (!is_own) return context_->sequences->Last(*sequence);
  const Write* const own = writes_.Find(id, kSequenceStateKey);
  if (own == nullptr) return SequenceState{.last = sequence->sequence.start, .is_called = false};
  return DecodeSequenceState(own->value);
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::StatusOr<int64_t> TransactionImpl::NextValue(ObjectId id) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  bool is_own = false;
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const ObjectSchema> sequence, Sequence(id, &is_own));
  if (!is_own) return context_->sequences->Next(*sequence);
  KYRO_ASSIGN_OR_RETURN(const SequenceState state, LastValue(id));
  KYRO_ASSIGN_OR_RETURN(const int64_t next, SequenceStep(*sequence, state));
  KYRO_RETURN_IF_ERROR(PutSequenceState(id, {.last = next, .is_called = true}));
  return next;
} catch (const std::bad_alloc&) {
  return Fail();
}

absl::Status TransactionImpl::SetSequence(ObjectId id, const SequenceState& state) try {
  KYRO_RETURN_IF_ERROR(CheckOpen());
  bool is_own = false;
  KYRO_ASSIGN_OR_RETURN(const std::shared_ptr<const ObjectSchema> sequence, Sequence(id, &is_own));
  if (is_own) return PutSequenceState(id, state);
  return context_->sequences->Set(*sequence, state);
} catch (const std::bad_alloc&) {
  return Fail();
}

void TransactionImpl::RollbackTo(Mark mark) try {
  writes_.RollbackTo(mark);
  while (!catalog_history_.empty() && catalog_history_.back().first >= mark) {
    catalog_ = std::move(catalog_history_.back().second);
    catalog_history_.pop_back();
  }
} catch (const std::bad_alloc&) {
  Fail().IgnoreError();
}

absl::StatusOr<CommitInfo> TransactionImpl::Commit() {
  if (!open_) return CheckOpen();
  absl::StatusOr<CommitInfo> info = CommitInfo{};
  if (!failed_.ok()) {
    info = failed_;
  } else if (!writes_.empty()) {
    try {
      info = CommitWrites();
    } catch (const std::bad_alloc&) {
      // Before the log had it: behind that nothing is thrown (wal/log.h).
      info = OutOfMemoryError();
    }
  }
  End();
  return info;
}

absl::StatusOr<CommitInfo> TransactionImpl::CommitWrites() {
  if (reads_.has_value()) reads_->Settle();
  Lsn checked_lsn = view_.snapshot;
  if (deleted_.has_value()) KYRO_RETURN_IF_ERROR(CheckDeletedRanges(&checked_lsn));
  return context_->commit(view_.snapshot, view_.catalog, writes_,
                          reads_.has_value() ? &*reads_ : nullptr,
                          deleted_.has_value() ? &*deleted_ : nullptr, checked_lsn);
}

void TransactionImpl::Rollback() {
  if (open_) End();
}

void TransactionImpl::End() {
  open_ = false;
  if (has_view_) context_->views->Release(view_);
  if (reads_.has_value()) context_->history->RemoveReader();
  reads_.reset();
  if (deleted_.has_value()) context_->history->RemoveReader();
  deleted_.reset();
  writes_ = WriteSet();
  catalog_history_.clear();
}

}  // namespace kyrodb::engine
