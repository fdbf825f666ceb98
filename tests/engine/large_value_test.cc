// Goal:   a database with large values apart keeps every promise: they are found after crashes,
// bulk
//         loads, backups and restores; a check holds manifest, runs and value files against each
//         other; what is dead goes; files that nobody names are removed.
// Method: a database on a disk in memory; files taken away, damaged or added behind its back.
//         (Crashes at every operation and faults are in crash/, which has large values too.)
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/check.h"
#include "engine/core/manifest_state.h"
#include "engine/inspect.h"
#include "tests/engine/test_database.h"
#include "wal/manifest.h"

namespace kyrodb::engine {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LargeValueTest : public testing::Test {
 protected:
  LargeValueTest() {
    database_ = OpenOrDie(disk_.get());
    table_ = CreateTableOrDie(*database_, DocsTable());
  }

  void Put(int row, size_t size) {
    const std::string key = absl::StrCat("row", row);
    rows_[key] = absl::StrCat(row, " ", ++version_, std::string(size, 'v'));
    ASSERT_TRUE(PutKeyValue(*database_, table_, key, rows_[key]).ok());
  }
  void PutRows(int count, size_t size) {
    for (int row = 0; row < count; ++row) ASSERT_NO_FATAL_FAILURE(Put(row, size));
  }
  void Load(int first, int count, size_t size) {
    auto loader = database_->BulkLoad(table_);
    ASSERT_TRUE(loader.ok()) << loader.status();
    for (int row = first; row < first + count; ++row) {
      const std::string key = absl::StrCat("row", row);
      rows_[key] = absl::StrCat(row, " loaded ", std::string(size, 'l'));
      ASSERT_TRUE((*loader)->Add(key, rows_[key]).ok());
    }
    const absl::StatusOr<CommitInfo> info = (*loader)->Finish();
    ASSERT_TRUE(info.ok()) << info.status();
  }
  // The process dies; what was synced is there.
  void Crash() {
    disk_ = disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 1);
    database_.reset();
    database_ = OpenOrDie(disk_.get());
    ASSERT_NE(database_, nullptr);
  }
  std::vector<std::string> ValueFiles(const std::string& directory = "db/runs") {
    std::vector<std::string> files;
    const std::vector<std::string> names = disk_->List(directory).value();
    for (const std::string& name : names) {
      if (absl::StartsWith(name, "values-")) files.push_back(name);
    }
    return files;
  }
  std::vector<std::string> Check(absl::string_view directory = "db") {
    std::vector<std::string> lines;
    const auto report =
        CheckDirectory(directory, {.file_system = disk_.get()},
                       [&](absl::string_view line) { lines.push_back(std::string(line)); });
    EXPECT_TRUE(report.ok()) << report.status();
    return lines;
  }
  SpaceStatistics Statistics() { return *database_->space_statistics(table_); }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_;
  ObjectId table_ = 0;
  uint64_t version_ = 0;
  std::map<std::string, std::string> rows_;
};

