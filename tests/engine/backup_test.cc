// Goal: a backup is complete or not there, is what the database was at one commit, tells when its
// bytes have rotted, and with the log becomes the database of any later commit.
// Method: random commits beside checkpoints and merges on a disk in memory, against a model of
// every commit; the log is archived; backups are damaged, cut short at every operation and made
// beside writers. KYRO_RESTORE_COUNT says how many random commits are restored (10).
#include "engine/backup.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/posix_file_system.h"
#include "engine/base/random.h"
#include "engine/bulk_loader.h"
#include "gmock/gmock.h"
#include "tests/base/forwarding_file_system.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using Rows = std::map<std::string, std::string>;

MATCHER_P2(StatusIs, code, piece, "") {
  *result_listener << arg;
  return arg.code() == code && absl::StrContains(arg.message(), piece);
}

// Makes no hard link between what lies in /away and what does not.
class TwoDevices final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  absl::Status Link(absl::string_view from, absl::string_view to) override {
    if (absl::StartsWith(from, "/away") != absl::StartsWith(to, "/away")) {
      return FileSystem::Link(from, to);
    }
    return base().Link(from, to);
  }
};

class BackupTest : public testing::Test {
 protected:
  void Open() {
    OpenOptions options = QuietOptions(fs_);
    options.clock = &clock_;
    options.segment_bytes = 4096;
    options.knobs.emplace_back("log_archive_bytes", int64_t{1} << 30);
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open("/db", options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    if (table_ == 0) {
      table_ = CreateTableOrDie(*database_, DocsTable());
      history_[database_->last_lsn()] = {};
    }
  }

  // One random commit, a millisecond after the one before.
  void Commit() {
    clock_.AdvanceMicros(1000);
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    const uint64_t count = 1 + random_.Uniform(4);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = absl::StrCat("key ", random_.Uniform(60));
      if (random_.OneIn(4)) {
        ASSERT_TRUE(transaction->Delete(table_, key).ok());
        model_.erase(key);
      } else {
        std::string value = absl::StrCat("value ", random_.Next(), std::string(40, '.'));
        ASSERT_TRUE(transaction->Put(table_, key, value).ok());
        model_[key] = std::move(value);
      }
    }
    const absl::StatusOr<CommitInfo> info = transaction->Commit();
    ASSERT_TRUE(info.ok()) << info.status();
    history_[info->lsn] = model_;
    times_[info->lsn] = clock_.WallMicros();
  }

  // Commits with a checkpoint or a merge now and then.
  void Work(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_NO_FATAL_FAILURE(Commit());
      if (random_.OneIn(25)) {
        ASSERT_TRUE(database_->Checkpoint().ok());
      }
      if (random_.OneIn(60)) {
        ASSERT_TRUE(database_->Compact(table_).ok());
      }
    }
  }

  BackupReport Backup(const std::string& target, const BackupOptions& options = {}) {
    absl::StatusOr<BackupReport> report = database_->Backup(target, options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : BackupReport();
  }

  absl::StatusOr<RestoreReport> TryRestore(const std::string& backup, const std::string& directory,
                                           RestoreOptions options = {}) {
    options.file_system = fs_;
    options.clock = &clock_;
    return RestoreBackup(backup, directory, options);
  }

  Rows RowsOf(const std::string& directory) {
    OpenOptions options = QuietOptions(fs_);
    options.create_if_missing = false;
    const absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(directory, options);
    EXPECT_TRUE(database.ok()) << database.status();
    if (!database.ok()) return {};
    EXPECT_EQ((*database)->recovery().damage, "");
    const std::unique_ptr<Transaction> transaction = (*database)->Begin();
    return ScanAll(*transaction, table_);
  }

  void FlipByte(const std::string& path, uint64_t offset) {
    std::string bytes = ReadFile(*fs_, path).value();
    ASSERT_LT(offset, bytes.size()) << path;
    bytes[offset] ^= 1;
    ASSERT_TRUE(fs_->Remove(path).ok());
    ASSERT_TRUE(WriteFileSynced(*fs_, path, bytes).ok());
  }

  const std::unique_ptr<MemoryFileSystem> memory_ = NewMemoryFileSystem();
  FileSystem* fs_ = memory_.get();
  ManualClock clock_{1'000'000};
  Random random_{17};
  std::unique_ptr<Database> database_;
  ObjectId table_ = 0;
  Rows model_;
  std::map<Lsn, Rows> history_;   // what every commit left
  std::map<Lsn, int64_t> times_;  // when it was made
};

