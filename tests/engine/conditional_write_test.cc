// Goal:   conditional writes, merges and writes that expire do what their contract says, with other
//         transactions in between, in one group and after a crash.
// Method: pairs of transactions with a known verdict; threads that count; a random history of all
//         operations beside a map that holds what every commit should have left.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_format.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/core/write_set.h"
#include "engine/merge.h"
#include "tests/engine/storage/test_seed.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

class ConditionalWriteTest : public testing::Test {
 protected:
  std::unique_ptr<Database> OpenIt() {
    OpenOptions options = QuietOptions(disk_.get());
    options.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open("db", options);
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : nullptr;
  }
  void CrashAndReopen() {
    std::unique_ptr<MemoryFileSystem> survivor =
        disk_->CrashCopy(MemoryFileSystem::Survivors::kNone, 0);
    database_.reset();
    disk_ = std::move(survivor);
    database_ = OpenIt();
  }
  std::string Get(absl::string_view key) { return GetOrError(*database_, table_, key); }
  int64_t Number(absl::string_view key) {
    const absl::StatusOr<int64_t> number = Int64Value(Get(key));
    EXPECT_TRUE(number.ok()) << number.status();
    return number.value_or(-1);
  }
  // Runs `write` in a transaction of its own.
  absl::Status Do(const std::function<absl::Status(Transaction&)>& write) {
    const std::unique_ptr<Transaction> transaction = database_->Begin();
    KYRO_RETURN_IF_ERROR(write(*transaction));
    return transaction->Commit().status();
  }
  absl::Status PutIf(const std::string& key, const Expectation& expected,
                     const std::string& value) {
    return Do([&](Transaction& t) { return t.PutIf(table_, key, expected, value); });
  }
  absl::Status Add(const std::string& key, int64_t number) {
    return Do([&](Transaction& t) {
      return t.Merge(table_, key, MergeOperator::kAddInt64, Int64Operand(number));
    });
  }

  std::unique_ptr<MemoryFileSystem> disk_ = NewMemoryFileSystem();
  ManualClock clock_{1'000'000};
  std::unique_ptr<Database> database_ = OpenIt();
  const ObjectId table_ = CreateTableOrDie(*database_, DocsTable());
};

TEST_F(ConditionalWriteTest, AWriteHappensOnlyWhenTheKeyIsAsExpected) {
  EXPECT_TRUE(PutIf("a", Expectation::Absent(), "1").ok());
  const absl::Status exists = PutIf("a", Expectation::Absent(), "2");
  EXPECT_EQ(exists.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(exists.message()),
              HasSubstr("table \"docs\": the key holds a value of 1 bytes of commit"));
  EXPECT_THAT(std::string(exists.message()), HasSubstr("expected nothing"));
  EXPECT_EQ(Get("a"), "1");

  const auto found = database_->Begin()->GetVersioned(table_, "a");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->lsn, database_->last_lsn());
  EXPECT_TRUE(PutIf("a", Expectation::AtLsn((*found)->lsn), "2").ok());
  EXPECT_FALSE(PutIf("a", Expectation::AtLsn((*found)->lsn), "3").ok());
  EXPECT_TRUE(PutIf("a", Expectation::Value("2"), "3").ok());
  EXPECT_FALSE(PutIf("a", Expectation::Value("2"), "4").ok());
  EXPECT_TRUE(PutIf("a", Expectation::Present(), "4").ok());
  EXPECT_FALSE(PutIf("b", Expectation::Present(), "4").ok());
  EXPECT_FALSE(
      Do([&](Transaction& t) { return t.DeleteIf(table_, "a", Expectation::Value("3")); }).ok());
  EXPECT_TRUE(
      Do([&](Transaction& t) { return t.DeleteIf(table_, "a", Expectation::Value("4")); }).ok());
  EXPECT_EQ(Get("a"), "-");
}

TEST_F(ConditionalWriteTest, TheNewestStateDecidesNotTheSnapshot) {
  const auto late = database_->Begin();
  ASSERT_TRUE(PutKeyValue(*database_, table_, "a", "1").ok());
  EXPECT_TRUE(late->PutIf(table_, "a", Expectation::Value("1"), "2").ok());
  EXPECT_EQ(GetOrError(*late, table_, "a"), "2");
  EXPECT_TRUE(late->Commit().ok());
  EXPECT_EQ(Get("a"), "2");
}

