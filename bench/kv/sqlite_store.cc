// Debian's SQLite: WAL mode, a WITHOUT ROWID table, prepared statements, a mapped file and one held
// read transaction.
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

class Connection {
 public:
  explicit Connection(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) Die();
  }
  ~Connection() { sqlite3_close(db_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  absl::Status Run(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK
               ? absl::OkStatus()
               : absl::InternalError(sqlite3_errmsg(db_));
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
        SQLITE_OK) {
      Die();
    }
    return statement;
  }
  // Whether there is a row.
  bool Step(sqlite3_stmt* statement) {
    const int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) Die();
    return code == SQLITE_ROW;
  }
  [[noreturn]] void Die() {
    std::fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db_));
    std::exit(1);
  }

 private:
  sqlite3* db_ = nullptr;
};

void Bind(sqlite3_stmt* statement, int index, absl::string_view bytes) {
  sqlite3_bind_blob(statement, index, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
}

absl::string_view Column(sqlite3_stmt* statement, int index) {
  return {static_cast<const char*>(sqlite3_column_blob(statement, index)),
          static_cast<size_t>(sqlite3_column_bytes(statement, index))};
}

class SqliteReader final : public Reader {
 public:
  SqliteReader(const std::string& path, uint64_t cache_bytes) : connection_(path) {
    // A negative size counts KiB.
    Check(connection_.Run(absl::StrCat("PRAGMA cache_size = -", cache_bytes >> 10,
                                       "; PRAGMA mmap_size = 17179869184; BEGIN")),
          "sqlite: begin");
    get_ = connection_.Prepare("SELECT value FROM kv WHERE key = ?");
    scan_ = connection_.Prepare("SELECT key, value FROM kv WHERE key >= ? ORDER BY key LIMIT ?");
    scan_back_ =
        connection_.Prepare("SELECT key, value FROM kv WHERE key < ? ORDER BY key DESC LIMIT ?");
  }
  ~SqliteReader() override {
    for (sqlite3_stmt* statement : {get_, scan_, scan_back_}) sqlite3_finalize(statement);
  }
  bool Get(absl::string_view key, absl::string_view* value) override {
    sqlite3_reset(get_);
    Bind(get_, 1, key);
    if (!connection_.Step(get_)) return false;
    *value = Column(get_, 0);
    return true;
  }
  bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    Walk(scan_, begin, limit, visit);
    return true;
  }
  bool ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) override {
    Walk(scan_back_, end, limit, visit);
    return true;
  }

 private:
  void Walk(sqlite3_stmt* statement, absl::string_view key, uint64_t limit, RowVisitor visit) {
    Bind(statement, 1, key);
    sqlite3_bind_int64(statement, 2, static_cast<int64_t>(limit));
    while (connection_.Step(statement)) visit(Column(statement, 0), Column(statement, 1));
    sqlite3_reset(statement);
  }

  Connection connection_;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* scan_ = nullptr;
  sqlite3_stmt* scan_back_ = nullptr;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const StoreOptions& options)
      : path_(options.directory + "/kv.sqlite"),
        sync_(options.sync),
        cache_bytes_(options.cache_bytes),
        connection_(path_) {}
  ~SqliteStore() override { sqlite3_finalize(insert_); }
  absl::Status Open() {
    KYRO_RETURN_IF_ERROR(connection_.Run(
        absl::StrCat("PRAGMA journal_mode = WAL; PRAGMA synchronous = ", sync_ ? "FULL" : "OFF",
                     "; PRAGMA cache_size = -", cache_bytes_ >> 10, "; CREATE TABLE IF NOT EXISTS",
                     " kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")));
    insert_ = connection_.Prepare("INSERT OR REPLACE INTO kv VALUES (?, ?)");
    return absl::OkStatus();
  }
  std::string name() const override { return absl::StrCat("SQLite ", sqlite3_libversion()); }
  absl::Status LoadSorted(const Rows& rows) override {
    KYRO_RETURN_IF_ERROR(Write(rows, 0, rows.size(), rows.size()));
    return Compact();
  }
  absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) override {
    while (begin < end) {
      KYRO_RETURN_IF_ERROR(connection_.Run("BEGIN"));
      for (const size_t until = std::min(end, begin + batch_rows); begin < until; ++begin) {
        Bind(insert_, 1, rows.key(begin));
        Bind(insert_, 2, rows.value(begin));
        connection_.Step(insert_);
        sqlite3_reset(insert_);
      }
      KYRO_RETURN_IF_ERROR(connection_.Run("COMMIT"));
    }
    return absl::OkStatus();
  }
  absl::Status Compact() override { return connection_.Run("PRAGMA wal_checkpoint(TRUNCATE)"); }
  absl::Status Settle() override { return Compact(); }
  void WaitUntilIdle() override {}
  std::unique_ptr<Reader> NewReader() override {
    return std::make_unique<SqliteReader>(path_, cache_bytes_);
  }
  // Not used: the mixed workloads run against RocksDB.
  std::unique_ptr<Session> NewSession() override { return nullptr; }

 private:
  const std::string path_;
  const bool sync_;
  const uint64_t cache_bytes_;
  Connection connection_;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const StoreOptions& options) {
  auto store = std::make_unique<SqliteStore>(options);
  KYRO_RETURN_IF_ERROR(store->Open());
  return store;
}

}  // namespace kyrodb::bench
