// Debian's RocksDB.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"

namespace kyrodb::bench {
namespace {

absl::Status ToStatus(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

class RocksReader final : public Reader {
 public:
  explicit RocksReader(rocksdb::DB* db) : db_(db) { options_.snapshot = db->GetSnapshot(); }
  ~RocksReader() override { db_->ReleaseSnapshot(options_.snapshot); }
  bool Get(absl::string_view key, std::string* value) override {
    const rocksdb::Status status = db_->Get(options_, db_->DefaultColumnFamily(),
                                            rocksdb::Slice(key.data(), key.size()), &pinned_);
    if (!status.ok() && !status.IsNotFound()) {
      std::fprintf(stderr, "rocksdb: %s\n", status.ToString().c_str());
      std::exit(1);
    }
    if (status.ok()) value->assign(pinned_.data(), pinned_.size());
    pinned_.Reset();
    return status.ok();
  }

 private:
  rocksdb::DB* const db_;
  rocksdb::ReadOptions options_;
  rocksdb::PinnableSlice pinned_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, bool tuned) : db_(std::move(db)), tuned_(tuned) {}
  std::string name() const override {
    return absl::StrCat("RocksDB ", ROCKSDB_MAJOR, ".", ROCKSDB_MINOR,
                        tuned_ ? " tuned" : " default");
  }
  absl::Status Load(std::span<const KeyValue> rows) override {
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < rows.size(); ++i) {
      batch.Put(rows[i].first, rows[i].second);
      if (batch.Count() == 20000 || i + 1 == rows.size()) {
        rocksdb::WriteOptions options;
        options.sync = true;
        if (const rocksdb::Status status = db_->Write(options, &batch); !status.ok()) {
          return ToStatus(status);
        }
        batch.Clear();
      }
    }
    return absl::OkStatus();
  }
  absl::Status Settle() override {
    return ToStatus(db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
  }
  std::unique_ptr<Reader> NewReader() override { return std::make_unique<RocksReader>(db_.get()); }
  absl::Status PutDurable(absl::string_view key, absl::string_view value) override {
    rocksdb::WriteOptions options;
    options.sync = true;
    return ToStatus(db_->Put(options, rocksdb::Slice(key.data(), key.size()),
                             rocksdb::Slice(value.data(), value.size())));
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const bool tuned_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const std::string& directory, bool tuned) {
  rocksdb::Options options;
  options.create_if_missing = true;
  if (tuned) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(size_t{1} << 30);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.format_version = 5;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = rocksdb::kNoCompression;
    options.max_open_files = -1;
  }
  rocksdb::DB* db = nullptr;
  if (const rocksdb::Status status = rocksdb::DB::Open(options, directory, &db); !status.ok()) {
    return ToStatus(status);
  }
  return std::make_unique<RocksStore>(std::unique_ptr<rocksdb::DB>(db), tuned);
}

}  // namespace kyrodb::bench
