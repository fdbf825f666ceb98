// The process that the kill test kills. Opens the database, compares it with the oracle, then
// writes from four threads (upserts with and without vectors and points, deletes, deletes of
// ranges, conditional writes, merges, writes that expire, definitions), while another makes
// checkpoints, merges, bulk loads and index work, until killed.
//
//   kill_writer DIRECTORY ORACLE posix|volatile MUTATION verify|write
//
// Exit: 0 verified (verify only), 3 the database is wrong, 4 it could not be opened or written.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
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
constexpr absl::string_view kScratchTable = "scratch";
constexpr absl::string_view kValuesTable = "values";
constexpr absl::string_view kLoadTable = "loads";
constexpr absl::string_view kIndex = "kills_idx";
constexpr absl::string_view kBoxIndex = "kills_box";
constexpr int64_t kLoadedRowCount = 6;
constexpr uint32_t kRangeBegin = 5, kRangeEnd = 9;
constexpr int64_t kLongGone = 1;
constexpr int64_t kFarAway = int64_t{7'258'118'400'000'000};  // the year 2200
constexpr size_t kDimensions = 4;

// writer integer, row bigint, body text, embedding vector(4)
TableSchema Schema(absl::string_view name) {
  TableSchema schema{.name = std::string(name)};
  schema.columns.push_back({.name = "writer", .type = {TypeId::kInteger}});
  schema.columns.push_back({.name = "row", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "body", .type = {TypeId::kText}});
  schema.columns.push_back({.name = "embedding", .type = {TypeId::kVector, kDimensions}});
  schema.primary_key = {0, 1};
  return schema;
}

Random RandomOf(size_t writer, uint32_t row, KillCommit commit) {
  return Random(SplitMix64(SplitMix64(writer << 32 | row) ^ SplitMix64(commit.number)) ^
                commit.life);
}

// What a commit writes into a row: the same for the same commit, of sizes that straddle sectors.
Row MakeRow(size_t writer, uint32_t row, KillCommit commit) {
  Random random = RandomOf(writer, row, commit);
  Value embedding;
  if (row > 0 && !random.OneIn(4)) {
    std::vector<float> floats(kDimensions);
    for (float& x : floats) x = static_cast<float>(random.Unit());
    embedding = floats;
  }
  const uint64_t filler = row == 0 ? 0 : random.Uniform(900);
  return {Value(static_cast<int64_t>(writer)), Value(static_cast<int64_t>(row)),
          Value(absl::StrCat(commit.number, " ", commit.life, " ", std::string(filler, 'x'))),
          embedding};
}

// What a commit does, in terms of the oracle.
struct Plan {
  std::map<uint32_t, bool> rows;  // true: put, false: delete
  bool remakes_scratch_table = false;
  bool drops_scratch_table = false;
  bool toggles_index = false;
  bool deletes_range = false;  // before anything else
};

Plan PlanOf(size_t writer, KillCommit commit) {
  Random random = RandomOf(writer, 1000, commit);
  Plan plan;
  for (uint64_t n = random.Uniform(4); n > 0; --n) {
    plan.rows[static_cast<uint32_t>(1 + random.Uniform(kKillRowCount))] = !random.OneIn(5);
  }
  plan.rows[0] = true;
  plan.deletes_range = commit.number % 8 == 3;
  for (uint32_t row = kRangeBegin; plan.deletes_range && row < kRangeEnd; ++row) {
    plan.rows.try_emplace(row, false);
  }
  if (writer == 0) {
    plan.remakes_scratch_table = commit.number % 16 == 5;
    plan.drops_scratch_table = commit.number % 16 == 11;
    plan.toggles_index = commit.number % 64 == 63;
  }
  return plan;
}

// Makes the oracle's rows those after `commit`; a second time it changes nothing.
void ApplyToOracle(size_t writer, KillCommit commit, KillWriterState& state) {
  if (state.applied == commit.number) return;
  const Plan plan = PlanOf(writer, commit);
  for (const auto& [row, is_put] : plan.rows) state.rows[row] = is_put ? commit : KillCommit{};
  if (plan.remakes_scratch_table) state.scratch_table = commit;
  if (plan.drops_scratch_table) state.scratch_table = KillCommit{};
  if (plan.toggles_index) state.index_drops = commit.number / 64 + 1;
  state.applied = commit.number;
}

std::string Describe(absl::string_view what, size_t writer, KillCommit commit) {
  return absl::StrCat(what, ": writer ", writer, " commit ", commit.number, " of life ",
                      commit.life);
}

// Reads a whole table; empty, or what is wrong.
std::string ReadRows(Transaction& transaction, const TableSchema& table,
                     std::map<std::pair<size_t, uint32_t>, Row>* found) {
  absl::StatusOr<std::unique_ptr<Iterator>> rows = transaction.Scan(table.id, KeyRange{});
  if (!rows.ok()) return rows.status().ToString();
  for (; (*rows)->Valid(); (*rows)->Next()) {
    absl::StatusOr<Row> row = DecodeRow(table, (*rows)->value());
    if (!row.ok()) return row.status().ToString();
    const auto writer = static_cast<size_t>(std::get<int64_t>((*row)[0]));
    const auto number = static_cast<uint32_t>(std::get<int64_t>((*row)[1]));
    if (!found->emplace(std::make_pair(writer, number), *std::move(row)).second) {
      return absl::StrCat("row ", number, " of writer ", writer, " is there twice");
    }
  }
  return (*rows)->status().ok() ? "" : (*rows)->status().ToString();
}

const IndexSchema* FindIndex(const TableSchema& table, absl::string_view name) {
  for (const IndexSchema& index : table.indexes) {
    if (index.name == name) return &index;
  }
  return nullptr;
}

// Keys of the table of bare values: what each writer does in each of its commits, and a sum that
// all of them add to.
std::string ValueKey(size_t writer, int kind) {
  return EncodeRowId(static_cast<int64_t>(writer) * 10 + kind);
}
enum ValueKind { kChain, kComesAndGoes, kExpires };
constexpr int64_t kSumId = 1000;

absl::Status WriteValues(Transaction& transaction, ObjectId table, size_t writer, uint32_t number) {
  const std::string text = absl::StrCat(number);
  KYRO_RETURN_IF_ERROR(transaction.Merge(table, EncodeRowId(kSumId), MergeOperator::kAddInt64,
                                         Int64Operand(number)));
  KYRO_RETURN_IF_ERROR(transaction.PutIf(
      table, ValueKey(writer, kChain),
      number == 1 ? Expectation::Absent() : Expectation::Value(absl::StrCat(number - 1)), text));
  if (number % 3 == 1) {
    KYRO_RETURN_IF_ERROR(
        transaction.PutIf(table, ValueKey(writer, kComesAndGoes), Expectation::Absent(), text));
  } else if (number % 3 == 0) {
    KYRO_RETURN_IF_ERROR(transaction.DeleteIf(table, ValueKey(writer, kComesAndGoes),
                                              Expectation::Value(absl::StrCat(number - 2))));
  }
  return transaction.Put(table, ValueKey(writer, kExpires), text,
                         {.expires_at_micros = number % 2 == 0 ? kLongGone : kFarAway});
}

// What the table of bare values must hold.
std::map<std::string, std::string> ExpectedValues(const KillOracle& oracle) {
  std::map<std::string, std::string> values;
  int64_t sum = 0;
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    const uint32_t number = oracle.writers[writer].acknowledged.load().number;
    if (number == 0) continue;
    sum += int64_t{number} * (int64_t{number} + 1) / 2;
    values[ValueKey(writer, kChain)] = absl::StrCat(number);
    if (number % 3 != 0) {
      values[ValueKey(writer, kComesAndGoes)] = absl::StrCat(number - (number + 2) % 3);
    }
    if (number % 2 != 0) values[ValueKey(writer, kExpires)] = absl::StrCat(number);
  }
  if (sum > 0) values[EncodeRowId(kSumId)] = Int64Operand(sum);
  return values;
}

