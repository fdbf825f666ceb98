// Goal:   when the disk fails, the error is passed on, the process lives, nothing acknowledged is
//         lost and nothing refused appears; a full disk does not end the database.
// Method: the crash tests' workload on a disk whose n-th operation fails, for every n until the
//         workload runs through, for each kind of fault, once and for ever; then a power failure,
//         a reopen on a healthy disk, and the comparison with what was acknowledged.
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/memory_file_system.h"
#include "gtest/gtest.h"
#include "tests/engine/crash/workload.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

class FaultSweepTest : public ::testing::TestWithParam<std::tuple<Fault::Kind, bool>> {};

// Goes on after clean refusals; stops when the outcome of a commit is unknown.
void RunWithFaults(Database& database, CrashHistory& history) {
  if (history.attempted() == 0 && !history.CreateTable(database).ok()) return;
  for (int i = 0; i < 12; ++i) {
    if (absl::IsUnavailable(history.Commit(database))) return;
    if (i % 4 == 3) {
      const auto table = database.Begin()->catalog()->FindTable("crash");
      database.WaitForIndexes(absl::Seconds(1)).IgnoreError();
      database.Compact(table->id).IgnoreError();
    }
  }
}

TEST_P(FaultSweepTest, AcknowledgedCommitsSurviveAndRefusedOnesNeverAppear) {
  const auto [kind, forever] = GetParam();
  uint64_t n = 0;
  for (;; ++n) {
    SCOPED_TRACE(absl::StrCat("operation ", n, " fails"));
    const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    const std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk.get());
    CrashHistory history(n);
    faulty->SetFault({.kind = kind, .at = n, .forever = forever});
    {
      absl::StatusOr<std::unique_ptr<Database>> database =
          Database::Open("db", QuietOptions(faulty.get()));
      if (database.ok()) {
        RunWithFaults(**database, history);
        (*database)->Close().IgnoreError();
      }
    }
    const bool failed = faulty->failure_count() > 0;
    const std::unique_ptr<MemoryFileSystem> after =
        disk->CrashCopy(MemoryFileSystem::Survivors::kNone, n);
    const std::unique_ptr<Database> reopened = OpenOrDie(after.get());
    ASSERT_NE(reopened, nullptr);
    ASSERT_EQ(history.VerifyAndContinue(*reopened), "");
    if (!failed) break;
  }
  EXPECT_GT(n, 10u) << "the sweep must have met operations of this kind";
  std::printf("%llu failures swept\n", static_cast<unsigned long long>(n));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FaultSweepTest,
    ::testing::Combine(::testing::Values(Fault::Kind::kReadError, Fault::Kind::kWriteError,
                                         Fault::Kind::kSyncError, Fault::Kind::kDiskFull,
                                         Fault::Kind::kShortWrite),
                       ::testing::Bool()));

TEST(FullDiskTest, ReadsAndTheDatabaseSurviveAFullDiskAndWritesResumeAfterwards) {
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  const std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk.get());
  const std::unique_ptr<Database> database = OpenOrDie(faulty.get());
  const ObjectId table = CreateTableOrDie(*database, DocsTable());
  ASSERT_TRUE(PutKeyValue(*database, table, "a", "1").ok());
  faulty->SetFault({.kind = Fault::Kind::kDiskFull, .at = 0, .forever = true});
  EXPECT_EQ(PutKeyValue(*database, table, "b", "2").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(database->Checkpoint().ok());
  EXPECT_EQ(GetOrError(*database, table, "a"), "1");
  EXPECT_EQ(GetOrError(*database, table, "b"), "-");
  faulty->ClearFault();
  EXPECT_TRUE(PutKeyValue(*database, table, "b", "2").ok());
  EXPECT_TRUE(database->Checkpoint().ok());
  EXPECT_EQ(ScanAll(*database, table).size(), 2u);
}

}  // namespace
}  // namespace kyrodb::engine
