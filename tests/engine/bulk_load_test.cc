// Goal:   a bulk load is one commit like any other: all rows at one LSN or none, after a crash at
// any
//         point too; it meets conflicts with concurrent writers, and leaves no file behind when it
//         fails.
// Method: scripts on a disk in memory, a disk that fills up at every operation in turn, and a
// random
//         walk of loads, transactions, checkpoints, merges and crashes against a std::map. (The
//         crash tests load in bulk too.)
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/random.h"
#include "engine/bulk_loader.h"
#include "engine/core/load_record.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using RowMap = std::map<std::string, std::string>;

class BulkLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = OpenOrDie(disk_.get());
    table_ = CreateTableOrDie(*database_, DocsTable());
  }
  void CrashAndReopen(MemoryFileSystem::Survivors survivors = MemoryFileSystem::Survivors::kNone) {
    std::unique_ptr<MemoryFileSystem> after = disk_->CrashCopy(survivors, 0);
    database_.reset();
    disk_ = std::move(after);
    database_ = OpenOrDie(disk_.get());
    ASSERT_NE(database_, nullptr);
  }
  std::unique_ptr<BulkLoader> Begin(BulkLoadOptions options = {}) {
    absl::StatusOr<std::unique_ptr<BulkLoader>> loader = database_->BulkLoad(table_, options);
    EXPECT_TRUE(loader.ok()) << loader.status();
    return loader.ok() ? *std::move(loader) : nullptr;
  }
  absl::StatusOr<CommitInfo> Load(const RowMap& rows) {
    const std::unique_ptr<BulkLoader> loader = Begin();
    for (const auto& [key, value] : rows) KYRO_RETURN_IF_ERROR(loader->Add(key, value));
    return loader->Finish();
  }
  absl::Status Put(absl::string_view key, absl::string_view value) {
    return PutKeyValue(*database_, table_, key, value);
  }
  std::vector<std::string> RunFiles() {
    return disk_->List("db/runs").value_or(std::vector<std::string>{"?"});
  }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  ObjectId table_ = 0;
};

TEST_F(BulkLoadTest, RowsAppearAtOneCommitAndReplaceOlderOnes) {
  ASSERT_TRUE(Put("d", "in a run").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("b", "in the memtable").ok());
  ASSERT_TRUE(Put("z", "beside").ok());
  const std::unique_ptr<BulkLoader> loader = Begin();
  for (const char* key : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(loader->Add(key, absl::StrCat("loaded ", key)).ok());
  }
  EXPECT_EQ(loader->row_count(), 4u);
  const std::unique_ptr<Transaction> before = database_->Begin();
  const Lsn last = database_->last_lsn();
  const absl::StatusOr<CommitInfo> info = loader->Finish();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->lsn, last + 1);
  EXPECT_EQ(database_->last_lsn(), last + 1);
  EXPECT_EQ(info->durable_lsn, last + 1);

  const RowMap old = {{"b", "in the memtable"}, {"d", "in a run"}, {"z", "beside"}};
  const RowMap now = {
      {"a", "loaded a"}, {"b", "loaded b"}, {"c", "loaded c"}, {"d", "loaded d"}, {"z", "beside"}};
  EXPECT_EQ(ScanAll(*before, table_), old);
  EXPECT_EQ(GetOrError(*before, table_, "b"), "in the memtable");
  EXPECT_EQ(GetOrError(*before, table_, "a"), "-");
  EXPECT_EQ(ScanAll(*database_, table_), now);
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(ScanAll(*before, table_), old);
  EXPECT_EQ(ScanAll(*database_, table_), now);
}

TEST_F(BulkLoadTest, WhatWasLoadedSurvivesCrashesAndCanBeOverwritten) {
  ASSERT_TRUE(Load({{"a", "1"}, {"b", "2"}}).ok());
  CrashAndReopen();
  EXPECT_EQ(ScanAll(*database_, table_), (RowMap{{"a", "1"}, {"b", "2"}}));
  ASSERT_TRUE(Put("a", "3").ok());
  ASSERT_TRUE(Load({{"b", "4"}, {"c", "5"}}).ok());
  CrashAndReopen();
  const RowMap now = {{"a", "3"}, {"b", "4"}, {"c", "5"}};
  EXPECT_EQ(ScanAll(*database_, table_), now);
  ASSERT_TRUE(database_->Compact(table_).ok());
  CrashAndReopen();
  EXPECT_EQ(ScanAll(*database_, table_), now);
  EXPECT_EQ(RunFiles().size(), 2u);  // the catalog's and the table's
}

