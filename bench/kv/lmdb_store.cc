// Debian's LMDB, read in one held read transaction, its best case.
#include <lmdb.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "bench/kv/store.h"

namespace kyrodb::bench {
namespace {

absl::Status ToStatus(int code) {
  return code == 0 ? absl::OkStatus() : absl::InternalError(mdb_strerror(code));
}

MDB_val ToVal(absl::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it
}

class LmdbReader final : public Reader {
 public:
  LmdbReader(MDB_env* env, MDB_dbi dbi) : dbi_(dbi) {
    if (mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction_) != 0) std::exit(1);
  }
  ~LmdbReader() override { mdb_txn_abort(transaction_); }
  bool Get(absl::string_view key, std::string* value) override {
    MDB_val k = ToVal(key), v;
    const int code = mdb_get(transaction_, dbi_, &k, &v);
    if (code != 0 && code != MDB_NOTFOUND) {
      std::fprintf(stderr, "lmdb: %s\n", mdb_strerror(code));
      std::exit(1);
    }
    if (code == 0) value->assign(static_cast<const char*>(v.mv_data), v.mv_size);
    return code == 0;
  }

 private:
  MDB_txn* transaction_ = nullptr;
  const MDB_dbi dbi_;
};

class LmdbStore final : public Store {
 public:
  LmdbStore(MDB_env* env, MDB_dbi dbi) : env_(env), dbi_(dbi) {}
  ~LmdbStore() override { mdb_env_close(env_); }
  std::string name() const override {
    return absl::StrCat("LMDB ", MDB_VERSION_MAJOR, ".", MDB_VERSION_MINOR, ".", MDB_VERSION_PATCH,
                        " held transaction");
  }
  absl::Status Load(std::span<const KeyValue> rows) override {
    MDB_txn* transaction = nullptr;
    int code = mdb_txn_begin(env_, nullptr, 0, &transaction);
    if (code != 0) return ToStatus(code);
    for (const auto& [key, value] : rows) {
      MDB_val k = ToVal(key), v = ToVal(value);
      if (code = mdb_put(transaction, dbi_, &k, &v, MDB_APPEND); code != 0) {
        mdb_txn_abort(transaction);
        return ToStatus(code);
      }
    }
    return ToStatus(mdb_txn_commit(transaction));
  }
  absl::Status Settle() override { return absl::OkStatus(); }
  std::unique_ptr<Reader> NewReader() override { return std::make_unique<LmdbReader>(env_, dbi_); }
  absl::Status PutDurable(absl::string_view key, absl::string_view value) override {
    MDB_txn* transaction = nullptr;
    int code = mdb_txn_begin(env_, nullptr, 0, &transaction);
    if (code != 0) return ToStatus(code);
    MDB_val k = ToVal(key), v = ToVal(value);
    if (code = mdb_put(transaction, dbi_, &k, &v, 0); code != 0) {
      mdb_txn_abort(transaction);
      return ToStatus(code);
    }
    return ToStatus(mdb_txn_commit(transaction));
  }

 private:
  MDB_env* const env_;
  const MDB_dbi dbi_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLmdbStore(const std::string& directory) {
  MDB_env* env = nullptr;
  int code = mdb_env_create(&env);
  if (code == 0) code = mdb_env_set_mapsize(env, size_t{1} << 36);
  if (code == 0) code = mdb_env_open(env, directory.c_str(), 0, 0644);
  MDB_txn* transaction = nullptr;
  MDB_dbi dbi = 0;
  if (code == 0) code = mdb_txn_begin(env, nullptr, 0, &transaction);
  if (code == 0) code = mdb_dbi_open(transaction, nullptr, 0, &dbi);
  if (code == 0) code = mdb_txn_commit(transaction);
  if (code != 0) {
    mdb_env_close(env);
    return ToStatus(code);
  }
  return std::make_unique<LmdbStore>(env, dbi);
}

}  // namespace kyrodb::bench