TEST_F(LargeValueTest, AreFoundInMemoryInRunsAndAfterReopening) {
  PutRows(20, 3000);
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_THAT(ValueFiles(), SizeIs(1));
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
  EXPECT_EQ(GetOrError(*database_, table_, "row7"), rows_["row7"]);
  Crash();
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
  ASSERT_TRUE(database_->Close().ok());
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(LargeValueTest, ABulkLoadThatOnlyTheLogTellsOfKeepsItsValues) {
  Load(100, 50, 2000);
  const std::vector<std::string> files = ValueFiles();
  ASSERT_THAT(files, SizeIs(1));
  for (int i = 0; i < 2; ++i) {
    Crash();
    EXPECT_EQ(ValueFiles(), files);
    EXPECT_EQ(ScanAll(*database_, table_), rows_);
  }
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
  ASSERT_TRUE(database_->Close().ok());
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(LargeValueTest, ALoadThatIsGivenUpLeavesNothing) {
  auto loader = database_->BulkLoad(table_);
  ASSERT_TRUE(loader.ok());
  ASSERT_TRUE((*loader)->Add("a", std::string(5000, 'x')).ok());
  EXPECT_THAT(ValueFiles(), SizeIs(1));
  loader->reset();
  EXPECT_THAT(ValueFiles(), IsEmpty());
}

TEST_F(LargeValueTest, WhatIsDeadGoesWithACompaction) {
  PutRows(30, 2000);
  ASSERT_TRUE(database_->Checkpoint().ok());
  for (int row = 0; row < 25; ++row) ASSERT_NO_FATAL_FAILURE(Put(row, 400));
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(Statistics().value_dead_bytes, 0u);
  EXPECT_LT(Statistics().value_file_bytes, 40'000u);
  EXPECT_EQ(ValueFiles().size(), Statistics().value_file_count);
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
  // An old reader keeps what it sees.
  const std::map<std::string, std::string> before = rows_;
  const std::unique_ptr<Transaction> reader = database_->Begin();
  PutRows(30, 1000);
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(ScanAll(*reader, table_), before);
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
}

TEST_F(LargeValueTest, GoWithTheirTable) {
  PutRows(30, 2000);
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_THAT(ValueFiles(), SizeIs(1));
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  ASSERT_TRUE(transaction->DropTable(table_).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_THAT(ValueFiles(), IsEmpty());
}

TEST_F(LargeValueTest, FilesThatNobodyNamesAreRemovedAtOpen) {
  PutRows(10, 2000);
  ASSERT_TRUE(database_->Checkpoint().ok());
  const std::vector<std::string> files = ValueFiles();
  ASSERT_TRUE(database_->Close().ok());
  ASSERT_TRUE(WriteFileSynced(*disk_, "db/runs/values-999", "left behind").ok());
  EXPECT_THAT(Check(), Contains(HasSubstr("note: db/runs/values-999: orphan")));
  database_ = OpenOrDie(disk_.get());
  EXPECT_EQ(ValueFiles(), files);
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
}

TEST_F(LargeValueTest, AreInBackupsAndRestores) {
  PutRows(30, 2000);
  ASSERT_TRUE(database_->Checkpoint().ok());
  for (int row = 0; row < 10; ++row) ASSERT_NO_FATAL_FAILURE(Put(row, 2000));
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_GT(Statistics().value_file_count, 1u);
  Load(500, 20, 900);
  const auto report = database_->Backup("copy");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(ValueFiles("copy/runs"), SizeIs(ValueFiles().size()));
  const std::map<std::string, std::string> before = rows_;
  PutRows(30, 2000);
  ASSERT_TRUE(database_->Compact(table_).ok());
  RestoreOptions options;
  options.file_system = disk_.get();
  ASSERT_TRUE(RestoreBackup("copy", "again", options).ok());
  EXPECT_THAT(Check("again"), IsEmpty());
  const auto restored = Database::Open("again", QuietOptions(disk_.get()));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(ScanAll(**restored, table_), before);
}

TEST_F(LargeValueTest, ACheckTellsDamageLossAndWrongCounts) {
  PutRows(30, 2000);
  ASSERT_TRUE(database_->Close().ok());
  const std::string path = absl::StrCat("db/runs/", ValueFiles().at(0));
  const std::string good = *ReadFile(*disk_, path);
  const auto replace = [&](const std::string& bytes) {
    ASSERT_TRUE(disk_->Remove(path).ok());
    ASSERT_TRUE(WriteFileSynced(*disk_, path, bytes).ok());
  };
  std::string bytes = good;
  bytes[9000] ^= 1;
  replace(bytes);
  EXPECT_THAT(Check(), Contains(HasSubstr(absl::StrCat("problem: ", path, ": offset 8192: "))));
  std::vector<std::string> text;
  const auto print = [&](absl::string_view line) { text.push_back(std::string(line)); };
  EXPECT_EQ(InspectFile(path, {.file_system = disk_.get()}, print).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_THAT(text, Contains(HasSubstr("damaged at offset 8192")));
  replace(good);
  text.clear();
  EXPECT_TRUE(InspectFile(path, {.file_system = disk_.get()}, print).ok());
  EXPECT_THAT(text, Contains(HasSubstr("30 values")));
  EXPECT_THAT(Check(), IsEmpty());

  // A run shows where its values are, with or without the value file beside it.
  text.clear();
  const std::vector<std::string> names = disk_->List("db/runs").value();
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, absl::StrCat("run-", table_, "-"))) continue;
    const InspectOptions options{.file_system = disk_.get(), .record_count = 3};
    EXPECT_TRUE(InspectFile(absl::StrCat("db/runs/", name), options, print).ok());
  }
  EXPECT_THAT(text, Contains(HasSubstr("bytes lie in values-")));
  EXPECT_THAT(text, Contains(HasSubstr("at offset 0 of values-")));

  // What the manifest says of a file that is there.
  const auto store = wal::ManifestStore::Open(disk_.get(), "db").value();
  ManifestState state = DecodeManifest(**store->Load()).value();
  for (auto& space : state.spaces) {
    for (auto& values : space.value_files) values.live_bytes -= 1;
  }
  ASSERT_TRUE(store->Publish(EncodeManifest(state)).ok());
  EXPECT_THAT(Check(), Contains(HasSubstr("bytes of " + path + " as live, the runs need")));

  ASSERT_TRUE(disk_->Remove(path).ok());
  EXPECT_THAT(Check(), Contains(testing::AllOf(HasSubstr("missing"), HasSubstr(path))));
  const auto opened = Database::Open("db", QuietOptions(disk_.get()));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr(path));
}

TEST_F(LargeValueTest, TheKnobHoldsForWhatIsWrittenFromNowOn) {
  ASSERT_TRUE(database_->knobs().Set("large_value_bytes", 0).ok());
  PutRows(10, 5000);
  ASSERT_TRUE(database_->Checkpoint().ok());
  EXPECT_THAT(ValueFiles(), IsEmpty());
  ASSERT_TRUE(database_->knobs().Set("large_value_bytes", 4000).ok());
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_THAT(ValueFiles(), SizeIs(1));
  EXPECT_EQ(ScanAll(*database_, table_), rows_);
}

}  // namespace
}  // namespace kyrodb::engine
