// Debian's LevelDB.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

absl::Status ToStatus(const leveldb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

leveldb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const leveldb::Slice& slice) { return {slice.data(), slice.size()}; }

class LevelReader final : public Reader {
 public:
  explicit LevelReader(leveldb::DB* db) : db_(db) { options_.snapshot = db->GetSnapshot(); }
  ~LevelReader() override { db_->ReleaseSnapshot(options_.snapshot); }
  bool Get(absl::string_view key, absl::string_view* value) override {
    const leveldb::Status status = db_->Get(options_, ToSlice(key), &buffer_);
    if (status.IsNotFound()) return false;
    Check(ToStatus(status), "leveldb: get");
    *value = buffer_;
    return true;
  }
  bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options_));
    for (at->Seek(ToSlice(begin)); limit > 0 && at->Valid(); --limit, at->Next()) {
      visit(ToView(at->key()), ToView(at->value()));
    }
    Check(ToStatus(at->status()), "leveldb: scan");
    return true;
  }
  bool ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) override {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options_));
    at->Seek(ToSlice(end));
    at->Valid() ? at->Prev() : at->SeekToLast();
    for (; limit > 0 && at->Valid(); --limit, at->Prev()) {
      visit(ToView(at->key()), ToView(at->value()));
    }
    Check(ToStatus(at->status()), "leveldb: scan");
    return true;
  }

 private:
  leveldb::DB* const db_;
  leveldb::ReadOptions options_;
  std::string buffer_;
};

class LevelStore final : public Store {
 public:
  LevelStore(const StoreOptions& options, bool tuned) : sync_(options.sync), tuned_(tuned) {
    options_.create_if_missing = true;
    if (!tuned) return;
    cache_.reset(leveldb::NewLRUCache(options.cache_bytes));
    filter_.reset(leveldb::NewBloomFilterPolicy(10));
    options_.block_cache = cache_.get();
    options_.filter_policy = filter_.get();
    options_.compression = leveldb::kNoCompression;
    options_.write_buffer_size = size_t{64} << 20;
    options_.max_file_size = size_t{64} << 20;
  }
  absl::Status Open(const std::string& directory) {
    leveldb::DB* db = nullptr;
    KYRO_RETURN_IF_ERROR(ToStatus(leveldb::DB::Open(options_, directory, &db)));
    db_.reset(db);
    return absl::OkStatus();
  }
  std::string name() const override {
    return absl::StrCat("LevelDB ", leveldb::kMajorVersion, ".", leveldb::kMinorVersion,
                        tuned_ ? " block cache" : " default");
  }
  absl::Status LoadSorted(const Rows& rows) override {
    // Only the last batch is synced, which makes all of the log durable; older logs are in tables.
    const size_t last = rows.size() - std::min<size_t>(rows.size(), 1000);
    KYRO_RETURN_IF_ERROR(WriteBatches(rows, 0, last, 1000, /*sync=*/false));
    return WriteBatches(rows, last, rows.size(), 1000, /*sync=*/true);
  }
  absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) override {
    return WriteBatches(rows, begin, end, batch_rows, sync_);
  }
  absl::Status Compact() override {
    db_->CompactRange(nullptr, nullptr);
    return absl::OkStatus();
  }
  // LevelDB does not tell of its background work; used for reads only, after `Compact`.
  absl::Status Settle() override { return Compact(); }
  void WaitUntilIdle() override {}
  std::unique_ptr<Reader> NewReader() override { return std::make_unique<LevelReader>(db_.get()); }
  // Not used: the mixed workloads run against RocksDB.
  std::unique_ptr<Session> NewSession() override { return nullptr; }

 private:
  absl::Status WriteBatches(const Rows& rows, size_t begin, size_t end, size_t batch_rows,
                            bool sync) {
    leveldb::WriteOptions options;
    options.sync = sync;
    leveldb::WriteBatch batch;
    while (begin < end) {
      batch.Clear();
      for (const size_t until = std::min(end, begin + batch_rows); begin < until; ++begin) {
        batch.Put(ToSlice(rows.key(begin)), ToSlice(rows.value(begin)));
      }
      KYRO_RETURN_IF_ERROR(ToStatus(db_->Write(options, &batch)));
    }
    return absl::OkStatus();
  }

  const bool sync_;
  const bool tuned_;
  leveldb::Options options_;
  // Before the database, which must go first.
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLevelStore(const StoreOptions& options, bool tuned) {
  auto store = std::make_unique<LevelStore>(options, tuned);
  KYRO_RETURN_IF_ERROR(store->Open(options.directory));
  return store;
}

}  // namespace kyrodb::bench
