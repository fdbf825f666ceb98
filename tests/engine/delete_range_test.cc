// Goal:   deleting a range leaves it empty, for everybody and whatever is going on meanwhile.
// Method: ranges against a map, over memtables and runs and own writes; transactions that write
// into
//         the range while it is being deleted, from one thread and from many.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_format.h"
#include "engine/base/random.h"
#include "tests/engine/storage/test_seed.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::ElementsAre;
using testing::Pair;

class DeleteRangeTest : public testing::Test {
 protected:
  absl::Status Put(absl::string_view key, absl::string_view value) {
    return PutKeyValue(*database_, table_, key, value);
  }

  const std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_ = OpenOrDie(disk_.get());
  const ObjectId table_ = CreateTableOrDie(*database_, DocsTable());
};

TEST_F(DeleteRangeTest, CommittedAndOwnKeysGoAndTheRestStays) {
  for (const char* key : {"a", "b", "c", "d"}) ASSERT_TRUE(Put(key, "1").ok());
  const auto t = database_->Begin();
  ASSERT_TRUE(t->Put(table_, "bb", "own").ok());
  ASSERT_TRUE(t->Delete(table_, "c").ok());
  const absl::StatusOr<uint64_t> count = t->DeleteRange(table_, {.begin = "b", .end = "d"});
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 2u);
  ASSERT_TRUE(t->Put(table_, "cc", "later").ok());
  EXPECT_THAT(ScanAll(*t, table_),
              ElementsAre(Pair("a", "1"), Pair("cc", "later"), Pair("d", "1")));
  EXPECT_EQ(ScanAll(*database_, table_).size(), 4u);
  ASSERT_TRUE(t->Commit().ok());
  EXPECT_THAT(ScanAll(*database_, table_),
              ElementsAre(Pair("a", "1"), Pair("cc", "later"), Pair("d", "1")));
}

