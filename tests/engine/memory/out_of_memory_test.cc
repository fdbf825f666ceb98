// Goal:   when memory runs out, a call fails with `ResourceExhausted` and has changed nothing; or
// it
//         says that the outcome is unknown and the database is read-only; or the process ends at
//         once. It never waits for ever, never answers wrong, never loses what was acknowledged,
//         and what is left on disk opens. Reading, writing and committing rows do not end the
//         process.
// Method: each kind of work runs in child processes on copies of one small database, while the n-th
//         allocation fails, once or from then on, for ever later n. The child notes what was
//         acknowledged in memory that the parent sees, and looks at the same database once memory
//         is back; the parent looks how the child ended, checks the directory, opens it and
//         compares it with a run in which nothing failed.
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/backup.h"
#include "engine/base/status.h"
#include "gtest/gtest.h"
#include "tests/engine/memory/allocation_faults.h"
#include "tests/engine/memory/starvation.h"
#include "tests/engine/test_database.h"

namespace kyrodb::engine {
namespace {

constexpr int kRowCount = 60;
constexpr int64_t kLongGone = 1;
constexpr int64_t kFarAway = std::numeric_limits<int64_t>::max() / 2;

std::string Key(int64_t id) { return EncodeRowId(id); }

TableSchema PointsTable() {
  TableSchema schema{.name = "points"};
  schema.columns.push_back({.name = "id", .type = {TypeId::kBigint}});
  schema.columns.push_back({.name = "x", .type = {TypeId::kDouble}});
  schema.columns.push_back({.name = "y", .type = {TypeId::kDouble}});
  schema.primary_key = {0};
  return schema;
}

class OutOfMemoryTest : public ::testing::Test {
 protected:
  // Tables with runs, a memtable, both kinds of index and a saved vector segment.
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Database>> opened = starvation_.OpenTemplate();
    ASSERT_TRUE(opened.ok()) << opened.status();
    Database& database = **opened;
    plain_ = CreateTableOrDie(database, DocsTable("plain"));
    docs_ = CreateTableOrDie(database, DocsTable("docs"));
    points_ = CreateTableOrDie(database, PointsTable());
    {
      const std::unique_ptr<Transaction> transaction = database.Begin();
      docs_index_ = transaction->CreateIndex(docs_, {.name = "docs_idx", .column = 2}).value();
      points_index_ =
          transaction
              ->CreateIndex(points_, {.name = "points_idx", .method = "zorder", .columns = {1, 2}})
              .value();
      ASSERT_TRUE(transaction->Commit().ok());
    }
    ASSERT_TRUE(database.WaitForIndexes(absl::InfiniteDuration()).ok());
    docs_schema_ = database.Begin()->catalog()->FindTable(docs_);
    points_schema_ = database.Begin()->catalog()->FindTable(points_);
    for (int64_t id = 0; id < kRowCount; ++id) {
      const std::unique_ptr<Transaction> transaction = database.Begin();
      ASSERT_TRUE(transaction->Put(plain_, Key(id), PlainRow(id)).ok());
      ASSERT_TRUE(transaction->Put(docs_, Key(id), DocsRow(id, "text")).ok());
      ASSERT_TRUE(transaction
                      ->Put(points_, Key(id),
                            PointsRow(id, static_cast<double>(id), static_cast<double>(id)))
                      .ok());
      ASSERT_TRUE(transaction->Commit().ok());
      if (id == 20 || id == 40) {
        ASSERT_TRUE(database.WaitForIndexes(absl::InfiniteDuration()).ok());
        ASSERT_TRUE(database.Checkpoint().ok());
      }
    }
    starvation_.TakeTemplate();
  }

  // Their memory is the test's, not the engine's.
  static std::string PlainRow(int64_t id) {
    const SparedAllocations spared;
    return absl::StrCat(std::string(static_cast<size_t>(200 + id), 'a'), id);
  }
  std::string DocsRow(int64_t id, absl::string_view body) const {
    const SparedAllocations spared;
    const Row row = {
        Value(id), Value(std::string(body)),
        Value(std::vector<float>{static_cast<float>(id % 7), 1.0f, static_cast<float>(id), 0.5f})};
    return EncodeRow(*docs_schema_, row).value();
  }
  std::string PointsRow(int64_t id, double x, double y) const {
    const SparedAllocations spared;
    const Row row = {Value(id), Value(x), Value(y)};
    return EncodeRow(*points_schema_, row).value();
  }

