// A transaction's writes on their way through the log: validated by the commit leader against
// everything that committed since its snapshot, then applied.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/core/applier.h"
#include "engine/core/commit_history.h"
#include "engine/core/read_set.h"
#include "engine/core/space_table.h"
#include "engine/core/write_set.h"
#include "engine/schema.h"
#include "wal/log.h"

namespace kyrodb::engine {

// What `CommitContext::history` holds: a few hundred thousand keys.
inline constexpr uint64_t kCommitHistoryBytesMax = uint64_t{16} << 20;

// What all commits of a database share.
//
// Thread-safety:  used by the commit leader only.
struct CommitContext {
  SpaceTable* spaces = nullptr;
  Views* views = nullptr;
  Applier* applier = nullptr;
  CommitHistory* history = nullptr;
  // Keys of the group that is being prepared; a later request of the group that wrote one of them
  // conflicts.
  absl::flat_hash_set<std::pair<ObjectId, absl::string_view>> group_keys;
  size_t group_size = 0;
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
        record_(writes->EncodeRecord()) {}

  absl::Status Prepare(Lsn lsn, std::span<wal::CommitRequest* const> earlier_in_group) override;
  absl::string_view record() const override { return record_; }
  void Apply(Lsn lsn) override;

 private:
  void AddKeysToGroup() const;
  absl::Status ValidateTable(ObjectId table) const;
  absl::Status ReadConflict(ObjectId space) const;
  absl::Status ValidateReads(Lsn lsn, std::span<wal::CommitRequest* const> earlier_in_group) const;
  // Without the history of commits: looks for versions of what was read.
  absl::Status ValidateReadsInSpaces(std::span<wal::CommitRequest* const> earlier_in_group) const;

  CommitContext* const context_;
  const Lsn snapshot_;
  const std::shared_ptr<const Catalog> base_;  // when the transaction began
  const WriteSet* const writes_;
  const ReadSet* const reads_;  // null: nothing that needs validation
  const std::string record_;
};

}  // namespace kyrodb::engine
