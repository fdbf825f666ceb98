// The process that the kill test kills. Opens the database, compares it with the oracle, then
// writes from several threads, with checkpoints, merges and index work in the background, until
// killed.
//
//   kill_writer DIRECTORY ORACLE posix|volatile MUTATION verify|write
//
// Exit: 0 verified (verify only), 3 the database is wrong, 4 it could not be opened.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/database.h"
#include "engine/key_codec.h"
#include "engine/row_codec.h"
#include "tests/engine/crash/kill_oracle.h"
#include "tests/engine/crash/mutant_file_system.h"
#include "tests/engine/crash/volatile_cache_file_system.h"

namespace kyrodb::engine {
namespace {

constexpr absl::string_view kTable = "kills";

// writer integer, number bigint, body text, embedding vector(4)
TableSchema Schema() {
  TableSchema schema{.name = std::string(kTable)};
  schema.columns.push_back({.name = "writer", .type = {TypeId::kInteger}});
  schema.columns.push_back({.name = "number", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "embedding", .type = {TypeId::kVector, 4}});
  schema.primary_key = {0, 1};
  return schema;
}

// The same for the same row and life, of sizes that straddle sectors.
Row MakeRow(size_t writer, uint32_t number, uint32_t life) {
  Random random(SplitMix64(writer * kKillRowsMax + number) ^ life);
  std::vector<float> embedding(4);
  for (float& x : embedding) x = static_cast<float>(random.Unit());
  return {Value(static_cast<int64_t>(writer)), Value(static_cast<int64_t>(number)),
          Value(absl::StrCat(life, " ", std::string(random.Uniform(900), 'x'))), Value(embedding)};
}

// Empty, or what is wrong. Sets the number of rows found of each writer.
std::string Verify(Database& database, const KillOracle& oracle,
                   uint32_t (&found)[kKillWriterCount]) {
  if (!database.recovery().damage.empty()) return database.recovery().damage;
  std::unique_ptr<Transaction> transaction = database.Begin();
  const auto table = transaction->catalog()->FindTable(kTable);
  if (table == nullptr) {
    for (const auto& count : oracle.acknowledged) {
      if (count != 0) return "the table is lost";
    }
    return "";
  }
  absl::StatusOr<std::unique_ptr<Iterator>> rows = transaction->Scan(table->id, KeyRange{});
  if (!rows.ok()) return rows.status().ToString();
  for (; (*rows)->Valid(); (*rows)->Next()) {
    const absl::StatusOr<Row> row = DecodeRow(*table, (*rows)->value());
    if (!row.ok()) return row.status().ToString();
    const auto writer = static_cast<size_t>(std::get<int64_t>((*row)[0]));
    const auto number = static_cast<uint32_t>(std::get<int64_t>((*row)[1]));
    if (writer >= kKillWriterCount || number != found[writer] + 1) {
      return absl::StrCat("hole: writer ", writer, " has row ", number, " after ", found[writer]);
    }
    found[writer] = number;
    // A row that was never acknowledged can only be the last one, of the last life that wrote.
    const bool acknowledged = number <= oracle.acknowledged[writer];
    const uint32_t life =
        acknowledged ? oracle.row_life[writer][number].load() : oracle.verified_life.load();
    if (*row != MakeRow(writer, number, life)) {
      return absl::StrCat("phantom: writer ", writer, " row ", number, " is not that of life ",
                          life, ": ", std::get<std::string>((*row)[2]).substr(0, 12));
    }
  }
  if (!(*rows)->status().ok()) return (*rows)->status().ToString();
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    const uint32_t acknowledged = oracle.acknowledged[writer];
    if (found[writer] < acknowledged || found[writer] > acknowledged + 1) {
      return absl::StrCat("lost: writer ", writer, " had ", acknowledged,
                          " rows acknowledged, found ", found[writer]);
    }
  }
  if (!table->indexes.empty()) {
    const std::vector<float> query(4, 0.5f);
    const absl::StatusOr<NearestAnswer> answer = transaction->Nearest(
        {.table = table->id, .index = table->indexes[0].id, .query = query, .limit = 20},
        [](absl::string_view, absl::string_view) { return true; });
    if (!answer.ok()) return answer.status().ToString();
    const size_t total = found[0] + found[1] + found[2];
    if (answer->neighbors.size() != std::min<size_t>(20, total)) {
      return absl::StrCat("vector index gives ", answer->neighbors.size(), " of ", total, " rows");
    }
  }
  return "";
}

absl::Status CreateTable(Database& database) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  auto table = transaction->catalog()->FindTable(kTable);
  if (table != nullptr) return absl::OkStatus();
  KYRO_ASSIGN_OR_RETURN(const ObjectId id, transaction->CreateTable(Schema()));
  KYRO_RETURN_IF_ERROR(transaction->CreateIndex(id, {.name = "kills_idx", .column = 3}).status());
  return transaction->Commit().status();
}

