// Goal:   a real process on a file system of the kernel loses nothing that it acknowledged when the
//         power fails: not what it wrote, and not the names of its files.
// Method: the writing process of kill_test.cc works on a mounted file system that forgets what was
//         not synced (forgetful_mount.h); it is killed at random moments, the file system loses its
//         power, and the next life compares. Seeded durability bugs, a name that is not durable
//         among them, must be noticed. Skipped, and says so, where FUSE is not permitted.
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/engine/battery.h"
#include "tests/engine/crash/forgetful_mount.h"
#include "tests/engine/crash/kill_fixture.h"

namespace kyrodb::engine {
namespace {

class PowerLossTest : public KillTest {
 protected:
  void SetUp() override {
    KillTest::SetUp();
    ASSERT_EQ(mkdir(MountPath().c_str(), 0700), 0);
    absl::StatusOr<std::unique_ptr<ForgetfulMount>> mount = ForgetfulMount::Mount(MountPath());
    if (!mount.ok()) {
      std::printf("**** SKIPPED: power loss on a file system of the kernel is NOT tested: %s\n",
                  mount.status().ToString().c_str());
      GTEST_SKIP() << mount.status();
    }
    mount_ = *std::move(mount);
  }
  void TearDown() override {
    mount_.reset();
    KillTest::TearDown();
  }
  std::string MountPath() const { return directory_ + "/mount"; }
  std::string DatabasePath() const override { return MountPath() + "/db"; }
  void BetweenLives(uint64_t seed) override { mount_->LosePower(seed); }

  std::unique_ptr<ForgetfulMount> mount_;
};

// That the mount forgets at all, and what: without system calls of the engine.
TEST_F(PowerLossTest, TheMountForgetsBytesAndNamesThatWereNotSynced) {
  const std::string kept = MountPath() + "/kept", lost = MountPath() + "/lost";
  uint64_t names_lost = 0, bytes_lost = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const int fd = open(kept.c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_GE(fd, 0) << std::strerror(errno);
    ASSERT_EQ(ftruncate(fd, 0), 0);
    ASSERT_EQ(pwrite(fd, "synced", 6, 0), 6);
    ASSERT_EQ(fdatasync(fd), 0);
    const int directory = open(MountPath().c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(fsync(directory), 0);
    close(directory);
    const std::string more(2000, 'm');
    ASSERT_EQ(pwrite(fd, more.data(), more.size(), 6), 2000);
    close(fd);
    std::ofstream(lost) << "whatever";
    mount_->LosePower(seed);
    std::ifstream file(kept);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    // What was synced is there, in a sector that was written again too.
    ASSERT_EQ(bytes.substr(0, 6), "synced");
    bytes_lost += bytes == "synced" + more ? 0 : 1;
    names_lost += access(lost.c_str(), F_OK) == 0 ? 0 : 1;
    std::remove(lost.c_str());
  }
  EXPECT_GT(names_lost, 5u);
  EXPECT_LT(names_lost, 55u);
  EXPECT_GT(bytes_lost, 5u);
}

TEST_F(PowerLossTest, NothingAcknowledgedIsLostWhenThePowerFailsUnderARealProcess) {
  const uint64_t kills = BatteryCount("MOUNT_KILLS", 25, 500);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(KillOften("posix", Mutation::kNone, kills, 4), "");
  PrintCounts(kills, "power failures of a mounted file system", begin);
  std::printf("%llu changes of names and %llu sectors were forgotten\n",
              static_cast<unsigned long long>(mount_->lost_name_count()),
              static_cast<unsigned long long>(mount_->lost_sector_count()));
  EXPECT_GT(acknowledged(), kills);
  EXPECT_GT(mount_->lost_name_count(), 0u);
  EXPECT_GT(mount_->lost_sector_count(), 0u);
}

class PowerLossMutationTest : public PowerLossTest,
                              public ::testing::WithParamInterface<Mutation> {};

TEST_P(PowerLossMutationTest, ASeededDurabilityBugIsNoticed) {
  const std::string noticed = KillOften("posix", GetParam(), 400, 5);
  EXPECT_NE(noticed, "") << MutationName(GetParam()) << " was not noticed in 400 power failures";
  std::printf("%s: noticed after %u lives: a life %s\n", MutationName(GetParam()).c_str(),
              oracle_->life.load(), noticed.c_str());
}

INSTANTIATE_TEST_SUITE_P(Mutations, PowerLossMutationTest,
                         ::testing::Values(Mutation::kSkipLogSync, Mutation::kSkipDirectorySync));

}  // namespace
}  // namespace kyrodb::engine
