// A unit of work: reads one snapshot plus its own writes, and commits all of its writes or none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/box.h"
#include "engine/iterator.h"
#include "engine/merge.h"
#include "engine/nearest.h"
#include "engine/schema.h"

namespace kyrodb::engine {

struct CommitInfo {
  Lsn lsn = 0;          // 0 when nothing was written
  Lsn durable_lsn = 0;  // every commit up to here survives a power loss
};

enum class IsolationLevel {
  // Reads one snapshot; first committer wins: `Commit` fails with `Aborted` when another
  // transaction
  // committed a write of the same key, or changed a table that this one writes, after this one's
  // snapshot.
  kSnapshot,
  // The same, and `Commit` also fails with `Aborted` when another transaction wrote, after this
  // one's snapshot, something that this one has read: a key, present or absent, a key in a range as
  // far as it was scanned, a definition. So transactions of this level that write have read what
  // they would read at the moment of their commit: the order of commits is the order in which they
  // could have run alone. One that writes nothing always commits: it read the state after a commit
  // that had happened when it began, and stands there in that order.
  kSerializable,
};

// Of a sequence: what was given last, or, when nothing was, what is given first.
struct SequenceState {
  int64_t last = 0;
  bool is_called = false;
};

// When the rows that are there get their entries in a new btree index.
enum class IndexBuild {
  kNow,    // in this transaction, which must have room for them
  kLater,  // by `Database::BuildIndex`; until then nobody may look for rows in it
};

struct PutOptions {
  // When the value expires, in microseconds of the database's wall clock; it is absent for
  // transactions that begin then or later. Expired values take space until runs are merged.
  std::optional<int64_t> expires_at_micros;
};

// A value with what is known of it.
struct Versioned {
  std::string value;
  Lsn lsn = 0;  // of the commit that wrote it; 0 for a write of the transaction itself
  std::optional<int64_t> expires_at_micros;
};

// What a conditional write expects to find.
struct Expectation {
  enum class Kind { kAbsent, kPresent, kLsn, kValue };
  static Expectation Absent() { return {.kind = Kind::kAbsent}; }
  static Expectation Present() { return {.kind = Kind::kPresent}; }
  // Present, and written by this commit.
  static Expectation AtLsn(Lsn lsn) { return {.kind = Kind::kLsn, .lsn = lsn}; }
  static Expectation Value(std::string value) {
    return {.kind = Kind::kValue, .value = std::move(value)};
  }

  Kind kind = Kind::kAbsent;
  Lsn lsn = 0;
  std::string value;
};

// Nothing is visible to others before `Commit` returns.
//
// Errors:         `NotFound` for an unknown table; `FailedPrecondition` after Commit or Rollback,
//                 and for writes when the database is read-only; `ResourceExhausted` beyond the
//                 knob `transaction_bytes_max`; `DataLoss` when a block that is read is damaged;
//                 `Unavailable` "outcome unknown" when the log failed during Commit.
// Thread-safety:  one thread at a time; different transactions freely in parallel.
// Lifetime:       must not outlive its database. The destructor rolls back.
class Transaction {
 public:
  virtual ~Transaction() = default;

  virtual Lsn snapshot() const = 0;
  // The definitions this transaction sees, its own changes included.
  virtual std::shared_ptr<const Catalog> catalog() const = 0;

  // The value of one key, nullopt when absent. A table's space has the table's id. The entries of a
  // zorder or btree index can be read like it, but not written.
  virtual absl::StatusOr<std::optional<std::string>> Get(ObjectId space, absl::string_view key) = 0;
  // The same into `value`, whose memory is used again: false, and `value` as it was, when absent.
  virtual absl::StatusOr<bool> Get(ObjectId space, absl::string_view key, std::string* value) = 0;
  // Later writes of this transaction may or may not be seen by an iterator that is already open.
  virtual absl::StatusOr<std::unique_ptr<Iterator>> Scan(ObjectId space, const KeyRange& range,
                                                         const ScanOptions& options = {}) = 0;
  // The same with the commit that wrote it, for `PutIf`.
  virtual absl::StatusOr<std::optional<Versioned>> GetVersioned(ObjectId space,
                                                                absl::string_view key) = 0;
  // Sets `values` to one for each of `keys`, in their order.
  virtual absl::Status MultiGet(ObjectId space, std::span<const absl::string_view> keys,
                                std::vector<std::optional<std::string>>* values) = 0;
  virtual absl::Status Put(ObjectId space, absl::string_view key, absl::string_view value,
                           const PutOptions& options = {}) = 0;
  virtual absl::Status Delete(ObjectId space, absl::string_view key) = 0;
  // Deletes every key of the range that this transaction sees, and returns how many there were.
  // `Commit` fails with `Aborted` when another transaction wrote any key of the range, a new one
  // too, after the snapshot: after the commit the range is empty. Each key is deleted for itself,
  // in memory bounded by `transaction_bytes_max` as for other writes.
  virtual absl::StatusOr<uint64_t> DeleteRange(ObjectId space, const KeyRange& range) = 0;

