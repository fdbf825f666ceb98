// KyroDB embedded, through transactions: snapshot, validation, log, memtable.
#include <cstdio>
#include <cstdlib>

#include "bench/wal/commit_store.h"
#include "engine/base/status.h"
#include "engine/database.h"

namespace kyrodb::bench {
namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "kyrodb: %s\n", status.ToString().c_str());
  std::exit(1);
}

class KyroCommits final : public CommitStore {
 public:
  KyroCommits(std::unique_ptr<engine::Database> database, engine::ObjectId table)
      : database_(std::move(database)), table_(table) {}
  std::string name() const override { return "kyrodb"; }
  void Commit(std::span<const KeyValue> rows) override {
    const std::unique_ptr<engine::Transaction> transaction = database_->Begin();
    for (const auto& [key, value] : rows) Check(transaction->Put(table_, key, value));
    Check(transaction->Commit().status());
  }
  Counts counts() const override {
    MetricsRegistry& metrics = database_->metrics();
    return {.commits = metrics.counter("kyro_wal_commits_total", "").value(),
            .syncs = metrics.counter("kyro_wal_syncs_total", "").value()};
  }

 private:
  const std::unique_ptr<engine::Database> database_;
  const engine::ObjectId table_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CommitStore>> OpenKyroCommits(const std::string& directory) {
  KYRO_ASSIGN_OR_RETURN(std::unique_ptr<engine::Database> database,
                        engine::Database::Open(directory));
  engine::TableSchema schema;
  schema.name = "kv";
  schema.columns.push_back({.name = "key", .type = {engine::TypeId::kBytea}});
  schema.columns.push_back({.name = "value", .type = {engine::TypeId::kBytea}});
  schema.primary_key = {0};
  std::unique_ptr<engine::Transaction> transaction = database->Begin();
  KYRO_ASSIGN_OR_RETURN(const engine::ObjectId table, transaction->CreateTable(schema));
  KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  transaction.reset();
  return std::make_unique<KyroCommits>(std::move(database), table);
}

}  // namespace kyrodb::bench