absl::StatusOr<std::map<std::string, std::string>> ReadValues(Transaction& transaction,
                                                              absl::string_view name) {
  std::map<std::string, std::string> values;
  const auto table = transaction.catalog()->FindTable(name);
  if (table == nullptr) return absl::DataLossError(absl::StrCat("table ", name, " is lost"));
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<Iterator> rows,
                        transaction.Scan(table->id, KeyRange{}));
  for (; rows->Valid(); rows->Next()) {
    values[std::string(rows->key())] = std::string(rows->value());
  }
  KYRO_RETURN_IF_ERROR(rows->status());
  return values;
}

std::string LoadedValue(KillCommit load) { return absl::StrCat(load.number, " ", load.life); }

// The rows of the last bulk load; the oracle is then what is there.
std::string VerifyLoads(Transaction& transaction, KillOracle& oracle) {
  const absl::StatusOr<std::map<std::string, std::string>> rows =
      ReadValues(transaction, kLoadTable);
  if (!rows.ok()) return rows.status().ToString();
  const KillCommit acknowledged = oracle.load;
  const KillCommit pending{acknowledged.number + 1, oracle.verified_life};
  if (!rows->empty() && rows->begin()->second == LoadedValue(pending)) oracle.load = pending;
  const KillCommit load = oracle.load;
  if (rows->size() != static_cast<size_t>(load.number == 0 ? 0 : kLoadedRowCount)) {
    return absl::StrCat(rows->size(), " rows after bulk load ", load.number);
  }
  for (const auto& [key, value] : *rows) {
    if (value != LoadedValue(load)) {
      return absl::StrCat("bulk load ", load.number, " is lost or in part, found ", value);
    }
  }
  return "";
}

