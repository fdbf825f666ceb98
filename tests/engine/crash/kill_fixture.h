// Lives of a writing process (kill_writer.cc), each killed with SIGKILL; what they acknowledged is
// kept in memory that outlives them.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "tests/engine/crash/kill_oracle.h"
#include "tests/engine/crash/mutant_file_system.h"

namespace kyrodb::engine {

// How long a life writes, at most, or recovers, when it is killed while it does. Sanitizers make it
// slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr uint64_t kLifeMicrosMax = 300'000;
#else
inline constexpr uint64_t kLifeMicrosMax = 30'000;
#endif

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // The long test waits for a real disk; the short one, for which that is most of the time, does
    // without where it can: a kill loses nothing of what a file system in memory holds either.
    const bool in_memory = getenv("KYRO_LONG") == nullptr && access("/dev/shm", W_OK) == 0;
    const std::string parent = in_memory ? "/dev/shm" : ::testing::TempDir();
    std::string pattern = absl::StrCat(parent, "/kyro_kill_XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    const std::string path = OraclePath();
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(ftruncate(fd, sizeof(KillOracle)), 0);
    void* memory = mmap(nullptr, sizeof(KillOracle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(memory, MAP_FAILED);
    close(fd);
    oracle_ = static_cast<KillOracle*>(memory);
  }
  void TearDown() override {
    munmap(oracle_, sizeof(KillOracle));
    std::filesystem::remove_all(directory_);
  }
  std::string OraclePath() const { return directory_ + "/oracle"; }
  virtual std::string DatabasePath() const { return directory_ + "/db"; }
  // After a life was killed, before the next begins.
  virtual void BetweenLives(uint64_t /*seed*/) {}

  pid_t Spawn(const char* disk, Mutation mutation, const char* what) {
    ++oracle_->life;
    const std::string database = DatabasePath();
    const std::string oracle = OraclePath();
    const std::string number = absl::StrCat(static_cast<int>(mutation));
    const pid_t pid = fork();
    if (pid == 0) {
      execl(KYRO_KILL_WRITER, KYRO_KILL_WRITER, database.c_str(), oracle.c_str(), disk,
            number.c_str(), what, nullptr);
      _exit(127);
    }
    return pid;
  }

  // Kills `kills` lives; one in four already while it recovers. Empty, or how a life ended by
  // itself.
  std::string KillOften(const char* disk, Mutation mutation, uint64_t kills, uint64_t seed) {
    Random random(seed);
    for (uint64_t i = 0; i < kills; ++i) {
      const pid_t pid = Spawn(disk, mutation, "write");
      const bool early = random.OneIn(4);
      int status = 0;
      // Until it writes: a life that finds something wrong ends here.
      while (!early && oracle_->verified_life != oracle_->life) {
        if (waitpid(pid, &status, WNOHANG) == pid) return Describe(status);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      // On a busy machine most lives would not come to a commit before they end.
      const bool commits = !early && !random.OneIn(4);
      const uint64_t before = acknowledged();
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      while (commits && acknowledged() == before && std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random.Uniform(kLifeMicrosMax)));
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      if (!WIFSIGNALED(status)) return Describe(status);
      BetweenLives(random.Next());
    }
    int status = 0;
    waitpid(Spawn(disk, mutation, "verify"), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : Describe(status);
  }

  static std::string Describe(int status) {
    if (WIFSIGNALED(status)) return absl::StrCat("died of signal ", WTERMSIG(status));
    switch (WEXITSTATUS(status)) {
      case 3:
        return "found the database wrong";
      case 4:
        return "could not open or write the database";
      default:
        return absl::StrCat("exited with ", WEXITSTATUS(status));
    }
  }

  uint64_t acknowledged() const {
    uint64_t sum = 0;
    for (const KillWriterState& writer : oracle_->writers) sum += writer.acknowledged.load().number;
    return sum;
  }

  void PrintCounts(uint64_t kills, const char* what, std::chrono::steady_clock::time_point begin) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf(
        "%llu %s (%.0f a minute), %llu acknowledged commits, %llu checkpoints, %llu merges: "
        "0 lost, 0 holes, 0 phantoms, 0 failed opens\n",
        static_cast<unsigned long long>(kills), what,
        static_cast<double>(kills) * 60 / seconds.count(),
        static_cast<unsigned long long>(acknowledged()),
        static_cast<unsigned long long>(oracle_->checkpoint_count),
        static_cast<unsigned long long>(oracle_->compaction_count));
  }

  std::string directory_;
  KillOracle* oracle_ = nullptr;
};

}  // namespace kyrodb::engine
