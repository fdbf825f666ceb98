// KyroDB embedded: a table's key space, read through a transaction, with memtable, snapshots and
// checksums on.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "bench/kv/store.h"
#include "engine/base/status.h"
#include "engine/database.h"

namespace kyrodb::bench {
namespace {

constexpr size_t kLoadBatch = 20000;

class KyroReader final : public Reader {
 public:
  KyroReader(engine::Database& database, engine::ObjectId table)
      : transaction_(database.Begin()), table_(table) {}
  bool Get(absl::string_view key, std::string* value) override {
    absl::StatusOr<std::optional<std::string>> found = transaction_->Get(table_, key);
    if (!found.ok()) {
      std::fprintf(stderr, "kyrodb: %s\n", found.status().ToString().c_str());
      std::exit(1);
    }
    if (!found->has_value()) return false;
    *value = **std::move(found);
    return true;
  }

 private:
  const std::unique_ptr<engine::Transaction> transaction_;
  const engine::ObjectId table_;
};

class KyroStore final : public Store {
 public:
  KyroStore(std::unique_ptr<engine::Database> database, engine::ObjectId table)
      : database_(std::move(database)), table_(table) {}
  std::string name() const override { return "kyrodb"; }
  absl::Status Load(std::span<const KeyValue> rows) override {
    for (size_t begin = 0; begin < rows.size(); begin += kLoadBatch) {
      const std::unique_ptr<engine::Transaction> transaction = database_->Begin();
      for (const auto& [key, value] :
           rows.subspan(begin, std::min(kLoadBatch, rows.size() - begin))) {
        KYRO_RETURN_IF_ERROR(transaction->Put(table_, key, value));
      }
      KYRO_RETURN_IF_ERROR(transaction->Commit().status());
    }
    return absl::OkStatus();
  }
  absl::Status Settle() override { return database_->Compact(table_); }
  std::unique_ptr<Reader> NewReader() override {
    return std::make_unique<KyroReader>(*database_, table_);
  }
  absl::Status PutDurable(absl::string_view key, absl::string_view value) override {
    const std::unique_ptr<engine::Transaction> transaction = database_->Begin();
    KYRO_RETURN_IF_ERROR(transaction->Put(table_, key, value));
    return transaction->Commit().status();
  }

 private:
  const std::unique_ptr<engine::Database> database_;
  const engine::ObjectId table_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenKyroStore(const std::string& directory) {
  engine::OpenOptions options;
  options.knobs = {{"buffer_pool_bytes", int64_t{1} << 30}};
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<engine::Database> database,
                        engine::Database::Open(directory, options));
  engine::TableSchema schema;
  schema.name = "kv";
  schema.columns.push_back({.name = "key", .type = {engine::TypeId::kBytea}});
  schema.columns.push_back({.name = "value", .type = {engine::TypeId::kBytea}});
  schema.primary_key = {0};
  const std::unique_ptr<engine::Transaction> transaction = database->Begin();
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId table, transaction->CreateTable(schema));
  KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  return std::make_unique<KyroStore>(std::move(database), table);
}

}  // namespace kyrodb::bench
