// Goal:   a serializable transaction commits only when what it has read is still so; it is refused
//         for nothing that it has not read.
// Method: pairs of transactions with a known verdict; a set of reads against a list of them.
#include <gmock/gmock.h>

#include "absl/strings/str_format.h"
#include "engine/base/random.h"
#include "engine/core/commit_history.h"
#include "engine/core/read_set.h"
#include "tests/engine/storage/test_seed.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::HasSubstr;

class SerializableTest : public testing::Test {
 protected:
  SerializableTest() { Fill(); }
  // The table holds b, d, f and h, and nothing else.
  void Fill() {
    const std::unique_ptr<Transaction> t = database_->Begin();
    for (const auto& [key, value] : ScanAll(*t, table_)) EXPECT_TRUE(t->Delete(table_, key).ok());
    for (const char* key : {"b", "d", "f", "h"}) EXPECT_TRUE(t->Put(table_, key, "0").ok());
    EXPECT_TRUE(t->Commit().ok());
  }
  std::unique_ptr<Transaction> Begin() { return database_->Begin(IsolationLevel::kSerializable); }
  // What becomes of a transaction that does `reads` and writes elsewhere, while `write` is done.
  absl::Status Race(const std::function<void(Transaction&)>& reads,
                    const std::function<void(Transaction&)>& write) {
    Fill();
    const std::unique_ptr<Transaction> reader = Begin();
    reads(*reader);
    EXPECT_TRUE(reader->Put(table_, "elsewhere", "1").ok());
    const std::unique_ptr<Transaction> writer = database_->Begin();
    write(*writer);
    EXPECT_TRUE(writer->Commit().ok());
    return reader->Commit().status();
  }
  std::function<void(Transaction&)> Writes(const std::string& key) {
    return [this, key](Transaction& t) { EXPECT_TRUE(t.Put(table_, key, "new").ok()); };
  }
  std::function<void(Transaction&)> Gets(const std::string& key) {
    return [this, key](Transaction& t) { EXPECT_TRUE(t.Get(table_, key).ok()); };
  }
  // Walks `count` entries of a range, and looks at the next.
  std::function<void(Transaction&)> Scans(KeyRange range, int count, bool reverse = false) {
    return [this, range, count, reverse](Transaction& t) {
      auto rows = t.Scan(table_, range, {.reverse = reverse});
      ASSERT_TRUE(rows.ok());
      for (int i = 0; i < count && (*rows)->Valid(); ++i) (*rows)->Next();
    };
  }

  const std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  std::unique_ptr<Database> database_ = OpenOrDie(disk_.get());
  const ObjectId table_ = CreateTableOrDie(*database_, DocsTable());
};

TEST_F(SerializableTest, WriteSkewIsRefusedAndUnderSnapshotsItIsNot) {
  for (const IsolationLevel level : {IsolationLevel::kSnapshot, IsolationLevel::kSerializable}) {
    const auto a = database_->Begin(level);
    const auto b = database_->Begin(level);
    ASSERT_TRUE(a->Get(table_, "b").ok());
    ASSERT_TRUE(b->Get(table_, "d").ok());
    ASSERT_TRUE(a->Put(table_, "d", "a").ok());
    ASSERT_TRUE(b->Put(table_, "b", "b").ok());
    EXPECT_TRUE(a->Commit().ok());
    const absl::Status second = b->Commit().status();
    EXPECT_EQ(second.code(), level == IsolationLevel::kSnapshot ? absl::StatusCode::kOk
                                                                : absl::StatusCode::kAborted);
    if (!second.ok()) {
      EXPECT_THAT(std::string(second.message()), HasSubstr("rows of table \"docs\""));
    }
  }
}

TEST_F(SerializableTest, KeysThatWereReadPresentOrAbsentMustStayAsTheyWere) {
  EXPECT_TRUE(absl::IsAborted(Race(Gets("b"), Writes("b"))));
  EXPECT_TRUE(absl::IsAborted(Race(Gets("absent"), Writes("absent"))));
  EXPECT_TRUE(Race(Gets("b"), Writes("d")).ok());
  EXPECT_TRUE(absl::IsAborted(
      Race(Gets("b"), [&](Transaction& t) { EXPECT_TRUE(t.Delete(table_, "b").ok()); })));
}

