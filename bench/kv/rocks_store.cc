// Debian's RocksDB.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

absl::Status ToStatus(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// What readers and sessions share: a session's options have no snapshot, so that it sees the
// newest rows.
class RocksAccess {
 public:
  RocksAccess(rocksdb::DB* db, const rocksdb::ReadOptions& options) : db_(db), options_(options) {}
  bool Get(absl::string_view key, absl::string_view* value) {
    pinned_.Reset();
    const rocksdb::Status status =
        db_->Get(options_, db_->DefaultColumnFamily(), ToSlice(key), &pinned_);
    if (status.IsNotFound()) return false;
    Check(ToStatus(status), "rocksdb: get");
    *value = ToView(pinned_);
    return true;
  }
  void Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options_));
    for (at->Seek(ToSlice(begin)); limit > 0 && at->Valid(); --limit, at->Next()) {
      visit(ToView(at->key()), ToView(at->value()));
    }
    Check(ToStatus(at->status()), "rocksdb: scan");
  }
  void ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options_));
    at->SeekForPrev(ToSlice(end));
    if (at->Valid() && ToView(at->key()) == end) at->Prev();
    for (; limit > 0 && at->Valid(); --limit, at->Prev()) {
      visit(ToView(at->key()), ToView(at->value()));
    }
    Check(ToStatus(at->status()), "rocksdb: scan");
  }
  void MultiGet(std::span<const absl::string_view> keys, FoundVisitor visit) {
    slices_.resize(keys.size());
    values_.resize(keys.size());
    statuses_.resize(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      slices_[i] = ToSlice(keys[i]);
      values_[i].Reset();
    }
    db_->MultiGet(options_, db_->DefaultColumnFamily(), keys.size(), slices_.data(), values_.data(),
                  statuses_.data());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (statuses_[i].IsNotFound()) continue;
      Check(ToStatus(statuses_[i]), "rocksdb: multi-get");
      visit(i, ToView(values_[i]));
    }
  }

 private:
  rocksdb::DB* const db_;
  const rocksdb::ReadOptions options_;
  rocksdb::PinnableSlice pinned_;
  std::vector<rocksdb::Slice> slices_;
  std::vector<rocksdb::PinnableSlice> values_;
  std::vector<rocksdb::Status> statuses_;
};

class RocksReader final : public Reader {
 public:
  RocksReader(rocksdb::DB* db, rocksdb::ReadOptions options, bool ordered)
      : db_(db),
        snapshot_(db->GetSnapshot()),
        access_(db, WithSnapshot(options, snapshot_)),
        ordered_(ordered) {}
  ~RocksReader() override { db_->ReleaseSnapshot(snapshot_); }
  bool Get(absl::string_view key, absl::string_view* value) override {
    return access_.Get(key, value);
  }
  bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    if (ordered_) access_.Scan(begin, limit, visit);
    return ordered_;
  }
  bool ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) override {
    if (ordered_) access_.ScanBack(end, limit, visit);
    return ordered_;
  }
  bool MultiGet(std::span<const absl::string_view> keys, FoundVisitor visit) override {
    access_.MultiGet(keys, visit);
    return true;
  }

 private:
  static rocksdb::ReadOptions WithSnapshot(rocksdb::ReadOptions options,
                                           const rocksdb::Snapshot* snapshot) {
    options.snapshot = snapshot;
    return options;
  }

  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
  RocksAccess access_;
  const bool ordered_;
};

class RocksSession final : public Session {
 public:
  RocksSession(rocksdb::DB* db, const rocksdb::ReadOptions& options, bool sync)
      : db_(db), access_(db, options) {
    write_.sync = sync;
  }
  bool Get(absl::string_view key, absl::string_view* value) override {
    return access_.Get(key, value);
  }
  void Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    access_.Scan(begin, limit, visit);
  }
  void Put(absl::string_view key, absl::string_view value) override {
    Check(ToStatus(db_->Put(write_, ToSlice(key), ToSlice(value))), "rocksdb: put");
  }
  void ReadModifyWrite(absl::string_view key, absl::string_view value) override {
    absl::string_view before;
    access_.Get(key, &before);
    Put(key, value);
  }

 private:
  rocksdb::DB* const db_;
  RocksAccess access_;
  rocksdb::WriteOptions write_;
};

