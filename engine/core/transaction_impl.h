// A transaction over the core: its view, its writes, and how reading merges the two.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/knobs.h"
#include "engine/core/commit_history.h"
#include "engine/core/index_set.h"
#include "engine/core/read_set.h"
#include "engine/core/sequences.h"
#include "engine/core/space_table.h"
#include "engine/core/views.h"
#include "engine/core/write_set.h"
#include "engine/index_key.h"
#include "engine/transaction.h"

namespace kyrodb::engine {

// What a transaction needs of its database; all must outlive it.
struct TransactionContext {
  Views* views = nullptr;
  SpaceTable* spaces = nullptr;
  IndexSet* indexes = nullptr;
  CommitHistory* history = nullptr;
  Sequences* sequences = nullptr;
  const std::atomic<const RowExpressionCompiler*>* compiler = nullptr;
  const Knob* transaction_bytes_max = nullptr;
  const Knob* read_set_bytes_max = nullptr;
  // OK, or why the database takes no writes.
  std::function<absl::Status()> writable;
  // Takes the writes through the log; null `reads` and `deleted` need no validation. Of the latter
  // it is known that nobody wrote there up to commit `checked_lsn`.
  std::function<absl::StatusOr<CommitInfo>(Lsn snapshot, std::shared_ptr<const Catalog> base,
                                           const WriteSet& writes, const ReadSet* reads,
                                           const ReadSet* deleted, Lsn checked_lsn)>
      commit;
};

// Out of memory: a read fails alone, unless it is serializable or works out a merge; after anything
// else has failed so, the writes may be incomplete, and the transaction can only be ended.
class TransactionImpl final : public Transaction {
 public:
  // Without memory for the transaction or its snapshot one is made that refuses everything.
  static void* operator new(size_t size) noexcept;
  static void operator delete(void* memory);
  TransactionImpl(const TransactionContext* context, IsolationLevel isolation);
  ~TransactionImpl() override;
  TransactionImpl(const TransactionImpl&) = delete;
  TransactionImpl& operator=(const TransactionImpl&) = delete;

  Lsn snapshot() const override { return view_.snapshot; }
  std::shared_ptr<const Catalog> catalog() const override;

  absl::StatusOr<std::optional<std::string>> Get(ObjectId space, absl::string_view key) override;
  absl::StatusOr<bool> Get(ObjectId space, absl::string_view key, std::string* value) override;
  absl::StatusOr<std::unique_ptr<Iterator>> Scan(ObjectId space, const KeyRange& range,
                                                 const ScanOptions& options) override;
  absl::StatusOr<std::optional<Versioned>> GetVersioned(ObjectId space,
                                                        absl::string_view key) override;
  absl::Status MultiGet(ObjectId space, std::span<const absl::string_view> keys,
                        std::vector<std::optional<std::string>>* values) override;
  absl::Status Put(ObjectId space, absl::string_view key, absl::string_view value,
                   const PutOptions& options) override;
  absl::Status Delete(ObjectId space, absl::string_view key) override;
  absl::StatusOr<uint64_t> DeleteRange(ObjectId space, const KeyRange& range) override;
  absl::Status PutIf(ObjectId space, absl::string_view key, const Expectation& expected,
                     absl::string_view value, const PutOptions& options) override;
  absl::Status DeleteIf(ObjectId space, absl::string_view key,
                        const Expectation& expected) override;
  absl::Status Merge(ObjectId space, absl::string_view key, MergeOperator op,
                     absl::string_view operand) override;

  absl::StatusOr<NearestAnswer> Nearest(const NearestRequest& request, RowFilter filter) override;
  absl::StatusOr<std::unique_ptr<BoxIterator>> ScanBox(const BoxRequest& request) override;

  absl::StatusOr<ObjectId> CreateTable(TableSchema schema) override;
  absl::Status DropTable(ObjectId table) override;
  absl::StatusOr<ObjectId> CreateIndex(ObjectId table, IndexSchema index,
                                       IndexBuild build) override;
  absl::Status DropIndex(ObjectId table, ObjectId index) override;
  absl::Status AlterTable(TableSchema next) override;
  absl::StatusOr<ObjectId> CreateObject(ObjectSchema object) override;
  absl::Status AlterObject(ObjectSchema next) override;
  absl::Status DropObject(ObjectId object) override;
  absl::StatusOr<int64_t> NextValue(ObjectId sequence) override;
  absl::Status SetSequence(ObjectId sequence, const SequenceState& state) override;
  absl::StatusOr<SequenceState> LastValue(ObjectId sequence) override;
  absl::Status Guard(ObjectId space, const KeyRange& range) override;

  Mark SetMark() override { return writes_.mark(); }
  void RollbackTo(Mark mark) override;

