#include "engine/core/batch_commit.h"

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"
#include "engine/iterator.h"

namespace kyrodb::engine {
namespace {

std::string NameOf(const Catalog& catalog, ObjectId table) {
  const std::shared_ptr<const TableSchema> schema = catalog.FindTable(table);
  return schema == nullptr ? absl::StrCat("number ", table)
                           : absl::StrCat("\"", schema->name, "\"");
}

}  // namespace

void BatchCommit::AddKeysToGroup() const {
  for (const auto& [space, writes] : writes_->spaces()) {
    for (const auto& [key, write] : *writes) context_->group_keys.emplace(space, key);
  }
}

// A table must be as it was when the transaction began, or be this transaction's own.
absl::Status BatchCommit::ValidateTable(ObjectId table) const {
  const std::string catalog_key = TableKey(table);
  if (context_->group_keys.contains({kCatalogSpace, absl::string_view(catalog_key)})) {
    return absl::AbortedError(absl::StrCat("definition of table ", NameOf(*base_, table),
                                           " was changed by a concurrent transaction"));
  }
  const std::shared_ptr<const TableSchema> before = base_->FindTable(table);
  if (before == nullptr) return absl::OkStatus();  // created by this transaction
  const std::shared_ptr<const TableSchema> now = context_->views->catalog()->FindTable(table);
  if (now == nullptr || now->version != before->version) {
    return absl::AbortedError(absl::StrCat("definition of table ", NameOf(*base_, table),
                                           " was changed by a concurrent transaction"));
  }
  return absl::OkStatus();
}

absl::Status BatchCommit::ReadConflict(ObjectId space) const {
  return absl::AbortedError(
      absl::StrCat("could not serialize access: ",
                   space == kCatalogSpace ? std::string("definitions")
                                          : absl::StrCat("rows of table ", NameOf(*base_, space)),
                   " that this transaction has read were changed by a concurrent transaction"));
}

absl::Status BatchCommit::ValidateReads(
    Lsn lsn, std::span<wal::CommitRequest* const> earlier_in_group) const {
  // What was committed since the snapshot has the LSNs between the two.
  if (reads_ == nullptr || lsn <= snapshot_ + 1) return absl::OkStatus();
  if (reads_->everything()) {
    return absl::AbortedError(
        "could not serialize access: this transaction has read more than it may remember (knob "
        "read_set_bytes_max), and there was a concurrent transaction");
  }
  if (reads_->catalog()) {
    if (context_->views->catalog() != base_) return ReadConflict(kCatalogSpace);
    for (const wal::CommitRequest* request : earlier_in_group) {
      const auto* const earlier = static_cast<const BatchCommit*>(request);
      if (earlier->writes_->FindSpace(kCatalogSpace) != nullptr) return ReadConflict(kCatalogSpace);
    }
  }
  for (const auto& [space, reads] : reads_->spaces()) {
    if (space != kCatalogSpace) KYRO_RETURN_IF_ERROR(ValidateTable(space));
  }
  ObjectId changed = kCatalogSpace;
  const std::optional<bool> any =
      context_->history->AnyAfter(snapshot_, [&](ObjectId space, absl::string_view key) {
        changed = space;
        return reads_->Covers(space, key);
      });
  if (!any.has_value()) return ValidateReadsInSpaces(earlier_in_group);
  return *any ? ReadConflict(changed) : absl::OkStatus();
}

absl::Status BatchCommit::ValidateReadsInSpaces(
    std::span<wal::CommitRequest* const> earlier_in_group) const {
  for (const wal::CommitRequest* request : earlier_in_group) {
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

absl::Status BatchCommit::Prepare(Lsn lsn, std::span<wal::CommitRequest* const> earlier_in_group) {
  if (earlier_in_group.empty()) {
    context_->group_keys.clear();
    context_->group_size = 0;
  }
  for (; context_->group_size < earlier_in_group.size(); ++context_->group_size) {
    static_cast<const BatchCommit*>(earlier_in_group[context_->group_size])->AddKeysToGroup();
  }
  for (const auto& [space_id, writes] : writes_->spaces()) {
    if (space_id != kCatalogSpace) KYRO_RETURN_IF_ERROR(ValidateTable(space_id));
    const std::shared_ptr<KeySpace> space = context_->spaces->Find(space_id, ~Lsn{0} - 1);
    for (const auto& [key, write] : *writes) {
      bool conflict = context_->group_keys.contains({space_id, absl::string_view(key)});
      if (!conflict && space != nullptr) {
        KYRO_ASSIGN_OR_RETURN(const Lsn latest, space->LatestLsn(key, snapshot_));
        conflict = latest > snapshot_;
      }
      if (conflict) {
        return absl::AbortedError(
            space_id == kCatalogSpace
                ? std::string("definitions were changed by a concurrent transaction")
                : absl::StrCat("a row of table ", NameOf(*base_, space_id),
                               " was changed by a concurrent transaction"));
      }
    }
  }
  KYRO_RETURN_IF_ERROR(ValidateReads(lsn, earlier_in_group));
  context_->history->Note(lsn, *writes_);
  return absl::OkStatus();
}

void BatchCommit::Apply(Lsn lsn) {
  // The record was made from a write set that the catalog accepted: it cannot be damaged.
  KYRO_CHECK(context_->applier->Apply(lsn, record_).ok());
}

}  // namespace kyrodb::engine
