#include "tests/engine/damage/sample.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

// Commit `number` writes row `number % 97`, or deletes it; sizes are odd to pages and sectors.
SampleRows Next(const TableSchema& table, uint64_t number, SampleRows rows) {
  Random random(SplitMix64(number));
  const auto id = static_cast<int64_t>(number % 97);
  // Every commit writes this row, so that LSNs count the commits.
  const Row last = {Value(int64_t{1000}), Value(absl::StrCat("commit ", number)), Value()};
  rows[EncodeRowId(1000)] = EncodeRow(table, last).value();
  if (number > 97 && random.OneIn(6)) {
    rows.erase(EncodeRowId(id));
    return rows;
  }
  std::string body = absl::StrCat("commit ", number, " ");
  const uint64_t size = random.OneIn(20) ? 5000 : random.Uniform(400);
  while (body.size() < size) body.push_back(static_cast<char>('a' + random.Uniform(26)));
  Value embedding;
  if (!random.OneIn(5)) {
    std::vector<float> floats(4);
    for (float& x : floats) x = static_cast<float>(random.Unit());
    embedding = floats;
  }
  const Row row = {Value(id), Value(body), embedding};
  rows[EncodeRowId(id)] = EncodeRow(table, row).value();
  return rows;
}

void Commit(Database& database, ObjectId table, const SampleRows& before, const SampleRows& after) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  for (const auto& [key, value] : after) {
    const auto it = before.find(key);
    if (it == before.end() || it->second != value) {
      KYRO_CHECK(transaction->Put(table, key, value).ok());
    }
  }
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) KYRO_CHECK(transaction->Delete(table, key).ok());
  }
  KYRO_CHECK(transaction->Commit().ok());
}

void ReadFilesIn(FileSystem& file_system, const std::string& directory,
                 std::map<std::string, std::string>* files) {
  const std::vector<std::string> names = file_system.List(directory).value();
  for (const std::string& name : names) {
    const std::string path = JoinPath(directory, name);
    if (file_system.List(path).ok()) {
      ReadFilesIn(file_system, path, files);
    } else if (name != "LOCK") {
      (*files)[path] = ReadFile(file_system, path).value();
    }
  }
}

}  // namespace

Sample MakeSample(int row_count, int log_commit_count) {
  Sample sample;
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  OpenOptions options = QuietOptions(disk.get());
  options.segment_bytes = 16 << 10;
  std::unique_ptr<Database> database = Database::Open("db", options).value();
  sample.table = CreateTableOrDie(*database, DocsTable());
  {
    std::unique_ptr<Transaction> transaction = database->Begin();
    sample.index =
        transaction->CreateIndex(sample.table, {.name = "docs_idx", .column = 2}).value();
    KYRO_CHECK(transaction->Commit().ok());
  }
  const auto schema = database->Begin()->catalog()->FindTable(sample.table);
  sample.states.resize(database->last_lsn() + 1);
  SampleRows rows;
  const auto commit = [&](int number) {
    SampleRows after = Next(*schema, static_cast<uint64_t>(number), rows);
    Commit(*database, sample.table, rows, after);
    rows = std::move(after);
    sample.states.push_back(rows);
    KYRO_CHECK(database->last_lsn() + 1 == sample.states.size());
  };
  for (int i = 0; i < row_count; ++i) {
    commit(i);
    if (i == row_count / 2) KYRO_CHECK(database->Checkpoint().ok());
  }
  // Closing saves the index's segment and writes everything into runs.
  KYRO_CHECK(database->WaitForIndexes(absl::InfiniteDuration()).ok());
  KYRO_CHECK(database->Close().ok());
  database = Database::Open("db", options).value();
  for (int i = 0; i < log_commit_count; ++i) commit(row_count + i);
  sample.disk = disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  return sample;
}

std::map<std::string, std::string> ReadAllFiles(FileSystem& file_system) {
  std::map<std::string, std::string> files;
  ReadFilesIn(file_system, "db", &files);
  return files;
}

std::unique_ptr<MemoryFileSystem> WriteAllFiles(const std::map<std::string, std::string>& files) {
  std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  for (const char* directory : {"db", "db/log", "db/runs", "db/vectors"}) {
    KYRO_CHECK(disk->CreateDirectory(directory).ok());
  }
  for (const auto& [path, bytes] : files) KYRO_CHECK(WriteFileSynced(*disk, path, bytes).ok());
  return disk->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
}

std::map<std::string, double> ExactDistances(const SampleRows& rows, const TableSchema& table,
                                             const std::vector<float>& query) {
  std::map<std::string, double> distances;
  for (const auto& [key, bytes] : rows) {
    const absl::StatusOr<Row> row = DecodeRow(table, bytes);
    if (!row.ok() || IsNull((*row)[2])) continue;
    const auto& vector = std::get<std::vector<float>>((*row)[2]);
    double sum = 0;
    for (size_t i = 0; i < vector.size(); ++i) {
      sum += (double{vector[i]} - query[i]) * (double{vector[i]} - query[i]);
    }
    distances[key] = std::sqrt(sum);
  }
  return distances;
}

}  // namespace kyrodb::engine
