// Goal:   whenever the machine dies, what was acknowledged is there, what is there is a prefix of
//         the history, of the living timeline only, and recovering twice changes nothing.
// Method: a workload of commits, checkpoints, merges and index segments runs on a disk in memory
//         that stops at every single I/O operation in turn; what survives of the unsynced writes is
//         varied; after each recovery the workload goes on and crashes again, two more times.
//         Then the same with seeded durability bugs, each of which must be noticed.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/memory_file_system.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"
#include "tests/engine/battery.h"
#include "tests/engine/crash/mutant_file_system.h"
#include "tests/engine/crash/workload.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr int kChainLength = 3;

struct Tally {
  uint64_t states = 0;
  std::string failure;  // the first; empty when there is none
};

// Runs until the disk stops: commits with checkpoints, merges and index work strewn in.
void RunUntilCrash(Database& database, CrashHistory& history, Random& random, int commits) {
  if (history.attempted() == 0 && !history.CreateTable(database).ok()) return;
  for (int i = 0; i < commits; ++i) {
    if (!history.Commit(database).ok()) return;
    const uint64_t choice = random.Uniform(12);
    absl::Status status;
    if (choice == 0) status = database.Checkpoint();
    if (choice == 1) status = database.WaitForIndexes(absl::InfiniteDuration());
    if (choice == 2) {
      const auto table = database.Begin()->catalog()->FindTable("crash");
      status = database.Compact(table->id);
    }
    if (!status.ok()) return;
  }
  database.Close().IgnoreError();
}

// Opens what a crash left and goes on, `depth` times. Appends to `tally`.
void RecoverAndGoOn(std::unique_ptr<MemoryFileSystem> disk, uint64_t seed, Mutation mutation,
                    CrashHistory history, int depth, Tally* tally) {
  ++tally->states;
  Random random(seed);
  const bool goes_on = depth > 1;
  // Half of the chains crash inside the recovery itself.
  if (goes_on) disk->StopAtOperation(disk->operation_count() + random.Uniform(60));
  std::unique_ptr<MemoryFileSystem> again;
  {
    const std::unique_ptr<FileSystem> mutant = NewMutantFileSystem(disk.get(), mutation);
    absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open("db", QuietOptions(mutant.get()));
    if (!database.ok()) {
      // The disk stopped within Open: that is no failed recovery.
      if (!goes_on) {
        tally->failure = absl::StrCat("open failed: ", database.status().ToString());
        return;
      }
    } else {
      if (std::string wrong = history.VerifyAndContinue(**database); !wrong.empty()) {
        tally->failure = wrong;
        return;
      }
      if (goes_on) RunUntilCrash(**database, history, random, 8);
      // Before anything is closed properly.
      if (!goes_on && random.OneIn(4)) {
        again = disk->CrashCopy(static_cast<MemoryFileSystem::Survivors>(random.Uniform(3)), seed);
      }
    }
  }
  if (!goes_on) {
    // A process that dies right behind its recovery: the next one finds the same, since nothing
    // was attempted meanwhile.
    if (again == nullptr) return;
    ++tally->states;
    const std::unique_ptr<FileSystem> mutant = NewMutantFileSystem(again.get(), mutation);
    const absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open("db", QuietOptions(mutant.get()));
    tally->failure =
        database.ok() ? history.VerifyAndContinue(**database) : database.status().ToString();
    if (!tally->failure.empty()) {
      tally->failure = absl::StrCat("second recovery: ", tally->failure);
    }
    return;
  }
  // One crash in three is that of the process alone: the disk keeps what its cache holds, which is
  // still not durable when the next crash comes.
  disk->StopAtOperation(std::numeric_limits<uint64_t>::max());
  if (!random.OneIn(3)) {
    disk =
        disk->CrashCopy(static_cast<MemoryFileSystem::Survivors>(random.Uniform(3)), random.Next());
  }
  RecoverAndGoOn(std::move(disk), random.Next(), mutation, history, depth - 1, tally);
}

// One workload, crashed at each of its operations. Stops at the first failure.
void EnumerateCrashes(uint64_t seed, Mutation mutation, int random_survivors, Tally* tally) {
  for (uint64_t operation = 0;; ++operation) {
    const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
    CrashHistory history(seed);
    bool finished = true;
    {
      const std::unique_ptr<FileSystem> mutant = NewMutantFileSystem(disk.get(), mutation);
      disk->StopAtOperation(operation);
      absl::StatusOr<std::unique_ptr<Database>> database =
          Database::Open("db", QuietOptions(mutant.get()));
      Random random(seed);
      if (database.ok()) RunUntilCrash(**database, history, random, 25);
      finished = disk->operation_count() < operation;
    }
    for (int variant = 0; variant < 2 + random_survivors; ++variant) {
      const auto survivors = variant == 0   ? MemoryFileSystem::Survivors::kNone
                             : variant == 1 ? MemoryFileSystem::Survivors::kAll
                                            : MemoryFileSystem::Survivors::kRandom;
      const uint64_t variant_seed = SplitMix64(seed ^ (operation << 8)) + variant;
      RecoverAndGoOn(disk->CrashCopy(survivors, variant_seed), variant_seed, mutation, history,
                     variant % 2 == 0 ? 1 : kChainLength, tally);
      if (!tally->failure.empty()) {
        tally->failure = absl::StrCat("seed ", seed, ", crash at operation ", operation,
                                      ", survivors ", variant, ": ", tally->failure);
        return;
      }
    }
    if (finished) return;
  }
}

TEST(CrashEnumerationTest, EveryAcknowledgedCommitSurvivesACrashAtEveryOperation) {
  const uint64_t states_min = BatteryCount("CRASH_STATES", 10'000, 200'000);
  Tally tally;
  uint64_t seed = 0;
  while (tally.states < states_min && tally.failure.empty()) {
    EnumerateCrashes(++seed, Mutation::kNone, /*random_survivors=*/6, &tally);
  }
  EXPECT_EQ(tally.failure, "");
  EXPECT_GE(tally.states, states_min);
  std::printf("%llu crash states from %llu workloads: 0 lost, 0 phantom, 0 failed opens\n",
              static_cast<unsigned long long>(tally.states), static_cast<unsigned long long>(seed));
}

TEST(CrashEnumerationTest, EverySeededDurabilityBugIsNoticed) {
  for (const Mutation mutation : kAllMutations) {
    Tally tally;
    for (uint64_t seed = 1; seed <= 4 && tally.failure.empty(); ++seed) {
      EnumerateCrashes(seed, mutation, /*random_survivors=*/4, &tally);
    }
    EXPECT_NE(tally.failure, "") << MutationName(mutation) << " was not noticed in " << tally.states
                                 << " states";
    std::printf("%s: noticed after %llu states: %s\n", MutationName(mutation).c_str(),
                static_cast<unsigned long long>(tally.states), tally.failure.c_str());
  }
}

}  // namespace
}  // namespace kyrodb::engine
