// KyroDB embedded: a table's key space, read and written through transactions, with memtable,
// snapshots and checksums on.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "engine/base/status.h"
#include "engine/database.h"

namespace kyrodb::bench {
namespace {

constexpr char kTableName[] = "kv";

// A value out of `transaction`; the copy lies in `*buffer`.
bool GetOf(engine::Transaction& transaction, engine::ObjectId table, absl::string_view key,
           std::string* buffer, absl::string_view* value) {
  const absl::StatusOr<bool> found = transaction.Get(table, key, buffer);
  Check(found.status(), "kyrodb: get");
  if (*found) *value = *buffer;
  return *found;
}

void ScanOf(engine::Transaction& transaction, engine::ObjectId table, const engine::KeyRange& range,
            bool reverse, uint64_t limit, RowVisitor visit) {
  absl::StatusOr<std::unique_ptr<engine::Iterator>> rows =
      transaction.Scan(table, range, {.reverse = reverse});
  Check(rows.status(), "kyrodb: scan");
  engine::Iterator& at = **rows;
  for (; limit > 0 && at.Valid(); --limit, at.Next()) visit(at.key(), at.value());
  Check(at.status(), "kyrodb: scan");
}

class KyroReader final : public Reader {
 public:
  KyroReader(engine::Database& database, engine::ObjectId table)
      : transaction_(database.Begin()), table_(table) {}
  bool Get(absl::string_view key, absl::string_view* value) override {
    return GetOf(*transaction_, table_, key, &buffer_, value);
  }
  bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    ScanOf(*transaction_, table_, {.begin = std::string(begin), .end = {}}, /*reverse=*/false,
           limit, visit);
    return true;
  }
  bool ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) override {
    ScanOf(*transaction_, table_, {.begin = {}, .end = std::string(end)}, /*reverse=*/true, limit,
           visit);
    return true;
  }
  bool MultiGet(std::span<const absl::string_view> keys, FoundVisitor visit) override {
    Check(transaction_->MultiGet(table_, keys, &values_), "kyrodb: multi-get");
    for (size_t i = 0; i < keys.size(); ++i) {
      if (values_[i].has_value()) visit(i, *values_[i]);
    }
    return true;
  }

 private:
  const std::unique_ptr<engine::Transaction> transaction_;
  const engine::ObjectId table_;
  std::string buffer_;
  std::vector<std::optional<std::string>> values_;
};

class KyroSession final : public Session {
 public:
  KyroSession(engine::Database& database, engine::ObjectId table)
      : database_(database), table_(table) {}
  bool Get(absl::string_view key, absl::string_view* value) override {
    return GetOf(*database_.Begin(), table_, key, &buffer_, value);
  }
  void Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    ScanOf(*database_.Begin(), table_, {.begin = std::string(begin), .end = {}},
           /*reverse=*/false, limit, visit);
  }
  void Put(absl::string_view key, absl::string_view value) override {
    Commit([&](engine::Transaction& transaction) { return transaction.Put(table_, key, value); });
  }
  void ReadModifyWrite(absl::string_view key, absl::string_view value) override {
    Commit([&](engine::Transaction& transaction) {
      KYRO_RETURN_IF_ERROR(transaction.Get(table_, key).status());
      return transaction.Put(table_, key, value);
    });
  }

 private:
  // Again after a conflict with another session.
  void Commit(absl::FunctionRef<absl::Status(engine::Transaction&)> work) {
    for (;;) {
      const std::unique_ptr<engine::Transaction> transaction = database_.Begin();
      Check(work(*transaction), "kyrodb: write");
      const absl::Status status = transaction->Commit().status();
      if (absl::IsAborted(status)) continue;
      return Check(status, "kyrodb: commit");
    }
  }

  engine::Database& database_;
  const engine::ObjectId table_;
  std::string buffer_;
};