TEST_F(SerializableTest, ARangeCountsAsFarAsItWasWalked) {
  // At "d": everything up to and with it was seen.
  EXPECT_TRUE(absl::IsAborted(Race(Scans({}, 1), Writes("a"))));
  EXPECT_TRUE(absl::IsAborted(Race(Scans({}, 1), Writes("c"))));
  EXPECT_TRUE(absl::IsAborted(Race(Scans({}, 1), Writes("d"))));
  EXPECT_TRUE(Race(Scans({}, 1), Writes("dd")).ok());
  EXPECT_TRUE(Race(Scans({}, 1), Writes("z")).ok());
  // To the end.
  EXPECT_TRUE(absl::IsAborted(Race(Scans({}, 100), Writes("zz"))));
  EXPECT_TRUE(absl::IsAborted(Race(Scans({.begin = "e", .end = "i"}, 100), Writes("hh"))));
  EXPECT_TRUE(Race(Scans({.begin = "e", .end = "i"}, 100), Writes("i")).ok());
  EXPECT_TRUE(Race(Scans({.begin = "e", .end = "i"}, 100), Writes("dz")).ok());
}

TEST_F(SerializableTest, InReverseARangeCountsFromItsEnd) {
  const KeyRange range{.begin = "", .end = "i"};
  EXPECT_TRUE(absl::IsAborted(Race(Scans(range, 1, true), Writes("hh"))));
  EXPECT_TRUE(absl::IsAborted(Race(Scans(range, 1, true), Writes("f"))));
  EXPECT_TRUE(Race(Scans(range, 1, true), Writes("e")).ok());
  EXPECT_TRUE(Race(Scans(range, 1, true), Writes("i")).ok());
  EXPECT_TRUE(absl::IsAborted(Race(Scans(range, 100, true), Writes("a"))));
}

TEST_F(SerializableTest, AnIteratorThatIsStillOpenCounts) {
  const auto reader = Begin();
  const auto rows = reader->Scan(table_, {});
  ASSERT_TRUE(rows.ok());
  (*rows)->Next();
  (*rows)->Next();
  ASSERT_TRUE(PutKeyValue(*database_, table_, "e", "new").ok());
  ASSERT_TRUE(reader->Put(table_, "z", "1").ok());
  EXPECT_TRUE(absl::IsAborted(reader->Commit().status()));
}

TEST_F(SerializableTest, OneThatWritesNothingAlwaysCommits) {
  const auto reader = Begin();
  Scans({}, 100)(*reader);
  ASSERT_TRUE(PutKeyValue(*database_, table_, "b", "new").ok());
  EXPECT_EQ(GetOrError(*reader, table_, "b"), "0");
  EXPECT_TRUE(reader->Commit().ok());
}

TEST_F(SerializableTest, DefinitionsThatWereReadCount) {
  const auto create = [](Transaction& t) { EXPECT_TRUE(t.CreateTable(DocsTable("second")).ok()); };
  EXPECT_TRUE(Race([](Transaction&) {}, create).ok());
  const auto look = [](Transaction& t) { EXPECT_EQ(t.catalog()->FindTable("third"), nullptr); };
  EXPECT_TRUE(absl::IsAborted(
      Race(look, [](Transaction& t) { EXPECT_TRUE(t.CreateTable(DocsTable("third")).ok()); })));
}

TEST_F(SerializableTest, ATableThatWasReadMustNotBeDropped) {
  const ObjectId second = CreateTableOrDie(*database_, DocsTable("second"));
  EXPECT_TRUE(
      absl::IsAborted(Race([&](Transaction& t) { EXPECT_TRUE(t.Get(second, "k").ok()); },
                           [&](Transaction& t) { EXPECT_TRUE(t.DropTable(second).ok()); })));
}

