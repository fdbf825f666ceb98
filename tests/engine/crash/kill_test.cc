// Goal:   a process that is killed in the middle of anything loses nothing that it acknowledged.
// Method: a writing process (kill_writer.cc) is killed with SIGKILL at random moments, again and
//         again on the same directory; each life first compares what it finds with what earlier
//         lives acknowledged, kept in shared memory. Once on the plain disk and once behind a cache
//         that dies with the process, which makes a kill as bad as a power failure; there, seeded
//         durability bugs must be noticed.
#include <chrono>
#include <cstdio>

#include "gtest/gtest.h"
#include "tests/engine/battery.h"
#include "tests/engine/crash/kill_fixture.h"
#include "tests/engine/crash/mutant_file_system.h"

namespace kyrodb::engine {
namespace {

TEST_F(KillTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  const uint64_t kills = BatteryCount("KILLS", 60, 1000);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(KillOften("posix", Mutation::kNone, kills, 1), "");
  PrintCounts(kills, "kills", begin);
  EXPECT_GT(acknowledged(), kills);
}

TEST_F(KillTest, NothingAcknowledgedIsLostWhenEveryKillIsAPowerFailure) {
  const uint64_t kills = BatteryCount("POWER_KILLS", 60, 1000);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(KillOften("volatile", Mutation::kNone, kills, 2), "");
  PrintCounts(kills, "power failures", begin);
  EXPECT_GT(acknowledged(), kills);
}

class KillMutationTest : public KillTest, public ::testing::WithParamInterface<Mutation> {};

TEST_P(KillMutationTest, ASeededDurabilityBugIsNoticed) {
  const std::string noticed = KillOften("volatile", GetParam(), 400, 3);
  EXPECT_NE(noticed, "") << MutationName(GetParam()) << " was not noticed in 400 kills";
  std::printf("%s: noticed after %u lives: a life %s\n", MutationName(GetParam()).c_str(),
              oracle_->life.load(), noticed.c_str());
}

// Those that a random kill meets soon. The others need a kill within microseconds, or a lost name,
// which this cache does not lose: crash_enumeration_test.cc sees them all.
INSTANTIATE_TEST_SUITE_P(Mutations, KillMutationTest,
                         ::testing::Values(Mutation::kSkipLogSync, Mutation::kSkipManifestSync,
                                           Mutation::kRenameBeforeSync));

}  // namespace
}  // namespace kyrodb::engine
