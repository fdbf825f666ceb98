// Goal:   the database keeps its promises in ordinary use: snapshots, conflicts, definitions,
//         checkpoints, merges, reopening, the lock, the change feed, and refusals.
// Method: scripts on a disk in memory, and a random walk against a std::map that remembers every
//         version.
#include "engine/database.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

class DatabaseTest : public ::testing::Test {
 protected:
  void Reopen() {
    if (database_ != nullptr) {
      EXPECT_TRUE(database_->Close().ok());
    }
    database_.reset();
    database_ = OpenOrDie(disk_.get());
    ASSERT_NE(database_, nullptr);
  }
  // As after the death of the process: what was synced is there, nothing was closed.
  void CrashAndReopen() {
    std::unique_ptr<MemoryFileSystem> after =
        disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
    database_.reset();
    disk_ = std::move(after);
    database_ = OpenOrDie(disk_.get());
    ASSERT_NE(database_, nullptr);
  }
  void SetUp() override {
    Reopen();
    table_ = CreateTableOrDie(*database_, DocsTable());
  }
  absl::Status Put(absl::string_view key, absl::string_view value) {
    return PutKeyValue(*database_, table_, key, value);
  }
  std::string Get(absl::string_view key) { return GetOrError(*database_, table_, key); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  ObjectId table_ = 0;
};

TEST_F(DatabaseTest, ACommitIsVisibleToLaterTransactionsOnly) {
  const std::unique_ptr<Transaction> before = database_->Begin();
  std::unique_ptr<Transaction> writer = database_->Begin();
  ASSERT_TRUE(writer->Put(table_, "a", "1").ok());
  EXPECT_EQ(GetOrError(*writer, table_, "a"), "1");
  EXPECT_EQ(Get("a"), "-");
  const absl::StatusOr<CommitInfo> info = writer->Commit();
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->lsn, database_->last_lsn());
  EXPECT_EQ(info->durable_lsn, info->lsn);
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(GetOrError(*before, table_, "a"), "-");
}

TEST_F(DatabaseTest, TheFirstCommitterWinsAndTheSecondIsToldToTryAgain) {
  std::unique_ptr<Transaction> first = database_->Begin();
  std::unique_ptr<Transaction> second = database_->Begin();
  ASSERT_TRUE(first->Put(table_, "a", "1").ok());
  ASSERT_TRUE(second->Put(table_, "a", "2").ok());
  ASSERT_TRUE(second->Put(table_, "b", "2").ok());
  ASSERT_TRUE(first->Commit().ok());
  const absl::Status status = second->Commit().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("row of table \"docs\" was changed"));
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("b"), "-") << "nothing of an aborted commit may stay";
}

TEST_F(DatabaseTest, AConflictIsFoundAlsoAfterTheWriteMovedIntoARun) {
  std::unique_ptr<Transaction> late = database_->Begin();
  ASSERT_TRUE(late->Delete(table_, "a").ok());
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_EQ(late->Commit().status().code(), absl::StatusCode::kAborted);
}

TEST_F(DatabaseTest, DifferentKeysDoNotConflict) {
  std::unique_ptr<Transaction> first = database_->Begin();
  std::unique_ptr<Transaction> second = database_->Begin();
  ASSERT_TRUE(first->Put(table_, "a", "1").ok());
  ASSERT_TRUE(second->Put(table_, "b", "2").ok());
  EXPECT_TRUE(first->Commit().ok());
  EXPECT_TRUE(second->Commit().ok());
}

