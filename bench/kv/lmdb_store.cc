// Debian's LMDB. Reads happen in one held read transaction and hand out the mapped bytes; writes
// are durable at every commit.
#include <lmdb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"
#include "engine/base/status.h"

namespace kyrodb::bench {
namespace {

absl::Status ToStatus(int code) {
  return code == 0 ? absl::OkStatus() : absl::InternalError(mdb_strerror(code));
}

MDB_val ToVal(absl::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it
}

absl::string_view ToView(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

// Absent is not an error.
bool IsFound(int code, absl::string_view what) {
  if (code != MDB_NOTFOUND) Check(ToStatus(code), what);
  return code == 0;
}

class LmdbReader final : public Reader {
 public:
  LmdbReader(MDB_env* env, MDB_dbi dbi) : dbi_(dbi) {
    Check(ToStatus(mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction_)), "lmdb: begin");
    Check(ToStatus(mdb_cursor_open(transaction_, dbi_, &cursor_)), "lmdb: cursor");
  }
  ~LmdbReader() override {
    mdb_cursor_close(cursor_);
    mdb_txn_abort(transaction_);
  }
  bool Get(absl::string_view key, absl::string_view* value) override {
    MDB_val k = ToVal(key), v;
    if (!IsFound(mdb_get(transaction_, dbi_, &k, &v), "lmdb: get")) return false;
    *value = ToView(v);
    return true;
  }
  bool Scan(absl::string_view begin, uint64_t limit, RowVisitor visit) override {
    MDB_val k = ToVal(begin), v;
    // An empty key is none to LMDB.
    int code = mdb_cursor_get(cursor_, &k, &v, begin.empty() ? MDB_FIRST : MDB_SET_RANGE);
    for (; limit > 0 && IsFound(code, "lmdb: scan"); --limit) {
      visit(ToView(k), ToView(v));
      code = mdb_cursor_get(cursor_, &k, &v, MDB_NEXT);
    }
    return true;
  }
  bool ScanBack(absl::string_view end, uint64_t limit, RowVisitor visit) override {
    MDB_val k = ToVal(end), v;
    const bool found = IsFound(mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE), "lmdb: scan");
    int code = mdb_cursor_get(cursor_, &k, &v, found ? MDB_PREV : MDB_LAST);
    for (; limit > 0 && IsFound(code, "lmdb: scan"); --limit) {
      visit(ToView(k), ToView(v));
      code = mdb_cursor_get(cursor_, &k, &v, MDB_PREV);
    }
    return true;
  }

 private:
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* cursor_ = nullptr;
  const MDB_dbi dbi_;
};

class LmdbStore final : public Store {
 public:
  LmdbStore(MDB_env* env, MDB_dbi dbi, bool writable_map)
      : env_(env), dbi_(dbi), writable_map_(writable_map) {}
  ~LmdbStore() override { mdb_env_close(env_); }
  std::string name() const override {
    return absl::StrCat("LMDB ", MDB_VERSION_MAJOR, ".", MDB_VERSION_MINOR, ".", MDB_VERSION_PATCH,
                        writable_map_ ? " writable map" : "");
  }
  absl::Status LoadSorted(const Rows& rows) override {
    return Transact(rows, 0, rows.size(), MDB_APPEND);
  }
  absl::Status Write(const Rows& rows, size_t begin, size_t end, size_t batch_rows) override {
    for (; begin < end; begin += batch_rows) {
      KYRO_RETURN_IF_ERROR(Transact(rows, begin, std::min(end, begin + batch_rows), 0));
    }
    return absl::OkStatus();
  }
  // There is no background work.
  absl::Status Compact() override { return absl::OkStatus(); }
  absl::Status Settle() override { return absl::OkStatus(); }
  void WaitUntilIdle() override {}
  std::unique_ptr<Reader> NewReader() override { return std::make_unique<LmdbReader>(env_, dbi_); }
  // Not used: the mixed workloads run against RocksDB.
  std::unique_ptr<Session> NewSession() override { return nullptr; }

 private:
  absl::Status Transact(const Rows& rows, size_t begin, size_t end, unsigned flags) {
    MDB_txn* transaction = nullptr;
    KYRO_RETURN_IF_ERROR(ToStatus(mdb_txn_begin(env_, nullptr, 0, &transaction)));
    for (; begin < end; ++begin) {
      MDB_val k = ToVal(rows.key(begin)), v = ToVal(rows.value(begin));
      if (const int code = mdb_put(transaction, dbi_, &k, &v, flags); code != 0) {
        mdb_txn_abort(transaction);
        return ToStatus(code);
      }
    }
    return ToStatus(mdb_txn_commit(transaction));
  }

  MDB_env* const env_;
  const MDB_dbi dbi_;
  const bool writable_map_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const StoreOptions& options,
                                                     bool writable_map) {
  MDB_env* env = nullptr;
  int code = mdb_env_create(&env);
  // With MDB_WRITEMAP the file is as long as the map, though with holes.
  if (code == 0) code = mdb_env_set_mapsize(env, size_t{1} << 34);
  if (code == 0) {
    code = mdb_env_open(env, options.directory.c_str(), writable_map ? MDB_WRITEMAP : 0, 0644);
  }
  MDB_txn* transaction = nullptr;
  MDB_dbi dbi = 0;
  if (code == 0) code = mdb_txn_begin(env, nullptr, 0, &transaction);
  if (code == 0) code = mdb_dbi_open(transaction, nullptr, 0, &dbi);
  if (code == 0) code = mdb_txn_commit(transaction);
  if (code != 0) {
    mdb_env_close(env);
    return ToStatus(code);
  }
  return std::make_unique<LmdbStore>(env, dbi, writable_map);
}

}  // namespace kyrodb::bench
