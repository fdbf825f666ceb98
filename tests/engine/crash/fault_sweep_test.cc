// Goal:   when the disk fails, the error is passed on, the process lives, nothing acknowledged is
//         lost and nothing refused appears; a full disk does not end the database.
// Method: the crash tests' workload on a disk whose n-th operation fails, for every n until the
//         workload runs through, for each kind of fault, once and for ever; then a power failure,
//         a reopen on a healthy disk, and the comparison with what was acknowledged. After a failed
//         sync of log or manifest the database must be read-only. (Short and interrupted system
//         calls: system_call_fault_test.cc.)
#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "engine/base/fault_file_system.h"
#include "engine/base/memory_file_system.h"
#include "gtest/gtest.h"
#include "tests/engine/battery.h"
#include "tests/engine/crash/fault_run.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

class FaultSweepTest : public ::testing::TestWithParam<std::tuple<Fault::Kind, bool>> {};

TEST_P(FaultSweepTest, AcknowledgedCommitsSurviveAndRefusedOnesNeverAppear) {
  const auto [kind, forever] = GetParam();
  const uint64_t count = BatteryCount("FAULTS", 100, 300);
  const int rounds = count < 300 ? 1 : 8;
  uint64_t n = 0;
  for (; n < count; ++n) {
    SCOPED_TRACE(absl::StrCat("operation ", n, " fails"));
    const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    const std::unique_ptr<FaultFileSystem> faulty = NewFaultFileSystem(disk.get());
    CrashHistory history(n);
    faulty->SetFault({.kind = kind, .at = n, .forever = forever});
    const FaultRun run = RunWithFaults(faulty.get(), "db", rounds, history);
    const bool failed = faulty->failure_count() > 0;
    for (const auto& [code, message] : run.errors) {
      EXPECT_TRUE(code == absl::StatusCode::kUnavailable ||
                  code == absl::StatusCode::kFailedPrecondition ||
                  (code == absl::StatusCode::kResourceExhausted && kind == Fault::Kind::kDiskFull))
          << message;
    }
    if (failed && kind == Fault::Kind::kSyncError && !forever) {
      EXPECT_EQ(CheckReadOnlyAfterFailedSync(run, faulty->last_failed_path()), "");
    }
    const std::unique_ptr<MemoryFileSystem> after =
        disk->CrashCopy(MemoryFileSystem::Survivors::kNone, n);
    const std::unique_ptr<Database> reopened = OpenOrDie(after.get());
    ASSERT_NE(reopened, nullptr);
    ASSERT_EQ(history.VerifyAndContinue(*reopened), "");
    if (!failed) break;
  }
  EXPECT_GT(n, std::min<uint64_t>(10, count - 1))
      << "the sweep must have met operations of this kind";
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
