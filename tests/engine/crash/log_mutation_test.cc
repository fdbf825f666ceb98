// Goal:   bugs in how a recovered log is opened again are noticed: going on in the old epoch, and
//         not writing again what was read from a cache.
// Method: sessions of appends end in the death of the process (the disk keeps what is in its cache)
//         or of the power, at a random operation, many times on the same disk; before each session
//         the result of recovery is falsified as the bug would. What is found must be what was
//         acknowledged, and a prefix of what was tried, of the living timeline. Without a bug
//         nothing is ever wrong.
#include <cstdio>
#include <limits>

#include "tests/engine/battery.h"
#include "tests/wal/wal_fixture.h"

namespace kyrodb::wal {
namespace {

enum class Bug { kNone, kOldEpoch, kNotWrittenAgain };

// One disk through `session_count` sessions. Empty, or what is wrong.
std::string RunSessions(uint64_t seed, Bug bug, int session_count, uint64_t* state_count) {
  Random random(seed);
  std::unique_ptr<MemoryFileSystem> disk = NewDisk();
  std::map<Lsn, std::string> tried;
  Lsn acknowledged = 0;
  for (int session = 0; session < session_count; ++session) {
    absl::StatusOr<Replayed> found = TryRecover(disk.get());
    if (!found.ok()) return found.status().ToString();
    if (found->result.damage) return std::string(found->result.damage->ToStatus().message());
    const Lsn last = found->result.last_lsn;
    if (last < acknowledged) return absl::StrCat("lost: ", acknowledged, ", found ", last);
    for (Lsn lsn = 1; lsn <= last; ++lsn) {
      if (!tried.contains(lsn) || found->records[lsn] != tried[lsn]) {
        return absl::StrCat("phantom at lsn ", lsn, ": ", found->records[lsn].substr(0, 20));
      }
    }
    ++*state_count;
    tried.erase(tried.upper_bound(last), tried.end());

    RecoveryResult result = found->result;
    if (bug == Bug::kOldEpoch && result.epoch_max > 0) --result.epoch_max;
    if (bug == Bug::kNotWrittenAgain) result.synced_lsn = result.last_lsn;
    disk->StopAtOperation(disk->operation_count() + random.Uniform(30));
    absl::StatusOr<std::unique_ptr<Log>> log = Log::Open(TestOptions(disk.get()), result);
    if (log.ok()) {
      // What readers are shown from now on must stay true.
      acknowledged = last;
      for (Lsn lsn = last + 1; lsn < last + 20; ++lsn) {
        tried[lsn] =
            absl::StrCat("session ", session, " lsn ", lsn, std::string(random.Uniform(900), 'x'));
        if (!(*log)->Append(tried[lsn]).ok()) break;
        acknowledged = lsn;
      }
      log->reset();
    }
    disk->StopAtOperation(std::numeric_limits<uint64_t>::max());
    if (random.OneIn(2)) {
      disk = disk->CrashCopy(static_cast<MemoryFileSystem::Survivors>(random.Uniform(3)),
                             random.Next());
    }
  }
  return "";
}

TEST(LogMutationTest, NothingIsWrongWithoutABug) {
  const uint64_t disks = engine::BatteryCount("LOG_DISKS", 1000, 30'000);
  uint64_t state_count = 0;
  for (uint64_t seed = 1; seed <= disks; ++seed) {
    ASSERT_EQ(RunSessions(seed, Bug::kNone, 8, &state_count), "") << "seed " << seed;
  }
  std::printf("%llu recoveries: nothing wrong\n", static_cast<unsigned long long>(state_count));
}

TEST(LogMutationTest, GoingOnInTheOldEpochIsNoticed) {
  uint64_t state_count = 0;
  std::string noticed;
  for (uint64_t seed = 1; seed < 2000 && noticed.empty(); ++seed) {
    noticed = RunSessions(seed, Bug::kOldEpoch, 8, &state_count);
  }
  EXPECT_NE(noticed, "");
  std::printf("noticed after %llu recoveries: %s\n", static_cast<unsigned long long>(state_count),
              noticed.c_str());
}

TEST(LogMutationTest, NotWritingAgainWhatWasReadFromACacheIsNoticed) {
  uint64_t state_count = 0;
  std::string noticed;
  for (uint64_t seed = 1; seed < 2000 && noticed.empty(); ++seed) {
    noticed = RunSessions(seed, Bug::kNotWrittenAgain, 8, &state_count);
  }
  EXPECT_NE(noticed, "");
  std::printf("noticed after %llu recoveries: %s\n", static_cast<unsigned long long>(state_count),
              noticed.c_str());
}

}  // namespace
}  // namespace kyrodb::wal
