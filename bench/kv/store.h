// A key-value store as the benchmark sees it: ours and the peers behind one face, so that every
// side runs the same loop. A store that fails ends the process with a message: a benchmark that
// fails has no result.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/kv/rows.h"

namespace kyrodb::bench {

// Ends the process unless `status` is OK.
void Check(const absl::Status& status, absl::string_view what);

using RowVisitor = absl::FunctionRef<void(absl::string_view key, absl::string_view value)>;
// `index` is the position of the key in the batch.
using FoundVisitor = absl::FunctionRef<void(size_t index, absl::string_view value)>;

// Reads one snapshot, which it holds.
//
// Thread-safety:  one thread at a time.
// Lifetime:       must end before its store.
class Reader {
 public:
  virtual ~Reader() = default;
  // False when the key is absent. `*value` is valid until the next call; a store that can hand out
  // a view of its own memory does, one that cannot copies.
  virtual bool Get(absl::string_view key, absl::string_view* value) = 0;
  // Visits up to `limit` rows from `begin` upwards; false when the store is not ordered.
  virtual bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) = 0;
  // Visits up to `limit` rows from the last one before `end` downwards; false when the store has
  // no such scan.
  virtual bool ScanBack(absl::string_view /*end*/, uint64_t /*limit*/, RowVisitor /*visit*/) {
    return false;
  }
  // Visits the keys that are present; false when the store has no batched look-up.
  virtual bool MultiGet(std::span<const absl::string_view> /*keys*/, FoundVisitor /*visit*/) {
    return false;
  }
};

// Reads and writes, each call a unit of its own that sees everything committed before it.
//
// Thread-safety:  one thread at a time; one session per thread.
// Lifetime:       must end before its store.
class Session {
 public:
  virtual ~Session() = default;
  virtual bool Get(absl::string_view key, absl::string_view* value) = 0;
  virtual void Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) = 0;
  virtual void Put(absl::string_view key, absl::string_view value) = 0;
  // Reads the row, then writes it. Atomic where the store has transactions at hand (ours); the
  // peers do one after the other.
  virtual void ReadModifyWrite(absl::string_view key, absl::string_view value) = 0;
};

struct StoreOptions {
  std::string directory;  // exists; empty, or holds the store that is to be opened again
  // Whether commits wait until they survive a power loss.
  bool sync = true;
  // Of the store's own cache, where it has one that is not fixed by the configuration.
  uint64_t cache_bytes = uint64_t{1} << 30;
  // Ours: from which size on values lie apart from the runs; 0: never.
  uint64_t large_value_bytes = 1024;
};

class Store {
 public:
  virtual ~Store() = default;
  // With its version or configuration.
  virtual std::string name() const = 0;
  // Fills an empty store with rows whose keys ascend, in the quickest way that the store has for
  // it; everything is durable when it returns.
  virtual absl::Status LoadSorted(const Rows& rows) = 0;
  // Writes rows [begin, end) in commits of `batch_rows` rows, through the log.
  virtual absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) = 0;
  // Brings everything written so far to where it is read best, then waits for background work.
  virtual absl::Status Compact() = 0;
  // Writes what is in memory into files and waits until no background work is due.
  virtual absl::Status Settle() = 0;
  // Waits until no background work is due; what is in memory may stay there.
  virtual void WaitUntilIdle() = 0;
  // False when the cache cannot be resized.
  virtual bool SetCacheBytes(uint64_t /*bytes*/) { return false; }
  // One line on what reads have to go through; may be empty.
  virtual std::string State() { return {}; }
  virtual std::unique_ptr<Reader> NewReader() = 0;
  virtual std::unique_ptr<Session> NewSession() = 0;
};

// A store of which the benchmark decides how many sorted runs lie below its memtable.
class PartedStore : public Store {
 public:
  // Loads sorted rows as one more run. From then on until it is closed, the store neither merges
  // runs nor flushes its memtable by itself.
  virtual absl::Status LoadRun(const Rows& rows) = 0;
};

// Each opens the store in `options.directory`, or makes it there.
absl::StatusOr<std::unique_ptr<PartedStore>> OpenKyroStore(const StoreOptions& options);

enum class RocksConfiguration {
  kDefault,
  // A block cache that holds everything, Bloom filters of 10 bits, a hash index in each block, no
  // compression, checksums not verified again on cached blocks.
  kBlockCache,
  // The same with files mapped and no block cache.
  kMapped,
  // PlainTable, mapped, with a hash of whole keys: point look-ups only, no ordered scans.
  kPlainTable,
  // The defaults, with values of 1 KiB and more in blob files (BlobDB) that are collected.
  kBlobFiles,
};
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const StoreOptions& options,
                                                      RocksConfiguration configuration);
// `writable_map`: MDB_WRITEMAP.
absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const StoreOptions& options,
                                                     bool writable_map);
// `tuned`: a block cache that holds everything, Bloom filters, no compression; else defaults.
absl::StatusOr<std::unique_ptr<Store>> OpenLevelStore(const StoreOptions& options, bool tuned);
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const StoreOptions& options);

}  // namespace kyrodb::bench