class RocksStore final : public Store {
 public:
  RocksStore(RocksConfiguration configuration, const StoreOptions& options)
      : configuration_(configuration), directory_(options.directory), sync_(options.sync) {
    options_.create_if_missing = true;
    if (configuration == RocksConfiguration::kDefault) return;
    if (configuration == RocksConfiguration::kBlobFiles) {
      options_.enable_blob_files = true;
      options_.min_blob_size = 1024;
      options_.enable_blob_garbage_collection = true;
      return;
    }
    options_.compression = rocksdb::kNoCompression;
    options_.max_open_files = -1;
    options_.memtable_whole_key_filtering = true;
    options_.memtable_prefix_bloom_size_ratio = 0.1;
    read_.verify_checksums = false;
    if (configuration == RocksConfiguration::kPlainTable) {
      options_.allow_mmap_reads = true;
      options_.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kKeyBytes));
      rocksdb::PlainTableOptions table;
      table.user_key_len = kKeyBytes;
      options_.table_factory.reset(rocksdb::NewPlainTableFactory(table));
      return;
    }
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.format_version = 5;
    if (configuration == RocksConfiguration::kBlockCache) {
      cache_ = rocksdb::NewLRUCache(options.cache_bytes);
      table.block_cache = cache_;
    } else {
      options_.allow_mmap_reads = true;
      table.no_block_cache = true;
    }
    options_.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  }
  absl::Status Open() {
    rocksdb::DB* db = nullptr;
    KYRO_RETURN_IF_ERROR(ToStatus(rocksdb::DB::Open(options_, directory_, &db)));
    db_.reset(db);
    return absl::OkStatus();
  }
  std::string name() const override {
    const char* const names[] = {"default", "block cache", "mapped", "plain table", "blob files"};
    return absl::StrCat("RocksDB ", ROCKSDB_MAJOR, ".", ROCKSDB_MINOR, " ",
                        names[static_cast<int>(configuration_)]);
  }
  absl::Status LoadSorted(const Rows& rows) override {
    if (configuration_ == RocksConfiguration::kPlainTable) {
      KYRO_RETURN_IF_ERROR(WriteBatches(rows, 0, rows.size(), 20000, /*log=*/false));
      return ToStatus(db_->Flush(rocksdb::FlushOptions()));
    }
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_);
    const std::string path = directory_ + "/sorted.sst";
    KYRO_RETURN_IF_ERROR(ToStatus(writer.Open(path)));
    for (size_t i = 0; i < rows.size(); ++i) {
      KYRO_RETURN_IF_ERROR(ToStatus(writer.Put(ToSlice(rows.key(i)), ToSlice(rows.value(i)))));
    }
    KYRO_RETURN_IF_ERROR(ToStatus(writer.Finish()));
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    return ToStatus(db_->IngestExternalFile({path}, ingest));
  }
  absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) override {
    return WriteBatches(rows, begin, end, batch_rows, /*log=*/true);
  }
  absl::Status Compact() override {
    KYRO_RETURN_IF_ERROR(
        ToStatus(db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr)));
    WaitUntilIdle();
    return absl::OkStatus();
  }
  absl::Status Settle() override {
    KYRO_RETURN_IF_ERROR(ToStatus(db_->Flush(rocksdb::FlushOptions())));
    WaitUntilIdle();
    return absl::OkStatus();
  }
  void WaitUntilIdle() override {
    const auto is_due = [&](const char* property) {
      uint64_t value = 0;
      return db_->GetIntProperty(property, &value) && value != 0;
    };
    using Properties = rocksdb::DB::Properties;
    for (const std::string& property :
         {Properties::kMemTableFlushPending, Properties::kNumRunningFlushes,
          Properties::kCompactionPending, Properties::kNumRunningCompactions}) {
      while (is_due(property.c_str())) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  bool SetCacheBytes(uint64_t bytes) override {
    if (cache_ != nullptr) cache_->SetCapacity(bytes);
    return cache_ != nullptr;
  }
  std::string State() override {
    std::string files;
    for (int level = 0; level < options_.num_levels; ++level) {
      std::string count;
      db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + std::to_string(level),
                       &count);
      absl::StrAppend(&files, level == 0 ? "" : ",", count);
    }
    uint64_t memtable = 0;
    db_->GetIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &memtable);
    return absl::StrCat("files by level ", files, "; memtable ", memtable, " bytes");
  }
  std::unique_ptr<Reader> NewReader() override {
    return std::make_unique<RocksReader>(db_.get(), read_,
                                         configuration_ != RocksConfiguration::kPlainTable);
  }
  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<RocksSession>(db_.get(), read_, sync_);
  }

 private:
  absl::Status WriteBatches(const Rows& rows, size_t begin, size_t end, size_t batch_rows,
                            bool log) {
    rocksdb::WriteOptions options;
    options.sync = log && sync_;
    options.disableWAL = !log;
    rocksdb::WriteBatch batch;
    while (begin < end) {
      batch.Clear();
      for (const size_t until = std::min(end, begin + batch_rows); begin < until; ++begin) {
        batch.Put(ToSlice(rows.key(begin)), ToSlice(rows.value(begin)));
      }
      KYRO_RETURN_IF_ERROR(ToStatus(db_->Write(options, &batch)));
    }
    return absl::OkStatus();
  }

  const RocksConfiguration configuration_;
  const std::string directory_;
  const bool sync_;
  rocksdb::Options options_;
  rocksdb::ReadOptions read_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const StoreOptions& options,
                                                      RocksConfiguration configuration) {
  auto store = std::make_unique<RocksStore>(configuration, options);
  KYRO_RETURN_IF_ERROR(store->Open());
  return store;
}

}  // namespace kyrodb::bench