TEST_F(BackupTest, EveryCommitAfterABackupCanBeRestored) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(150));
  const BackupReport backup = Backup("/backup");
  EXPECT_EQ(backup.info.last_lsn, database_->last_lsn());
  EXPECT_TRUE(VerifyBackup(*fs_, "/backup").ok());
  ASSERT_NO_FATAL_FAILURE(Work(200));
  // The process dies and begins again: another epoch.
  database_.reset();
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(200));
  ASSERT_GT(fs_->List("/db/archive").value().size(), 3u) << "nothing was archived";
  const RestoreOptions all{.log_directories = {"/db/archive", "/db/log"}};

  const int count = std::getenv("KYRO_LONG") == nullptr ? 10 : 50;
  const Lsn first = backup.info.checkpoint_lsn, last = database_->last_lsn();
  for (int i = 0; i < count; ++i) {
    const Lsn lsn = i == 0 ? first : i == 1 ? last : first + random_.Uniform(last - first + 1);
    SCOPED_TRACE(absl::StrCat("lsn ", lsn));
    RestoreOptions options = all;
    const bool by_time = i % 3 == 2 && lsn > first && times_.contains(lsn);
    if (by_time) {
      options.to_wall_micros = times_[lsn] + 500;
    } else {
      options.to_lsn = lsn;
    }
    const std::string directory = absl::StrCat("/restored", i);
    const absl::StatusOr<RestoreReport> restored = TryRestore("/backup", directory, options);
    ASSERT_TRUE(restored.ok()) << restored.status();
    ASSERT_EQ(restored->last_lsn, lsn);
    ASSERT_EQ(restored->replayed_count, lsn - first);
    ASSERT_EQ(RowsOf(directory), history_.at(lsn));
  }
  // By itself a backup goes as far as its own log.
  ASSERT_EQ(TryRestore("/backup", "/alone")->last_lsn, backup.info.last_lsn);
  EXPECT_EQ(RowsOf("/alone"), history_.at(backup.info.last_lsn));
  EXPECT_THAT(
      TryRestore("/backup", "/x", {.to_lsn = last}).status(),
      StatusIs(absl::StatusCode::kNotFound, absl::StrCat("ends at lsn ", backup.info.last_lsn)));
  EXPECT_THAT(TryRestore("/backup", "/x", {.to_lsn = first - 1}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "the earliest"));
  EXPECT_THAT(TryRestore("/backup", "/x", {.to_lsn = first, .to_wall_micros = 1}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "not at both"));
  EXPECT_THAT(TryRestore("/backup", "/x", {.to_wall_micros = 1'000'000}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "may be later"));
  EXPECT_FALSE(fs_->Exists("/x").value()) << "a failed restore left something";
}

TEST_F(BackupTest, ARestoredDatabaseGoesOnByItself) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(80));
  Backup("/backup");
  ASSERT_TRUE(TryRestore("/backup", "/db2").ok());
  ASSERT_NO_FATAL_FAILURE(Work(40));
  {
    const auto other = Database::Open("/db2", QuietOptions(fs_)).value();
    ASSERT_TRUE(PutKeyValue(*other, table_, "new", "here").ok());
    ASSERT_TRUE(other->Compact(table_).ok());
  }
  EXPECT_EQ(RowsOf("/db2")["new"], "here");
  EXPECT_TRUE(VerifyBackup(*fs_, "/backup").ok()) << "the restored database changed the backup";
  const std::unique_ptr<Transaction> transaction = database_->Begin();
  EXPECT_EQ(ScanAll(*transaction, table_), model_);
}

TEST_F(BackupTest, ADamagedBackupIsFoundOutAndNamed) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(100));
  const BackupReport backup = Backup("/backup");
  ASSERT_GT(backup.info.files.size(), 3u);
  for (const BackupInfo::File& file : backup.info.files) {
    const std::string path = absl::StrCat("/backup/", file.path);
    const std::string whole = ReadFile(*fs_, path).value();
    const auto expect_damage = [&](absl::string_view what) {
      EXPECT_THAT(VerifyBackup(*fs_, "/backup"), StatusIs(absl::StatusCode::kDataLoss, path));
      EXPECT_THAT(TryRestore("/backup", "/x").status(),
                  StatusIs(absl::StatusCode::kDataLoss, what));
      EXPECT_FALSE(fs_->Exists("/x").value());
    };
    FlipByte(path, random_.Uniform(whole.size()));
    expect_damage("damaged");
    ASSERT_TRUE(fs_->Remove(path).ok());
    expect_damage("missing");
    ASSERT_TRUE(WriteFileSynced(*fs_, path, whole.substr(0, whole.size() - 1)).ok());
    expect_damage("bytes");
    ASSERT_TRUE(fs_->Remove(path).ok());
    ASSERT_TRUE(WriteFileSynced(*fs_, path, whole).ok());
  }
  ASSERT_TRUE(VerifyBackup(*fs_, "/backup").ok());
  const std::string list = ReadFile(*fs_, "/backup/BACKUP").value();
  for (uint64_t at = 0; at < list.size(); at += 7) {
    FlipByte("/backup/BACKUP", at);
    ASSERT_THAT(TryRestore("/backup", "/x").status(),
                StatusIs(absl::StatusCode::kDataLoss, "BACKUP"))
        << at;
    FlipByte("/backup/BACKUP", at);
  }
  ASSERT_TRUE(fs_->Remove("/backup/BACKUP").ok());
  EXPECT_THAT(VerifyBackup(*fs_, "/backup"),
              StatusIs(absl::StatusCode::kNotFound, "no complete backup"));
}

