// What a transaction has written but not committed, and the bytes that a commit becomes in the log.
//
// Record format, version 2: u8 version; varint operation count; each operation: u8 kind (0 delete,
// 1 put, 2 put that expires, 3 delete of a range), varint key space, length-prefixed key, and for a
// put the length-prefixed value, which begins with the moment of its expiry (8 bytes, microseconds
// since 1970) when it expires; for a range the key is its begin and the value its end, empty for
// none. Version 1 has the kinds 0 and 1 only, and is still written when no others are needed, so
// that an older program can read what an older program could have written.
// Rationale: effects only, grouped by key space, of one space ranges first, then points sorted by
// key: a point write of the same commit survives the delete of a range. Replaying needs no schema.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/merge.h"
#include "engine/schema.h"
#include "engine/storage/entry.h"
#include "engine/transaction.h"

namespace kyrodb::engine {

struct MergeStep {
  MergeOperator op;
  std::string operand;
};

// What the sequencer has to do before a write is a value.
struct PendingWrite {
  // Whether the write also conflicts with commits after the snapshot, as plain writes do.
  bool validated = false;
  // Must hold for the newest committed state of the key.
  std::optional<Expectation> expectation;
  // When there are any: the value is what they make of the newest one.
  std::vector<MergeStep> merges;
};

struct Write {
  bool is_delete = false;
  // The value begins with the moment of its expiry (`kExpiryBytes`).
  bool expires = false;
  std::string value;
  std::shared_ptr<const PendingWrite> pending = nullptr;  // null for most

  bool is_merge() const { return pending != nullptr && !pending->merges.empty(); }
  EntryKind kind() const {
    return is_delete ? EntryKind::kDelete : expires ? EntryKind::kExpiringPut : EntryKind::kPut;
  }
};

// What pending writes have come to, when the newest values are known.
using ResolvedWrites = std::unordered_map<const Write*, Write>;

using SpaceWrites = absl::btree_map<std::string, Write>;

// An iterator shares the map that it walks; the next write then goes to a copy.
using SharedSpaceWrites = std::shared_ptr<SpaceWrites>;

// Thread-safety:  one thread at a time.
class WriteSet {
 public:
  void Put(ObjectId space, absl::string_view key, Write write);

  // Null when this transaction has not written the key.
  const Write* Find(ObjectId space, absl::string_view key) const;
  // Null when it has not written to the space.
  std::shared_ptr<const SpaceWrites> FindSpace(ObjectId space) const;
  const absl::btree_map<ObjectId, SharedSpaceWrites>& spaces() const { return spaces_; }

  bool empty() const { return spaces_.empty(); }
  // Of keys and values, about what the log record will have.
  uint64_t size_bytes() const { return size_bytes_; }

  // Of everything that is held, undo records included.
  uint64_t memory_bytes() const { return size_bytes_ + undo_bytes_; }

  // How many writes there were; `RollbackTo` takes back all after that many.
  uint64_t mark() const { return undo_.size(); }
  void RollbackTo(uint64_t mark);

  // Whether it writes nothing but deletes and definitions.
  bool FreesSpace() const;

  // Whether there may be writes that are pending.
  bool has_pending() const { return has_pending_; }

  // Writes in `resolved` take the place of those here; no merge may be left.
  std::string EncodeRecord(const ResolvedWrites& resolved = {}) const;

 private:
  struct Undo {
    ObjectId space;
    std::string key;
    bool existed;
    Write before;
  };

  SpaceWrites& Writable(ObjectId space);

  absl::btree_map<ObjectId, SharedSpaceWrites> spaces_;
  std::vector<Undo> undo_;
  uint64_t size_bytes_ = 0;
  uint64_t undo_bytes_ = 0;
  bool has_pending_ = false;
};

struct RecordOperation {
  ObjectId space = kCatalogSpace;
  bool is_delete = false;
  absl::string_view key;
  absl::string_view value;  // as it is stored: of a put that expires with the moment in front
  bool expires = false;

  EntryKind kind() const {
    return is_delete ? EntryKind::kDelete : expires ? EntryKind::kExpiringPut : EntryKind::kPut;
  }
};

// OK when `found` (nullopt: nothing), written by commit `lsn`, is as expected; else
// `FailedPrecondition`, which says what was found.
absl::Status CheckExpectation(const Expectation& expected, std::optional<absl::string_view> found,
                              Lsn lsn);

// Calls `visit` for each operation of a commit's record. `DataLoss` when the bytes are no record
// (operations before the damage have been visited), `Unimplemented` when a newer version wrote it.
absl::Status VisitRecord(absl::string_view record,
                         absl::FunctionRef<absl::Status(const RecordOperation&)> visit);

}  // namespace kyrodb::engine
