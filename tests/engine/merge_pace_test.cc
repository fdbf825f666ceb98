// Goal:   merges keep to the rate of their knob over time, and give up when they are told to.
// Method: a token bucket under a clock that stands still; a merge that waits for ever is cancelled,
//         and so is one by the close of its database.
#include "engine/core/merge_pace.h"

#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/base/memory_file_system.h"
#include "gtest/gtest.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(TokenBucketTest, TheRateHoldsOverTimeAndIdlenessIsNotSavedUp) {
  TokenBucket bucket;
  int64_t now = 5 * kSecond;
  uint64_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    now = bucket.Take(1000, /*rate=*/100000, now);
    taken += 1000;
  }
  // A tenth of a second was in the bucket.
  EXPECT_NEAR(static_cast<double>(now - 5 * kSecond), 9.9 * kSecond, 0.02 * kSecond);
  now += 100 * kSecond;
  const int64_t begin = now;
  for (int i = 0; i < 100; ++i) now = bucket.Take(1000, 100000, now);
  EXPECT_NEAR(static_cast<double>(now - begin), 0.9 * kSecond, 0.02 * kSecond);
}

TEST(TokenBucketTest, NoRateIsNoLimit) {
  TokenBucket bucket;
  EXPECT_EQ(bucket.Take(uint64_t{1} << 60, 0, 7), 7);
}

TEST(MergePaceTest, WhoWaitsIsSetFreeByCancel) {
  const ManualClock clock;
  KnobRegistry knobs;
  const Knob& rate = knobs.Define({.name = "rate", .default_value = 1, .min = 0, .max = 1000});
  MergePace pace(&clock, &rate);
  EXPECT_TRUE(pace.Spend(0).ok());
  std::jthread canceller([&] { pace.Cancel(); });
  EXPECT_EQ(pace.Spend(1000000).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(pace.Spend(0).code(), absl::StatusCode::kCancelled);
}

TEST(MergePaceTest, ClosingGivesUpAMergeThatWouldTakeForEver) {
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  const ManualClock clock(1);
  OpenOptions options = QuietOptions(disk.get());
  options.background = true;
  options.clock = &clock;
  options.knobs.push_back({"run_count_max", 1});
  options.knobs.push_back({"compaction_bytes_per_second", 1});
  std::unique_ptr<Database> database = *Database::Open("db", options);
  const ObjectId table = CreateTableOrDie(*database, DocsTable());
  for (int i = 0; i < 6; ++i) {
    for (int row = 0; row < 8; ++row) {
      ASSERT_TRUE(
          PutKeyValue(*database, table, absl::StrCat(i, "-", row), std::string(9000, 'x')).ok());
    }
    ASSERT_TRUE(database->Checkpoint().ok());
  }
  EXPECT_TRUE(database->Close().ok());
  database = OpenOrDie(disk.get());
  EXPECT_EQ(ScanAll(*database, table).size(), 48u);
}

TEST(MergePaceTest, DeadShareIsKnownAgainAfterReopening) {
  const std::unique_ptr<MemoryFileSystem> disk = NewMemoryFileSystem();
  std::unique_ptr<Database> database = OpenOrDie(disk.get());
  const ObjectId table = CreateTableOrDie(*database, DocsTable());
  for (int round = 0; round < 2; ++round) {
    for (int row = 0; row < 50; ++row) {
      ASSERT_TRUE(PutKeyValue(*database, table, absl::StrCat(row), absl::StrCat(round)).ok());
    }
    ASSERT_TRUE(database->Checkpoint().ok());
  }
  EXPECT_EQ(database->space_statistics(table)->dead_count, 50u);
  database.reset();
  database = OpenOrDie(disk.get());
  EXPECT_EQ(database->space_statistics(table)->dead_count, 50u);
  ASSERT_TRUE(database->Compact(table).ok());
  EXPECT_EQ(database->space_statistics(table)->dead_count, 0u);
  EXPECT_EQ(database->space_statistics(table)->version_count, 50u);
}

}  // namespace
}  // namespace kyrodb::engine