absl::Status LoadRows(Database& database, KillCommit load) {
  const ObjectId table = database.Begin()->catalog()->FindTable(kLoadTable)->id;
  KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<BulkLoader> loader, database.BulkLoad(table));
  for (int64_t id = 1; id <= kLoadedRowCount; ++id) {
    KYRO_RETURN_IF_ERROR(loader->Add(EncodeRowId(id), LoadedValue(load)));
  }
  return loader->Finish().status();
}

// Empty, or how boxes differ from `rows`.
std::string VerifyBoxes(Transaction& transaction, const TableSchema& table,
                        const std::map<std::pair<size_t, uint32_t>, Row>& rows) {
  const IndexSchema* const index = FindIndex(table, kBoxIndex);
  if (index == nullptr) return "the zorder index is lost";
  for (int64_t writer = 0; writer < static_cast<int64_t>(kKillWriterCount); ++writer) {
    const absl::StatusOr<std::unique_ptr<BoxIterator>> found =
        transaction.ScanBox({.table = table.id,
                             .index = index->id,
                             .sides = {{.low = Value(writer), .high = Value(writer)},
                                       {.low = Value(int64_t{3}), .high = Value(int64_t{17})}}});
    if (!found.ok()) return found.status().ToString();
    size_t count = 0;
    for (; (*found)->Valid(); (*found)->Next()) ++count;
    if (!(*found)->status().ok()) return (*found)->status().ToString();
    const auto begin = rows.lower_bound({static_cast<size_t>(writer), 3});
    const auto end = rows.lower_bound({static_cast<size_t>(writer), 18});
    const auto expected = static_cast<size_t>(std::distance(begin, end));
    if (count != expected) {
      return absl::StrCat("the zorder index finds ", count, " rows in a box, expected ", expected);
    }
  }
  return "";
}