  absl::StatusOr<CommitInfo> Commit() override;
  void Rollback() override;

  // Makes entries for at most so many rows of an index that is being built. False when it is not;
  // `NotFound` when it is gone, `AlreadyExists` when it cannot be unique.
  absl::StatusOr<bool> BuildEntries(ObjectId table, ObjectId index, uint64_t row_count_max);
  absl::Status PutSequenceState(ObjectId sequence, const SequenceState& state);

 private:
  absl::Status CheckOpen() const;
  // There was no memory: marks the transaction as failed.
  absl::Status Fail();
  // The same for a read, which may fail alone.
  absl::Status FailRead();
  absl::StatusOr<CommitInfo> CommitWrites();
  // `ResourceExhausted` when the transaction may not write so many bytes more.
  absl::Status CheckRoom(uint64_t bytes) const;
  absl::Status CheckWritable(ObjectId space, absl::string_view key, size_t value_bytes) const;
  absl::Status PutRow(ObjectId space, absl::string_view key, Write write);
  absl::Status PutRowIf(ObjectId space, absl::string_view key, const Expectation& expected,
                        Write write);
  // The own write of a key, merges worked out on the snapshot; null when there is none.
  absl::StatusOr<const Write*> OwnWrite(ObjectId space, absl::string_view key);
  // Works out the own merges of a range.
  absl::Status ResolveMerges(ObjectId space, const KeyRange& range);
  // Whether the deleted ranges are as the snapshot shows them; sets up to which commit that is
  // known.
  absl::Status CheckDeletedRanges(Lsn* checked_lsn) const;
  absl::Status PutCatalog(absl::string_view key, absl::string_view value);
  // Null when the table was created by this transaction.
  absl::StatusOr<std::shared_ptr<KeySpace>> CommittedSpace(ObjectId space) const;
  // The same, remembered from one call to the next.
  absl::StatusOr<const KeySpace*> ReadSpace(ObjectId space);
  absl::StatusOr<std::shared_ptr<const TableSchema>> Table(ObjectId table) const;

  // A table with the indexes that have entries; `keys` are a btree index's.
  struct IndexedTable {
    struct Index {
      const IndexSchema* schema;
      std::shared_ptr<const IndexKeys> keys;
    };
    ObjectId id = kCatalogSpace;
    std::shared_ptr<const TableSchema> schema;
    std::vector<Index> indexes;
  };
  // Null when the table has no such index.
  absl::StatusOr<const IndexedTable*> FindIndexed(ObjectId table);
  absl::StatusOr<std::shared_ptr<const IndexKeys>> KeysOf(
      const std::shared_ptr<const TableSchema>& table, const IndexSchema& index) const;
  // Writes what `next`, about to be written to row `key`, means for the table's indexes.
  absl::Status MaintainEntries(ObjectId table, absl::string_view key, const Write& next);
  // Makes the entries of an index that was just created, or marks it as being built.
  absl::Status BeginEntries(ObjectId table, const IndexSchema& index, IndexBuild build);
  absl::StatusOr<std::optional<WallMicros>> ExpiryOfRow(ObjectId table, const KeySpace* committed,
                                                        absl::string_view key);
  // Null unless this transaction has created the sequence or changed its definition.
  absl::StatusOr<std::shared_ptr<const ObjectSchema>> Sequence(ObjectId id, bool* is_own) const;
  absl::Status PutObject(ObjectSchema object);

  absl::StatusOr<ObjectId> NextObjectId();
  // Stores the table's definition and makes it this transaction's.
  absl::Status PutTable(TableSchema schema);
  // Remembers the definitions of now for `RollbackTo`.
  void RememberCatalog();
  void End();

  const TransactionContext* const context_;
  // Serializable: what was read. Mutable because looking at the definitions is reading, too.
  mutable std::optional<ReadSet> reads_;
  View view_;
  bool has_view_ = false;
  bool open_ = true;
  absl::Status failed_;  // OK, or that there was no memory
  std::shared_ptr<const Catalog> catalog_;
  WriteSet writes_;
  // What `DeleteRange` was asked for: nobody else may have written there.
  std::optional<ReadSet> deleted_;
  // What `ReadSpace` found last, and the definitions that it was found under.
  ObjectId read_space_id_ = kCatalogSpace;
  std::shared_ptr<KeySpace> read_space_;
  std::shared_ptr<const Catalog> read_catalog_;
  // What `FindIndexed` found last, likewise.
  IndexedTable indexed_;
  std::shared_ptr<const Catalog> indexed_catalog_;
  std::string scratch_;
  std::string entry_scratch_;
  // The definitions that held before the write of that number.
  std::vector<std::pair<Mark, std::shared_ptr<const Catalog>>> catalog_history_;
};

}  // namespace kyrodb::engine