  // Writes when the newest committed state of the key, at the moment of the commit and whatever
  // the snapshot, is as expected; else `Commit` fails with `FailedPrecondition`, which says what
  // was found. After another write of this transaction to the key it is that write which is
  // compared, at once.
  virtual absl::Status PutIf(ObjectId space, absl::string_view key, const Expectation& expected,
                             absl::string_view value, const PutOptions& options = {}) = 0;
  virtual absl::Status DeleteIf(ObjectId space, absl::string_view key,
                                const Expectation& expected) = 0;
  // Changes the newest value, at the moment of the commit: merges of concurrent transactions do not
  // conflict, none is lost, and the log holds what came of them. An expiry stays. Reading the key
  // in this transaction works the value out on the snapshot and makes it a plain write, which
  // conflicts as others do: what was read is what is committed.
  // `Commit` fails as `ApplyMerge` does, with the table's name.
  virtual absl::Status Merge(ObjectId space, absl::string_view key, MergeOperator op,
                             absl::string_view operand) = 0;

  // The rows nearest to `request.query` for which `filter` holds, this transaction's own writes
  // included. `InvalidArgument` when the dimensions differ from the column's.
  virtual absl::StatusOr<NearestAnswer> Nearest(const NearestRequest& request,
                                                RowFilter filter) = 0;

  // The rows that are null in none of a zorder index's columns and within all of `request.sides`,
  // this transaction's own writes up to now included. While the index is being built, all rows are
  // looked at. `NotFound` for an unknown index; `InvalidArgument` when the sides do not fit it.
  virtual absl::StatusOr<std::unique_ptr<BoxIterator>> ScanBox(const BoxRequest& request) = 0;

  // Definitions. The ids in the argument are ignored; the new object's id is returned.
  // `AlreadyExists` when a table or index of that name exists; `InvalidArgument` for a bad schema.
  virtual absl::StatusOr<ObjectId> CreateTable(TableSchema schema) = 0;
  virtual absl::Status DropTable(ObjectId table) = 0;
  // With a btree index that is unique, `AlreadyExists` as for a write (index_key.h) when two rows
  // have the same values.
  virtual absl::StatusOr<ObjectId> CreateIndex(ObjectId table, IndexSchema index,
                                               IndexBuild build = IndexBuild::kNow) = 0;
  virtual absl::Status DropIndex(ObjectId table, ObjectId index) = 0;
  // Makes `next` the definition of the table of its id. Indexes stay those that there are, perhaps
  // under other names and ordinals. Rows are the caller's business: those that `next` cannot read,
  // or that are stored by another key, have to be written again in this transaction.
  virtual absl::Status AlterTable(TableSchema next) = 0;
  // Views, sequences and schemas, likewise.
  virtual absl::StatusOr<ObjectId> CreateObject(ObjectSchema object) = 0;
  virtual absl::Status AlterObject(ObjectSchema next) = 0;
  virtual absl::Status DropObject(ObjectId object) = 0;

  // The next value of a sequence. It is taken for good, whatever becomes of this transaction,
  // unless this transaction has created the sequence. `OutOfRange` at its end.
  virtual absl::StatusOr<int64_t> NextValue(ObjectId sequence) = 0;
  virtual absl::Status SetSequence(ObjectId sequence, const SequenceState& state) = 0;
  virtual absl::StatusOr<SequenceState> LastValue(ObjectId sequence) = 0;

  // From now on `Commit` fails with `Aborted` when another transaction wrote any key of the range,
  // a new one too, after the snapshot.
  virtual absl::Status Guard(ObjectId space, const KeyRange& range) = 0;

  // A point to which the writes after it can be taken back (definitions included), so that a
  // statement that fails halfway leaves nothing behind. Marks nest like a stack: going back to one
  // forgets the later ones.
  using Mark = uint64_t;
  virtual Mark SetMark() = 0;
  virtual void RollbackTo(Mark mark) = 0;

  // Ends the transaction.
  virtual absl::StatusOr<CommitInfo> Commit() = 0;
  virtual void Rollback() = 0;
};

}  // namespace kyrodb::engine