std::string VerifyVectors(Transaction& transaction, const TableSchema& table,
                          const std::map<std::pair<size_t, uint32_t>, Row>& rows) {
  const IndexSchema* const index = FindIndex(table, kIndex);
  if (index == nullptr) return "";
  const std::vector<float> query(kDimensions, 0.5f);
  const absl::StatusOr<NearestAnswer> answer =
      transaction.Nearest({.table = table.id, .index = index->id, .query = query, .limit = 1000},
                          [](absl::string_view, absl::string_view) { return true; });
  if (!answer.ok()) return answer.status().ToString();
  std::map<std::string, double> distances;
  for (const auto& [place, row] : rows) {
    if (IsNull(row[3])) continue;
    double sum = 0;
    for (const float x : std::get<std::vector<float>>(row[3])) sum += (x - 0.5) * (x - 0.5);
    distances[EncodeKey(table, row).value()] = std::sqrt(sum);
  }
  for (const NearestNeighbor& neighbor : answer->neighbors) {
    const auto it = distances.find(neighbor.key);
    if (it == distances.end() || std::abs(it->second - neighbor.distance) > 1e-4) {
      return "the vector index gives a row that is not there, or twice, or at a wrong distance";
    }
    distances.erase(it);
  }
  if (distances.empty()) return "";
  return absl::StrCat("the vector index does not find ", distances.size(), " rows");
}

// Empty, or what is wrong. The oracle is then what the database holds.
std::string Verify(Database& database, KillOracle& oracle) {
  if (!database.recovery().damage.empty()) return database.recovery().damage;
  std::unique_ptr<Transaction> transaction = database.Begin();
  const auto table = transaction->catalog()->FindTable(kTable);
  if (table == nullptr) {
    if (oracle.has_tables != 0) return "the table is lost";
    return database.last_lsn() == 0 ? "" : "there are commits without a table";
  }
  std::map<std::pair<size_t, uint32_t>, Row> rows, expected;
  if (std::string wrong = ReadRows(*transaction, *table, &rows); !wrong.empty()) return wrong;

  uint64_t commit_count = 1;
  bool has_index = true;
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    KillWriterState& state = oracle.writers[writer];
    const KillCommit acknowledged = state.acknowledged;
    ApplyToOracle(writer, acknowledged, state);
    // A commit that was never acknowledged can only be the next one, of the last life that wrote.
    const KillCommit pending{acknowledged.number + 1, oracle.verified_life};
    const auto head = rows.find({writer, 0});
    if (head == rows.end()) {
      if (acknowledged.number > 0) return Describe("lost", writer, acknowledged);
    } else if (head->second == MakeRow(writer, 0, pending)) {
      ApplyToOracle(writer, pending, state);
      state.acknowledged = pending;
    } else if (acknowledged.number == 0 || head->second != MakeRow(writer, 0, acknowledged)) {
      return absl::StrCat(Describe("lost or phantom", writer, acknowledged), ", found ",
                          std::get<std::string>(head->second[2]));
    }
    commit_count += state.acknowledged.load().number;
    for (uint32_t row = 0; row <= kKillRowCount; ++row) {
      const KillCommit commit = state.rows[row];
      if (commit.number > 0) expected[{writer, row}] = MakeRow(writer, row, commit);
    }
    if (state.index_drops % 2 == 1) has_index = false;
  }
  if (rows != expected) {
    for (const auto& [place, row] : expected) {
      const auto it = rows.find(place);
      if (it != rows.end() && it->second == row) continue;
      return absl::StrCat("writer ", place.first, " row ", place.second, " is ",
                          it == rows.end() ? "gone" : std::get<std::string>(it->second[2]),
                          ", expected ", std::get<std::string>(row[2]));
    }
    return absl::StrCat(rows.size(), " rows, expected ", expected.size());
  }
  if (std::string wrong = VerifyLoads(*transaction, oracle); !wrong.empty()) return wrong;
  commit_count += oracle.load.load().number;
  const auto values = ReadValues(*transaction, kValuesTable);
  if (!values.ok()) return values.status().ToString();
  const std::map<std::string, std::string> expected_values = ExpectedValues(oracle);
  if (*values != expected_values) {
    return absl::StrCat(values->size(), " bare values differ from the ", expected_values.size(),
                        " that are expected");
  }
  // LSNs count commits without gaps: with a hole in the order in which different writers
  // committed, these would differ.
  if (database.last_lsn() != commit_count) {
    return absl::StrCat("the last lsn is ", database.last_lsn(), ", but ", commit_count,
                        " commits are there");
  }
  if ((FindIndex(*table, kIndex) != nullptr) != has_index) {
    return "the index is there when it should not, or not";
  }
  const auto scratch = transaction->catalog()->FindTable(kScratchTable);
  const KillCommit scratch_commit = oracle.writers[0].scratch_table;
  std::map<std::pair<size_t, uint32_t>, Row> scratch_rows, scratch_expected;
  if ((scratch == nullptr) != (scratch_commit.number == 0)) {
    return Describe("the scratch table is there when it should not, or not", 0, scratch_commit);
  }
  if (scratch != nullptr) {
    scratch_expected[{0, 1}] = MakeRow(0, 1, scratch_commit);
    if (std::string wrong = ReadRows(*transaction, *scratch, &scratch_rows); !wrong.empty()) {
      return wrong;
    }
    if (scratch_rows != scratch_expected) return Describe("scratch table", 0, scratch_commit);
  }
  if (std::string wrong = VerifyBoxes(*transaction, *table, rows); !wrong.empty()) return wrong;
  return VerifyVectors(*transaction, *table, rows);
}

