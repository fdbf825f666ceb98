#include "engine/core/batch_commit.h"

#include "absl/strings/str_cat.h"
#include "engine/base/coding.h"
#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/iterator.h"

namespace kyrodb::engine {
namespace {

std::string NameOf(const Catalog& catalog, ObjectId table) {
  const std::shared_ptr<const TableSchema> schema = catalog.FindSpaceOwner(table);
  return schema == nullptr ? absl::StrCat("number ", table)
                           : absl::StrCat("\"", schema->name, "\"");
}

}  // namespace

const WriteSet& BatchCommit::NoWrites() {
  static const WriteSet* const kNone = new WriteSet();
  return *kNone;
}

BatchCommit::Unapplied BatchCommit::AfterSnapshot(Lsn lsn, Unapplied unapplied) const {
  // Those that the snapshot sees were applied meanwhile.
  const Lsn first_lsn = lsn - unapplied.size();
  return first_lsn <= snapshot_ ? unapplied.subspan(snapshot_ - first_lsn + 1) : unapplied;
}

absl::StatusOr<bool> BatchCommit::IsChanged(ObjectId space_id, absl::string_view key,
                                            Unapplied unapplied) const {
  if (context_->recent->LastWrite(space_id, key) <= snapshot_) return false;
  for (const wal::CommitRequest* request : unapplied) {
    if (static_cast<const BatchCommit*>(request)->WritesKey(space_id, key)) return true;
  }
  const std::shared_ptr<KeySpace> space = context_->spaces->Find(space_id, ~Lsn{0} - 1);
  if (space == nullptr) return false;
  KYRO_ASSIGN_OR_RETURN(const Lsn latest, space->LatestLsn(key, snapshot_));
  return latest > snapshot_;
}

const Write* BatchCommit::FindEffect(ObjectId space, absl::string_view key) const {
  const Write* write = writes_->Find(space, key);
  if (write == nullptr || write->pending == nullptr) return write;
  const auto resolved = resolved_.find(write);
  return resolved == resolved_.end() ? write : &resolved->second;
}

absl::StatusOr<BatchCommit::Newest> BatchCommit::FindNewest(ObjectId space_id,
                                                            absl::string_view key, Lsn lsn,
                                                            Unapplied unapplied) const {
  const WallMicros now = context_->views->CurrentNow();
  Newest newest;
  // The latest first; most keys were not written by any of them.
  const Lsn first_lsn = lsn - unapplied.size();
  if (context_->recent->LastWrite(space_id, key) >= first_lsn) {
    for (size_t i = unapplied.size(); i-- > 0;) {
      const auto& earlier = *static_cast<const BatchCommit*>(unapplied[i]);
      if (earlier.LoadsTable(space_id) && earlier.WritesKey(space_id, key)) {
        return absl::AbortedError("the key is being loaded in bulk");
      }
      const Write* const write = earlier.FindEffect(space_id, key);
      if (write == nullptr) continue;
      if (!IsVisible(write->kind(), write->value, now)) return newest;
      newest.lsn = first_lsn + i;
      newest.value = std::string(ValueOf(write->kind(), write->value));
      if (write->expires) newest.expiry = ExpiryOf(write->value);
      return newest;
    }
  }
  const std::shared_ptr<KeySpace> space = context_->spaces->Find(space_id, ~Lsn{0} - 1);
  if (space == nullptr) return newest;
  KYRO_ASSIGN_OR_RETURN(newest.lsn,
                        space->Get(key, ~Lsn{0} - 1, &newest.value, now, &newest.expiry));
  return newest;
}

absl::Status BatchCommit::ResolvePending(Lsn lsn, Unapplied unapplied) {
  for (const auto& [space, writes] : writes_->spaces()) {
    for (const auto& [key, write] : *writes) {
      if (write.pending == nullptr) continue;
      KYRO_ASSIGN_OR_RETURN(Newest newest, FindNewest(space, key, lsn, unapplied));
      std::optional<absl::string_view> value;
      if (newest.lsn > 0) value = newest.value;
      const std::string where = absl::StrCat("table ", NameOf(*base_, space));
      if (write.pending->expectation.has_value()) {
        KYRO_RETURN_IF_ERROR(
            Annotate(CheckExpectation(*write.pending->expectation, value, newest.lsn), where));
      }
      if (!write.is_merge()) continue;
      for (const MergeStep& step : write.pending->merges) {
        absl::StatusOr<std::string> next = ApplyMerge(step.op, value, step.operand);
        if (!next.ok()) return Annotate(next.status(), where);
        newest.value = *std::move(next);
        value = newest.value;
      }
      Write& effect = resolved_[&write];
      effect.expires = newest.expiry.has_value();
      if (effect.expires) PutFixed64(&effect.value, static_cast<uint64_t>(*newest.expiry));
      effect.value.append(newest.value);
    }
  }
  record_ = writes_->EncodeRecord(resolved_);
  return absl::OkStatus();
}

bool BatchCommit::HoldsEntries(ObjectId space) const {
  const std::shared_ptr<const TableSchema> owner = base_->FindSpaceOwner(space);
  if (owner == nullptr || owner->id == space) return false;
  // Two rows may want the same entry of a unique index.
  const IndexSchema* const index = owner->FindIndex(space);
  return index == nullptr || !index->unique;
}

absl::Status BatchCommit::ValidateTable(ObjectId table, Unapplied unapplied) const {
  if (context_->recent->LastDefinition() <= snapshot_) return absl::OkStatus();
  const auto changed = [&] {
    return absl::AbortedError(absl::StrCat("definition of table ", NameOf(*base_, table),
                                           " was changed by a concurrent transaction"));
  };
  const std::shared_ptr<const TableSchema> before = base_->FindSpaceOwner(table);
  if (before == nullptr) return absl::OkStatus();  // created by this transaction
  const std::string catalog_key = TableKey(before->id);
  for (const wal::CommitRequest* request : unapplied) {
    const WriteSet* const writes = static_cast<const BatchCommit*>(request)->writes_;
    if (writes->Find(kCatalogSpace, catalog_key) != nullptr) return changed();
  }
  const std::shared_ptr<const TableSchema> now = context_->views->catalog()->FindTable(before->id);
  if (now == nullptr || now->version != before->version) return changed();
  return absl::OkStatus();
}

absl::Status BatchCommit::ReadConflict(ObjectId space) const {
  return absl::AbortedError(
      absl::StrCat("could not serialize access: ",
                   space == kCatalogSpace ? std::string("definitions")
                                          : absl::StrCat("rows of table ", NameOf(*base_, space)),
                   " that this transaction has read were changed by a concurrent transaction"));
}

absl::Status BatchCommit::ValidateReads(Lsn lsn, Unapplied unapplied) const {
  // What was committed since the snapshot has the LSNs between the two.
  if (reads_ == nullptr || lsn <= snapshot_ + 1) return absl::OkStatus();
  if (reads_->everything()) {
    return absl::AbortedError(
        "could not serialize access: this transaction has read more than it may remember (knob "
        "read_set_bytes_max), and there was a concurrent transaction");
  }
  if (reads_->catalog()) {
    if (context_->views->catalog() != base_) return ReadConflict(kCatalogSpace);
    for (const wal::CommitRequest* request : unapplied) {
      const auto* const earlier = static_cast<const BatchCommit*>(request);
      if (earlier->writes_->FindSpace(kCatalogSpace) != nullptr) return ReadConflict(kCatalogSpace);
    }
  }
  for (const auto& [space, reads] : reads_->spaces()) {
    if (space != kCatalogSpace) KYRO_RETURN_IF_ERROR(ValidateTable(space, unapplied));
  }
  ObjectId changed = kCatalogSpace;
  const std::optional<bool> any =
      context_->history->AnyAfter(snapshot_, [&](ObjectId space, absl::string_view key) {
        changed = space;
        return reads_->Covers(space, key);
      });
  if (!any.has_value()) return ValidateReadsInSpaces(unapplied);
  return *any ? ReadConflict(changed) : absl::OkStatus();
}

absl::Status BatchCommit::ValidateDeleted(Lsn lsn) const {
  if (deleted_ == nullptr || lsn <= checked_lsn_ + 1) return absl::OkStatus();
  // A commit that is not in the history any more may have written there.
  const bool changed = context_->history
                           ->AnyAfter(checked_lsn_,
                                      [&](ObjectId space, absl::string_view key) {
                                        return deleted_->Covers(space, key);
                                      })
                           .value_or(true);
  if (!changed) return absl::OkStatus();
  return absl::AbortedError("a key of a deleted range was changed by a concurrent transaction");
}

absl::Status BatchCommit::ValidateReadsInSpaces(Unapplied unapplied) const {
  for (const wal::CommitRequest* request : unapplied) {
    for (const auto& [space, reads] : reads_->spaces()) {
      if (static_cast<const BatchCommit*>(request)->LoadsTable(space)) return ReadConflict(space);
    }
    for (const auto& [space, writes] :
         static_cast<const BatchCommit*>(request)->writes_->spaces()) {
      for (const auto& [key, write] : *writes) {
        if (reads_->Covers(space, key)) return ReadConflict(space);
      }
    }
  }
  // Everybody waits meanwhile, so that a transaction whose reads would take long to validate is
  // refused instead.
  constexpr uint64_t kVersionCountMax = 100000;
  for (const auto& [space_id, reads] : reads_->spaces()) {
    const std::shared_ptr<KeySpace> space = context_->spaces->Find(space_id, ~Lsn{0} - 1);
    if (space == nullptr) continue;
    for (const std::string& key : reads.keys) {
      KYRO_ASSIGN_OR_RETURN(const Lsn latest, space->LatestLsn(key, snapshot_));
      if (latest > snapshot_) return ReadConflict(space_id);
    }
    for (const auto& [begin, end] : reads.ranges) {
      KYRO_ASSIGN_OR_RETURN(
          const std::optional<bool> changed,
          space->HasChanges(KeyRange{.begin = begin, .end = end}, snapshot_, kVersionCountMax));
      if (changed.value_or(true)) return ReadConflict(space_id);
    }
  }
  return absl::OkStatus();
}

absl::Status BatchCommit::Prepare(Lsn lsn, std::span<wal::CommitRequest* const> unapplied) {
  unapplied = AfterSnapshot(lsn, unapplied);
  for (const auto& [space, writes] : writes_->spaces()) {
    if (space != kCatalogSpace) KYRO_RETURN_IF_ERROR(ValidateTable(space, unapplied));
    // What becomes of an index's entry follows from its row, which is validated: it is written here
    // too, or was read by the one who builds the index.
    if (HoldsEntries(space)) continue;
    for (const auto& [key, write] : *writes) {
      if (write.pending != nullptr && !write.pending->validated) continue;
      KYRO_ASSIGN_OR_RETURN(const bool changed, IsChanged(space, key, unapplied));
      if (!changed) continue;
      return absl::AbortedError(space == kCatalogSpace
                                    ? std::string("definitions were changed by a concurrent "
                                                  "transaction")
                                    : absl::StrCat("a row of table ", NameOf(*base_, space),
                                                   " was changed by a concurrent transaction"));
    }
  }
  KYRO_RETURN_IF_ERROR(ValidateReads(lsn, unapplied));
  KYRO_RETURN_IF_ERROR(ValidateDeleted(lsn));
  if (writes_->has_pending()) KYRO_RETURN_IF_ERROR(ResolvePending(lsn, unapplied));
  for (const auto& [space, writes] : writes_->spaces()) {
    for (const auto& [key, write] : *writes) context_->recent->Note(space, key, lsn);
  }
  context_->history->Note(lsn, *writes_);
  return absl::OkStatus();
}

void BatchCommit::Apply(Lsn lsn) {
  // The record was made from a write set that the catalog accepted: it cannot be damaged.
  KYRO_CHECK(context_->applier->Apply(lsn, record_).ok());
}

}  // namespace kyrodb::engine