  Starvation starvation_;
  ObjectId plain_ = 0, docs_ = 0, points_ = 0, docs_index_ = 0, points_index_ = 0;
  std::shared_ptr<const TableSchema> docs_schema_, points_schema_;
};

TEST_F(OutOfMemoryTest, OpeningFailsCleanlyOrEndsTheProcess) { starvation_.SweepOpening(); }

TEST_F(OutOfMemoryTest, CreatingFailsCleanlyOrEndsTheProcess) {
  starvation_.TakeNothing();
  starvation_.SweepOpening();
}

TEST_F(OutOfMemoryTest, WritesHappenWhollyOrNotAtAll) {
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
                       for (int64_t i = 0; i < 3; ++i) {
                         const auto transaction = worker.database().Begin();
                         for (int64_t j = 0; j < 4; ++j) {
                           KYRO_RETURN_IF_ERROR(
                               transaction->Put(plain_, Key(100 + 10 * i + j), PlainRow(j)));
                         }
                         KYRO_RETURN_IF_ERROR(transaction->Put(plain_, Key(i), "replaced"));
                         KYRO_RETURN_IF_ERROR(transaction->Delete(plain_, Key(50 + i)));
                         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
                       }
                       return absl::OkStatus();
                     },
                     .may_end = false});
}

TEST_F(OutOfMemoryTest, ATransactionThatMissedAWriteCannotBeCommitted) {
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
                       const auto transaction = worker.database().Begin();
                       absl::Status missed;
                       // A caller that does not look at what its writes came to.
                       missed.Update(transaction->Put(plain_, Key(500), "kept"));
                       const Transaction::Mark mark = transaction->SetMark();
                       missed.Update(transaction->Put(plain_, Key(3), "taken back"));
                       missed.Update(transaction->Delete(plain_, Key(4)));
                       transaction->RollbackTo(mark);
                       missed.Update(transaction->Put(plain_, Key(501), "kept"));
                       KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
                       worker.Expect(missed.ok(), "committed without one of the writes");
                       return absl::OkStatus();
                     },
                     .may_end = false});
}

TEST_F(OutOfMemoryTest, ReadsFailAloneAndAnswerRightOrNotAtAll) {
  const std::vector<std::string> keys = {Key(2), Key(59), Key(77)};
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  starvation_.Sweep(
      {.run = [&](Worker& worker) -> absl::Status {
         const auto transaction = worker.database().Begin();
         std::string value;
         for (const int64_t id : {1, 30, 55, 999}) {
           KYRO_ASSIGN_OR_RETURN(const bool found, transaction->Get(plain_, Key(id), &value));
           worker.Expect(found == (id < kRowCount), "a key is there that is not, or gone");
           if (found) worker.Expect(value == PlainRow(id), "wrong value");
           KYRO_ASSIGN_OR_RETURN(const std::optional<Versioned> versioned,
                                 transaction->GetVersioned(plain_, Key(id)));
           worker.Expect(versioned.has_value() == found, "two answers");
         }
         std::vector<std::optional<std::string>> values;
         KYRO_RETURN_IF_ERROR(transaction->MultiGet(plain_, views, &values));
         worker.Expect(values[0] == PlainRow(2) && values[1] == PlainRow(59) && !values[2],
                       "wrong values of many");
         for (const bool reverse : {false, true}) {
           KYRO_ASSIGN_OR_RETURN(
               const std::unique_ptr<Iterator> rows,
               transaction->Scan(plain_, KeyRange{}, ScanOptions{.reverse = reverse}));
           int64_t count = 0;
           for (; rows->Valid(); rows->Next(), ++count) {
             const int64_t id = reverse ? kRowCount - 1 - count : count;
             worker.Expect(rows->key() == Key(id) && rows->value() == PlainRow(id),
                           "wrong row of a scan");
           }
           KYRO_RETURN_IF_ERROR(rows->status());
           worker.Expect(count == kRowCount, "a scan ends early and does not say so");
         }
         KYRO_RETURN_IF_ERROR(worker.database().AllocateRowIds(plain_, 3).status());
         return worker.database().space_statistics(plain_).status();
       },
       .may_end = false});
}