absl::Status CreateTable(Database& database, KillOracle& oracle) {
  std::unique_ptr<Transaction> transaction = database.Begin();
  if (transaction->catalog()->FindTable(kTable) == nullptr) {
    KYRO_ASSIGN_OR_RETURN(const ObjectId id, transaction->CreateTable(Schema(kTable)));
    KYRO_RETURN_IF_ERROR(
        transaction->CreateIndex(id, {.name = std::string(kIndex), .column = 3}).status());
    KYRO_RETURN_IF_ERROR(
        transaction
            ->CreateIndex(id,
                          {.name = std::string(kBoxIndex), .method = "zorder", .columns = {0, 1}})
            .status());
    KYRO_RETURN_IF_ERROR(transaction->CreateTable(Schema(kValuesTable)).status());
    KYRO_RETURN_IF_ERROR(transaction->CreateTable(Schema(kLoadTable)).status());
    KYRO_RETURN_IF_ERROR(transaction->Commit().status());
  }
  oracle.has_tables = 1;
  return absl::OkStatus();
}

absl::Status PutRow(Transaction& transaction, const TableSchema& table, const Row& row) {
  KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(table, row));
  KYRO_ASSIGN_OR_RETURN(const std::string bytes, EncodeRow(table, row));
  return transaction.Put(table.id, key, bytes);
}

absl::StatusOr<CommitInfo> MakeCommit(Database& database, size_t writer, KillCommit commit) {
  const Plan plan = PlanOf(writer, commit);
  std::unique_ptr<Transaction> transaction = database.Begin();
  const auto table = transaction->catalog()->FindTable(kTable);
  if (plan.deletes_range) {
    KYRO_ASSIGN_OR_RETURN(const std::string begin,
                          EncodeKey(*table, MakeRow(writer, kRangeBegin, commit)));
    KYRO_ASSIGN_OR_RETURN(const std::string end,
                          EncodeKey(*table, MakeRow(writer, kRangeEnd, commit)));
    KYRO_RETURN_IF_ERROR(
        transaction->DeleteRange(table->id, {.begin = begin, .end = end}).status());
  }
  const ObjectId values_table = transaction->catalog()->FindTable(kValuesTable)->id;
  KYRO_RETURN_IF_ERROR(WriteValues(*transaction, values_table, writer, commit.number));
  for (const auto& [row, is_put] : plan.rows) {
    const bool is_gone = plan.deletes_range && row >= kRangeBegin && row < kRangeEnd;
    const Row values = MakeRow(writer, row, commit);
    if (is_put) {
      KYRO_RETURN_IF_ERROR(PutRow(*transaction, *table, values));
    } else if (!is_gone) {
      KYRO_ASSIGN_OR_RETURN(const std::string key, EncodeKey(*table, values));
      KYRO_RETURN_IF_ERROR(transaction->Delete(table->id, key));
    }
  }
  const auto scratch = transaction->catalog()->FindTable(kScratchTable);
  if (scratch != nullptr && (plan.remakes_scratch_table || plan.drops_scratch_table)) {
    KYRO_RETURN_IF_ERROR(transaction->DropTable(scratch->id));
  }
  if (plan.remakes_scratch_table) {
    KYRO_RETURN_IF_ERROR(transaction->CreateTable(Schema(kScratchTable)).status());
    const auto created = transaction->catalog()->FindTable(kScratchTable);
    KYRO_RETURN_IF_ERROR(PutRow(*transaction, *created, MakeRow(0, 1, commit)));
  }
  if (plan.toggles_index) {
    if (const IndexSchema* index = FindIndex(*table, kIndex)) {
      KYRO_RETURN_IF_ERROR(transaction->DropIndex(table->id, index->id));
    } else {
      KYRO_RETURN_IF_ERROR(
          transaction->CreateIndex(table->id, {.name = std::string(kIndex), .column = 3}).status());
    }
  }
  return transaction->Commit();
}

