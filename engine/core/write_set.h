// What a transaction has written but not committed, and the bytes that a commit becomes in the log.
//
// Record format, version 1: u8 version; varint operation count; each operation: u8 kind (0 delete,
// 1 put), varint key space, length-prefixed key, and for a put the length-prefixed value.
// Rationale: effects only, grouped by key space and sorted by key. Replaying needs no schema.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/schema.h"

namespace kyrodb::engine {

struct Write {
  bool is_delete = false;
  std::string value;
};

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

  std::string EncodeRecord() const;

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
};

struct RecordOperation {
  ObjectId space;
  bool is_delete;
  absl::string_view key;
  absl::string_view value;
};

// Calls `visit` for each operation of a commit's record. `DataLoss` when the bytes are no record
// (operations before the damage have been visited), `Unimplemented` when a newer version wrote it.
absl::Status VisitRecord(absl::string_view record,
                         absl::FunctionRef<absl::Status(const RecordOperation&)> visit);

}  // namespace kyrodb::engine