TEST_F(OutOfMemoryTest, SerializableTransactionsForgetNothingThatTheyRead) {
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
                       Database& database = worker.database();
                       const auto transaction = database.Begin(IsolationLevel::kSerializable);
                       absl::Status missed;
                       std::string value;
                       missed.Update(transaction->Get(plain_, Key(5), &value).status());
                       if (const auto rows =
                               transaction->Scan(plain_, {.begin = Key(10), .end = Key(20)});
                           rows.ok()) {
                         while ((*rows)->Valid()) (*rows)->Next();
                         missed.Update((*rows)->status());
                       } else {
                         missed.Update(rows.status());
                       }
                       const auto other = database.Begin();
                       KYRO_RETURN_IF_ERROR(other->Put(plain_, Key(5), "other"));
                       KYRO_RETURN_IF_ERROR(worker.Commit(*other));
                       missed.Update(transaction->Put(plain_, Key(501), "from what was read"));
                       const absl::Status committed = transaction->Commit().status();
                       worker.Expect(!committed.ok(), "read what was changed, and committed");
                       return absl::IsAborted(committed) ? missed : committed;
                     },
                     .may_end = false});
}

TEST_F(OutOfMemoryTest, ConditionsMergesExpiryAndRangesHappenWhollyOrNotAtAll) {
  const std::string merged = PlainRow(8) + "appendedagain";
  const Expectation seven = Expectation::Value(PlainRow(7));
  starvation_.Sweep(
      {.run = [&](Worker& worker) -> absl::Status {
         Database& database = worker.database();
         auto transaction = database.Begin();
         KYRO_RETURN_IF_ERROR(transaction->PutIf(plain_, Key(200), Expectation::Absent(), "first"));
         KYRO_RETURN_IF_ERROR(transaction->DeleteIf(plain_, Key(7), seven));
         KYRO_RETURN_IF_ERROR(
             transaction->Merge(plain_, Key(8), MergeOperator::kAppend, "appended"));
         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
         transaction = database.Begin();
         KYRO_RETURN_IF_ERROR(transaction->Merge(plain_, Key(8), MergeOperator::kAppend, "again"));
         std::string value;
         KYRO_RETURN_IF_ERROR(transaction->Get(plain_, Key(8), &value).status());
         worker.Expect(value == merged, "wrong merge");
         KYRO_RETURN_IF_ERROR(
             transaction->Put(plain_, Key(201), "gone", {.expires_at_micros = kLongGone}));
         KYRO_RETURN_IF_ERROR(
             transaction->Put(plain_, Key(202), "here", {.expires_at_micros = kFarAway}));
         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
         transaction = database.Begin();
         KYRO_ASSIGN_OR_RETURN(
             const uint64_t count,
             transaction->DeleteRange(plain_, {.begin = Key(10), .end = Key(30)}));
         worker.Expect(count == 20, "wrong number of deletes");
         return worker.Commit(*transaction);
       },
       .may_end = false});
}

TEST_F(OutOfMemoryTest, DefinitionsHappenWhollyOrNotAtAll) {
  TableSchema schema;
  IndexSchema vectors, boxes;
  starvation_.Sweep(
      {.run = [&](Worker& worker) -> absl::Status {
         auto transaction = worker.database().Begin();
         KYRO_ASSIGN_OR_RETURN(const ObjectId table, transaction->CreateTable(std::move(schema)));
         KYRO_RETURN_IF_ERROR(transaction->CreateIndex(table, std::move(vectors)).status());
         KYRO_RETURN_IF_ERROR(transaction->CreateIndex(points_, std::move(boxes)).status());
         KYRO_RETURN_IF_ERROR(transaction->Put(table, Key(1), DocsRow(1, "body")));
         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
         KYRO_RETURN_IF_ERROR(worker.database().WaitForIndexes(absl::InfiniteDuration()));
         transaction = worker.database().Begin();
         KYRO_RETURN_IF_ERROR(transaction->DropTable(table));
         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
         transaction = worker.database().Begin();
         KYRO_RETURN_IF_ERROR(transaction->DropIndex(points_, points_index_));
         return worker.Commit(*transaction);
       },
       .prepare =
           [&](Worker&) {
             schema = DocsTable("more");
             vectors = {.name = "more_idx", .column = 2};
             boxes = {.name = "more_points_idx", .method = "zorder", .columns = {2, 1}};
           }});
}

TEST_F(OutOfMemoryTest, NearestSearchesAnswerRightOrNotAtAll) {
  const std::vector<float> query = {3.0f, 1.0f, 10.0f, 0.5f};
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
    auto transaction = worker.database().Begin();
    KYRO_RETURN_IF_ERROR(transaction->Put(docs_, Key(100), DocsRow(10, "twin")));
    KYRO_RETURN_IF_ERROR(transaction->Delete(docs_, Key(9)));
    KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
    transaction = worker.database().Begin();
    for (const bool exact : {false, true}) {
      KYRO_ASSIGN_OR_RETURN(
          const NearestAnswer answer,
          transaction->Nearest(
              {.table = docs_, .index = docs_index_, .query = query, .limit = 3, .exact = exact},
              [](absl::string_view, absl::string_view) { return true; }));
      worker.Expect(answer.neighbors.size() == 3, "too few neighbours");
      worker.Expect(answer.neighbors[0].distance == 0 && answer.neighbors[1].distance == 0,
                    "the nearest are missing");
    }
    KYRO_RETURN_IF_ERROR(worker.database().WaitForIndexes(absl::InfiniteDuration()));
    return worker.database().index_statistics(docs_index_).status();
  }});
}

