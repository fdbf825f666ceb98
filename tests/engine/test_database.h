// What the engine's tests share: a database on a disk in memory, small tables, and short ways to
// write and read rows.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/memory_file_system.h"
#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "gtest/gtest.h"

namespace kyrodb::engine {

// Quiet and small: nothing runs in the background, segments hold a few commits, and not so large
// values count as large.
inline OpenOptions QuietOptions(FileSystem* file_system) {
  OpenOptions options;
  options.file_system = file_system;
  options.background = false;
  options.segment_bytes = 64 << 10;
  options.knobs = {{"log_retention_bytes", 0},
                   {"buffer_pool_bytes", 1 << 20},
                   {"large_value_bytes", 300},
                   {"value_file_bytes_min", 2000}};
  return options;
}

inline std::unique_ptr<Database> OpenOrDie(FileSystem* file_system) {
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open("db", QuietOptions(file_system));
  EXPECT_TRUE(database.ok()) << database.status();
  return database.ok() ? *std::move(database) : nullptr;
}

// id bigint PRIMARY KEY, body text, embedding vector(`dimensions`).
inline TableSchema DocsTable(absl::string_view name = "docs", uint32_t dimensions = 4) {
  TableSchema schema;
  schema.name = std::string(name);
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "embedding", .type = {TypeId::kVector, dimensions}});
  schema.primary_key = {0};
  return schema;
}

inline ObjectId CreateTableOrDie(Database& database, TableSchema schema) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  absl::StatusOr<ObjectId> id = transaction->CreateTable(std::move(schema));
  EXPECT_TRUE(id.ok()) << id.status();
  absl::StatusOr<CommitInfo> commit = transaction->Commit();
  EXPECT_TRUE(commit.ok()) << commit.status();
  return id.value_or(0);
}

inline absl::Status PutKeyValue(Database& database, ObjectId space, absl::string_view key,
                                absl::string_view value) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  KYRO_RETURN_IF_ERROR(transaction->Put(space, key, value));
  return transaction->Commit().status();
}

// The value, "-" when absent, or the error.
inline std::string GetOrError(Transaction& transaction, ObjectId space, absl::string_view key) {
  absl::StatusOr<std::optional<std::string>> value = transaction.Get(space, key);
  if (!value.ok()) return value.status().ToString();
  return value->value_or("-");
}
inline std::string GetOrError(Database& database, ObjectId space, absl::string_view key) {
  return GetOrError(*database.Begin(), space, key);
}

inline std::map<std::string, std::string> ScanAll(Transaction& transaction, ObjectId space,
                                                  const KeyRange& range = {}) {
  std::map<std::string, std::string> found;
  absl::StatusOr<std::unique_ptr<Iterator>> rows = transaction.Scan(space, range);
  EXPECT_TRUE(rows.ok()) << rows.status();
  if (!rows.ok()) return found;
  std::string before;
  for (; (*rows)->Valid(); (*rows)->Next()) {
    const std::string key((*rows)->key());
    EXPECT_TRUE(found.empty() || before < key);
    before = key;
    found[key] = std::string((*rows)->value());
  }
  EXPECT_TRUE((*rows)->status().ok()) << (*rows)->status();
  // The same rows, from the last to the first.
  rows = transaction.Scan(space, range, {.reverse = true});
  EXPECT_TRUE(rows.ok()) << rows.status();
  if (!rows.ok()) return found;
  auto expected = found.rbegin();
  for (; (*rows)->Valid() && expected != found.rend(); (*rows)->Next(), ++expected) {
    EXPECT_EQ((*rows)->key(), expected->first);
    EXPECT_EQ((*rows)->value(), expected->second);
  }
  EXPECT_TRUE(!(*rows)->Valid() && expected == found.rend());
  EXPECT_TRUE((*rows)->status().ok()) << (*rows)->status();
  return found;
}
inline std::map<std::string, std::string> ScanAll(Database& database, ObjectId space) {
  return ScanAll(*database.Begin(), space);
}

}  // namespace kyrodb::engine