TEST_F(BulkLoadTest, AWriterOfALoadedKeyConflictsInBothOrders) {
  const std::unique_ptr<Transaction> late = database_->Begin();
  ASSERT_TRUE(late->Put(table_, "b", "late").ok());
  ASSERT_TRUE(Load({{"a", "1"}, {"b", "2"}}).ok());
  EXPECT_EQ(late->Commit().status().code(), absl::StatusCode::kAborted);

  for (const bool flushed : {false, true}) {
    for (const bool deleted : {false, true}) {
      const std::unique_ptr<BulkLoader> loader = Begin();
      ASSERT_TRUE(loader->Add("a", "x").ok());
      ASSERT_TRUE(loader->Add("b", "x").ok());
      const std::unique_ptr<Transaction> writer = database_->Begin();
      ASSERT_TRUE((deleted ? writer->Delete(table_, "b") : writer->Put(table_, "b", "kept")).ok());
      ASSERT_TRUE(writer->Commit().ok());
      if (flushed) {
        ASSERT_TRUE(database_->Compact(table_).ok());
      }
      const absl::Status status = loader->Finish().status();
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("bulk load"));
      EXPECT_EQ(GetOrError(*database_, table_, "a"), "1");
      EXPECT_EQ(GetOrError(*database_, table_, "b"), deleted ? "-" : "kept");
    }
  }
}

TEST_F(BulkLoadTest, WritersOfOtherKeysDoNotDisturb) {
  std::unique_ptr<BulkLoader> loader = Begin();
  ASSERT_TRUE(loader->Add("a", "1").ok());
  ASSERT_TRUE(loader->Add("c", "3").ok());
  ASSERT_TRUE(Put("b", "2").ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  ASSERT_TRUE(Put("d", "4").ok());
  ASSERT_TRUE(loader->Finish().ok());
  loader.reset();
  const RowMap now = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}};
  EXPECT_EQ(ScanAll(*database_, table_), now);
  CrashAndReopen();
  EXPECT_EQ(ScanAll(*database_, table_), now);
}

TEST_F(BulkLoadTest, ASerializableReaderOfTheRangeConflicts) {
  const ObjectId other = CreateTableOrDie(*database_, DocsTable("other"));
  for (const bool reads_range : {true, false}) {
    const std::unique_ptr<Transaction> reader = database_->Begin(IsolationLevel::kSerializable);
    if (reads_range) {
      EXPECT_THAT(ScanAll(*reader, table_), IsEmpty());
    } else {
      EXPECT_EQ(GetOrError(*reader, table_, "never"), "-");
    }
    ASSERT_TRUE(reader->Put(other, "x", "1").ok());
    ASSERT_TRUE(Load({{"a", "1"}, {"b", "2"}}).ok());
    const absl::Status status = reader->Commit().status();
    EXPECT_EQ(status.code(), reads_range ? absl::StatusCode::kAborted : absl::StatusCode::kOk)
        << status;
  }
}