TEST_F(OutOfMemoryTest, BoxSearchesAnswerRightOrNotAtAll) {
  const BoxSide side{.low = Value(10.0), .high = Value(19.0)};
  const BoxRequest request{.table = points_, .index = points_index_, .sides = {side, side}};
  starvation_.Sweep(
      {.run = [&](Worker& worker) -> absl::Status {
         auto transaction = worker.database().Begin();
         KYRO_RETURN_IF_ERROR(transaction->Put(points_, Key(100), PointsRow(100, 15, 15)));
         KYRO_RETURN_IF_ERROR(transaction->Put(points_, Key(12), PointsRow(12, 99, 99)));
         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
         transaction = worker.database().Begin();
         KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<BoxIterator> rows,
                               transaction->ScanBox(request));
         int count = 0;
         for (; rows->Valid(); rows->Next()) ++count;
         KYRO_RETURN_IF_ERROR(rows->status());
         worker.Expect(count == 10, "wrong number of rows in the box");
         return absl::OkStatus();
       },
       .may_end = false});
}

TEST_F(OutOfMemoryTest, CheckpointsFailAloneAndSucceedLater) {
  starvation_.Sweep({.run = [](Worker& worker) { return worker.database().Checkpoint(); }});
}

TEST_F(OutOfMemoryTest, MergesFailAloneAndSucceedLater) {
  starvation_.Sweep({.run = [&](Worker& worker) { return worker.database().Compact(plain_); }});
}

TEST_F(OutOfMemoryTest, BulkLoadsHappenWhollyOrNotAtAll) {
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<BulkLoader> loader,
                          worker.database().BulkLoad(plain_, {}));
    for (int64_t id = 40; id < 140; ++id) {
      KYRO_RETURN_IF_ERROR(loader->Add(Key(id), PlainRow(id)));
    }
    return worker.Commit([&] { return loader->Finish().status(); });
  }});
}

TEST_F(OutOfMemoryTest, BackupsAreCompleteOrNone) {
  std::string target;
  starvation_.Sweep(
      {.run = [&](Worker& worker) { return worker.database().Backup(target, {}).status(); },
       .prepare = [&](Worker& worker) { target = worker.directory() + "/backup"; },
       .verify =
           [&](Worker& worker) {
             const std::string backup = worker.directory() + "/backup";
             if (!ReadBackup(worker.file_system(), backup).ok()) return;
             const absl::Status status = VerifyBackup(worker.file_system(), backup);
             EXPECT_TRUE(status.ok()) << status;
           }});
}

TEST_F(OutOfMemoryTest, TheChangeFeedFailsAloneAndGoesOn) {
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
    Database& database = worker.database();
    KYRO_ASSIGN_OR_RETURN(const std::unique_ptr<ChangeFeed> feed,
                          database.Follow(database.last_lsn() - 2));
    for (Lsn lsn = database.last_lsn() - 1; lsn <= database.last_lsn(); ++lsn) {
      KYRO_ASSIGN_OR_RETURN(const auto changes, feed->Next(absl::ZeroDuration()));
      worker.Expect(changes.has_value() && changes->lsn == lsn, "the feed skips a commit");
    }
    return absl::OkStatus();
  }});
}

TEST_F(OutOfMemoryTest, WorkInTheBackgroundIsTriedAgainOrEndsTheProcess) {
  const std::string body(3000, 'd');
  starvation_.Sweep({.run = [&](Worker& worker) -> absl::Status {
                       for (int64_t i = 0; i < 30; ++i) {
                         const auto transaction = worker.database().Begin();
                         KYRO_RETURN_IF_ERROR(transaction->Put(plain_, Key(100 + i), body));
                         KYRO_RETURN_IF_ERROR(
                             transaction->Put(docs_, Key(100 + i), DocsRow(i, "more")));
                         KYRO_RETURN_IF_ERROR(worker.Commit(*transaction));
                       }
                       return absl::OkStatus();
                     },
                     .background = true});
}

}  // namespace
}  // namespace kyrodb::engine