TEST_F(BackupTest, WhatIsInTheWayIsNotWrittenOver) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(20));
  ASSERT_TRUE(fs_->CreateDirectory("/full").ok());
  ASSERT_TRUE(WriteFileSynced(*fs_, "/full/mine", "x").ok());
  EXPECT_THAT(database_->Backup("/full").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "not empty"));
  Backup("/backup");
  EXPECT_THAT(database_->Backup("/backup").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "not empty"));
  EXPECT_THAT(TryRestore("/backup", "/full").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "not empty"));
  EXPECT_EQ(ReadFile(*fs_, "/full/mine").value(), "x");
  EXPECT_THAT(database_->Backup("/no/such").status(), StatusIs(absl::StatusCode::kNotFound, "/no"));
  // Nor is a backup a database.
  EXPECT_FALSE(Database::Open("/backup", QuietOptions(fs_)).ok());
}

TEST_F(BackupTest, ABackupCutShortIsNoBackupAndHarmsNothing) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(60));
  database_.reset();
  uint64_t complete = 0, absent = 0;
  for (uint64_t at = 0;; ++at) {
    SCOPED_TRACE(at);
    const auto disk = memory_->CrashCopy(MemoryFileSystem::Survivors::kAll, 0);
    OpenOptions options = QuietOptions(disk.get());
    options.create_if_missing = false;
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open("/db", options);
    ASSERT_TRUE(database.ok()) << database.status();
    disk->StopAtOperation(disk->operation_count() + at);
    const bool done = (*database)->Backup("/backup").ok();
    for (const auto survivors :
         {MemoryFileSystem::Survivors::kNone, MemoryFileSystem::Survivors::kAll,
          MemoryFileSystem::Survivors::kRandom}) {
      const auto left = disk->CrashCopy(survivors, at);
      const absl::StatusOr<BackupInfo> info = ReadBackup(*left, "/backup");
      if (info.ok()) {
        ++complete;
        ASSERT_TRUE(VerifyBackup(*left, "/backup").ok());
        ASSERT_TRUE(RestoreBackup("/backup", "/db2", {.file_system = left.get()}).ok());
      } else {
        ++absent;
        ASSERT_FALSE(done) << "an answered backup is gone";
        ASSERT_TRUE(absl::IsNotFound(info.status())) << info.status();
      }
      const auto again = Database::Open("/db", QuietOptions(left.get()));
      ASSERT_TRUE(again.ok()) << again.status();
      const std::unique_ptr<Transaction> transaction = (*again)->Begin();
      ASSERT_EQ(ScanAll(*transaction, table_), model_);
    }
    if (done) break;
  }
  EXPECT_GE(complete, 3u);
  EXPECT_GT(absent, 30u);
}

TEST_F(BackupTest, AnOlderBackupSavesReadingAndCopying) {
  TwoDevices two(memory_.get());
  fs_ = &two;
  ASSERT_TRUE(fs_->CreateDirectory("/away").ok());
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(60));
  ASSERT_TRUE(database_->Checkpoint().ok());
  const BackupReport first = Backup("/away/1");
  EXPECT_EQ(first.linked_count, 0u);
  EXPECT_FALSE(fs_->Exists("/db/backup.tmp").value());
  ASSERT_NO_FATAL_FAILURE(Commit());
  const BackupReport second = Backup("/away/2", {.previous = "/away/1"});
  EXPECT_GT(second.linked_count, 0u);
  EXPECT_LT(second.copied_count, first.copied_count + 3);
  ASSERT_TRUE(VerifyBackup(*fs_, "/away/2").ok());
  ASSERT_TRUE(TryRestore("/away/2", "/db2").ok());
  EXPECT_EQ(RowsOf("/db2"), model_);
  const BackupReport here = Backup("/here");
  EXPECT_GT(here.linked_count, 0u);

  // Of another database it is of no use.
  const auto other = Database::Open("/other", QuietOptions(fs_)).value();
  EXPECT_THAT(other->Backup("/other-backup", {.previous = "/away/1"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "another database"));
  EXPECT_FALSE(fs_->Exists("/other-backup").value());
  database_.reset();  // before its file system
}