TEST_F(DatabaseTest, AnEndedTransactionRefusesEverything) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(transaction->Put(table_, "a", "1").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(transaction->Get(table_, "a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(transaction->Commit().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DatabaseTest, AScanMergesOwnWritesAndDeletes) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(Put("c", "1").ok());
  ASSERT_TRUE(Put("e", "1").ok());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Put(table_, "b", "own").ok());
  ASSERT_TRUE(transaction->Put(table_, "c", "own").ok());
  ASSERT_TRUE(transaction->Delete(table_, "e").ok());
  ASSERT_TRUE(transaction->Delete(table_, "x").ok());
  ASSERT_TRUE(transaction->Put(table_, "f", "own").ok());
  EXPECT_THAT(ScanAll(*transaction, table_),
              ElementsAre(Pair("a", "1"), Pair("b", "own"), Pair("c", "own"), Pair("f", "own")));
  EXPECT_THAT(ScanAll(*transaction, table_, {.begin = "b", .end = "f"}),
              ElementsAre(Pair("b", "own"), Pair("c", "own")));
  EXPECT_TRUE(ScanAll(*transaction, table_, {.begin = "c", .end = "b"}).empty());
}

TEST_F(DatabaseTest, APrefixHoldsTheKeysThatBeginWithItInBothDirections) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  for (const char* key : {"a", "b", "b1", "b2", "c", "\xFF", "\xFF\xFF", "\xFF\xFFz"}) {
    ASSERT_TRUE(transaction->Put(table_, key, "v").ok());
  }
  EXPECT_THAT(ScanAll(*transaction, table_, KeyRange::Prefix("b")),
              ElementsAre(Pair("b", "v"), Pair("b1", "v"), Pair("b2", "v")));
  EXPECT_THAT(ScanAll(*transaction, table_, KeyRange::Prefix("\xFF\xFF")),
              ElementsAre(Pair("\xFF\xFF", "v"), Pair("\xFF\xFFz", "v")));
  EXPECT_EQ(ScanAll(*transaction, table_, KeyRange::Prefix("")).size(), 8u);
  EXPECT_TRUE(ScanAll(*transaction, table_, KeyRange::Prefix("bb")).empty());
}

TEST_F(DatabaseTest, WritingWhileScanningDoesNotDisturbTheScan) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Put(absl::StrCat("k", i), "0").ok());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Put(table_, "k3", "1").ok());
  absl::StatusOr<std::unique_ptr<Iterator>> rows = transaction->Scan(table_, KeyRange{});
  ASSERT_TRUE(rows.ok());
  int count = 0;
  for (; (*rows)->Valid() && count < 100; (*rows)->Next(), ++count) {
    ASSERT_TRUE(transaction->Put(table_, absl::StrCat((*rows)->key(), "x"), "2").ok());
  }
  EXPECT_EQ(count, 10);
}

TEST_F(DatabaseTest, GoingBackToAMarkTakesBackWritesAndDefinitions) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Put(table_, "a", "1").ok());
  const Transaction::Mark mark = transaction->SetMark();
  ASSERT_TRUE(transaction->Put(table_, "a", "2").ok());
  ASSERT_TRUE(transaction->CreateTable(DocsTable("second")).ok());
  ASSERT_TRUE(transaction->DropTable(table_).ok());
  EXPECT_EQ(transaction->Get(table_, "a").status().code(), absl::StatusCode::kNotFound);
  transaction->RollbackTo(mark);
  EXPECT_EQ(GetOrError(*transaction, table_, "a"), "1");
  EXPECT_EQ(transaction->catalog()->FindTable("second"), nullptr);
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(DatabaseTest, EverythingIsThereAfterACleanReopenAndAfterACrash) {
  ASSERT_TRUE(Put("a", "1").ok());
  CrashAndReopen();
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(database_->recovery().replayed_count, 2u);
  ASSERT_TRUE(Put("b", "2").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("c", "3").ok());
  CrashAndReopen();
  EXPECT_EQ(database_->recovery().replayed_count, 1u);
  Reopen();
  EXPECT_EQ(database_->recovery().replayed_count, 0u) << "Close checkpoints";
  EXPECT_THAT(ScanAll(*database_, table_),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3")));
  EXPECT_NE(database_->Begin()->catalog()->FindTable("docs"), nullptr);
}

TEST_F(DatabaseTest, CheckpointAndCompactionKeepWhatOldSnapshotsSee) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(Put("gone", "1").ok());
  std::unique_ptr<Transaction> old = database_->Begin();
  ASSERT_TRUE(Put("a", "2").ok());
  std::unique_ptr<Transaction> remover = database_->Begin();
  ASSERT_TRUE(remover->Delete(table_, "gone").ok());
  ASSERT_TRUE(remover->Commit().ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("a", "3").ok());
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(GetOrError(*old, table_, "a"), "1");
  EXPECT_EQ(GetOrError(*old, table_, "gone"), "1");
  EXPECT_EQ(Get("a"), "3");
  EXPECT_EQ(Get("gone"), "-");
  EXPECT_EQ(database_->space_statistics(table_)->run_count, 1u);
  old.reset();
  ASSERT_TRUE(Put("b", "1").ok());
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(database_->space_statistics(table_)->tombstone_count, 0u);
  EXPECT_EQ(database_->space_statistics(table_)->entry_count, 2u);
}

