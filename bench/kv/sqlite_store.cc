// Debian's SQLite: WAL mode, synchronous=FULL, a WITHOUT ROWID table, one held read transaction.
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>

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
  absl::Status Run(const char* sql) {
    return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK
               ? absl::OkStatus()
               : absl::InternalError(sqlite3_errmsg(db_));
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) Die();
    return statement;
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

class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(const std::string& path) : connection_(path) {
    if (!connection_.Run("PRAGMA cache_size = -1048576; PRAGMA mmap_size = 4294967296; BEGIN")
             .ok()) {
      connection_.Die();
    }
    statement_ = connection_.Prepare("SELECT value FROM kv WHERE key = ?");
  }
  ~SqliteReader() override { sqlite3_finalize(statement_); }
  bool Get(absl::string_view key, std::string* value) override {
    Bind(statement_, 1, key);
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) {
      value->assign(static_cast<const char*>(sqlite3_column_blob(statement_, 0)),
                    static_cast<size_t>(sqlite3_column_bytes(statement_, 0)));
    } else if (code != SQLITE_DONE) {
      connection_.Die();
    }
    sqlite3_reset(statement_);
    return code == SQLITE_ROW;
  }

 private:
  Connection connection_;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(std::string path) : path_(std::move(path)), connection_(path_) {}
  ~SqliteStore() override { sqlite3_finalize(insert_); }
  absl::Status Open() {
    KYRO_RETURN_IF_ERROR(connection_.Run(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"));
    insert_ = connection_.Prepare("INSERT OR REPLACE INTO kv VALUES (?, ?)");
    return absl::OkStatus();
  }
  std::string name() const override { return absl::StrCat("SQLite ", sqlite3_libversion()); }
  absl::Status Load(std::span<const KeyValue> rows) override {
    KYRO_RETURN_IF_ERROR(connection_.Run("BEGIN"));
    for (const auto& [key, value] : rows) KYRO_RETURN_IF_ERROR(Insert(key, value));
    return connection_.Run("COMMIT");
  }
  absl::Status Settle() override { return connection_.Run("PRAGMA wal_checkpoint(TRUNCATE)"); }
  std::unique_ptr<Reader> NewReader() override { return std::make_unique<SqliteReader>(path_); }
  absl::Status PutDurable(absl::string_view key, absl::string_view value) override {
    return Insert(key, value);
  }

 private:
  absl::Status Insert(absl::string_view key, absl::string_view value) {
    Bind(insert_, 1, key);
    Bind(insert_, 2, value);
    const int code = sqlite3_step(insert_);
    sqlite3_reset(insert_);
    return code == SQLITE_DONE ? absl::OkStatus() : absl::InternalError("sqlite insert failed");
  }

  const std::string path_;
  Connection connection_;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory) {
  auto store = std::make_unique<SqliteStore>(directory + "/kv.sqlite");
  KYRO_RETURN_IF_ERROR(store->Open());
  return store;
}

}  // namespace kyrodb::bench
