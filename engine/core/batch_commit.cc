#include "engine/core/batch_commit.h"

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/core/catalog_codec.h"

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

absl::Status BatchCommit::Prepare(Lsn /*lsn*/,
                                  std::span<wal::CommitRequest* const> earlier_in_group) {
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
  return absl::OkStatus();
}

void BatchCommit::Apply(Lsn lsn) {
  // The record was made from a write set that the catalog accepted: it cannot be damaged.
  KYRO_CHECK(context_->applier->Apply(lsn, record_).ok());
}

}  // namespace kyrodb::engine