TEST_F(DeleteRangeTest, AnotherWriterInTheRangeIsAConflictAndOneOutsideIsNot) {
  const std::map<std::string, bool> cases = {
      {"a", false}, {"b", true}, {"new", true}, {"x", false}};
  for (const IsolationLevel level : {IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    for (const bool before : {false, true}) {  // written before or after the call
      for (const auto& [key, conflict] : cases) {
        SCOPED_TRACE(absl::StrFormat("%s, before %d", key, before));
        ASSERT_TRUE(Put("b", "1").ok());
        const auto t = database_->Begin(level);
        const auto write = [&, &key = key] { ASSERT_TRUE(Put(key, "2").ok()); };
        if (before) write();
        ASSERT_TRUE(t->DeleteRange(table_, {.begin = "b", .end = "x"}).ok());
        if (!before) write();
        ASSERT_EQ(absl::IsAborted(t->Commit().status()), conflict);
        const auto clean = database_->Begin();
        ASSERT_TRUE(clean->DeleteRange(table_, {}).ok());
        ASSERT_TRUE(clean->Commit().ok());
        ASSERT_TRUE(ScanAll(*database_, table_).empty());
      }
    }
  }
}

TEST_F(DeleteRangeTest, ALateWriterOfADeletedKeyConflicts) {
  ASSERT_TRUE(Put("b", "1").ok());
  const auto late = database_->Begin();
  ASSERT_TRUE(late->Put(table_, "b", "2").ok());
  const auto t = database_->Begin();
  ASSERT_TRUE(t->DeleteRange(table_, KeyRange::Prefix("b")).ok());
  ASSERT_TRUE(t->Commit().ok());
  EXPECT_TRUE(absl::IsAborted(late->Commit().status()));
}

TEST_F(DeleteRangeTest, WhatIsTooMuchForOneTransactionNamesTheKnob) {
  for (int i = 0; i < 100; ++i) {
    const auto t = database_->Begin();
    for (int j = 0; j < 100; ++j) {
      ASSERT_TRUE(t->Put(table_, absl::StrFormat("%030d", i * 100 + j), "").ok());
    }
    ASSERT_TRUE(t->Commit().ok());
  }
  ASSERT_TRUE(database_->knobs().Set("transaction_bytes_max", 64 << 10).ok());
  const auto t = database_->Begin();
  const absl::Status status = t->DeleteRange(table_, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("transaction_bytes_max"));
}

TEST_F(DeleteRangeTest, RandomHistoriesAgreeWithAMap) {
  Random random(TestSeed());
  std::map<std::string, std::string> map;
  for (int step = 0; step < 1500; ++step) {
    if (random.OneIn(40)) {
      ASSERT_TRUE(database_->Checkpoint().ok());
    }
    if (random.OneIn(60)) {
      ASSERT_TRUE(database_->Compact(table_).ok());
    }
    const auto old = database_->Begin();
    const std::map<std::string, std::string> before = map;
    const auto t = database_->Begin();
    const uint64_t count = 1 + random.Uniform(4);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = absl::StrFormat("%02u", random.Uniform(60));
      if (random.OneIn(5)) {
        const KeyRange range{
            .begin = key,
            .end = random.OneIn(6) ? "" : absl::StrFormat("%02u", random.Uniform(61))};
        const absl::StatusOr<uint64_t> deleted = t->DeleteRange(table_, range);
        ASSERT_TRUE(deleted.ok()) << deleted.status();
        ASSERT_EQ(*deleted, std::erase_if(map, [&](const auto& row) {
          return row.first >= range.begin && (range.end.empty() || row.first < range.end);
        }));
      } else {
        ASSERT_TRUE(t->Put(table_, key, absl::StrCat(step)).ok());
        map[key] = absl::StrCat(step);
      }
    }
    ASSERT_EQ(ScanAll(*t, table_), map) << "step " << step;
    if (random.OneIn(4)) {
      t->Rollback();
      map = before;
    } else {
      ASSERT_TRUE(t->Commit().ok());
    }
    ASSERT_EQ(ScanAll(*old, table_), before) << "step " << step;
    ASSERT_EQ(ScanAll(*database_, table_), map) << "step " << step;
  }
}

// Groups grow by one member and are deleted whole: nobody may ever see one with a gap.
TEST_F(DeleteRangeTest, WithManyThreadsNoPartOfARangeIsLeft) {
  std::atomic<int> deleted{0};
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      threads.emplace_back([&, seed] {
        Random random(seed);
        for (int round = 0; round < 400; ++round) {
          const std::string prefix = absl::StrFormat("g%u/", random.Uniform(3));
          const auto t = database_->Begin();
          if (random.OneIn(2)) {
            // Only the new member is written: it conflicts with a delete of the group through the
            // range alone.
            const size_t size = ScanAll(*t, table_, KeyRange::Prefix(prefix)).size();
            if (random.OneIn(2)) std::this_thread::yield();
            EXPECT_TRUE(t->Put(table_, absl::StrFormat("%s%03u", prefix, size), "").ok());
            if (size > 0) {
              EXPECT_TRUE(t->Put(table_, prefix + "000", "").ok());
            }
            t->Commit().status().IgnoreError();
          } else {
            EXPECT_TRUE(t->DeleteRange(table_, KeyRange::Prefix(prefix)).ok());
            if (random.OneIn(2)) std::this_thread::yield();
            if (t->Commit().ok()) deleted.fetch_add(1);
          }
          const auto reader = database_->Begin();
          const auto members = ScanAll(*reader, table_, KeyRange::Prefix(prefix));
          for (size_t i = 0; i < members.size(); ++i) {
            if (!members.contains(absl::StrFormat("%s%03u", prefix, i))) wrong.fetch_add(1);
          }
        }
      });
    }
  }
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(deleted.load(), 50);
}

}  // namespace
}  // namespace kyrodb::engine