absl::Status WriteRow(Database& database, size_t writer, uint32_t number, uint32_t life) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  const auto table = transaction->catalog()->FindTable(kTable);
  const Row row = MakeRow(writer, number, life);
  KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(*table, row));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(*table, row));
  KYRO_RETURN_IF_ERROR(transaction->Put(table->id, key, bytes));
  return transaction->Commit().status();
}

int Run(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr,
                 "usage: kill_writer DIRECTORY ORACLE posix|volatile MUTATION verify|write\n");
    return 2;
  }
  const int fd = open(argv[2], O_RDWR | O_CLOEXEC);
  void* memory = mmap(nullptr, sizeof(KillOracle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return 2;
  auto& oracle = *static_cast<KillOracle*>(memory);
  const uint32_t life = oracle.life;

  const std::unique_ptr<FileSystem> posix = NewPosixFileSystem();
  const std::unique_ptr<FileSystem> cached = NewVolatileCacheFileSystem(posix.get());
  FileSystem* below = absl::string_view(argv[3]) == "volatile" ? cached.get() : posix.get();
  const std::unique_ptr<FileSystem> mutant =
      NewMutantFileSystem(below, static_cast<Mutation>(std::atoi(argv[4])), /*rename_pause_ms=*/20);
  OpenOptions options;
  options.file_system = mutant.get();
  options.seed = life;
  options.segment_bytes = 1 << 20;
  options.knobs = {
      {"write_buffer_bytes", 1 << 17}, {"run_count_max", 2}, {"log_retention_bytes", 0}};
  absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(argv[1], options);
  if (!opened.ok()) {
    std::fprintf(stderr, "life %u: open failed: %s\n", life, opened.status().ToString().c_str());
    return 4;
  }
  Database& database = **opened;
  uint32_t found[kKillWriterCount] = {};
  if (const std::string wrong = Verify(database, oracle, found); !wrong.empty()) {
    std::fprintf(stderr, "life %u: %s\n", life, wrong.c_str());
    return 3;
  }
  if (absl::string_view(argv[5]) == "verify") return 0;
  if (const absl::Status status = CreateTable(database); !status.ok()) {
    std::fprintf(stderr, "life %u: %s\n", life, status.ToString().c_str());
    return 4;
  }
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    // A last row that was written but not acknowledged counts from now on.
    if (found[writer] > oracle.acknowledged[writer]) {
      oracle.row_life[writer][found[writer]] = oracle.verified_life.load();
      oracle.acknowledged[writer] = found[writer];
    }
  }
  oracle.verified_life = life;
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint32_t number = found[writer] + 1; number < kKillRowsMax; ++number) {
        if (const absl::Status status = WriteRow(database, writer, number, life); !status.ok()) {
          std::fprintf(stderr, "life %u: %s\n", life, status.ToString().c_str());
          std::_Exit(4);
        }
        oracle.row_life[writer][number] = life;
        oracle.acknowledged[writer] = number;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace kyrodb::engine

int main(int argc, char** argv) { return kyrodb::engine::Run(argc, argv); }