class KyroStore final : public PartedStore {
 public:
  KyroStore(std::unique_ptr<engine::Database> database, engine::ObjectId table)
      : database_(std::move(database)), table_(table) {}
  std::string name() const override { return "kyrodb"; }
  absl::Status LoadSorted(const Rows& rows) override {
    if (rows.size() == 0) return absl::OkStatus();
    KYRO_ASSIGN_OR_RETURN(
        const std::unique_ptr<engine::BulkLoader> loader,
        database_->BulkLoad(table_, {.smallest_key = std::string(rows.key(0)),
                                     .largest_key = std::string(rows.key(rows.size() - 1))}));
    for (size_t i = 0; i < rows.size(); ++i) {
      KYRO_RETURN_IF_ERROR(loader->Add(rows.key(i), rows.value(i)));
    }
    return loader->Finish().status();
  }
  absl::Status LoadRun(const Rows& rows) override {
    // Nothing is flushed or merged but by the calls below.
    KYRO_RETURN_IF_ERROR(database_->knobs().Set("write_buffer_bytes", int64_t{1} << 34));
    KYRO_RETURN_IF_ERROR(database_->knobs().Set("run_count_max", 64));
    return LoadSorted(rows);
  }
  absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) override {
    while (begin < end) {
      const std::unique_ptr<engine::Transaction> transaction = database_->Begin();
      for (const size_t until = std::min(end, begin + batch_rows); begin < until; ++begin) {
        KYRO_RETURN_IF_ERROR(transaction->Put(table_, rows.key(begin), rows.value(begin)));
      }
      KYRO_RETURN_IF_ERROR(transaction->Commit().status());
    }
    return absl::OkStatus();
  }
  absl::Status Compact() override {
    KYRO_RETURN_IF_ERROR(database_->Checkpoint());
    return database_->Compact(table_);
  }
  absl::Status Settle() override {
    KYRO_RETURN_IF_ERROR(database_->Checkpoint());
    WaitUntilIdle();
    return absl::OkStatus();
  }
  void WaitUntilIdle() override {
    for (;;) {
      const auto knob = [&](absl::string_view name) {
        const absl::StatusOr<int64_t> value = database_->knobs().Get(name);
        Check(value.status(), "kyrodb: knob");
        return static_cast<uint64_t>(*value);
      };
      const engine::SpaceStatistics statistics = Statistics();
      if (statistics.run_count <= knob("run_count_max") &&
          statistics.memtable_bytes < knob("write_buffer_bytes") &&
          statistics.value_dead_bytes <=
              statistics.value_bytes * knob("value_dead_percent") / 100) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  bool SetCacheBytes(uint64_t bytes) override {
    Check(database_->knobs().Set("buffer_pool_bytes", static_cast<int64_t>(bytes)),
          "kyrodb: buffer pool");
    return true;
  }
  std::string State() override {
    const engine::SpaceStatistics statistics = Statistics();
    return absl::StrCat(statistics.run_count, " runs with ", statistics.entry_count, " entries, ",
                        statistics.run_bytes, " bytes; ", statistics.value_file_count,
                        " value files, ", statistics.value_bytes, " bytes, ",
                        statistics.value_dead_bytes, " dead; memtable ", statistics.memtable_bytes,
                        " bytes; models ", statistics.model_bytes, " bytes");
  }
  std::unique_ptr<Reader> NewReader() override {
    return std::make_unique<KyroReader>(*database_, table_);
  }
  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<KyroSession>(*database_, table_);
  }

 private:
  engine::SpaceStatistics Statistics() {
    absl::StatusOr<engine::SpaceStatistics> statistics = database_->space_statistics(table_);
    Check(statistics.status(), "kyrodb: statistics");
    return *statistics;
  }

  const std::unique_ptr<engine::Database> database_;
  const engine::ObjectId table_;
};

absl::StatusOr<engine::ObjectId> FindOrCreateTable(engine::Database& database) {
  const std::unique_ptr<engine::Transaction> transaction = database.Begin();
  if (const auto table = transaction->catalog()->FindTable(kTableName)) return table->id;
  engine::TableSchema schema;
  schema.name = kTableName;
  schema.columns.push_back({.name = "key", .type = {engine::TypeId::kBytea}});
  schema.columns.push_back({.name = "value", .type = {engine::TypeId::kBytea}});
  schema.primary_key = {0};
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId table, transaction->CreateTable(schema));
  KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  return table;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PartedStore>> OpenKyroStore(const StoreOptions& options) {
  engine::OpenOptions open;
  open.sync_mode = options.sync ? engine::SyncMode::kFull : engine::SyncMode::kOff;
  open.knobs = {{"buffer_pool_bytes", static_cast<int64_t>(options.cache_bytes)},
                {"large_value_bytes", static_cast<int64_t>(options.large_value_bytes)}};
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<engine::Database> database,
                        engine::Database::Open(options.directory, open));
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId table, FindOrCreateTable(*database));
  return std::make_unique<KyroStore>(std::move(database), table);
}

}  // namespace kyrodb::bench