TEST_F(DatabaseTest, CompactionGivesTheFilesOfOldRunsBack) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Put(absl::StrCat("k", i), std::string(1000, 'x')).ok());
    ASSERT_TRUE(database_->Checkpoint().ok());
  }
  EXPECT_EQ(database_->space_statistics(table_)->run_count, 5u);
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_THAT(*disk_->List("db/runs"),
              ElementsAre(StartsWith("run-0-"), StartsWith("run-1-"), StartsWith("values-")));
}

TEST_F(DatabaseTest, DefinitionsConflictWithEachOtherAndWithWritesToTheTable) {
  std::unique_ptr<Transaction> writer = database_->Begin();
  ASSERT_TRUE(writer->Put(table_, "a", "1").ok());
  std::unique_ptr<Transaction> creator = database_->Begin();
  ASSERT_TRUE(creator->CreateTable(DocsTable("x")).ok());
  std::unique_ptr<Transaction> dropper = database_->Begin();
  ASSERT_TRUE(dropper->DropTable(table_).ok());
  ASSERT_TRUE(dropper->Commit().ok());
  EXPECT_EQ(creator->Commit().status().code(), absl::StatusCode::kAborted);
  const absl::Status status = writer->Commit().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("definition of table \"docs\""));
}

TEST_F(DatabaseTest, ADroppedTableStaysReadableForOlderSnapshotsThenItsFilesGo) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  std::unique_ptr<Transaction> old = database_->Begin();
  std::unique_ptr<Transaction> dropper = database_->Begin();
  ASSERT_TRUE(dropper->DropTable(table_).ok());
  ASSERT_TRUE(dropper->Commit().ok());
  EXPECT_EQ(GetOrError(*old, table_, "a"), "1");
  EXPECT_EQ(database_->Begin()->Get(table_, "a").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_EQ(GetOrError(*old, table_, "a"), "1");
  old.reset();
  const ObjectId second = CreateTableOrDie(*database_, DocsTable());
  EXPECT_NE(second, table_);
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  Reopen();
  const std::vector<std::string> names = disk_->List("db/runs").value();
  for (const std::string& name : names) {
    EXPECT_THAT(name, Not(HasSubstr(absl::StrCat("run-", table_, "-"))));
  }
  EXPECT_TRUE(ScanAll(*database_, second).empty());
}