TEST_F(BackupTest, ABulkLoadThatOnlyTheLogTellsOfIsInTheBackup) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Work(10));
  Backup("/before");
  absl::StatusOr<std::unique_ptr<BulkLoader>> loader = database_->BulkLoad(table_, {});
  ASSERT_TRUE(loader.ok()) << loader.status();
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("load ", 1000 + i);
    ASSERT_TRUE((*loader)->Add(key, "loaded").ok());
    model_[key] = "loaded";
  }
  const absl::StatusOr<CommitInfo> loaded = (*loader)->Finish();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_NO_FATAL_FAILURE(Commit());
  Backup("/after");
  ASSERT_TRUE(TryRestore("/after", "/db2").ok());
  EXPECT_EQ(RowsOf("/db2"), model_);
  // An older backup does not have the rows, and the log does not either.
  const RestoreOptions all{.log_directories = {"/db/archive", "/db/log"}};
  EXPECT_THAT(TryRestore("/before", "/x", all).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "bulk load"));
  RestoreOptions until = all;
  until.to_lsn = loaded->lsn - 1;
  EXPECT_TRUE(TryRestore("/before", "/x", until).ok());
}

TEST_F(BackupTest, BackupsBesideWritersFlushesAndMergesAreWholePrefixes) {
  constexpr int kWriterCount = 3;
  OpenOptions options;
  options.file_system = fs_;
  options.segment_bytes = 32 << 10;
  options.knobs = {{"write_buffer_bytes", 64 << 10}, {"run_count_max", 2}};
  const auto database = Database::Open("/db", options).value();
  const ObjectId table = CreateTableOrDie(*database, DocsTable());
  table_ = table;
  std::atomic<bool> stop{false};
  std::array<std::vector<Lsn>, kWriterCount> lsns;  // of each writer's commits
  std::vector<std::thread> writers;
  for (size_t w = 0; w < kWriterCount; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; !stop.load(); ++i) {
        const std::unique_ptr<Transaction> transaction = database->Begin();
        ASSERT_TRUE(
            transaction->Put(table, absl::StrCat(w, "/", 100000 + i), std::string(300, 'v')).ok());
        const absl::StatusOr<CommitInfo> info = transaction->Commit();
        ASSERT_TRUE(info.ok()) << info.status();
        lsns[w].push_back(info->lsn);
      }
    });
  }
  std::vector<BackupReport> backups;
  for (int i = 0; i < 5; ++i) {
    const Lsn before = database->last_lsn();
    while (database->last_lsn() < before + 200) std::this_thread::yield();
    const Lsn answered = database->last_lsn();
    absl::StatusOr<BackupReport> report = database->Backup(absl::StrCat("/backup", i));
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GE(report->info.last_lsn, answered);
    backups.push_back(*std::move(report));
  }
  stop.store(true);
  for (std::thread& writer : writers) writer.join();
  for (int i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    const std::string directory = absl::StrCat("/restored", i);
    ASSERT_TRUE(VerifyBackup(*fs_, absl::StrCat("/backup", i)).ok());
    const auto restored = TryRestore(absl::StrCat("/backup", i), directory);
    ASSERT_TRUE(restored.ok()) << restored.status();
    ASSERT_EQ(restored->last_lsn, backups[static_cast<size_t>(i)].info.last_lsn);
    Rows expected;
    for (size_t w = 0; w < kWriterCount; ++w) {
      for (size_t k = 0; k < lsns[w].size() && lsns[w][k] <= restored->last_lsn; ++k) {
        expected[absl::StrCat(w, "/", 100000 + k)] = std::string(300, 'v');
      }
    }
    ASSERT_EQ(RowsOf(directory).size(), expected.size());
    ASSERT_EQ(RowsOf(directory), expected);
  }
}

TEST_F(BackupTest, BackupsOfARealDirectoryAreLinksAndOutliveIt) {
  const std::unique_ptr<FileSystem> disk = NewPosixFileSystem();
  fs_ = disk.get();
  const std::string base = absl::StrCat(testing::TempDir(), "kyro_backup_test_", getpid());
  std::filesystem::remove_all(base);
  std::filesystem::create_directories(base);
  {
    OpenOptions options = QuietOptions(fs_);
    const auto database = Database::Open(base + "/db", options).value();
    table_ = CreateTableOrDie(*database, DocsTable());
    ASSERT_TRUE(PutKeyValue(*database, table_, "a", "1").ok());
    ASSERT_TRUE(database->Checkpoint().ok());
    ASSERT_TRUE(PutKeyValue(*database, table_, "b", "2").ok());
    const absl::StatusOr<BackupReport> report = database->Backup(base + "/backup");
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GT(report->linked_count, 0u);
  }
  std::filesystem::remove_all(base + "/db");
  const auto restored = TryRestore(base + "/backup", base + "/db2");
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(RowsOf(base + "/db2"), (Rows{{"a", "1"}, {"b", "2"}}));
  std::filesystem::remove_all(base);
}

}  // namespace
}  // namespace kyrodb::engine