[[noreturn]] void GiveUp(uint32_t life, absl::string_view what) {
  std::fprintf(stderr, "life %u: %s\n", life, std::string(what).c_str());
  std::_Exit(4);
}

[[noreturn]] void WriteUntilKilled(Database& database, size_t writer, uint32_t life,
                                   KillWriterState& state) {
  for (;;) {
    const KillCommit commit{state.acknowledged.load().number + 1, life};
    const absl::StatusOr<CommitInfo> info = MakeCommit(database, writer, commit);
    // A definition changed under it.
    if (absl::IsAborted(info.status())) continue;
    if (!info.ok()) GiveUp(life, info.status().ToString());
    state.acknowledged = commit;
    ApplyToOracle(writer, commit, state);
  }
}

[[noreturn]] void MaintainUntilKilled(Database& database, uint32_t life, KillOracle& oracle) {
  Random random(life);
  const ObjectId table = database.Begin()->catalog()->FindTable(kTable)->id;
  for (;;) {
    absl::Status status;
    switch (random.Uniform(4)) {
      case 0:
        status = database.Checkpoint();
        ++oracle.checkpoint_count;
        break;
      case 1:
        status = database.Compact(table);
        ++oracle.compaction_count;
        break;
      case 2: {
        const KillCommit load{oracle.load.load().number + 1, life};
        status = LoadRows(database, load);
        if (status.ok()) oracle.load = load;
        break;
      }
      default:
        // As long as others write, it may not come to an end.
        database.WaitForIndexes(absl::Milliseconds(5)).IgnoreError();
    }
    if (!status.ok()) GiveUp(life, status.ToString());
  }
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
  options.knobs = {{"write_buffer_bytes", 1 << 17},
                   {"run_count_max", 2},
                   {"log_retention_bytes", 0},
                   {"large_value_bytes", 60},
                   {"value_file_bytes_min", 4096}};
  absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(argv[1], options);
  if (!opened.ok()) GiveUp(life, absl::StrCat("open failed: ", opened.status().ToString()));
  Database& database = **opened;
  if (const std::string wrong = Verify(database, oracle); !wrong.empty()) {
    std::fprintf(stderr, "life %u: %s\n", life, wrong.c_str());
    return 3;
  }
  if (absl::string_view(argv[5]) == "verify") return 0;
  if (const absl::Status status = CreateTable(database, oracle); !status.ok()) {
    GiveUp(life, status.ToString());
  }
  oracle.verified_life = life;
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < kKillWriterCount; ++writer) {
    threads.emplace_back(
        [&, writer] { WriteUntilKilled(database, writer, life, oracle.writers[writer]); });
  }
  MaintainUntilKilled(database, life, oracle);
}

}  // namespace
}  // namespace kyrodb::engine

int main(int argc, char** argv) { return kyrodb::engine::Run(argc, argv); }