TEST_F(DatabaseTest, ATableCreatedFilledAndDroppedInOneTransactionLeavesNothing) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  const absl::StatusOr<ObjectId> id = transaction->CreateTable(DocsTable("brief"));
  ASSERT_TRUE(id.ok());
  ASSERT_TRUE(transaction->Put(*id, "a", "1").ok());
  ASSERT_TRUE(transaction->DropTable(*id).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  CrashAndReopen();
  EXPECT_EQ(database_->Begin()->catalog()->FindTable("brief"), nullptr);
  EXPECT_EQ(database_->space_statistics(*id).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DatabaseTest, BadDefinitionsAreRefusedByName) {
  std::unique_ptr<Transaction> transaction = database_->Begin();
  EXPECT_EQ(transaction->CreateTable(DocsTable()).status().code(),
            absl::StatusCode::kAlreadyExists);
  TableSchema twice = DocsTable("t");
  twice.columns.push_back(twice.columns[0]);
  EXPECT_THAT(std::string(transaction->CreateTable(twice).status().message()),
              HasSubstr("column \"id\" specified more than once"));
  TableSchema json_key = DocsTable("t");
  json_key.columns.push_back({"meta", {TypeId::kJsonb}});
  json_key.primary_key = {static_cast<uint32_t>(json_key.columns.size() - 1)};
  EXPECT_THAT(std::string(transaction->CreateTable(json_key).status().message()),
              HasSubstr("column \"meta\" of type jsonb cannot be part of a primary key"));
  EXPECT_EQ(transaction->DropTable(999).code(), absl::StatusCode::kNotFound);
  IndexSchema index{.name = "i", .column = 1};
  EXPECT_THAT(std::string(transaction->CreateIndex(table_, index).status().message()),
              HasSubstr("needs a vector column"));
  index.column = 2;
  index.m = 1;
  EXPECT_EQ(transaction->CreateIndex(table_, index).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DatabaseTest, ASecondOpenerIsToldWhoTheFirstIs) {
  OpenOptions options = QuietOptions(disk_.get());
  options.opener = "second";
  const absl::Status status = Database::Open("db", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kyro (process "));
}

TEST_F(DatabaseTest, NothingIsMadeWhenNothingMayBe) {
  OpenOptions options = QuietOptions(disk_.get());
  options.create_if_missing = false;
  EXPECT_EQ(Database::Open("elsewhere", options).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(*disk_->Exists("elsewhere"));
}

TEST_F(DatabaseTest, ALogWithoutAManifestIsDataLossNotAnEmptyDatabase) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(database_->Close().ok());
  database_.reset();
  ASSERT_TRUE(disk_->Remove("db/CURRENT").ok());
  const std::vector<std::string> names = disk_->List("db").value();
  for (const std::string& name : names) {
    if (name.starts_with("MANIFEST")) {
      ASSERT_TRUE(disk_->Remove("db/" + name).ok());
    }
  }
  const absl::Status status = Database::Open("db", QuietOptions(disk_.get())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("CURRENT"));
}

TEST_F(DatabaseTest, RowIdsAreNeverGivenTwice) {
  TableSchema schema = DocsTable("keyless");
  schema.primary_key.clear();
  const ObjectId id = CreateTableOrDie(*database_, schema);
  EXPECT_EQ(database_->AllocateRowIds(id, 3).value_or(0), 1);
  EXPECT_EQ(database_->AllocateRowIds(id, 1).value_or(0), 4);
  ASSERT_TRUE(PutKeyValue(*database_, id, EncodeRowId(4), "x").ok());
  CrashAndReopen();
  EXPECT_EQ(database_->AllocateRowIds(id, 1).value_or(0), 5);
}

TEST_F(DatabaseTest, TheChangeFeedGivesEveryCommitInOrderAndResumes) {
  const Lsn from = database_->last_lsn();
  ASSERT_TRUE(Put("a", "1").ok());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Put(table_, "c", "2").ok());
  ASSERT_TRUE(transaction->Delete(table_, "a").ok());
  ASSERT_TRUE(transaction->Commit().ok());
  absl::StatusOr<std::unique_ptr<ChangeFeed>> feed = database_->Follow(from);
  ASSERT_TRUE(feed.ok());
  absl::StatusOr<std::optional<CommittedChanges>> first = (*feed)->Next(absl::ZeroDuration());
  ASSERT_TRUE(first.ok() && first->has_value()) << first.status();
  EXPECT_EQ((*first)->lsn, from + 1);
  EXPECT_EQ((*first)->changes[0].value, "1");
  feed = database_->Follow((*first)->lsn);
  absl::StatusOr<std::optional<CommittedChanges>> second = (*feed)->Next(absl::ZeroDuration());
  ASSERT_TRUE(second.ok() && second->has_value());
  ASSERT_EQ((*second)->changes.size(), 2u);
  EXPECT_EQ((*second)->changes[0].key, "a");
  EXPECT_EQ((*second)->changes[0].value, std::nullopt);
  EXPECT_EQ((*feed)->Next(absl::ZeroDuration())->has_value(), false);
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("z", "1").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_EQ(database_->Follow(0).value()->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DatabaseTest, ATransactionBeyondItsLimitIsRefusedAndNamesTheKnob) {
  ASSERT_TRUE(database_->knobs().Set("transaction_bytes_max", 65536).ok());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->Put(table_, "a", std::string(60000, 'x')).ok());
  const absl::Status status = transaction->Put(table_, "b", std::string(6000, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("transaction_bytes_max"));
}

TEST_F(DatabaseTest, AfterAFailedSyncNothingIsAcknowledgedAndReadsGoOn) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(database_->Close().ok());
  database_.reset();
  const std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
  database_ = OpenOrDie(faulty.get());
  ASSERT_NE(database_, nullptr);
  faulty->SetFault({.kind = Fault::Kind::kSyncError, .at = 0, .forever = true});
  const absl::Status status = Put("b", "2");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("outcome unknown"));
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("b"), "-");
  EXPECT_EQ(Put("c", "3").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(database_->writable().ok());
  database_.reset();
}

TEST_F(DatabaseTest, DamagedAcknowledgedLogOpensReadOnlyAndSaysWhatIsLost) {
  ASSERT_TRUE(Put("a", std::string(100, 'a')).ok());
  ASSERT_TRUE(Put("b", std::string(100, 'b')).ok());
  ASSERT_TRUE(Put("c", std::string(100, 'c')).ok());
  std::unique_ptr<MemoryFileSystem> copy = disk_->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
  const std::string segment = absl::StrCat("db/log/", copy->List("db/log")->back());
  std::string bytes = *ReadFile(*copy, segment);
  const size_t at = bytes.find(std::string(100, 'b'));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'x';
  ASSERT_TRUE(copy->Remove(segment).ok());
  ASSERT_TRUE(WriteFileSynced(*copy, segment, bytes).ok());
  absl::StatusOr<std::unique_ptr<Database>> damaged =
      Database::Open("db", QuietOptions(copy.get()));
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_THAT((*damaged)->recovery().damage, HasSubstr("log/"));
  EXPECT_EQ(GetOrError(**damaged, table_, "a"), std::string(100, 'a'));
  EXPECT_EQ(GetOrError(**damaged, table_, "b"), "-");
  const absl::Status status = PutKeyValue(**damaged, table_, "d", "4");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
  EXPECT_TRUE((*damaged)->Close().ok());
}

TEST_F(DatabaseTest, AMissingOrEmptyLastLogSegmentIsDamageAndNotAnOldState) {
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("b", "2").ok());
  for (const bool is_missing : {true, false}) {
    SCOPED_TRACE(is_missing);
    std::unique_ptr<MemoryFileSystem> copy = disk_->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
    const std::string segment = absl::StrCat("db/log/", copy->List("db/log")->back());
    ASSERT_TRUE(copy->Remove(segment).ok());
    if (!is_missing) {
      ASSERT_TRUE(WriteFileSynced(*copy, segment, "").ok());
    }
    absl::StatusOr<std::unique_ptr<Database>> damaged =
        Database::Open("db", QuietOptions(copy.get()));
    ASSERT_TRUE(damaged.ok()) << damaged.status();
    EXPECT_THAT((*damaged)->recovery().damage, HasSubstr("is missing or empty"));
    EXPECT_EQ(PutKeyValue(**damaged, table_, "c", "3").code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

// Four threads move amounts between accounts; the sum never changes for any snapshot.
TEST(DatabaseConcurrencyTest, TransfersKeepTheSumForEverySnapshot) {
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  OpenOptions options = QuietOptions(disk.get());
  options.background = true;
  options.knobs = {{"write_buffer_bytes", 1 << 16}, {"run_count_max", 2}};
  absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open("db", options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Database& database = **opened;
  const ObjectId table = CreateTableOrDie(database, DocsTable());
  constexpr int kAccounts = 20;
  for (int i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(PutKeyValue(database, table, absl::StrCat("account", i), "100").ok());
  }
  std::atomic<int> committed{0}, conflicts{0};
  std::vector<std::jthread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread + 1);
      for (int i = 0; i < 150; ++i) {
        const std::string from = absl::StrCat("account", random.Uniform(kAccounts));
        const std::string to = absl::StrCat("account", random.Uniform(kAccounts));
        if (from == to) continue;
        std::unique_ptr<Transaction> transaction = database.Begin();
        const int a = std::stoi(GetOrError(*transaction, table, from));
        const int b = std::stoi(GetOrError(*transaction, table, to));
        const std::string padding(static_cast<size_t>(random.Uniform(500)), ' ');
        ASSERT_TRUE(transaction->Put(table, from, absl::StrCat(a - 1, padding)).ok());
        ASSERT_TRUE(transaction->Put(table, to, absl::StrCat(b + 1, padding)).ok());
        const absl::Status status = transaction->Commit().status();
        ASSERT_TRUE(status.ok() || absl::IsAborted(status)) << status;
        ++(status.ok() ? committed : conflicts);
        int sum = 0;
        for (const auto& [key, value] : ScanAll(database, table)) sum += std::stoi(value);
        ASSERT_EQ(sum, 100 * kAccounts);
      }
    });
  }
  threads.clear();
  EXPECT_GT(committed, 100);
  EXPECT_TRUE(database.Close().ok());
  const std::unique_ptr<Database> again = OpenOrDie(disk.get());
  int sum = 0;
  for (const auto& [key, value] : ScanAll(*again, table)) sum += std::stoi(value);
  EXPECT_EQ(sum, 100 * kAccounts);
}

// A random walk: writes, snapshots that stay open, checkpoints, merges, crashes and clean reopens,
// compared with a map that remembers every version.
TEST(DatabaseModelTest, RandomHistoriesAgreeWithAMapOfVersions) {
  for (const uint64_t seed : {11u, 12u, 13u, 14u, 15u, 16u}) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    std::unique_ptr<Database> database = OpenOrDie(disk.get());
    const ObjectId table = CreateTableOrDie(*database, DocsTable());
    std::map<std::string, std::string> model;
    std::vector<std::pair<std::unique_ptr<Transaction>, std::map<std::string, std::string>>> open;
    const auto check = [&] {
      ASSERT_EQ(ScanAll(*database, table), model);
      for (auto& [transaction, then] : open) ASSERT_EQ(ScanAll(*transaction, table), then);
    };
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.Uniform(100);
      if (choice < 75) {
        std::unique_ptr<Transaction> transaction = database->Begin();
        std::map<std::string, std::string> next = model;
        for (uint64_t n = 1 + random.Uniform(5); n > 0; --n) {
          std::string key = absl::StrCat("key", random.Uniform(60));
          key.resize(key.size() - random.Uniform(2));
          if (random.OneIn(4)) {
            ASSERT_TRUE(transaction->Delete(table, key).ok());
            next.erase(key);
          } else {
            const std::string value(random.Uniform(2000), static_cast<char>('a' + step % 26));
            ASSERT_TRUE(transaction->Put(table, key, value).ok());
            next[key] = value;
          }
        }
        ASSERT_EQ(ScanAll(*transaction, table), next);
        if (random.OneIn(5)) continue;  // rolled back
        ASSERT_TRUE(transaction->Commit().ok());
        model = next;
      } else if (choice < 80) {
        if (open.size() < 4) open.emplace_back(database->Begin(), model);
      } else if (choice < 84) {
        if (!open.empty())
          open.erase(open.begin() + static_cast<ptrdiff_t>(random.Uniform(open.size())));
      } else if (choice < 92) {
        ASSERT_TRUE(database->Checkpoint().ok());
      } else if (choice < 96) {
        ASSERT_TRUE(database->Compact(table).ok());
      } else {
        open.clear();
        if (random.OneIn(2)) {
          ASSERT_TRUE(database->Close().ok());
          database.reset();
        } else {
          std::unique_ptr<MemoryFileSystem> after =
              disk->CrashCopy(MemoryFileSystem::Survivors::kRandom, random.Next());
          database.reset();
          disk = std::move(after);
        }
        database = OpenOrDie(disk.get());
        ASSERT_NE(database, nullptr);
      }
      if (step % 20 == 0) check();
      if (HasFatalFailure()) return;
    }
    check();
  }
}

}  // namespace
}  // namespace kyrodb::engine
