// Goal:   when a system call fails, the error is the right one, the process lives and nothing
//         acknowledged is lost; calls that are interrupted or write less than asked are no error
//         at all.
// Method: the crash tests' workload on the real disk, on which the n-th system call of a kind
// fails,
//         for each n and each kind, once and for ever; then a reopen without faults, compared with
//         what was acknowledged. The calls are replaced when the test is linked (system_calls.h).
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "engine/base/posix_file_system.h"
#include "gtest/gtest.h"
#include "tests/engine/battery.h"
#include "tests/engine/crash/fault_run.h"
#include "tests/engine/crash/system_calls.h"

namespace kyrodb::engine {
namespace {

using Kind = SystemCallFault::Kind;

class SystemCallFaultTest : public ::testing::TestWithParam<std::tuple<Kind, bool>> {
 protected:
  void SetUp() override {
    // In memory where there is such a place: nothing has to survive anything here.
    const char* const parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string pattern = absl::StrCat(parent, "/kyro_calls_XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    ClearSystemCallFault();
    std::filesystem::remove_all(directory_);
  }
  std::string directory_;
};

TEST_P(SystemCallFaultTest, AcknowledgedCommitsSurviveAndTheErrorIsTheRightOne) {
  const auto [kind, forever] = GetParam();
  // A few in every run of the tests, from other places each time that the code changes.
  const uint64_t count = BatteryCount("SYSTEM_CALL_FAULTS", 12, 300);
  const uint64_t step = count < 300 ? 11 : 1;
  const int rounds = count < 300 ? 1 : 6;
  const std::unique_ptr<FileSystem> posix = NewPosixFileSystem();
  uint64_t swept = 0;
  for (uint64_t n = 0; swept < count; n += step, ++swept) {
    SCOPED_TRACE(absl::StrCat("call ", n, " fails"));
    const std::string database_directory = absl::StrCat(directory_, "/db", n);
    CrashHistory history(n);
    SetSystemCallFault({.kind = kind, .at = n, .forever = forever});
    const FaultRun run = RunWithFaults(posix.get(), database_directory, rounds, history);
    const bool failed = SystemCallFailureCount() > 0;
    const std::string path = LastFailedPath();
    ClearSystemCallFault();
    if (!failed) break;
    for (const auto& [code, message] : run.errors) {
      switch (kind) {
        case Kind::kShortWrite:
        case Kind::kInterrupted:
          ADD_FAILURE() << message;
          break;
        case Kind::kDiskFull:
          EXPECT_TRUE(code == absl::StatusCode::kResourceExhausted ||
                      code == absl::StatusCode::kFailedPrecondition ||
                      (code == absl::StatusCode::kUnavailable &&
                       absl::StrContains(message, "outcome unknown")))
              << message;
          break;
        default:
          EXPECT_TRUE(code == absl::StatusCode::kUnavailable ||
                      code == absl::StatusCode::kFailedPrecondition)
              << message;
      }
    }
    if (kind == Kind::kSyncError && !forever) {
      EXPECT_EQ(CheckReadOnlyAfterFailedSync(run, path), "");
    }
    {
      absl::StatusOr<std::unique_ptr<Database>> reopened =
          Database::Open(database_directory, QuietOptions(posix.get()));
      ASSERT_TRUE(reopened.ok()) << reopened.status();
      ASSERT_EQ(history.VerifyAndContinue(**reopened), "");
    }
    std::filesystem::remove_all(database_directory);
  }
  EXPECT_GT(swept, std::min<uint64_t>(2, count - 1))
      << "the sweep must have met calls of this kind";
  std::printf("%llu failures swept\n", static_cast<unsigned long long>(swept));
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<Kind, bool>>& info) {
  constexpr const char* kNames[] = {"ReadError", "WriteError", "SyncError",
                                    "DiskFull",  "ShortWrite", "Interrupted"};
  return absl::StrCat(kNames[static_cast<size_t>(std::get<0>(info.param))],
                      std::get<1>(info.param) ? "ForEver" : "Once");
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SystemCallFaultTest,
    ::testing::Combine(::testing::Values(Kind::kReadError, Kind::kWriteError, Kind::kSyncError,
                                         Kind::kDiskFull, Kind::kShortWrite, Kind::kInterrupted),
                       ::testing::Bool()),
    NameOf);

}  // namespace
}  // namespace kyrodb::engine
