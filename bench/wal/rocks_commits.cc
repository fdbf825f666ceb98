// Debian's RocksDB with synced write batches.
#include <rocksdb/db.h>
#include <rocksdb/version.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/wal/commit_store.h"

namespace kyrodb::bench {
namespace {

class RocksCommits final : public CommitStore {
 public:
  RocksCommits(std::unique_ptr<rocksdb::DB> db, bool tuned) : db_(std::move(db)), tuned_(tuned) {}
  std::string name() const override {
    return absl::StrCat("RocksDB ", ROCKSDB_MAJOR, ".", ROCKSDB_MINOR,
                        tuned_ ? " tuned" : " default");
  }
  void Commit(std::span<const KeyValue> rows) override {
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : rows) batch.Put(key, value);
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = db_->Write(options, &batch);
    if (status.ok()) return;
    std::fprintf(stderr, "rocksdb: %s\n", status.ToString().c_str());
    std::exit(1);
  }
  // Kept by RocksDB whether its statistics are on or not.
  Counts counts() const override {
    std::map<std::string, std::string> values;
    Counts counts;
    if (!db_->GetMapProperty(rocksdb::DB::Properties::kDBStats, &values)) return counts;
    const auto value = [&](const char* name, uint64_t* out) {
      const auto it = values.find(name);
      if (it == values.end() || !absl::SimpleAtoi(it->second, out)) *out = 0;
    };
    value("db.user_writes_with_wal", &counts.commits);
    value("db.wal_syncs", &counts.syncs);
    return counts;
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const bool tuned_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CommitStore>> OpenRocksCommits(const std::string& directory,
                                                              bool tuned) {
  rocksdb::Options options;
  options.create_if_missing = true;
  if (tuned) {
    options.enable_pipelined_write = true;  // the next group's log beside this one's memtable
    options.recycle_log_file_num = 4;       // a sync need not journal a new file size
    options.compression = rocksdb::kNoCompression;
  }
  rocksdb::DB* db = nullptr;
  if (const rocksdb::Status status = rocksdb::DB::Open(options, directory, &db); !status.ok()) {
    return absl::InternalError(status.ToString());
  }
  return std::make_unique<RocksCommits>(std::unique_ptr<rocksdb::DB>(db), tuned);
}

}  // namespace kyrodb::bench