TEST_F(BulkLoadTest, AChangedDefinitionOrADroppedTableAborts) {
  std::unique_ptr<BulkLoader> loader = Begin();
  ASSERT_TRUE(loader->Add("a", "1").ok());
  std::unique_ptr<Transaction> definer = database_->Begin();
  ASSERT_TRUE(definer->CreateIndex(table_, {.name = "idx", .column = 2}).ok());
  ASSERT_TRUE(definer->Commit().ok());
  EXPECT_EQ(loader->Finish().status().code(), absl::StatusCode::kAborted);
  const absl::Status indexed = database_->BulkLoad(table_).status();
  EXPECT_EQ(indexed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(indexed.message()), HasSubstr("\"idx\""));

  const ObjectId other = CreateTableOrDie(*database_, DocsTable("other"));
  absl::StatusOr<std::unique_ptr<BulkLoader>> doomed = database_->BulkLoad(other);
  ASSERT_TRUE(doomed.ok());
  ASSERT_TRUE((*doomed)->Add("a", "1").ok());
  definer = database_->Begin();
  ASSERT_TRUE(definer->DropTable(other).ok());
  ASSERT_TRUE(definer->Commit().ok());
  EXPECT_EQ((*doomed)->Finish().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(database_->BulkLoad(other).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BulkLoadTest, RefusalsStickAndLeaveNoFile) {
  const size_t files = RunFiles().size();
  {
    const std::unique_ptr<BulkLoader> loader = Begin();
    ASSERT_TRUE(loader->Add("b", "1").ok());
    EXPECT_EQ(loader->Add("a", "1").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(loader->Add("c", "1").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(loader->Finish().status().code(), absl::StatusCode::kInvalidArgument);
  }
  {
    const std::unique_ptr<BulkLoader> loader = Begin();
    ASSERT_TRUE(loader->Add("b", "1").ok());
    EXPECT_EQ(loader->Add("b", "2").code(), absl::StatusCode::kInvalidArgument);
  }
  {
    const std::unique_ptr<BulkLoader> loader =
        Begin({.smallest_key = "key1", .largest_key = "key5"});
    ASSERT_TRUE(loader->Add("key2", "1").ok());
    EXPECT_EQ(loader->Add("other", "1").code(), absl::StatusCode::kInvalidArgument);
  }
  {
    const std::unique_ptr<BulkLoader> loader = Begin();
    EXPECT_EQ(loader->Add(std::string(10000, 'k'), "1").code(),
              absl::StatusCode::kResourceExhausted);
  }
  {
    const std::unique_ptr<BulkLoader> loader = Begin();
    ASSERT_TRUE(loader->Add("b", "1").ok());  // and given up
  }
  EXPECT_EQ(Load({})->lsn, 0u);
  EXPECT_EQ(RunFiles().size(), files);
  EXPECT_THAT(ScanAll(*database_, table_), IsEmpty());
  const std::unique_ptr<BulkLoader> loader = Begin();
  ASSERT_TRUE(loader->Add("b", "1").ok());
  ASSERT_TRUE(loader->Finish().ok());
  EXPECT_EQ(loader->Finish().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(loader->Add("c", "1").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(BulkLoadTest, TheChangeFeedTellsOfTheLoad) {
  ASSERT_TRUE(database_->knobs().Set("log_retention_bytes", 1 << 20).ok());
  const Lsn from = database_->last_lsn();
  ASSERT_TRUE(Load({{"a", "1"}, {"m", "2"}, {"z", "3"}}).ok());
  ASSERT_TRUE(Put("b", "4").ok());
  const std::unique_ptr<ChangeFeed> feed = *database_->Follow(from);
  absl::StatusOr<std::optional<CommittedChanges>> next = feed->Next(absl::ZeroDuration());
  ASSERT_TRUE(next.ok() && next->has_value()) << next.status();
  EXPECT_EQ((*next)->lsn, from + 1);
  EXPECT_THAT((*next)->changes, IsEmpty());
  ASSERT_TRUE((*next)->load.has_value());
  EXPECT_EQ((*next)->load->space, table_);
  EXPECT_EQ((*next)->load->row_count, 3u);
  EXPECT_EQ((*next)->load->first_key, "a");
  EXPECT_EQ((*next)->load->last_key, "z");
  next = feed->Next(absl::ZeroDuration());
  ASSERT_TRUE(next.ok() && next->has_value());
  EXPECT_EQ((*next)->load.has_value(), false);
  EXPECT_EQ((*next)->changes.size(), 1u);
}

// With a full disk the manifest may not name the run: then the log does.
TEST_F(BulkLoadTest, AFullDiskAtAnyPointLeavesAllRowsOrNone) {
  int loaded = 0, refused = 0, named_by_the_log_only = 0;
  for (uint64_t at = 0; at < 40; ++at) {
    database_.reset();
    disk_ = NewMemoryFileSystem();
    const std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk_.get());
    database_ = OpenOrDie(faulty.get());
    table_ = CreateTableOrDie(*database_, DocsTable());
    ASSERT_TRUE(Put("b", "old").ok());
    faulty->SetFault({.kind = Fault::Kind::kDiskFull, .at = at, .forever = true});
    RowMap expected = {{"b", "old"}};
    bool ok = false;
    absl::StatusOr<std::unique_ptr<BulkLoader>> loader = database_->BulkLoad(table_);
    if (loader.ok() && (*loader)->Add("a", "1").ok() && (*loader)->Add("b", "2").ok()) {
      ok = (*loader)->Finish().ok();
    }
    if (loader.ok()) loader->reset();
    if (ok) expected = {{"a", "1"}, {"b", "2"}};
    ++(ok ? loaded : refused);
    EXPECT_EQ(ScanAll(*database_, table_), expected) << at;
    CrashAndReopen();
    EXPECT_EQ(ScanAll(*database_, table_), expected) << at;
    if (ok && database_->recovery().checkpoint_lsn < database_->last_lsn()) {
      ++named_by_the_log_only;
      // Opening has published nothing that names the run yet: again, and then without the file.
      CrashAndReopen();
      EXPECT_EQ(ScanAll(*database_, table_), expected) << at;
      for (const std::string& file : RunFiles()) {
        if (file.find(absl::StrCat("run-", table_, "-")) != 0) continue;
        EXPECT_TRUE(disk_->Remove(absl::StrCat("db/runs/", file)).ok());
      }
      EXPECT_TRUE(disk_->SyncDirectory("db/runs").ok());
      std::unique_ptr<MemoryFileSystem> without =
          disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
      const absl::Status status = Database::Open("db", QuietOptions(without.get())).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("db/runs/run-"));
    }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refused, 0);
  EXPECT_GT(named_by_the_log_only, 0);
}

TEST_F(BulkLoadTest, ALoadOfATableThatWasDroppedLaterIsNotMissed) {
  ASSERT_TRUE(Load({{"a", "1"}}).ok());
  std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->DropTable(table_).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  transaction.reset();
  CrashAndReopen(MemoryFileSystem::Survivors::kAll);
  ASSERT_TRUE(database_->Checkpoint().ok());
  CrashAndReopen();
  EXPECT_EQ(database_->Begin()->catalog()->FindTable("docs"), nullptr);
}

TEST_F(BulkLoadTest, ARandomWalkAgreesWithAMapAtEverySnapshot) {
  const uint64_t seed = 20261120;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  const auto random_key = [&] { return absl::StrCat("k", 100 + random.Uniform(60)); };
  RowMap model;
  std::vector<std::pair<std::unique_ptr<Transaction>, RowMap>> snapshots;
  uint64_t loads = 0;
  for (int step = 0; step < 600; ++step) {
    switch (random.Uniform(8)) {
      case 0:
      case 1: {
        RowMap rows;
        for (uint64_t n = random.Uniform(20); n > 0; --n) rows[random_key()] = absl::StrCat(step);
        const std::unique_ptr<BulkLoader> loader = Begin();
        ASSERT_NE(loader, nullptr);
        for (const auto& [key, value] : rows) ASSERT_TRUE(loader->Add(key, value).ok());
        bool conflict = false;
        if (random.OneIn(3)) {
          const std::string key = random_key();
          conflict = rows.contains(key);
          ASSERT_TRUE(Put(key, absl::StrCat("w", step)).ok());
          model[key] = absl::StrCat("w", step);
        }
        const absl::Status status = loader->Finish().status();
        EXPECT_EQ(absl::IsAborted(status), conflict) << status;
        if (status.ok()) {
          ++loads;
          for (const auto& [key, value] : rows) model[key] = value;
        }
        break;
      }
      case 2:
      case 3: {
        const std::unique_ptr<Transaction> transaction = database_->Begin();
        for (uint64_t n = random.Uniform(6); n > 0; --n) {
          const std::string key = random_key();
          if (random.OneIn(3)) {
            ASSERT_TRUE(transaction->Delete(table_, key).ok());
            model.erase(key);
          } else {
            ASSERT_TRUE(transaction->Put(table_, key, absl::StrCat("t", step)).ok());
            model[key] = absl::StrCat("t", step);
          }
        }
        ASSERT_TRUE(transaction->Commit().ok());
        break;
      }
      case 4:
        ASSERT_TRUE(database_->Checkpoint().ok());
        break;
      case 5:
        ASSERT_TRUE(database_->Compact(table_).ok());
        break;
      case 6:
        if (snapshots.size() < 4) {
          snapshots.emplace_back(database_->Begin(), model);
        } else {
          snapshots.erase(snapshots.begin());
        }
        break;
      default:
        if (random.OneIn(4)) {
          snapshots.clear();
          CrashAndReopen(random.OneIn(2) ? MemoryFileSystem::Survivors::kNone
                                         : MemoryFileSystem::Survivors::kAll);
        }
    }
    ASSERT_EQ(ScanAll(*database_, table_), model) << "step " << step;
    const std::string key = random_key();
    const auto it = model.find(key);
    ASSERT_EQ(GetOrError(*database_, table_, key), it == model.end() ? "-" : it->second);
    for (const auto& [transaction, rows] : snapshots) {
      ASSERT_EQ(ScanAll(*transaction, table_), rows) << "step " << step;
    }
  }
  EXPECT_GT(loads, 50u);
}

TEST(LoadRecordTest, EveryFieldComesBackAndDamageIsSeen) {
  const LoadRecord load{
      .space = 7, .file_number = 300, .row_count = 5, .first_key = "a", .last_key = "zz"};
  const std::string bytes = EncodeLoadRecord(load);
  EXPECT_TRUE(IsLoadRecord(bytes));
  const absl::StatusOr<LoadRecord> back = DecodeLoadRecord(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeLoadRecord(*back), bytes);
  EXPECT_EQ(back->last_key, "zz");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeLoadRecord(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeLoadRecord(bytes + "x").ok());
  std::string newer = bytes;
  newer[1] = 2;
  EXPECT_EQ(DecodeLoadRecord(newer).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace kyrodb::engine