TEST_F(ConditionalWriteTest, AllOrNothingIsWrittenWhenAnExpectationFails) {
  const absl::Status status = Do([&](Transaction& t) {
    KYRO_RETURN_IF_ERROR(t.Put(table_, "x", "1"));
    return t.PutIf(table_, "y", Expectation::Present(), "1");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Get("x"), "-");
}

TEST_F(ConditionalWriteTest, AfterAnOwnWriteThatIsCompared) {
  const auto t = database_->Begin();
  ASSERT_TRUE(t->Put(table_, "a", "1").ok());
  EXPECT_FALSE(t->PutIf(table_, "a", Expectation::Absent(), "2").ok());
  EXPECT_FALSE(t->PutIf(table_, "a", Expectation::AtLsn(1), "2").ok());
  EXPECT_TRUE(t->PutIf(table_, "a", Expectation::Value("1"), "2").ok());
  // What the first write of a key expected holds on through later ones.
  EXPECT_TRUE(t->PutIf(table_, "b", Expectation::Absent(), "1").ok());
  EXPECT_TRUE(t->Put(table_, "b", "2").ok());
  EXPECT_TRUE(t->Merge(table_, "b", MergeOperator::kAppend, "3").ok());
  ASSERT_TRUE(PutKeyValue(*database_, table_, "b", "0").ok());
  EXPECT_FALSE(t->Commit().ok());
  EXPECT_EQ(Get("a"), "-");
}

TEST_F(ConditionalWriteTest, OneOfManyThatExpectTheSameWins) {
  std::atomic<int> won{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 200; ++round) {
        const absl::Status status =
            PutIf(absl::StrFormat("k%d", round), Expectation::Absent(), absl::StrCat(t));
        if (status.ok()) won.fetch_add(1);
        EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kFailedPrecondition)
            << status;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(won.load(), 200);
}

TEST_F(ConditionalWriteTest, MergesOfManyThreadsNeverConflictAndNoneIsLost) {
  ASSERT_TRUE(Add("sum", 5).ok());
  constexpr int kRounds = 500;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const absl::Status status = Do([&](Transaction& transaction) {
          const auto merge = [&](const char* key, MergeOperator op, const std::string& operand) {
            return transaction.Merge(table_, key, op, operand);
          };
          KYRO_RETURN_IF_ERROR(merge("sum", MergeOperator::kAddInt64, Int64Operand(t)));
          KYRO_RETURN_IF_ERROR(merge("sum", MergeOperator::kAddInt64, Int64Operand(1)));
          KYRO_RETURN_IF_ERROR(merge("half", MergeOperator::kAddDouble, DoubleOperand(0.5)));
          KYRO_RETURN_IF_ERROR(
              merge("max", MergeOperator::kMaxInt64, Int64Operand(t * 1000 + round)));
          KYRO_RETURN_IF_ERROR(
              merge("min", MergeOperator::kMinInt64, Int64Operand(-t * 1000 - round)));
          return merge("text", MergeOperator::kAppend, "x");
        });
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  threads.clear();
  const auto check = [&] {
    EXPECT_EQ(Number("sum"), 5 + kRounds * (8 + 28));
    EXPECT_EQ(*DoubleValue(Get("half")), 0.5 * 8 * kRounds);
    EXPECT_EQ(Number("max"), 7000 + kRounds - 1);
    EXPECT_EQ(Number("min"), -7000 - kRounds + 1);
    EXPECT_EQ(Get("text"), std::string(8 * kRounds, 'x'));
  };
  check();
  // The log holds what came of them.
  CrashAndReopen();
  check();
}

TEST_F(ConditionalWriteTest, ReadingAnOwnMergeMakesItAPlainWrite) {
  ASSERT_TRUE(Add("n", 1).ok());
  for (const bool scan : {false, true}) {
    const auto reads = database_->Begin();
    const auto blind = database_->Begin();
    for (Transaction* t : {reads.get(), blind.get()}) {
      ASSERT_TRUE(t->Merge(table_, "n", MergeOperator::kAddInt64, Int64Operand(10)).ok());
    }
    const int64_t before = Number("n");
    if (scan) {
      EXPECT_EQ(*Int64Value(ScanAll(*reads, table_)["n"]), before + 10);
    } else {
      EXPECT_EQ(*Int64Value(GetOrError(*reads, table_, "n")), before + 10);
    }
    ASSERT_TRUE(Add("n", 100).ok());
    EXPECT_TRUE(blind->Commit().ok());
    EXPECT_TRUE(absl::IsAborted(reads->Commit().status()));
    EXPECT_EQ(Number("n"), before + 110);
  }
}

TEST_F(ConditionalWriteTest, ASumOutOfRangeAndAValueThatIsNoNumberAreErrors) {
  ASSERT_TRUE(Add("n", INT64_MAX).ok());
  const absl::Status status = Add("n", 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("9223372036854775807 + 1 is out of range"));
  // The order of steps counts, and both are taken together.
  EXPECT_TRUE(Do([&](Transaction& t) {
                KYRO_RETURN_IF_ERROR(
                    t.Merge(table_, "n", MergeOperator::kAddInt64, Int64Operand(1)));
                return t.Merge(table_, "n", MergeOperator::kAddInt64, Int64Operand(-2));
              }).ok());
  EXPECT_EQ(Number("n"), INT64_MAX - 1);
  ASSERT_TRUE(PutKeyValue(*database_, table_, "text", "abc").ok());
  EXPECT_EQ(Add("text", 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Do([&](Transaction& t) {
              return t.Merge(table_, "n", MergeOperator::kAddInt64, "abc");
            }).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ConditionalWriteTest, RollingBackToAMarkTakesMergesBack) {
  const auto t = database_->Begin();
  ASSERT_TRUE(t->Merge(table_, "n", MergeOperator::kAddInt64, Int64Operand(1)).ok());
  const Transaction::Mark mark = t->SetMark();
  ASSERT_TRUE(t->Merge(table_, "n", MergeOperator::kAddInt64, Int64Operand(10)).ok());
  EXPECT_EQ(*Int64Value(GetOrError(*t, table_, "n")), 11);
  t->RollbackTo(mark);
  ASSERT_TRUE(Add("n", 100).ok());
  EXPECT_TRUE(t->Commit().ok());
  EXPECT_EQ(Number("n"), 101);
}

TEST_F(ConditionalWriteTest, ManyKeysAtOnceAreWhatTheyAreOneByOne) {
  for (int i = 0; i < 20; i += 2) {
    ASSERT_TRUE(PutKeyValue(*database_, table_, absl::StrCat("k", i), absl::StrCat(i)).ok());
  }
  const auto t = database_->Begin();
  ASSERT_TRUE(t->Put(table_, "k1", "own").ok());
  ASSERT_TRUE(t->Delete(table_, "k2").ok());
  ASSERT_TRUE(t->Merge(table_, "k4", MergeOperator::kAppend, "+").ok());
  std::vector<std::optional<std::string>> values;
  ASSERT_TRUE(t->MultiGet(table_,
                          std::vector<absl::string_view>{"k4", "k1", "k2", "k3", "k6", "k6"},
                          &values)
                  .ok());
  EXPECT_THAT(values,
              ElementsAre(Optional(std::string("4+")), Optional(std::string("own")), std::nullopt,
                          std::nullopt, Optional(std::string("6")), Optional(std::string("6"))));
}

TEST_F(ConditionalWriteTest, AnExpiredValueIsGoneForThoseWhoBeginLater) {
  const PutOptions at{.expires_at_micros = clock_.WallMicros() + 100};
  ASSERT_TRUE(Do([&](Transaction& t) { return t.Put(table_, "a", "1", at); }).ok());
  const auto early = database_->Begin();
  const auto found = early->GetVersioned(table_, "a");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->expires_at_micros, at.expires_at_micros);
  EXPECT_EQ((*found)->value, "1");
  clock_.AdvanceMicros(99);
  EXPECT_EQ(Get("a"), "1");
  clock_.AdvanceMicros(1);
  EXPECT_EQ(Get("a"), "-");
  EXPECT_TRUE(ScanAll(*database_, table_).empty());
  EXPECT_EQ(GetOrError(*early, table_, "a"), "1");
  EXPECT_EQ(ScanAll(*early, table_).size(), 1u);
  EXPECT_TRUE(PutIf("a", Expectation::Absent(), "2").ok());
  EXPECT_EQ(GetOrError(*early, table_, "a"), "1");
}

TEST_F(ConditionalWriteTest, AMergeKeepsTheExpiryAndStartsAnewAfterIt) {
  const PutOptions at{.expires_at_micros = clock_.WallMicros() + 100};
  ASSERT_TRUE(Do([&](Transaction& t) { return t.Put(table_, "n", Int64Operand(5), at); }).ok());
  ASSERT_TRUE(Add("n", 1).ok());
  EXPECT_EQ(Number("n"), 6);
  EXPECT_EQ((*database_->Begin()->GetVersioned(table_, "n"))->expires_at_micros,
            at.expires_at_micros);
  clock_.AdvanceMicros(100);
  ASSERT_TRUE(Add("n", 1).ok());
  EXPECT_EQ(Number("n"), 1);
  EXPECT_EQ((*database_->Begin()->GetVersioned(table_, "n"))->expires_at_micros, std::nullopt);
}

TEST_F(ConditionalWriteTest, AMergeOfRunsGivesTheSpaceOfExpiredValuesBackWhenNobodyNeedsThem) {
  const PutOptions at{.expires_at_micros = clock_.WallMicros() + 100};
  ASSERT_TRUE(Do([&](Transaction& t) {
                for (int i = 0; i < 50; ++i) {
                  KYRO_RETURN_IF_ERROR(
                      t.Put(table_, absl::StrFormat("k%02d", i), std::string(1000, 'v'), at));
                }
                return absl::OkStatus();
              }).ok());
  ASSERT_TRUE(database_->Checkpoint().ok());
  auto early = database_->Begin();
  clock_.AdvanceMicros(100);
  ASSERT_TRUE(PutKeyValue(*database_, table_, "stays", "1").ok());
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(ScanAll(*early, table_).size(), 50u);
  EXPECT_EQ(database_->space_statistics(table_)->entry_count, 51u);
  early.reset();
  ASSERT_TRUE(database_->Compact(table_).ok());
  EXPECT_EQ(database_->space_statistics(table_)->entry_count, 1u);
  EXPECT_EQ(ScanAll(*database_, table_).size(), 1u);
}

TEST_F(ConditionalWriteTest, TheChangeFeedTellsWhatCameOfMergesAndWhenValuesExpire) {
  const Lsn from = database_->last_lsn();
  ASSERT_TRUE(Add("n", 1).ok());
  ASSERT_TRUE(
      Do([&](Transaction& t) { return t.Put(table_, "a", "v", {.expires_at_micros = 77}); }).ok());
  const auto feed = database_->Follow(from);
  ASSERT_TRUE(feed.ok());
  const auto first = (*feed)->Next(absl::ZeroDuration());
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->changes[0].value, Int64Operand(1));
  const auto second = (*feed)->Next(absl::ZeroDuration());
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_EQ((*second)->changes[0].value, "v");
  EXPECT_EQ((*second)->changes[0].expires_at_micros, 77);
}

TEST(RecordVersionTest, OnlyWhatNeedsTheNewFormHasItsNumber) {
  WriteSet plain;
  plain.Put(1, "a", {.value = "v"});
  EXPECT_EQ(plain.EncodeRecord()[0], 1);
  WriteSet expiring;
  expiring.Put(1, "a", {.expires = true, .value = std::string(8, '\0') + "v"});
  std::string record = expiring.EncodeRecord();
  EXPECT_EQ(record[0], 2);
  const auto visit = [](const RecordOperation& operation) {
    EXPECT_EQ(operation.kind(), EntryKind::kExpiringPut);
    return absl::OkStatus();
  };
  EXPECT_TRUE(VisitRecord(record, visit).ok());
  record[0] = 1;
  EXPECT_TRUE(absl::IsDataLoss(VisitRecord(record, visit)));
  record[0] = 3;
  EXPECT_TRUE(absl::IsUnimplemented(VisitRecord(record, visit)));
  WriteSet broken;
  broken.Put(1, "a", {.expires = true, .value = "short"});
  EXPECT_TRUE(absl::IsDataLoss(VisitRecord(broken.EncodeRecord(), visit)));
}

// A map of what every commit should have left, and open transactions that remember theirs.
TEST_F(ConditionalWriteTest, RandomHistoriesAgreeWithAMap) {
  struct Entry {
    std::string value;
    std::optional<int64_t> expiry;
  };
  using Map = std::map<std::string, Entry>;
  struct Open {
    std::unique_ptr<Transaction> transaction;
    Map map;  // as of its begin
    int64_t now;
  };
  Random random(TestSeed());
  Map map;
  std::vector<Open> readers;
  const auto visible = [](const Map& of, int64_t now) {
    std::map<std::string, std::string> rows;
    for (const auto& [key, entry] : of) {
      if (!entry.expiry.has_value() || *entry.expiry > now) rows[key] = entry.value;
    }
    return rows;
  };
  const auto pick = [&] { return absl::StrFormat("k%u", random.Uniform(12)); };
  for (int step = 0; step < 4000; ++step) {
    clock_.AdvanceMicros(static_cast<int64_t>(random.Uniform(20)));
    const int64_t now = clock_.WallMicros();
    const uint64_t choice = random.Uniform(40);
    if (choice == 0) {
      ASSERT_TRUE(database_->Checkpoint().ok());
    } else if (choice == 1) {
      ASSERT_TRUE(database_->Compact(table_).ok());
    } else if (choice == 2) {
      readers.clear();
      CrashAndReopen();
    } else if (choice == 3) {
      readers.push_back({database_->Begin(), map, now});
      if (readers.size() > 3) readers.erase(readers.begin());
    } else if (choice == 4 && !readers.empty()) {
      const Open& open = readers[random.Uniform(readers.size())];
      ASSERT_EQ(ScanAll(*open.transaction, table_), visible(open.map, open.now)) << "step " << step;
    } else {
      // A transaction of a few operations; some fail as they should.
      const auto t = database_->Begin();
      Map next = map;
      bool fails = false;
      std::set<std::string> touched;
      const uint64_t count = 1 + random.Uniform(4);
      for (uint64_t i = 0; i < count && !fails; ++i) {
        const std::string key = pick();
        if (!touched.insert(key).second) continue;
        const auto at = next.find(key);
        const bool there =
            at != next.end() && (!at->second.expiry.has_value() || *at->second.expiry > now);
        std::optional<int64_t> expiry;
        if (random.OneIn(2)) expiry = now + static_cast<int64_t>(random.Uniform(200)) - 20;
        const std::string value = Int64Operand(static_cast<int64_t>(random.Uniform(100)));
        switch (random.Uniform(5)) {
          case 0:
            ASSERT_TRUE(t->Put(table_, key, value, {.expires_at_micros = expiry}).ok());
            next[key] = {value, expiry};
            break;
          case 1:
            ASSERT_TRUE(t->Delete(table_, key).ok());
            next.erase(key);
            break;
          case 2: {
            const bool absent = random.OneIn(2);
            ASSERT_TRUE(t->PutIf(table_, key,
                                 absent ? Expectation::Absent() : Expectation::Present(), value,
                                 {.expires_at_micros = expiry})
                            .ok());
            fails = absent == there;
            next[key] = {value, expiry};
            break;
          }
          case 3: {
            const auto found = t->GetVersioned(table_, key);
            ASSERT_TRUE(found.ok());
            ASSERT_EQ(found->has_value(), there);
            if (!there) break;
            ASSERT_EQ((*found)->value, at->second.value);
            ASSERT_EQ((*found)->expires_at_micros, at->second.expiry);
            ASSERT_TRUE(t->PutIf(table_, key, Expectation::AtLsn((*found)->lsn), value).ok());
            next[key] = {value, std::nullopt};
            break;
          }
          default: {
            const int64_t number = static_cast<int64_t>(random.Uniform(10));
            ASSERT_TRUE(t->Merge(table_, key, MergeOperator::kAddInt64, Int64Operand(number)).ok());
            const int64_t before = there ? *Int64Value(at->second.value) : 0;
            next[key] = {Int64Operand(before + number), there ? at->second.expiry : std::nullopt};
            if (random.OneIn(3)) {
              const std::string own = GetOrError(*t, table_, key);
              ASSERT_EQ(own, next[key].value);
            }
            break;
          }
        }
      }
      const absl::Status status = t->Commit().status();
      ASSERT_EQ(status.ok(), !fails) << status << " at step " << step;
      if (status.ok()) map = std::move(next);
    }
    if (step % 16 == 0) {
      ASSERT_EQ(ScanAll(*database_, table_), visible(map, clock_.WallMicros())) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace kyrodb::engine