TEST_F(SerializableTest, ANearestSearchReadsTheWholeTable) {
  const ObjectId second = CreateTableOrDie(*database_, DocsTable("second"));
  ObjectId index = 0;
  {
    const auto t = database_->Begin();
    const auto created =
        t->CreateIndex(second, {.name = "by_embedding", .column = 2, .metric = Metric::kL2});
    ASSERT_TRUE(created.ok()) << created.status();
    index = *created;
    ASSERT_TRUE(t->Commit().ok());
  }
  const auto search = [&](Transaction& t) {
    const std::vector<float> query = {1, 0, 0, 0};
    const auto answer = t.Nearest({.table = second, .index = index, .query = query, .limit = 1},
                                  [](absl::string_view, absl::string_view) { return true; });
    EXPECT_TRUE(answer.ok()) << answer.status();
  };
  EXPECT_TRUE(Race(search, Writes("b")).ok());
  EXPECT_TRUE(absl::IsAborted(
      Race(search, [&](Transaction& t) { EXPECT_TRUE(t.Put(second, "b", "new").ok()); })));
}

// The history of commits begins with the first commit while a reader is there. One that wrote
// before it, or more than the history holds, leaves the slow way: looking into the spaces.
TEST_F(SerializableTest, WithoutTheHistoryOfCommitsTheVerdictIsTheSame) {
  for (const bool in_run : {false, true}) {
    for (const bool conflict : {false, true}) {
      SCOPED_TRACE(absl::StrFormat("in run %d, conflict %d", in_run, conflict));
      const auto reader = Begin();
      Scans({.begin = "c", .end = "g"}, 100)(*reader);
      ASSERT_TRUE(reader->Get(table_, "x").ok());
      if (conflict) {
        ASSERT_TRUE(PutKeyValue(*database_, table_, in_run ? "x" : "e", "new").ok());
      }
      ASSERT_TRUE(PutKeyValue(*database_, table_, "a", "new").ok());
      // More keys than are remembered.
      for (int round = 0; round < 2; ++round) {
        const auto large = database_->Begin();
        for (int i = 0; i < 1200; ++i) {
          ASSERT_TRUE(large->Put(table_, absl::StrFormat("large/%08000d", i), "").ok());
        }
        ASSERT_TRUE(large->Commit().ok());
      }
      if (in_run) {
        ASSERT_TRUE(database_->Checkpoint().ok());
      }
      ASSERT_TRUE(reader->Put(table_, "z", "1").ok());
      EXPECT_EQ(absl::IsAborted(reader->Commit().status()), conflict);
    }
  }
}

TEST(ReadSetTest, CoversWhatWasAddedAndWithRoomNothingElse) {
  Random random(TestSeed());
  const auto key = [&] { return absl::StrFormat("%02x", random.Uniform(64)); };
  for (int round = 0; round < 300; ++round) {
    const uint64_t bytes_max = random.OneIn(2) ? uint64_t{1} << 30 : random.Uniform(3000);
    ReadSet reads(bytes_max);
    std::vector<std::pair<ObjectId, KeyRange>> added;
    const uint64_t count = random.Uniform(20);
    for (uint64_t i = 0; i < count; ++i) {
      const ObjectId space = 1 + static_cast<ObjectId>(random.Uniform(2));
      KeyRange range{.begin = key(), .end = random.OneIn(10) ? "" : key()};
      if (random.OneIn(2)) {
        range.end = range.begin + '\0';
        reads.AddKey(space, range.begin);
      } else {
        reads.AddRange(space, range.begin, range.end);
      }
      added.emplace_back(space, range);
      ASSERT_LE(reads.memory_bytes(), bytes_max);
    }
    for (ObjectId space = 1; space <= 2; ++space) {
      for (int probe = 0; probe < 64; ++probe) {
        const std::string at = key();
        const bool expected = std::any_of(added.begin(), added.end(), [&](const auto& entry) {
          return entry.first == space && entry.second.begin <= at &&
                 (entry.second.end.empty() || at < entry.second.end);
        });
        if (expected || bytes_max > 10000) {
          ASSERT_EQ(reads.Covers(space, at), expected) << at;
        }
        const std::string end = key();
        if (!(at < end)) continue;
        const bool overlaps = std::any_of(added.begin(), added.end(), [&](const auto& entry) {
          const KeyRange& range = entry.second;
          return entry.first == space && (range.end.empty() || range.begin < range.end) &&
                 range.begin < end && (range.end.empty() || at < range.end);
        });
        if (overlaps || bytes_max > 10000) {
          ASSERT_EQ(reads.Overlaps(space, at, end), overlaps) << at << " " << end;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kyrodb::engine
