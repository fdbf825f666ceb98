// A transaction's writes on their way through the log: validated by the commit leader against
// everything that committed since its snapshot, then applied.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/core/applier.h"
#include "engine/core/commit_history.h"
#include "engine/core/read_set.h"
#include "engine/core/recent_writes.h"
#include "engine/core/space_table.h"
#include "engine/core/write_set.h"
#include "engine/schema.h"
#include "wal/log.h"

namespace kyrodb::engine {

// What `CommitContext::history` holds: a few hundred thousand keys.
inline constexpr uint64_t kCommitHistoryBytesMax = uint64_t{16} << 20;

// What all commits of a database share.
//
// Thread-safety:  `recent` and `history` are used by the commit that is being prepared only.
struct CommitContext {
  SpaceTable* spaces = nullptr;
  Views* views = nullptr;
  Applier* applier = nullptr;
  CommitHistory* history = nullptr;
  std::unique_ptr<RecentWrites> recent;
};

// Lives on the committing thread's stack.
class BatchCommit : public wal::CommitRequest {
 public:
  BatchCommit(CommitContext* context, Lsn snapshot, std::shared_ptr<const Catalog> base,
              const WriteSet* writes, const ReadSet* reads)
      : context_(context),
        snapshot_(snapshot),
        base_(std::move(base)),
        writes_(writes),
        reads_(reads),
        record_(writes->has_pending() ? std::string() : writes->EncodeRecord()) {}

  // Nobody else may have written what `deleted` covers after commit `checked_lsn`.
  void SetDeleted(const ReadSet* deleted, Lsn checked_lsn) {
    deleted_ = deleted;
    checked_lsn_ = checked_lsn;
  }

  absl::Status Prepare(Lsn lsn, std::span<wal::CommitRequest* const> unapplied) override;
  absl::string_view record() const override { return record_; }
  void Apply(Lsn lsn) override;

  const WriteSet& writes() const { return *writes_; }
  virtual bool WritesKey(ObjectId space, absl::string_view key) const {
    return writes_->Find(space, key) != nullptr;
  }
  // Whether it writes rows of the table that are not in `writes`.
  virtual bool LoadsTable(ObjectId /*table*/) const { return false; }

 protected:
  // Prepared after the snapshot and not applied yet, or being applied at this moment.
  using Unapplied = std::span<wal::CommitRequest* const>;

  // For commits that write otherwise.
  static const WriteSet& NoWrites();

  CommitContext& commit_context() const { return *context_; }
  // Of those prepared before `lsn`, the ones that the snapshot does not see.
  Unapplied AfterSnapshot(Lsn lsn, Unapplied unapplied) const;
  // A table must be as it was when the transaction began, or be this transaction's own.
  absl::Status ValidateTable(ObjectId table, Unapplied unapplied) const;

 private:
  // Whether a commit after the snapshot wrote the key: one of `unapplied`, or one that is applied.
  absl::StatusOr<bool> IsChanged(ObjectId space_id, absl::string_view key,
                                 Unapplied unapplied) const;
  // The newest state of a key, unapplied commits included.
  struct Newest {
    Lsn lsn = 0;  // 0: there is nothing
    std::string value;
    std::optional<WallMicros> expiry;
  };
  absl::StatusOr<Newest> FindNewest(ObjectId space_id, absl::string_view key, Lsn lsn,
                                    Unapplied unapplied) const;
  // What this commit does to a key; null when nothing. After a successful `Prepare`.
  const Write* FindEffect(ObjectId space, absl::string_view key) const;
  // Checks what conditional writes expect, works out merges, and makes the record.
  absl::Status ResolvePending(Lsn lsn, Unapplied unapplied);
  absl::Status ValidateDeleted(Lsn lsn) const;
  // Whether the space is that of an index that is not unique.
  bool HoldsEntries(ObjectId space) const;
  absl::Status ReadConflict(ObjectId space) const;
  absl::Status ValidateReads(Lsn lsn, Unapplied unapplied) const;
  // Without the history of commits: looks for versions of what was read.
  absl::Status ValidateReadsInSpaces(Unapplied unapplied) const;

  CommitContext* const context_;
  const Lsn snapshot_;
  const std::shared_ptr<const Catalog> base_;  // when the transaction began
  const WriteSet* const writes_;
  const ReadSet* const reads_;  // null: nothing that needs validation
  const ReadSet* deleted_ = nullptr;
  Lsn checked_lsn_ = 0;
  ResolvedWrites resolved_;
  std::string record_;
};

}  // namespace kyrodb::engine
